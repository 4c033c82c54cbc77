"""Pictures to what models take, in the arithmetic that ort-vision-sdk and Pillow use."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from ortolan import _native
from ortolan.vision.normalization import IMAGENET_MEAN, IMAGENET_STD  # noqa: F401 - ort-vision-sdk has them here too
from ortolan.vision.types import ImageArray


class Resampling(IntEnum):
    """Pillow's filters, by Pillow's numbers."""

    NEAREST = 0
    LANCZOS = 1
    BILINEAR = 2
    BICUBIC = 3
    BOX = 4
    HAMMING = 5


def reduction_factor(source_size: tuple[int, int], target_size: tuple[int, int]) -> int:
    """Return the largest whole factor by which (width, height) shrinks to no less than the target."""
    return max(1, min(source_size[0] // target_size[0], source_size[1] // target_size[1]))


def resize(
    image: ImageArray, size: tuple[int, int], *, resample: Resampling = Resampling.BILINEAR
) -> ImageArray:
    """Return the picture at another (width, height): averaged by a whole factor first, then resampled.

    Filters other than bilinear need Pillow installed.
    """
    width, height = size
    if width <= 0 or height <= 0:
        raise ValueError("height and width must be > 0")
    if int(resample) == Resampling.BILINEAR:
        return _native.resize(image, width, height)
    from PIL import Image

    picture = Image.fromarray(image)
    factor = reduction_factor(picture.size, size)
    if factor > 1 and int(resample) != Resampling.NEAREST:
        picture = picture.reduce(factor)
    if picture.size != tuple(size):
        picture = picture.resize(size, Image.Resampling(int(resample)))
    return np.ascontiguousarray(np.asarray(picture))


def letterbox(
    image: ImageArray, size: tuple[int, int], *, fill: tuple[int, int, int] = (114, 114, 114)
) -> tuple[ImageArray, float, tuple[int, int]]:
    """Return the picture in the middle of a (width, height) field, the scale, the padding left and above."""
    height, width = image.shape[:2]
    if height == 0 or width == 0:
        raise ValueError(f"picture of {width} x {height} pixels is empty")
    scale = min(size[0] / width, size[1] / height)
    new = (round(width * scale), round(height * scale))
    field = np.empty((size[1], size[0], 3), dtype=np.uint8)
    field[:] = fill
    left, top = (size[0] - new[0]) // 2, (size[1] - new[1]) // 2
    field[top : top + new[1], left : left + new[0]] = resize(image, new)
    return field, scale, (left, top)


def to_chw(image: np.ndarray) -> np.ndarray:
    """Move the channels first; C-contiguous."""
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def add_batch_dim(array: np.ndarray) -> np.ndarray:
    """Add a first axis of size 1."""
    return array[None]


def to_tensor(image: ImageArray) -> np.ndarray:
    """Return float32 (3, height, width), samples divided by 255."""
    return to_chw(image).astype(np.float32) / np.float32(255.0)


def normalize(
    image: ImageArray,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    scale: float = 1 / 255,
) -> np.ndarray:
    """Return float32 (height, width, 3): samples times scale, minus mean, over deviation."""
    scaled = image.astype(np.float32) * np.float32(scale)
    return (scaled - np.asarray(mean, dtype=np.float32)) / np.asarray(std, dtype=np.float32)


def from_cv2(bgr_image: np.ndarray) -> ImageArray:
    """Return an OpenCV picture (BGR) as RGB."""
    if bgr_image.ndim != 3 or bgr_image.shape[2] != 3:
        raise ValueError(f"from_cv2: expected an HWC 3-channel array, got shape {bgr_image.shape}.")
    return np.ascontiguousarray(bgr_image[..., ::-1])


def to_cv2(image: ImageArray) -> np.ndarray:
    """Return a picture as OpenCV wants it (BGR)."""
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"to_cv2: expected an HWC 3-channel array, got shape {image.shape}.")
    return np.ascontiguousarray(image[..., ::-1])
