"""What can be asked about pictures."""

from ortolan.vision.tasks.base import VisionTask, require_detections
from ortolan.vision.tasks.classifier import Classifier
from ortolan.vision.tasks.detector import Detector, DetectorHead
from ortolan.vision.tasks.pipeline import DetectClassify
from ortolan.vision.tasks.segmenter import Segmenter, SegmenterHead
from ortolan.vision.tasks.semantic import SemanticSegmenter

__all__ = [
    "Classifier",
    "DetectClassify",
    "Detector",
    "DetectorHead",
    "Segmenter",
    "SegmenterHead",
    "SemanticSegmenter",
    "VisionTask",
    "require_detections",
]
