"""Draws a dozen everyday objects and puts them into scenes that look like photos.

The demo models are trained and tested on such pictures: objects (a star, a mug, a car, ...) in front of
cluttered backgrounds, landscapes, rooms, foliage, close-up surfaces and city lights, with depth-of-field
blur, uneven light, sensor noise and JPEG artefacts. Colours are drawn at random and say nothing about the
class, so that only the shape can be learnt.

Everything is a function of a seed and needs NumPy and Pillow only::

    rng = np.random.default_rng(7)
    scene = draw_background(rng, 640, 480)
    for kind in ("mug", "key"):
        item = draw_object(rng, kind, 150)
        paste_object(rng, scene, item, int(rng.integers(0, 490)), int(rng.integers(0, 330)))
    photo = photograph(rng, scene)

Coordinates are pixels, x to the right and y down, unless a docstring says otherwise; colours are 8-bit RGB.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
from backgrounds import noise, ramp, random_shape, to_image
from drawing import Pen, mix, oval, scene_color, scene_hue
from PIL import Image, ImageDraw, ImageFilter

_BILINEAR = Image.Resampling.BILINEAR

# --------------------------------------------------------------------------------------- the dozen objects
#
# Each function draws one kind of object upright in the unit square. Proportions and details vary with rng.


def _draw_arrow(pen: Pen, rng: np.random.Generator) -> None:
    """Draw an arrow that points right, with a plain, notched or feathered tail."""
    shaft = rng.uniform(0.12, 0.3)
    head = rng.uniform(max(0.45, shaft + 0.28), 0.75)
    neck = rng.uniform(-0.05, 0.3)
    sweep = rng.uniform(0.0, 0.18)
    tail = rng.choice(["plain", "notched", "feathered"])
    notch = shaft * 0.9 if tail == "notched" else 0.0
    outline = [
        (-1, -shaft),
        (neck, -shaft),
        (neck - sweep, -head),
        (1, 0),
        (neck - sweep, head),
        (neck, shaft),
    ]
    pen.polygon([*outline, (-1, shaft), (-1 + notch, 0)], pen.body)
    if tail == "feathered":
        for x in (-0.95, -0.75):
            for side in (-1, 1):
                pen.stroke(
                    [(x + 0.15, side * shaft * 0.5), (x - 0.1, side * (shaft + 0.2))], 0.11, pen.second
                )
    if rng.random() < 0.4:
        pen.polygon([(neck - sweep, -head), (1, 0), (neck - sweep, head), (neck, 0)], pen.second)
    elif rng.random() < 0.5:
        pen.stroke([(-0.8, 0), (neck + 0.3, 0)], shaft * 0.6, pen.accent)


def _draw_car(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a car from the side: a saloon, a hatchback or a van, with two wheels."""
    wheel = rng.uniform(0.19, 0.26)
    floor, waist = 0.36, rng.uniform(-0.12, 0.0)
    roof = rng.uniform(-0.62, -0.42)
    back, front = rng.uniform(-0.95, -0.5), rng.uniform(0.35, 0.6)
    slope = rng.uniform(0.08, 0.28)
    cabin = [(back, waist), (back + slope * 0.7, roof), (front - slope * 1.4, roof), (front, waist)]
    pen.polygon(cabin, pen.body if rng.random() < 0.7 else pen.second)
    nose = rng.uniform(0.0, 0.12)
    hull = [
        (-1, waist + 0.04),
        (-0.95, waist - 0.02),
        (front, waist - 0.02),
        (0.93, waist + nose),
        (1, waist + nose + 0.1),
    ]
    pen.polygon([*hull, (1, floor), (-1, floor)], pen.body)
    glass = mix(pen.accent, (200, 220, 235), 0.4)
    top = roof + 0.08
    middle = rng.uniform(-0.15, 0.1)
    pen.polygon(
        [
            (back + 0.09 + slope * 0.1, waist - 0.04),
            (back + 0.09 + slope * 0.6, top),
            (middle - 0.04, top),
            (middle - 0.04, waist - 0.04),
        ],
        glass,
        False,
    )
    pen.polygon(
        [
            (middle + 0.04, waist - 0.04),
            (middle + 0.04, top),
            (front - slope * 1.3 - 0.06, top),
            (front - 0.11, waist - 0.04),
        ],
        glass,
        False,
    )
    if rng.random() < 0.5:
        pen.box(-0.98, waist + 0.16, 0.98, waist + 0.24, pen.second, False)
    pen.stroke([(middle, waist + 0.05), (middle, floor - 0.08)], 0.025, pen.dark)
    pen.oval(0.92, waist + nose + 0.14, 0.07, 0.06, (250, 245, 200), outlined=False)
    hub = mix(pen.accent, (210, 210, 210), 0.5)
    for x in (rng.uniform(-0.62, -0.52), rng.uniform(0.5, 0.6)):
        pen.oval(x, floor, wheel, wheel, pen.dark)
        pen.oval(x, floor, wheel * 0.5, wheel * 0.5, hub, outlined=False)


