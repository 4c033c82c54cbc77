"""Reading pictures."""

from ortolan.vision.io.image import load_image
from ortolan.vision.types import ImageInput

__all__ = ["ImageInput", "load_image"]
