"""Writes tests/pictures/: small pictures of every kind and, in cases.txt, what Pillow makes of them.

Each line of cases.txt is `decode FILE WIDTH HEIGHT HASH`, `resize FILE WIDTH HEIGHT HASH`,
`reduce FILE FACTOR WIDTH HEIGHT HASH` or `broken FILE`; HASH is FNV-1a (64 bits) over the RGB bytes.
Needs Pillow 13.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "pictures"
RANDOM = np.random.default_rng(7)


def fnv1a(data: bytes) -> str:
    """Hash bytes the way tests/support/picture_cases.h does."""
    state = 0xCBF29CE484222325
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def waves(height: int, width: int, channels: int) -> np.ndarray:
    """Make smooth content with some noise; uint8 (height, width, channels)."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(np.sin(x / (3 + c) + c) + np.cos(y / (4 + c))) * 60 + 128 for c in range(channels)]
    noisy = np.stack(planes, axis=-1) + RANDOM.normal(0, 8, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Make one PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(depth: int, color: int, channels: int) -> bytes:
    """Make a PNG of 9 x 5 random pixels in a form that Pillow itself does not write."""
    width, height = 9, 5
    row_bytes = (width * channels * depth + 7) // 8
    rows = b"".join(b"\0" + RANDOM.bytes(row_bytes) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def save_pictures() -> None:
    """Write the pictures that are whole."""
    rgb = Image.fromarray(waves(23, 37, 3))
    rgba = Image.fromarray(waves(23, 37, 4))
    grey = Image.fromarray(waves(23, 37, 1)[..., 0])
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        rgb.save(FOLDER / f"rgb_{name}.jpg", quality=80, subsampling=subsampling)
    rgb.save(FOLDER / "progressive.jpg", progressive=True)
    grey.save(FOLDER / "grey.jpg")
    rgb.convert("CMYK").save(FOLDER / "cmyk.jpg")
    rgb.save(FOLDER / "rgb.png")
    rgba.save(FOLDER / "rgba.png")
    rgba.convert("LA").save(FOLDER / "grey_alpha.png")
    grey.convert("1").save(FOLDER / "bilevel.png")
    rgb.quantize(17).save(FOLDER / "palette.png", transparency=3)
    rgb.quantize(3).save(FOLDER / "palette_2bit.png", bits=2)
    for depth, color, channels in ((2, 0, 1), (4, 0, 1), (16, 0, 1), (16, 2, 3), (16, 4, 2), (16, 6, 4)):
        (FOLDER / f"type{color}_{depth}bit.png").write_bytes(raw_png(depth, color, channels))
    rgb.save(FOLDER / "lossy.webp")
    rgba.save(FOLDER / "lossless_alpha.webp", lossless=True)
    rgb.save(
        FOLDER / "animation.webp", save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)]
    )
    Image.fromarray(RANDOM.integers(0, 256, (41, 53, 3), dtype=np.uint8)).save(FOLDER / "noise.png")
    save_bitmaps(rgb, rgba, grey)
    save_maps(rgb, grey)
    save_tiffs(rgb, rgba, grey)
    save_jpeg2000(rgb, rgba, grey)


def raw_bmp(width: int, height: int, bits: int, compression: int, palette: bytes, pixels: bytes) -> bytes:
    """Make a BMP with a Windows header; `palette` are the bytes between it and the pixels."""
    offset = 54 + len(palette)
    colors = len(palette) // 4 if bits <= 8 else 0
    head = struct.pack("<2sIII", b"BM", offset + len(pixels), 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, colors, 0)
    return head + info + palette + pixels