def _draw_fish(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a fish that swims to the right, with fins, an eye and stripes, scales or a plain side."""
    height = rng.uniform(0.34, 0.55)
    fork = rng.uniform(0.05, 0.25)
    spread = rng.uniform(0.38, 0.55)
    fin = pen.second if rng.random() < 0.6 else mix(pen.body, pen.dark, 0.35)
    pen.polygon([(-0.4, 0), (-1, -spread), (-1 + fork, 0), (-1, spread)], fin)
    pen.polygon([(-0.35, -height * 0.6), (-0.1, -height - 0.25), (0.3, -height * 0.75)], fin)
    pen.polygon([(-0.2, height * 0.6), (-0.25, height + 0.2), (0.15, height * 0.7)], fin)
    # Two arcs that meet in the snout and in the root of the tail.
    across = np.linspace(-0.65, 0.95, 40)
    bulge = height * np.sin(np.pi * (np.linspace(0.04, 1, 40) ** rng.uniform(0.9, 1.15))) ** 0.8
    pen.polygon(np.concatenate([np.stack([across, -bulge], 1), np.stack([across, bulge], 1)[::-1]]), pen.body)
    pattern = rng.choice(["stripes", "scales", "plain", "line"])
    if pattern == "stripes":
        for x in np.arange(-0.35, 0.4, rng.uniform(0.2, 0.3)):
            tall = height * 0.8 * math.cos((x - 0.1) * 1.6)
            pen.stroke([(x, -tall), (x + 0.05, 0), (x, tall)], 0.07, pen.second)
    elif pattern == "scales":
        for row in (-0.5, 0.0, 0.5):
            for x in np.arange(-0.3, 0.4, 0.2):
                pen.stroke(oval(x + row * 0.2, row * height, 0.08, 0.09, 0, -1.2, 1.2, 7), 0.03, pen.second)
    elif pattern == "line":
        pen.stroke([(-0.5, 0), (0.3, -0.04)], 0.1, pen.second)
    pen.stroke(oval(0.35, 0, 0.12, height * 0.6, 0, -1.3, 1.3, 9), 0.035, pen.dark)
    pen.oval(0.62, -height * 0.25, 0.1, 0.1, (245, 245, 240), outlined=False)
    pen.oval(0.64, -height * 0.25, 0.055, 0.055, pen.dark, outlined=False)


def _draw_flower(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a flower from above, with 5 to 9 petals and perhaps a stem with leaves."""
    count = int(rng.integers(5, 10))
    stem = rng.random() < 0.5
    reach = rng.uniform(0.62, 0.7) if stem else 1.0
    y = -0.35 if stem else 0.0
    if stem:
        bend = rng.uniform(-0.25, 0.25)
        pen.stroke([(0, y), (bend * 0.7, 0.35), (bend, 1.0)], 0.1, pen.second, outlined=True)
        for side in (-1, 1):
            if rng.random() < 0.75:
                pen.oval(bend * 0.8 + side * 0.25, 0.62, 0.28, 0.11, pen.second, turn=-side * 0.6)
    first = rng.uniform(0, math.tau)
    inner = rng.uniform(0.22, 0.32) * reach
    length = (reach - inner * 0.4) / 2
    width = math.sin(math.pi / count) * reach * rng.uniform(0.5, 0.66)
    other = mix(pen.body, pen.accent, rng.choice([0.0, 0.0, 0.3]))
    for index in range(count):
        turn = first + math.tau * index / count
        middle = reach - length
        petal = other if index % 2 else pen.body
        pen.oval(middle * math.cos(turn), y + middle * math.sin(turn), length, width, petal, turn=turn)
        pen.stroke(
            [(d * math.cos(turn), y + d * math.sin(turn)) for d in (inner, reach * 0.7)],
            0.035,
            mix(petal, pen.dark, 0.4),
        )
    pen.oval(0, y, inner, inner, pen.accent)
    if rng.random() < 0.5:
        pen.oval(0, y, inner * 0.5, inner * 0.5, mix(pen.accent, pen.dark, 0.5), outlined=False)


def _heart_outline(scale: float) -> np.ndarray:
    """Return the outline (60, 2) of a heart whose half width is ``scale``."""
    angles = np.linspace(0, math.tau, 60)
    across = np.sin(angles) ** 3
    up = (13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)) / 16
    return np.stack([across, -up - 0.1], axis=1) * scale


