"""Reading pictures."""

from ortolan.vision.io.image import load_image

__all__ = ["load_image"]