def save_bitmaps(rgb: Image.Image, rgba: Image.Image, grey: Image.Image) -> None:
    """Write BMPs, also in the forms that Pillow only reads."""
    rgb.save(FOLDER / "rgb.bmp")
    rgba.save(FOLDER / "rgba.bmp")
    grey.save(FOLDER / "grey.bmp")
    grey.convert("1").save(FOLDER / "bilevel.bmp")
    rgb.quantize(17).save(FOLDER / "palette.bmp")
    colors = RANDOM.bytes(64)
    (FOLDER / "palette_4bit.bmp").write_bytes(raw_bmp(9, 5, 4, 0, colors, RANDOM.bytes(8 * 5)))
    (FOLDER / "from_top.bmp").write_bytes(raw_bmp(9, -5, 24, 0, b"", RANDOM.bytes(28 * 5)))
    (FOLDER / "15bit.bmp").write_bytes(raw_bmp(9, 5, 16, 0, b"", RANDOM.bytes(20 * 5)))
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    (FOLDER / "16bit.bmp").write_bytes(raw_bmp(9, 5, 16, 3, masks, RANDOM.bytes(20 * 5)))
    core = struct.pack("<2sIII", b"BM", 26 + 28 * 5, 0, 26) + struct.pack("<IHHHH", 12, 9, 5, 1, 24)
    (FOLDER / "core.bmp").write_bytes(core + RANDOM.bytes(28 * 5))
    # Runs, literals, a jump and ends of rows.
    runs = bytes([5, 1, 4, 2, 0, 0, 0, 3, 7, 8, 9, 0, 6, 3, 0, 0, 2, 4, 0, 2, 3, 1, 4, 5, 0, 0, 9, 6, 0, 1])
    (FOLDER / "runs_8bit.bmp").write_bytes(raw_bmp(9, 5, 8, 1, colors, runs))
    runs = bytes([5, 0x12, 4, 0x34, 0, 0, 0, 5, 0x78, 0x9A, 0xB0, 0, 4, 0x11, 0, 0, 9, 0xCD, 0, 1])
    (FOLDER / "runs_4bit.bmp").write_bytes(raw_bmp(9, 3, 4, 2, colors, runs))


def save_maps(rgb: Image.Image, grey: Image.Image) -> None:
    """Write PNMs of all six kinds."""
    rgb.save(FOLDER / "rgb.ppm")
    grey.save(FOLDER / "grey.pgm")
    grey.convert("1").save(FOLDER / "bilevel.pbm")
    digits = " ".join(str(value) for value in RANDOM.integers(0, 32, 3 * 4 * 3)).encode()
    (FOLDER / "text_rgb.ppm").write_bytes(b"P3\n# a comment\n4 3\n31\n" + digits + b"\n")
    (FOLDER / "text_grey.pgm").write_bytes(b"P2 4 3 1000 " + digits[:26] + b"\n999 1000\n1\n0\n5 6 7")
    (FOLDER / "text_bits.pbm").write_bytes(b"P1\n5 2\n0 1 0 1 1\n10# bits may touch\n010\n")
    (FOLDER / "small_maximum.pgm").write_bytes(b"P5 4 3 7\n" + bytes(RANDOM.integers(0, 8, 12).tolist()))
    (FOLDER / "16bit.ppm").write_bytes(b"P6 4 3 65535\n" + RANDOM.bytes(72))
    (FOLDER / "16bit.pgm").write_bytes(b"P5 4 3 300\n" + struct.pack(">12H", *range(0, 300, 25)))