def _draw_heart(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a heart: plain, nested, banded or dotted, with a highlight."""
    pen.polygon(_heart_outline(1.0), pen.body)
    pattern = rng.choice(["plain", "nested", "band", "dots"])
    if pattern == "nested":
        pen.polygon(_heart_outline(rng.uniform(0.5, 0.75)), pen.second)
    elif pattern == "band":
        tilt = rng.uniform(-0.15, 0.15)
        pen.stroke([(-0.62, -0.1 - tilt), (0.62, -0.1 + tilt)], rng.uniform(0.1, 0.25), pen.second)
    elif pattern == "dots":
        for x, y in ((-0.45, -0.45), (0.45, -0.45), (0, -0.15), (-0.3, 0.15), (0.3, 0.15), (0, 0.5)):
            pen.oval(x, y, 0.09, 0.09, pen.second, outlined=False)
    if rng.random() < 0.6:
        shine = mix(pen.body, (255, 255, 255), 0.6)
        pen.stroke(oval(-0.42, -0.4, 0.32, 0.3, 0, math.pi, math.pi * 1.5, 9), 0.08, shine)


def _draw_house(pen: Pen, rng: np.random.Generator) -> None:
    """Draw the front of a house: walls, a gable or hip roof, a door, windows and perhaps a chimney."""
    half = rng.uniform(0.65, 0.85)
    eaves = rng.uniform(-0.3, -0.05)
    overhang = half + rng.uniform(0.06, 0.15)
    if rng.random() < 0.65:
        x = half * rng.choice([-0.6, 0.6])
        pen.box(x - 0.11, -0.85, x + 0.11, eaves, mix(pen.second, pen.dark, 0.4))
    pen.box(-half, eaves - 0.02, half, 0.85, pen.body)
    ridge = 0.0 if rng.random() < 0.65 else rng.uniform(0.2, 0.45)
    pen.polygon([(-overhang, eaves), (-ridge, -0.92), (ridge, -0.92), (overhang, eaves)], pen.second)
    if rng.random() < 0.4:
        for share in (0.35, 0.65):
            y = eaves + (-0.92 - eaves) * (1 - share)
            reach = ridge + (overhang - ridge) * share
            pen.stroke([(-reach * 0.95, y), (reach * 0.95, y)], 0.03, mix(pen.second, pen.dark, 0.5))
    door = rng.choice([-0.38, 0.0, 0.38]) * half
    wood = pen.accent if rng.random() < 0.6 else pen.dark
    pen.box(door - 0.15, 0.3, door + 0.15, 0.85, wood)
    pen.oval(door + 0.09, 0.6, 0.03, 0.03, mix(pen.body, (255, 255, 255), 0.5), outlined=False)
    glass = mix(pen.accent, (225, 235, 245), rng.uniform(0.2, 0.9))
    for x in (-0.55 * half, 0.0, 0.55 * half):
        if abs(x - door) > 0.28:
            pen.box(x - 0.14, eaves + 0.15, x + 0.14, eaves + 0.43, glass)
            pen.stroke([(x, eaves + 0.15), (x, eaves + 0.43)], 0.035, pen.dark)
            pen.stroke([(x - 0.14, eaves + 0.29), (x + 0.14, eaves + 0.29)], 0.035, pen.dark)


def _draw_key(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a key that lies flat: a bow with a hole, a shaft and two to four teeth."""
    bow = rng.uniform(0.3, 0.4)
    x = -1 + bow
    thick = rng.uniform(0.11, 0.17)
    pen.stroke([(x, 0), (1 - thick / 2, 0)], thick, pen.body, outlined=True)
    count = int(rng.integers(2, 5))
    places = np.linspace(rng.uniform(0.4, 0.5), 0.93, count)
    for place in places:
        pen.box(place - 0.055, 0.0, place + 0.055, thick / 2 + rng.uniform(0.15, 0.32), pen.body, False)
    shape = rng.choice(["ring", "clover", "diamond"])
    hole = bow * rng.uniform(0.42, 0.62)
    if shape == "clover":
        part = bow * 0.62
        for angle in (math.pi / 2, math.pi, math.pi * 1.5):
            pen.oval(x + 0.6 * bow * math.cos(angle), 0.75 * bow * math.sin(angle), part, part, pen.body)
        pen.oval(x, 0, bow * 0.6, bow * 0.6, pen.body, outlined=False)
        for angle in (math.pi / 2, math.pi, math.pi * 1.5):
            pen.erase(
                oval(x + 0.6 * bow * math.cos(angle), 0.75 * bow * math.sin(angle), part * 0.5, part * 0.5)
            )
    elif shape == "diamond":
        corners = np.array([(-1.05, 0.0), (0, -1.05), (1.05, 0.0), (0, 1.05)])
        pen.polygon(corners * bow + (x, 0), pen.body)
        pen.erase(corners * hole * 0.95 + (x, 0))
    else:
        pen.oval(x, 0, bow, bow * rng.uniform(0.9, 1.2), pen.body)
        pen.erase(oval(x, 0, hole, hole))
    if rng.random() < 0.6:
        pen.stroke([(x + bow + 0.05, 0), (0.9, 0)], thick * 0.25, mix(pen.body, pen.dark, 0.5))
    if rng.random() < 0.5:
        pen.box(x + bow, -thick * 0.85, x + bow + 0.1, thick * 0.85, pen.second)


def _draw_moon(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a crescent moon with craters."""
    pen.oval(0, 0, 1, 1, pen.body)
    shadow = mix(pen.body, pen.dark, rng.uniform(0.25, 0.5))
    for _ in range(int(rng.integers(4, 10))):
        angle, radius = rng.uniform(math.pi * 0.6, math.pi * 1.4), rng.uniform(0.05, 0.13)
        distance = rng.uniform(0.5, 0.85)
        pen.oval(
            distance * math.cos(angle), distance * math.sin(angle), radius, radius, shadow, outlined=False
        )
    if rng.random() < 0.4:
        pen.stroke(
            oval(0, 0, 0.88, 0.88, 0, math.pi * 0.7, math.pi * 1.2, 16),
            0.06,
            mix(pen.body, (255, 255, 255), 0.6),
        )
    bite = rng.uniform(0.72, 0.95)
    # The bite must cut through the rim (distance + radius > 1) and leave a crescent on the left.
    offset = rng.uniform(1.12, 1.4) - bite + rng.uniform(0.0, 0.1)
    pen.erase(oval(offset, 0, bite, bite))


def _draw_mug(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a mug with a handle at its right, seen slightly from above."""
    top, bottom = rng.uniform(-0.75, -0.55), rng.uniform(0.7, 0.9)
    half = rng.uniform(0.5, 0.65)
    taper = rng.uniform(-0.04, 0.14)
    rim = rng.uniform(0.12, 0.2)
    x = -0.25
    grip = oval(
        x + half - 0.05,
        (top + bottom) / 2,
        rng.uniform(0.42, 0.52),
        rng.uniform(0.36, 0.46),
        0,
        -1.6,
        1.6,
        24,
    )
    pen.stroke(grip, rng.uniform(0.12, 0.18), pen.body, outlined=True)
    base = oval(x, bottom, half - taper, rim * 0.8, 0, 0.0, math.pi, 24)
    wall = np.concatenate([[(x - half, top), (x + half, top)], base])
    pen.polygon(wall, pen.body)
    pattern = rng.choice(["plain", "bands", "dots", "spot"])
    narrow = half - taper * 0.6
    if pattern == "bands":
        for share in rng.choice([0.25, 0.4, 0.55, 0.75], size=2, replace=False):
            y = top + (bottom - top) * float(share)
            pen.stroke(oval(x, y, narrow - 0.03, rim * 0.8, 0, math.pi, 0.0, 16), 0.1, pen.second)
    elif pattern == "dots":
        for row in (0.35, 0.6, 0.85):
            for column in (-0.6, 0.0, 0.6):
                pen.oval(
                    x + column * narrow, top + (bottom - top) * row, 0.08, 0.08, pen.second, outlined=False
                )
    elif pattern == "spot":
        pen.oval(x, (top + bottom) / 2 + 0.1, half * 0.5, half * 0.5, pen.second)
    pen.oval(x, top, half, rim, mix(pen.body, (255, 255, 255), 0.3))
    pen.oval(x, top + 0.015, half * 0.86, rim * 0.72, mix(pen.dark, pen.accent, 0.35), outlined=False)
    if rng.random() < 0.3:
        for shift in (-0.2, 0.1):
            steam = [(x + shift + 0.06 * math.sin(t * 2.2), top - 0.1 - t * 0.13) for t in range(4)]
            pen.stroke(steam, 0.05, mix(pen.accent, (240, 240, 240), 0.7))


def _star_outline(points: int, inner: float, scale: float) -> np.ndarray:
    """Return the corners (2 * points, 2) of a star with a tip at the top; ``inner`` is the notch radius."""
    angles = np.arange(points * 2) * math.pi / points - math.pi / 2
    radius = np.where(np.arange(points * 2) % 2 == 0, 1.0, inner) * scale
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _draw_star(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a star with five or six tips: plain, nested or cut into facets."""
    points = 5 if rng.random() < 0.75 else 6
    inner = rng.uniform(0.38, 0.5) if points == 5 else rng.uniform(0.45, 0.58)
    corners = _star_outline(points, inner, 1.0)
    pen.polygon(corners, pen.body)
    pattern = rng.choice(["plain", "nested", "facets", "dot"])
    if pattern == "nested":
        pen.polygon(_star_outline(points, inner, rng.uniform(0.45, 0.7)), pen.second)
    elif pattern == "facets":
        shade = mix(pen.body, pen.dark, rng.uniform(0.25, 0.5))
        for index in range(0, points * 2, 2):
            pen.polygon([(0.0, 0.0), tuple(corners[index]), tuple(corners[index + 1])], shade, False)
    elif pattern == "dot":
        pen.oval(0, 0, inner * 0.55, inner * 0.55, pen.second, outlined=False)


def _draw_tree(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a tree: a conifer of stacked tiers or a round crown of several lobes, on a trunk."""
    trunk = rng.uniform(0.09, 0.17)
    bark = pen.second
    if rng.random() < 0.5:
        pen.box(-trunk, 0.4, trunk, 1.0, bark)
        tiers = int(rng.integers(3, 5))
        for index in range(tiers):
            low = 0.7 - index * 1.15 / tiers
            half = rng.uniform(0.66, 0.76) * (1 - 0.62 * index / tiers)
            pen.polygon([(-half, low), (0, low - 1.7 / tiers - 0.12), (half, low)], pen.body)
            if index and rng.random() < 0.5:
                pen.stroke(
                    [(-half * 0.5, low - 0.08), (half * 0.5, low - 0.08)], 0.04, mix(pen.body, pen.dark, 0.4)
                )
    else:
        pen.polygon([(-trunk, 0.1), (trunk, 0.1), (trunk * 1.5, 1.0), (-trunk * 1.5, 1.0)], bark)
        pen.stroke([(0, 0.4), (0.3, 0.05)], 0.08, bark)
        lobes = int(rng.integers(5, 8))
        first = rng.uniform(0, math.tau)
        for index in range(lobes):
            angle = first + math.tau * index / lobes
            radius = rng.uniform(0.3, 0.4)
            pen.oval(0.42 * math.cos(angle), -0.3 + 0.36 * math.sin(angle), radius, radius, pen.body)
        pen.oval(0, -0.3, 0.45, 0.42, pen.body, outlined=False)
        for _ in range(int(rng.integers(3, 8))):
            x, y = rng.uniform(-0.45, 0.45), rng.uniform(-0.65, 0.05)
            pen.stroke(oval(x, y, 0.12, 0.1, 0, 0.3, 2.8, 7), 0.04, mix(pen.body, pen.dark, 0.45))
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(4, 9))):
            y = rng.uniform(-0.5, 0.35)
            x = rng.uniform(-0.3, 0.3)
            pen.oval(x, min(y, 0.5), 0.06, 0.06, pen.accent, outlined=False)


def _draw_umbrella(pen: Pen, rng: np.random.Generator) -> None:
    """Draw an open umbrella with four to seven panels, a scalloped rim and a hooked handle."""
    panels = int(rng.integers(4, 8))
    rim, height = rng.uniform(-0.08, 0.08), rng.uniform(0.72, 0.95)
    handle = pen.dark if rng.random() < 0.5 else pen.accent
    hook = rng.choice([-1.0, 1.0]) * rng.uniform(0.13, 0.19)
    thick = rng.uniform(0.07, 0.11)
    pen.stroke([(0, rim - height - 0.12), (0, 0.78)], thick, handle)
    pen.stroke(oval(hook, 0.78, abs(hook), 0.2, 0, 0.0, math.pi, 12), thick, handle)
    other = pen.second if rng.random() < 0.55 else mix(pen.body, pen.dark, 0.2)
    lift = np.linspace(0, math.pi / 2, 14)
    edges = np.sin(np.linspace(-math.pi / 2, math.pi / 2, panels + 1))
    for index in range(panels):
        left, right = float(edges[index]), float(edges[index + 1])
        half = (right - left) / 2
        # The ribs are ellipses through the top that differ in width only: a dome seen from the side.
        ribs_down = np.stack([left * np.cos(lift), rim - height * np.sin(lift)], axis=1)[::-1]
        ribs_up = np.stack([right * np.cos(lift), rim - height * np.sin(lift)], axis=1)
        scallop = oval((left + right) / 2, rim, half, min(0.13, half * 0.6), 0, math.pi, math.tau, 12)
        pen.polygon(np.concatenate([ribs_down, scallop, ribs_up]), other if index % 2 else pen.body)


_DRAWERS: dict[str, Callable[[Pen, np.random.Generator], None]] = {
    "arrow": _draw_arrow,
    "car": _draw_car,
    "fish": _draw_fish,
    "flower": _draw_flower,
    "heart": _draw_heart,
    "house": _draw_house,
    "key": _draw_key,
    "moon": _draw_moon,
    "mug": _draw_mug,
    "star": _draw_star,
    "tree": _draw_tree,
    "umbrella": _draw_umbrella,
}

CLASSES: tuple[str, ...] = tuple(_DRAWERS)
"""Names of the classes; the position of a name is its class index."""

# These have no right way up, so they may lie at any angle; the others lean by 40 degrees at most.
_ANY_ANGLE = frozenset({"arrow", "flower", "key", "moon", "star"})


def draw_object(rng: np.random.Generator, kind: str, size: int) -> Image.Image:
    """Draw one object with random colours, details, angle, stretch and shading.

    Args:
        rng: source of all randomness.
        kind: one of ``CLASSES``.
        size: longer side of the result in pixels, at least 8.

    Returns:
        An RGBA image cropped to the object, transparent around it. Its longer side is ``size`` pixels.
    """
    limit = math.pi if kind in _ANY_ANGLE else math.radians(40)
    angle = rng.uniform(-limit, limit)
    stretch = math.exp(rng.normal(0.0, 0.1))
    mirror = rng.choice([-1.0, 1.0])
    shape = np.array([[mirror * stretch, rng.normal(0.0, 0.08)], [0.0, 1.0 / stretch]])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # Drawn larger and scaled down: Pillow's polygons have hard edges. Large objects need less of that.
    side = max(96, round(size * (3.4 if size < 160 else 2.4)))
    pen = Pen(rng, side, turn @ shape)
    _DRAWERS[kind](pen, rng)
    drawn = pen.image.crop(pen.image.getbbox())
    scale = size / max(drawn.size)
    drawn = drawn.resize((max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))), _BILINEAR)
    return _shade(rng, drawn)


