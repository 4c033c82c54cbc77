"""Composes the pictures that the demo detector is trained and tested on, with a box around each object.

A picture shows one to six objects of a dozen kinds, 12 to 300 pixels long, turned, in any colour, some of
them hard to tell from what lies behind them, some cut off by the edge or hidden behind one another or behind
clutter, but never more than by half. A box surrounds what can be seen of its object.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

sys.path.append(str(Path(__file__).resolve().parents[1] / "drawings"))
from backgrounds import draw_background, noise, ramp, random_shape, to_image
from drawing import scene_color, scene_hue
from objects import CLASSES, contrast, draw_object, paste_object, photograph

TRAIN_SEED = 2
"""Seed of the pictures that ``train.py`` learns from."""

HELD_OUT_SEED = 9002
"""Seed of the pictures that mAP is measured on. Never train on these."""

SMALLEST, USUAL, LARGEST = 12, 76, 300
"""Least, median and greatest length of an object in pixels."""

MOST_OBJECTS = 6
LEAST_SEEN = 0.5
"""Share of an object that can be seen at least."""

LEAST_CONTRAST = 16.0
"""Mean difference, 0..255, between an object's samples and those behind it that even the faintest one has."""


@dataclass
class Scene:
    """A picture in the making: its pixels, and which object each pixel shows."""

    image: Image.Image
    owner: np.ndarray = field(init=False)
    kinds: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without objects; ``owner`` is -1 where the background shows."""
        self.owner = np.full((self.image.height, self.image.width), -1, dtype=np.int16)

    def stays_visible(self, mask: np.ndarray, left: int = 0, top: int = 0) -> bool:
        """Tell whether every object would remain visible enough if ``mask`` (bool) covered them."""
        height, width = mask.shape
        place = self.owner[top : top + height, left : left + width][mask]
        for index, lost in enumerate(np.bincount(place[place >= 0], minlength=len(self.kinds))):
            if lost and int((self.owner == index).sum()) - lost < LEAST_SEEN * self.areas[index]:
                return False
        return True

    def boxes(self) -> np.ndarray:
        """Return the extents of what can be seen of each object: left, top, right, bottom; float32 (n, 4)."""
        found = []
        for index in range(len(self.kinds)):
            rows, columns = np.nonzero(self.owner == index)
            found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        return np.array(found, dtype=np.float32).reshape(-1, 4)


def object_size(rng: np.random.Generator) -> int:
    """Pick an object's length: two thirds are within a factor of 1.8 of the median, few are tiny or huge."""
    while True:
        size = round(math.exp(rng.normal(math.log(USUAL), 0.6)))
        if SMALLEST <= size <= LARGEST:
            return size


def _fade(
    rng: np.random.Generator, scene: Image.Image, item: Image.Image, left: int, top: int
) -> Image.Image:
    """Return ``item`` in colours closer to what lies behind it, down to the least contrast."""
    gap = contrast(scene, item, left, top)
    wanted = rng.uniform(LEAST_CONTRAST, 40.0)
    if gap <= wanted:
        return item
    behind = np.asarray(scene.crop((left, top, left + item.width, top + item.height)), dtype=np.float32)
    pixels = np.array(item, dtype=np.float32)
    seen = pixels[..., 3:] > 0
    middle = (behind * seen).sum((0, 1)) / max(int(seen.sum()), 1)
    pixels[..., :3] = middle + (pixels[..., :3] - middle) * (wanted / gap)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")


def _place(rng: np.random.Generator, scene: Scene, kind: int, size: int) -> bool:
    """Draw an object and put it where nothing gets hidden too much; tell whether there was such a place."""
    width, height = scene.image.size
    item = draw_object(rng, CLASSES[kind], size)
    beyond = 0.35 if rng.random() < 0.2 else 0.0
    faint, apart = rng.random() < 0.2, rng.random() < 0.75
    for _ in range(12):
        left = round(rng.uniform(-beyond, 1 + beyond) * max(1, width - item.width))
        top = round(rng.uniform(-beyond, 1 + beyond) * max(1, height - item.height))
        solid = np.asarray(item.getchannel("A")) > 127
        from_x, from_y = max(0, -left), max(0, -top)
        inside = solid[from_y : max(0, height - top), from_x : max(0, width - left)]
        if inside.sum() < LEAST_SEEN * solid.sum() or min(inside.shape) < 4:
            continue
        if contrast(scene.image, item, left, top) < LEAST_CONTRAST:
            continue
        x, y = left + from_x, top + from_y
        behind = scene.owner[y : y + inside.shape[0], x : x + inside.shape[1]]
        if apart and (behind >= 0).any():
            continue
        if not scene.stays_visible(inside, x, y):
            continue
        paste_object(rng, scene.image, _fade(rng, scene.image, item, left, top) if faint else item, left, top)
        behind[inside] = len(scene.kinds)
        scene.kinds.append(kind)
        scene.areas.append(int(solid.sum()))
        return True
    return False


