"""Several models made one file. Making one needs the onnx package installed; running it does not.

>>> from ortolan.vision.compose import fuse_detect_classify
>>> fuse_detect_classify("detector.onnx", "classifier.onnx", "both.onnx")
"""

from ortolan.vision.compose.bridge import (
    MIN_OPSET,
    BridgeGraph,
    MaskActivation,
    build_bridge,
    build_mask_bridge,
)
from ortolan.vision.compose.detect_classify import Normalization, fuse_detect_classify
from ortolan.vision.compose.detect_segment_classify import fuse_detect_segment_classify

__all__ = [
    "MIN_OPSET",
    "BridgeGraph",
    "MaskActivation",
    "Normalization",
    "build_bridge",
    "build_mask_bridge",
    "fuse_detect_classify",
    "fuse_detect_segment_classify",
]
