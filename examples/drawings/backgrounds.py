"""Cluttered backgrounds that look like photos: landscapes, rooms, foliage, surfaces, city lights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from drawing import Color, Point, hsv, mix, oval, scene_color, scene_hue
from PIL import Image, ImageChops, ImageDraw, ImageFilter

_BICUBIC = Image.Resampling.BICUBIC
_BILINEAR = Image.Resampling.BILINEAR


def noise(
    rng: np.random.Generator, width: int, height: int, cells: int, octaves: int, stretch: float = 1.0
) -> np.ndarray:
    """Return smooth noise in several octaves, float32 (height, width), mean near 0 and deviation near 0.5.

    ``cells`` is the number of bumps across the longer side in the coarsest octave; ``stretch`` above 1 draws
    them out along x (grain of wood, streaks of cloud).
    """
    # Half the resolution is enough: what is finer is drowned by the sensor noise added later.
    half_width, half_height = max(2, (width + 1) // 2), max(2, (height + 1) // 2)
    total = np.zeros((half_height, half_width), dtype=np.float32)
    weight = 1.0
    for octave in range(octaves):
        count = cells * 2**octave
        columns = max(2, min(half_width, round(count * width / max(width, height) / stretch)))
        rows = max(2, min(half_height, round(count * height / max(width, height))))
        grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        total += weight * np.asarray(Image.fromarray(grid).resize((half_width, half_height), _BICUBIC))
        weight *= 0.55
    return np.asarray(Image.fromarray(total).resize((width, height), _BILINEAR))


def gradient(rng: np.random.Generator, width: int, height: int, colors: Sequence[Color]) -> np.ndarray:
    """Return a smooth blend of two or more colours in a random direction, float32 (height, width, 3)."""
    angle = rng.uniform(0, math.tau)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * math.cos(angle)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * math.sin(angle)
    place = (across + down) / (abs(math.cos(angle)) + abs(math.sin(angle))) + 0.5
    return ramp(place, colors)


def ramp(values: np.ndarray, colors: Sequence[Color]) -> np.ndarray:
    """Colour values of 0..1 (height, width) by a ramp through ``colors``; float32 (height, width, 3)."""
    stops = np.linspace(0, 1, len(colors))
    channels = [np.interp(values, stops, [color[c] for color in colors]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def to_image(pixels: np.ndarray) -> Image.Image:
    """Turn float pixels of 0..255 (height, width, 3) into an RGB image."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")


