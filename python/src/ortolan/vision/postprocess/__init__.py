"""Models' outputs to answers."""

from ortolan.vision.postprocess.classification import softmax, topk
from ortolan.vision.postprocess.detection import (
    batched_nms,
    decode_yolo,
    decode_yolo_anchors,
    nms,
    require_detections,
)

__all__ = [
    "batched_nms",
    "decode_yolo",
    "decode_yolo_anchors",
    "nms",
    "require_detections",
    "softmax",
    "topk",
]
