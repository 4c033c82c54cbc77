"""Composes the pictures that the demo classifier is trained and tested on: one main object in each."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "drawings"))
from backgrounds import draw_background
from objects import CLASSES, contrast, draw_object, hide_part, paste_object, photograph

TRAIN_SEED = 1
"""Seed of the pictures that ``train.py`` learns from."""

HELD_OUT_SEED = 9001
"""Seed of the pictures that accuracy is measured on. Never train on these."""

STANDS_OUT = 38.0
"""Least contrast of an object with what lies behind it."""


def make_picture(rng: np.random.Generator, kind: str, width: int, height: int) -> Image.Image:
    """Make a picture of one main object for classification.

    The object's longer side is 35 to 95 % of the picture's shorter side; up to a tenth of it may lie outside
    the picture, and in one picture of three something covers up to 30 % of it.

    Args:
        rng: source of all randomness.
        kind: class of the object, one of ``CLASSES``.
        width: width of the picture in pixels.
        height: height of the picture in pixels.

    Returns:
        An RGB image of ``width`` x ``height`` pixels.
    """
    scene = draw_background(rng, width, height)
    size = round(min(width, height) * rng.uniform(0.35, 0.95))
    item = draw_object(rng, kind, size)
    beyond = 0.1 if rng.random() < 0.3 else 0.0
    for _ in range(5):
        # An object longer than its share of the picture may leave no room, hence the max().
        spare_x, spare_y = max(0.0, width - item.width), max(0.0, height - item.height)
        left = round(rng.uniform(-beyond * item.width, spare_x + beyond * item.width))
        top = round(rng.uniform(-beyond * item.height, spare_y + beyond * item.height))
        if contrast(scene, item, left, top) > STANDS_OUT:
            break
        item = draw_object(rng, kind, size)
    paste_object(rng, scene, item, left, top)
    if rng.random() < 0.33:
        hide_part(rng, scene, item, left, top, 0.3)
    return photograph(rng, scene)


def dataset(
    seed: int, count: int, start: int = 0, smallest: int = 160, largest: int = 640
) -> Iterator[tuple[Image.Image, int]]:
    """Yield labelled pictures; picture ``i`` of a seed is the same whatever the other arguments select.

    Args:
        seed: which endless series of pictures to draw from.
        count: how many pictures to yield.
        start: index of the first one, so that several processes can share the work.
        smallest: least length of a picture's longer side in pixels.
        largest: greatest length of a picture's longer side in pixels.

    Yields:
        An RGB image with an aspect ratio between 9:16 and 16:9 and its class index; the classes take turns.
    """
    for index in range(start, start + count):
        rng = np.random.default_rng([seed, index])
        label = index % len(CLASSES)
        long = round(math.exp(rng.uniform(math.log(smallest), math.log(largest))))
        short = max(smallest, round(long * rng.uniform(9 / 16, 1.0)))
        width, height = (long, short) if rng.random() < 0.6 else (short, long)
        yield make_picture(rng, CLASSES[label], width, height), label
