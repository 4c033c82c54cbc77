"""Pictures from wherever they come, as RGB arrays."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ortolan import _native
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.types import ImageArray, ImageInput


def load_image(source: ImageInput) -> ImageArray:
    """Return a picture as RGB, (height, width, 3), uint8, C-contiguous; EXIF rotation is not applied.

    BMP, JPEG, JPEG 2000, PNG, PNM, TIFF and WebP are decoded here; other formats need Pillow installed.

    :param source: a path, a file's bytes, a Pillow image, or such an array, which is returned as it is
    :raises ImageLoadError: it is missing, broken, or of another form
    """
    if isinstance(source, (str, Path)):
        return _from_file(Path(source))
    if isinstance(source, bytes):
        try:
            return _native.decode_image(source)
        except ValueError as error:
            return _with_pillow(source, error, "Failed to decode image bytes")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if hasattr(source, "convert") and hasattr(source, "getbands"):
        return np.ascontiguousarray(np.asarray(source.convert("RGB")))
    raise ImageLoadError(
        f"Unsupported image source type: {type(source).__name__}."
        " Expected str, Path, bytes, numpy.ndarray, or PIL.Image.Image."
    )


def _from_file(path: Path) -> ImageArray:
    if not path.is_file():
        raise ImageLoadError(f"Image file not found: {path}")
    try:
        return _native.read_image(str(path))
    except (ValueError, OSError) as error:
        return _with_pillow(path, error, f"Failed to open image {path}")


def _with_pillow(source: Path | bytes, error: Exception, what: str) -> ImageArray:
    """Try Pillow for formats that are not ours; a broken one of ours stays an error."""
    if "cannot identify" in str(error):
        try:
            from PIL import Image
        except ImportError:
            pass
        else:
            try:
                image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
                return np.ascontiguousarray(np.asarray(image.convert("RGB")))
            except Exception as other:
                error = other
    raise ImageLoadError(f"{what}: {error}") from error


def _from_array(array: np.ndarray) -> ImageArray:
    if array.ndim != 3 or array.shape[2] != 3:
        raise ImageLoadError(f"Expected an HWC RGB array with 3 channels, got shape {array.shape}.")
    if array.dtype != np.uint8:
        raise ImageLoadError(
            f"Expected dtype uint8, got {array.dtype}."
            " Convert normalized float images back to uint8 before passing them in."
        )
    return np.ascontiguousarray(array)
