"""Many pictures, one after the other: a folder's, a video's frames, whatever an iterator gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.types import ImageArray, ImageInput

PICTURES = frozenset(
    ".bmp .gif .j2k .jp2 .jpeg .jpg .pbm .pgm .png .ppm .tif .tiff .webp".split()  # noqa: SIM905 - a line of words
)
VIDEOS = frozenset(".avi .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv".split())  # noqa: SIM905

Sources = str | Path | Iterable[ImageInput]
"""A folder, a video, a picture, or pictures."""


def pictures_of(source: Sources) -> tuple[Iterator[ImageInput], int | None]:
    """Return the pictures one by one, and how many there are where that is known.

    :param source: a folder (its own pictures, by name), a video, a picture, or pictures
    :raises ImageLoadError: there is no such folder or file
    """
    if not isinstance(source, (str, Path)):
        return iter(source), len(source) if hasattr(source, "__len__") else None
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        return iter(files), len(files)
    if not path.is_file():
        raise ImageLoadError(f"No such folder or file: {path}")
    if path.suffix.lower() in VIDEOS:
        return frames_of(path), None
    return iter([path]), 1


def frames_of(path: Path) -> Iterator[ImageArray]:
    """Read a video's frames; needs OpenCV installed."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"reading the video {path} needs OpenCV (the package opencv-python-headless)"
        ) from error
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ImageLoadError(f"Failed to open video {path}")
        while True:
            there, frame = video.read()
            if not there:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        video.release()