def _shade(rng: np.random.Generator, drawn: Image.Image) -> Image.Image:
    """Light an RGBA object from one side and give its surface some texture; alpha is kept."""
    width, height = drawn.size
    pixels = np.array(drawn, dtype=np.float32)
    angle, strength = rng.uniform(0, math.tau), rng.uniform(0.0, 0.4)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * math.cos(angle)
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * math.sin(angle)
    light = 1.0 + strength * (across + down) / 1.4
    light += rng.uniform(0.0, 0.12) * noise(rng, width, height, int(rng.integers(3, 12)), 3)
    pixels[..., :3] *= light[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")


# ---------------------------------------------------------------------------------------- whole pictures


def paste_object(
    rng: np.random.Generator, scene: Image.Image, item: Image.Image, left: int, top: int
) -> None:
    """Put an object into a scene, in place, with a soft shadow next to it.

    Args:
        rng: source of randomness for the shadow.
        scene: RGB image to change.
        item: RGBA image as from :func:`draw_object`.
        left: pixels from the scene's left edge to that of the object; may be negative (cut off by the edge).
        top: pixels from the scene's top edge to that of the object; may be negative.
    """
    alpha = item.getchannel("A")
    size = max(item.size)
    depth = rng.uniform(0.0, 0.65)
    radius, shift_x, shift_y = (
        size * rng.uniform(0.01, 0.05),
        size * rng.normal(0, 0.04),
        size * rng.uniform(0, 0.07),
    )
    margin = round(radius * 3)
    cast = Image.new("L", (item.width + 2 * margin, item.height + 2 * margin))
    cast.paste(alpha.point([round(v * depth) for v in range(256)]), (margin, margin))
    shadow = cast.filter(ImageFilter.GaussianBlur(radius))
    scene.paste((0, 0, 0), (round(left + shift_x) - margin, round(top + shift_y) - margin), shadow)
    scene.paste(item, (left, top), alpha)


def hide_part(
    rng: np.random.Generator, scene: Image.Image, item: Image.Image, left: int, top: int, most: float
) -> None:
    """Cover part of a pasted object with a textured shape, in place.

    Args:
        rng: source of randomness.
        scene: RGB image to change.
        item: RGBA image of the object, pasted at (``left``, ``top``).
        left: the object's left edge in the scene, pixels.
        top: the object's top edge in the scene, pixels.
        most: largest share of the object's area that may be covered, 0..1.
    """
    alpha = np.asarray(item.getchannel("A"), dtype=np.float32)
    size = max(item.size)
    for _ in range(4):
        angle = rng.uniform(0, math.tau)
        x = item.width * (0.5 + 0.5 * math.cos(angle))
        y = item.height * (0.5 + 0.5 * math.sin(angle))
        corners = random_shape(rng, x, y, size * rng.uniform(0.3, 0.9))
        mask = Image.new("L", item.size)
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        covered = float((np.asarray(mask, dtype=np.float32) * alpha).sum() / 255 / max(alpha.sum(), 1.0))
        if 0.03 < covered <= most:
            break
    else:
        return
    # The shape is larger than the object's box, so it is drawn again with the scene's full extent.
    mask = Image.new("L", scene.size)
    ImageDraw.Draw(mask).polygon([(a + left, b + top) for a, b in corners], fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.002, 0.02)))
    hue, tone = scene_hue(rng), rng.uniform(0.1, 0.9)
    grain = np.clip(0.5 + 0.5 * noise(rng, *scene.size, int(rng.integers(6, 30)), 3), 0, 1)
    texture = ramp(grain, [scene_color(rng, hue, tone - 0.08), scene_color(rng, hue, tone + 0.08)])
    scene.paste(to_image(texture), (0, 0), mask)


