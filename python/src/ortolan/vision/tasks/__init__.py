"""What can be asked about pictures."""

from ortolan.vision.tasks.base import VisionTask
from ortolan.vision.tasks.classifier import Classifier
from ortolan.vision.tasks.detector import Detector, DetectorHead

__all__ = ["Classifier", "Detector", "DetectorHead", "VisionTask"]