def raw_tiff(order: str, width: int, height: int, bits: int, *, planar: bool, tiled: bool) -> bytes:
    """Make an uncompressed RGB TIFF of random samples."""
    samples, tile = 3, 16 if tiled else 0
    across, down = (-(-width // tile), -(-height // tile)) if tiled else (1, 1)
    each = (tile * tile if tiled else width * height) * (1 if planar else samples) * bits // 8
    count = across * down * (samples if planar else 1)
    entries = [
        (256, [width]),
        (257, [height]),
        (258, [bits] * samples),
        (259, [1]),
        (262, [2]),
        (277, [samples]),
    ]
    entries += [(284, [2 if planar else 1])]
    if not tiled:
        entries += [(278, [height])]
    else:
        entries += [(322, [tile]), (323, [tile])]
    offsets, sizes = (324, 325) if tiled else (273, 279)
    entries += [(offsets, [8 + i * each for i in range(count)]), (sizes, [each] * count)]
    data = RANDOM.bytes(each * count)
    directory_at = 8 + len(data)
    extra_at = directory_at + 2 + 12 * len(entries) + 4
    directory, extra = struct.pack(f"{order}H", len(entries)), b""
    for tag, values in sorted(entries):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            extra, packed = extra + packed, struct.pack(f"{order}I", extra_at + len(extra))
        directory += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    magic = b"II" if order == "<" else b"MM"
    return magic + struct.pack(f"{order}HI", 42, directory_at) + data + directory + bytes(4) + extra


def save_tiffs(rgb: Image.Image, rgba: Image.Image, grey: Image.Image) -> None:
    """Write TIFFs in the compressions and colours that are met."""
    for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate"):
        rgb.save(FOLDER / f"rgb_{compression}.tiff", compression=compression)
    rgba.save(FOLDER / "rgba.tiff", compression="tiff_lzw")
    grey.save(FOLDER / "grey.tiff")
    grey.convert("1").save(FOLDER / "bilevel.tiff", compression="tiff_lzw")
    rgb.quantize(17).save(FOLDER / "palette.tiff")
    rgb.convert("CMYK").save(FOLDER / "cmyk.tiff", compression="tiff_adobe_deflate")
    rgb.save(FOLDER / "two_pages.tiff", save_all=True, append_images=[grey])
    rgb.save(FOLDER / "differences.tiff", compression="tiff_lzw", tiffinfo={317: 2})
    rgb.save(FOLDER / "strips.tiff", compression="tiff_lzw", strip_size=37 * 3 * 5)
    Image.fromarray(RANDOM.integers(0, 900, (5, 9), dtype=np.uint16)).save(FOLDER / "grey_16bit.tiff")
    Image.fromarray(RANDOM.integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(
        FOLDER / "long_codes.tiff", compression="tiff_lzw"
    )
    # Tiles and planes, which Pillow only reads; highest byte first.
    (FOLDER / "tiles_big.tiff").write_bytes(raw_tiff(">", 20, 18, 8, planar=False, tiled=True))
    (FOLDER / "planes.tiff").write_bytes(raw_tiff("<", 9, 5, 8, planar=True, tiled=False))
    (FOLDER / "rgb_16bit.tiff").write_bytes(raw_tiff("<", 9, 5, 16, planar=False, tiled=False))


def save_jpeg2000(rgb: Image.Image, rgba: Image.Image, grey: Image.Image) -> None:
    """Write JPEG 2000 as files and as a bare codestream."""
    rgb.save(FOLDER / "rgb.jp2")
    rgba.save(FOLDER / "rgba.jp2")
    grey.save(FOLDER / "grey.j2k")
    rgb.save(FOLDER / "lossy.jp2", irreversible=True, quality_mode="rates", quality_layers=[20])
    rgb.save(FOLDER / "tiles.jp2", tile_size=(16, 16))


def save_broken() -> list[str]:
    """Write pictures that must be refused; returns their names."""
    header = struct.pack(">IIBBBBB", 0x7FFFFFFF, 0x7FFFFFFF, 8, 2, 0, 0, 0)
    large = struct.pack(">IIBBBBB", 16000, 16000, 8, 2, 0, 0, 0)
    start, end = b"\x89PNG\r\n\x1a\n", chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    broken = {
        "empty.jpg": b"",
        "text.png": b"not a picture",
        "claims_2_to_62.png": start + chunk(b"IHDR", header) + end,
        "claims_too_much.png": start + chunk(b"IHDR", large) + end,
    }
    for name in (
        *("rgb_420.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "animation.webp", "rgb.bmp"),
        *("runs_8bit.bmp", "rgb.ppm", "text_rgb.ppm", "rgb_tiff_lzw.tiff", "rgb.jp2", "grey.j2k"),
    ):
        whole = (FOLDER / name).read_bytes()
        broken[f"half_{name}"] = whole[: len(whole) // 2]
        broken[f"head_{name}"] = whole[:24]
    for name, content in broken.items():
        (FOLDER / f"broken_{name}").write_bytes(content)
    return [f"broken_{name}" for name in broken]


def main() -> None:
    """Write everything."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    save_pictures()
    lines = []
    for path in sorted(FOLDER.iterdir()):
        image = Image.open(path).convert("RGB")
        lines.append(f"decode {path.name} {image.width} {image.height} {fnv1a(image.tobytes())}")
    noise = Image.open(FOLDER / "noise.png")
    sizes = [(53, 41), (96, 96), (7, 5), (1, 1), (53, 9), (20, 41), (90, 11), (12, 40), (17, 80), (52, 42)]
    for width, height in sizes:
        pixels = noise.resize((width, height), Image.Resampling.BILINEAR).tobytes()
        lines.append(f"resize noise.png {width} {height} {fnv1a(pixels)}")
    for factor in (1, 2, 3, 4, 7, 60):
        small = noise.reduce(factor)
        lines.append(f"reduce noise.png {factor} {small.width} {small.height} {fnv1a(small.tobytes())}")
    lines += [f"broken {name}" for name in save_broken()]
    (FOLDER / "cases.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