def photograph(rng: np.random.Generator, scene: Image.Image) -> Image.Image:
    """Take a photo of a finished scene: uneven light, white balance, lens blur, sensor noise, JPEG artefacts.

    Returns:
        A new RGB image of the same size.
    """
    width, height = scene.size
    # No lens is perfectly sharp; this also softens the hard edges of drawn polygons.
    scene = scene.filter(ImageFilter.GaussianBlur(0.4 + rng.uniform(0.0, 0.9) * min(width, height) / 480))
    pixels = np.asarray(scene, dtype=np.float32) / 255
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    pool = (x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2
    light = (
        1.0
        + rng.uniform(-0.1, 0.35) * np.exp(-pool / rng.uniform(0.3, 2.0))
        - rng.uniform(0, 0.18) * (x * x + y * y)
    )
    if rng.random() < 0.25:
        # A cast shadow of something outside the picture.
        angle, place = rng.uniform(0, math.tau), rng.uniform(-0.8, 0.8)
        side = x * math.cos(angle) + y * math.sin(angle) - place
        light *= 1.0 - rng.uniform(0.2, 0.5) / (1 + np.exp(-side * rng.uniform(6, 40)))
    balance = np.exp(rng.normal(0, 0.07, 3)).astype(np.float32) * math.exp(rng.normal(0, 0.15))
    pixels = np.clip(pixels * light[..., None] * balance, 0, 1) ** np.float32(math.exp(rng.normal(0, 0.15)))
    grain = rng.uniform(0.003, 0.04)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    # Shot noise grows with brightness; the rest is the sensor's own.
    pixels += noise * np.float32(grain) * np.sqrt(0.3 + pixels)
    buffer = io.BytesIO()
    to_image(pixels * 255).save(buffer, "JPEG", quality=int(rng.integers(40, 96)))
    return Image.open(buffer).convert("RGB")


def contrast(scene: Image.Image, item: Image.Image, left: int, top: int) -> float:
    """Tell how far an object's colours are from what lies behind it: mean difference of samples, 0..255."""
    small = (16, 16)
    behind = scene.crop((left, top, left + item.width, top + item.height)).resize(small, Image.Resampling.BOX)
    weight = np.asarray(item.getchannel("A").resize(small, Image.Resampling.BOX), dtype=np.float32)[..., None]
    gap = np.abs(
        np.asarray(item.convert("RGB").resize(small, Image.Resampling.BOX), dtype=np.float32)
        - np.asarray(behind, dtype=np.float32)
    )
    return float((gap * weight).sum() / (3 * max(float(weight.sum()), 1.0)))
