"""Pictures as they come: broken, misnamed, huge, of every mode. The right answer or a clear error."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from ortolan import vision
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MUG = EXAMPLES / "classifier" / "picture.jpg"
FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "PPM"]


def scene() -> Image.Image:
    return Image.open(MUG).resize((160, 120))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def as_pillow_shows(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("file_format", FORMATS)
def test_cut_short(file_format: str) -> None:
    data = encoded(scene(), file_format)
    for share in (0.0, 0.01, 0.1, 0.5, 0.9):
        with pytest.raises(vision.ImageLoadError):
            vision.load_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_name_does_not_matter(file_format: str, tmp_path: Path) -> None:
    data = encoded(scene(), file_format)
    for name in ("picture.jpg", "picture.png", "picture", "picture.txt"):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(vision.load_image(tmp_path / name), as_pillow_shows(data))


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\xff\xd8\xff", b"BM", b"P6", b"RIFF", b"II*\0", b"<svg/>" * 99]
)
def test_nothing_in_it(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(vision.ImageLoadError, match="Failed to decode image bytes"):
        vision.load_image(data)
    (tmp_path / "empty.png").write_bytes(data)
    with pytest.raises(vision.ImageLoadError, match=r"Failed to open image .*empty\.png"):
        vision.load_image(tmp_path / "empty.png")
    with pytest.raises(vision.ImageLoadError):
        vision.load_image(tmp_path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_modes_of_png(mode: str) -> None:
    data = encoded(scene().convert(mode), "PNG")
    np.testing.assert_array_equal(vision.load_image(data), as_pillow_shows(data))


def test_inks_of_jpeg() -> None:
    for options in ({}, {"progressive": True}, {"quality": 100, "subsampling": 0}):
        data = encoded(scene().convert("CMYK"), "JPEG", **options)
        np.testing.assert_array_equal(vision.load_image(data), as_pillow_shows(data))


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_show_their_first_picture(file_format: str) -> None:
    frames = [scene().rotate(angle) for angle in (0, 40, 80)]
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(vision.load_image(data), as_pillow_shows(data))


def test_a_turn_in_the_metadata_is_not_made() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(), "JPEG", exif=exif)
    assert vision.load_image(data).shape == (120, 160, 3)


def png_of(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return (
            struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BOMBS = {
    "claims.png": png_of(60000, 60000, zlib.compress(b"\0" * 1000)),
    "zeros.png": png_of(30000, 30000, zlib.compress(b"\0" * (1 << 22), 9)),
    "claims.bmp": b"BM"
    + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
    "claims.ppm": b"P6 60000 60000 255\n" + b"\0" * 100,
    "claims.jpg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x22\0\x02\x11\1\x03\x11\1\xff\xd9",
    "claims.gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\0;",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_no_memory(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BOMBS[name])
    program = f"""
import resource
from ortolan import vision
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    vision.load_image({str(tmp_path / name)!r})
except vision.ImageLoadError as error:
    print("refused:", error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    refused, mebibytes = done.stdout.splitlines()
    assert refused.startswith("refused: Failed to open image")
    assert int(mebibytes) < 100