def _scene_outdoor(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint a sky with clouds above one to three ranges of hills and the ground."""
    hue = scene_hue(rng)
    bright = rng.uniform(0.6, 0.95)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    clouds = noise(rng, width, height, 3, 5, stretch=rng.uniform(1, 3))
    sky_tone = np.clip(rows * 0.9 + rng.uniform(0, 0.5) * clouds, 0, 1)
    sky = [
        scene_color(rng, hue, bright - 0.15),
        scene_color(rng, hue + 0.05, bright),
        hsv(hue, 0.08, 0.95),
    ]
    pixels = ramp(sky_tone, sky)
    land = scene_hue(rng)
    horizon = rng.uniform(0.3, 0.7)
    ranges = int(rng.integers(1, 4))
    for index in range(ranges):
        rough = noise(rng, width, 4, int(rng.integers(2, 6)), 4)[0]
        ridge = (horizon + index * (1.0 - horizon) / ranges + 0.09 * rough)[None, :]
        tone = 0.5 + 0.5 * noise(rng, width, height, int(rng.integers(6, 24)), 4, stretch=rng.uniform(1, 3))
        near = (index + 1) / ranges
        colors = [scene_color(rng, land, 0.5 - 0.3 * near), scene_color(rng, land, 0.7 - 0.25 * near)]
        edge = np.clip((rows - ridge) * height / 2.0, 0, 1)[..., None]
        pixels += edge * (ramp(np.clip(tone, 0, 1), colors) - pixels)
    return to_image(pixels)


def _scene_room(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint a wall with frames or shelves on it, above a floor or table top with a grain."""
    wall_hue = scene_hue(rng)
    tone = rng.uniform(0.3, 0.9)
    wall = gradient(
        rng, width, height, [scene_color(rng, wall_hue, tone), scene_color(rng, wall_hue, tone - 0.2)]
    )
    wall += (6 * noise(rng, width, height, 20, 3))[..., None]
    image = to_image(wall)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(-0.1, 0.9) * width, rng.uniform(-0.2, 0.6) * height
        wide, tall = rng.uniform(0.08, 0.45) * width, rng.uniform(0.08, 0.5) * height
        frame, inside = (
            scene_color(rng, scene_hue(rng), rng.random()),
            scene_color(rng, scene_hue(rng), rng.random()),
        )
        draw.rectangle(
            (x, y, x + wide, y + tall), fill=inside, outline=frame, width=max(1, round(width * 0.015))
        )
    horizon = rng.uniform(0.45, 0.85)
    floor_hue, floor_tone = rng.random(), rng.uniform(0.2, 0.75)
    grain = np.clip(
        0.5 + 0.6 * noise(rng, width, height, int(rng.integers(10, 40)), 3, stretch=rng.uniform(4, 12)), 0, 1
    )
    floor = ramp(
        grain, [scene_color(rng, floor_hue, floor_tone), scene_color(rng, floor_hue, floor_tone + 0.12)]
    )
    tilt = rng.normal(0, 0.04)
    line = horizon + tilt * np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    edge = np.clip((np.linspace(0, 1, height, dtype=np.float32)[:, None] - line) * height / 2, 0, 1)[
        ..., None
    ]
    pixels = np.asarray(image, dtype=np.float32)
    return to_image(pixels + edge * (floor - pixels))


def _scene_foliage(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint layers of blades and leaves, the far ones blurred."""
    hue = scene_hue(rng) if rng.random() < 0.5 else rng.uniform(0.18, 0.4)
    dark, middle, bright = (scene_color(rng, hue, v) for v in (0.15, 0.4, rng.uniform(0.5, 0.8)))
    image = to_image(ramp(np.clip(0.5 + 0.6 * noise(rng, width, height, 5, 5), 0, 1), [dark, middle, bright]))
    short = min(width, height)
    for layer in range(2):
        draw = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(15, 45))):
            x, y, turn = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, math.pi)
            long = rng.uniform(0.04, 0.16) * short * (1.4 - 0.5 * layer)
            color = mix(dark, bright, float(np.clip(rng.normal(0.5, 0.25), 0, 1)))
            leaf = oval(x, y, long, long * rng.uniform(0.15, 0.45), turn, steps=14)
            draw.polygon([(float(a), float(b)) for a, b in leaf], fill=color)
        if layer == 0:
            image = image.filter(ImageFilter.GaussianBlur(short * rng.uniform(0.005, 0.02)))
    return image


def _scene_surface(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint a surface from close by: wood, stone, cloth, sand, perhaps tiled."""
    hue, tone = scene_hue(rng), rng.uniform(0.2, 0.8)
    stretch = rng.choice([1.0, 1.0, 4.0, 12.0])
    values = 0.5 + 0.45 * noise(rng, width, height, int(rng.integers(4, 30)), 5, stretch=float(stretch))
    if rng.random() < 0.35:
        # Folding the noise turns it into veins or growth rings.
        values = np.abs(np.sin(values * rng.uniform(4, 14)))
    contrast = rng.uniform(0.08, 0.35)
    colors = [scene_color(rng, hue, tone - contrast / 2), scene_color(rng, hue, tone + contrast / 2)]
    image = to_image(ramp(np.clip(values, 0, 1), colors))
    if rng.random() < 0.35:
        draw = ImageDraw.Draw(image)
        joint = mix(colors[0], (0, 0, 0), 0.4) if rng.random() < 0.6 else mix(colors[1], (255, 255, 255), 0.4)
        step_x, step_y = rng.uniform(0.12, 0.4) * width, rng.uniform(0.12, 0.4) * height
        thick, lean = max(1, round(min(width, height) * rng.uniform(0.004, 0.015))), rng.normal(0, 0.06)
        for x in np.arange(rng.uniform(-1, 0) * step_x, width * 1.2, step_x):
            draw.line((x, 0, x + lean * height, height), fill=joint, width=thick)
        for y in np.arange(rng.uniform(-1, 0) * step_y, height * 1.2, step_y):
            draw.line((0, y, width, y - lean * width), fill=joint, width=thick)
    return (
        image
        if stretch == 1.0 or rng.random() < 0.5
        else image.rotate(90, expand=True).resize((width, height))
    )


def _scene_lights(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Paint a street or a room out of focus: dim blocks and bright discs."""
    hue = scene_hue(rng)
    pixels = gradient(
        rng, width, height, [scene_color(rng, hue, 0.15), scene_color(rng, hue, rng.uniform(0.2, 0.5))]
    )
    image = to_image(pixels + (20 * noise(rng, width, height, 4, 3))[..., None])
    draw = ImageDraw.Draw(image)
    short = min(width, height)
    for _ in range(int(rng.integers(3, 12))):
        x, wide, top = (
            rng.uniform(-0.1, 1) * width,
            rng.uniform(0.05, 0.3) * width,
            rng.uniform(0.0, 0.9) * height,
        )
        draw.rectangle((x, top, x + wide, height), fill=scene_color(rng, hue, rng.uniform(0.1, 0.5)))
    image = image.filter(ImageFilter.GaussianBlur(short * rng.uniform(0.01, 0.03)))
    glow = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(glow)
    for _ in range(int(rng.integers(6, 30))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.015, 0.09) * short
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            fill=hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.2, 0.7)),
        )
    return ImageChops.add(image, glow.filter(ImageFilter.GaussianBlur(short * rng.uniform(0.003, 0.012))))


_SCENES = (_scene_outdoor, _scene_room, _scene_foliage, _scene_surface, _scene_lights)


def random_shape(rng: np.random.Generator, x: float, y: float, size: float) -> list[Point]:
    """Return the corners of a shape about ``size`` pixels across: a blob, a shard, a block or a rod."""
    style = rng.integers(0, 4)
    turn = rng.uniform(0, math.pi)
    if style == 0:
        ring = oval(0, 0, size / 2, size / 2 * rng.uniform(0.4, 1.0), turn, steps=24)
        phase = rng.uniform(0, math.tau)
        wobble = 1 + 0.15 * np.sin(np.arange(24) * math.tau / 24 * int(rng.integers(2, 4)) + phase)
        outline = ring * wobble[:, None]
    elif style == 1:
        angles = np.sort(rng.uniform(0, math.tau, int(rng.integers(3, 6))))
        outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * size / 2
    else:
        half = np.array(
            [size / 2, size / 2 * (rng.uniform(0.3, 0.9) if style == 2 else rng.uniform(0.05, 0.15))]
        )
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
        outline = corners @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return [(float(a) + x, float(b) + y) for a, b in outline]


def draw_background(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw a cluttered scene without any of the objects.

    One of several kinds of scenery gets random clutter on top, then depth-of-field blur and more, sharper
    clutter. Light, noise and JPEG artefacts are left to :func:`photograph`, which must come after pasting.

    Returns:
        An RGB image of ``width`` x ``height`` pixels.
    """
    image = _SCENES[int(rng.integers(0, len(_SCENES)))](rng, width, height)
    short = min(width, height)
    hue = scene_hue(rng)
    for blurred in (True, False):
        draw = ImageDraw.Draw(image)
        for _ in range(int(rng.integers(0, 7 if blurred else 4))):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            size = short * rng.uniform(0.06, 0.5 if blurred else 0.25)
            corners = random_shape(rng, x, y, size)
            draw.polygon(corners, fill=scene_color(rng, hue + rng.choice([0.0, 0.5]), rng.uniform(0.1, 0.9)))
        if blurred and rng.random() < 0.8:
            image = image.filter(ImageFilter.GaussianBlur(short * rng.uniform(0.0, 0.018)))
    return image