def _cover(rng: np.random.Generator, scene: Scene, index: int) -> None:
    """Hide part of an object behind a textured shape, where that leaves enough of every object."""
    left, top, right, bottom = scene.boxes()[index].tolist()
    size = max(right - left, bottom - top)
    for _ in range(6):
        angle = rng.uniform(0, math.tau)
        x = left + (right - left) * (0.5 + 0.5 * math.cos(angle))
        y = top + (bottom - top) * (0.5 + 0.5 * math.sin(angle))
        corners = random_shape(rng, x, y, size * rng.uniform(0.3, 0.9))
        mask = Image.new("L", scene.image.size)
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        solid = np.asarray(mask) > 0
        if (scene.owner[solid] == index).any() and scene.stays_visible(solid):
            break
    else:
        return
    scene.owner[solid] = -1
    hue, tone = scene_hue(rng), rng.uniform(0.1, 0.9)
    # Only as much texture as the shape needs: drawing all of the picture's would take longer than the rest.
    x, y, right, bottom = mask.getbbox()
    margin = 4
    x, y = max(0, x - margin), max(0, y - margin)
    side_x = min(scene.image.width, right + margin) - x
    side_y = min(scene.image.height, bottom + margin) - y
    grain = np.clip(0.5 + 0.5 * noise(rng, side_x, side_y, int(rng.integers(3, 12)), 3), 0, 1)
    texture = ramp(grain, [scene_color(rng, hue, tone - 0.08), scene_color(rng, hue, tone + 0.08)])
    edge = mask.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.002, 0.012)))
    scene.image.paste(to_image(texture), (x, y), edge.crop((x, y, x + side_x, y + side_y)))


def make_scene(
    rng: np.random.Generator, width: int, height: int, scale: float = 1.0
) -> tuple[Image.Image, np.ndarray, np.ndarray]:
    """Make a picture of several objects.

    Args:
        rng: source of all randomness.
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        scale: factor of the objects' sizes, for pictures that will be shrunk by it.

    Returns:
        An RGB image; boxes (left, top, right, bottom), float32 (n, 4); their class indices, int64 (n,).
    """
    scene = Scene(draw_background(rng, width, height))
    count = int(rng.integers(1, MOST_OBJECTS + 1))
    largest = 0.97 * max(width, height)
    sizes = sorted((min(object_size(rng) * scale, largest) for _ in range(count)), reverse=True)
    for size in sizes:  # large ones first, as small ones would vanish behind them
        _place(rng, scene, int(rng.integers(len(CLASSES))), round(size))
    for index in range(len(scene.kinds)):
        if scene.areas[index] > 300 and rng.random() < 0.15:
            _cover(rng, scene, index)
    return photograph(rng, scene.image), scene.boxes(), np.array(scene.kinds, dtype=np.int64)


def dataset(
    seed: int, count: int, start: int = 0, side: int = 320
) -> Iterator[tuple[Image.Image, np.ndarray, np.ndarray]]:
    """Yield labelled pictures; picture ``i`` of a seed is the same whatever the other arguments select.

    Args:
        seed: which endless series of pictures to draw from.
        count: how many pictures to yield.
        start: index of the first one, so that several processes can share the work.
        side: length of a picture's longer side in pixels; the shorter one is 62 to 100 % of it.

    Yields:
        What :func:`make_scene` returns.
    """
    for index in range(start, start + count):
        rng = np.random.default_rng([seed, index])
        short = round(side * rng.uniform(0.62, 1.0))
        width, height = (side, short) if rng.random() < 0.6 else (short, side)
        yield make_scene(rng, width, height)
