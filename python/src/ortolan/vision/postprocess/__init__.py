"""Models' outputs to answers."""

from ortolan.vision.postprocess.classification import softmax, topk
from ortolan.vision.postprocess.detection import batched_nms, decode_yolo, decode_yolo_anchors, nms
from ortolan.vision.postprocess.segmentation import DecodedSegmentation, decode_yolo_seg

__all__ = [
    "DecodedSegmentation",
    "batched_nms",
    "decode_yolo",
    "decode_yolo_anchors",
    "decode_yolo_seg",
    "nms",
    "softmax",
    "topk",
]
