"""Colours and a pen: what the drawings of objects and of backgrounds are made with."""

from __future__ import annotations

import colorsys
import itertools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Color = tuple[int, int, int]
Point = tuple[float, float]


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Turn hue, saturation and value (each 0..1; hue wraps around) into 8-bit RGB."""
    red, green, blue = colorsys.hsv_to_rgb(
        hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    )
    return round(red * 255), round(green * 255), round(blue * 255)


def luminance(color: Color) -> float:
    """Return the perceived brightness of a colour, 0..1."""
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255.0


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend two colours; ``share`` 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def object_color(rng: np.random.Generator) -> Color:
    """Pick any colour that an object may have, from pale to vivid and from dark to bright."""
    return hsv(rng.random(), rng.uniform(0.0, 1.0), rng.uniform(0.15, 1.0))


def scene_hue(rng: np.random.Generator) -> float:
    """Pick a hue (0..1), mostly one that is common outdoors and indoors: wood and skin, leaves, sky."""
    if rng.random() < 0.25:
        return rng.random()
    return float(rng.normal(rng.choice([0.08, 0.28, 0.58]), 0.045))


def scene_color(rng: np.random.Generator, hue: float, value: float) -> Color:
    """Pick a muted colour near ``hue`` (0..1) and ``value`` (0..1), as photos of surroundings have."""
    return hsv(hue + rng.normal(0.0, 0.06), rng.uniform(0.05, 0.55), value + rng.normal(0.0, 0.08))


# ------------------------------------------------------------------------------------------------ drawing


class Pen:
    """Draws shapes given in unit coordinates (-1..1 both ways, y down) through one linear map.

    The map holds the object's rotation, mirroring, stretch and shear. Mapping the points rather than the
    finished pixels keeps edges crisp, which is why everything here, circles included, is a polygon.

    Attributes:
        image: RGBA image, ``side`` x ``side`` pixels, transparent where nothing is drawn.
        body: main colour of the object.
        second: colour of large parts that should stand out from the body (a roof, a canopy).
        accent: colour of small details.
        dark: a near-black, for wheels, eyes and openings.
    """

    def __init__(self, rng: np.random.Generator, side: int, matrix: np.ndarray) -> None:
        """Start with a clean sheet and a random palette; ``matrix`` (2 x 2) turns unit coordinates."""
        self.image = Image.new("RGBA", (side, side))
        self._draw = ImageDraw.Draw(self.image)
        # A turned, stretched square must still fit, so one unit is well below half the side.
        self._unit = side / 3.4
        self._matrix = matrix * self._unit
        self._centre = side / 2.0
        self.body = object_color(rng)
        self.second = self._apart_from(rng, self.body)
        self.accent = self._apart_from(rng, self.body)
        self.dark = hsv(rng.random(), rng.uniform(0.0, 0.5), rng.uniform(0.05, 0.25))
        self._outline: Color | None = None
        if rng.random() < 0.35:
            self._outline = self.dark if rng.random() < 0.7 else self.accent
        self._outline_width = max(1, round(self._unit * rng.uniform(0.03, 0.08)))

    @staticmethod
    def _apart_from(rng: np.random.Generator, other: Color) -> Color:
        """Pick a colour whose brightness differs visibly from that of ``other``."""
        color = object_color(rng)
        for _ in range(20):
            if abs(luminance(color) - luminance(other)) > 0.22:
                break
            color = object_color(rng)
        return color

    def _pixels(self, points: Sequence[Point] | np.ndarray) -> list[Point]:
        """Map unit coordinates to pixels."""
        mapped = np.asarray(points, dtype=np.float64) @ self._matrix.T + self._centre
        return [(float(x), float(y)) for x, y in mapped]

    def polygon(self, points: Sequence[Point] | np.ndarray, fill: Color, outlined: bool = True) -> None:
        """Fill a polygon, with the object's outline (if it has one) unless ``outlined`` is false."""
        pixels = self._pixels(points)
        self._draw.polygon(pixels, fill=(*fill, 255))
        if outlined and self._outline is not None:
            self._draw.line(
                [*pixels, pixels[0], pixels[1]], fill=self._outline, width=self._outline_width, joint="curve"
            )

    def erase(self, points: Sequence[Point] | np.ndarray) -> None:
        """Make a polygon transparent again."""
        self._draw.polygon(self._pixels(points), fill=(0, 0, 0, 0))

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Color, outlined: bool = True
    ) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, outlined)

    def oval(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        fill: Color,
        turn: float = 0.0,
        outlined: bool = True,
    ) -> None:
        """Fill an ellipse around (x, y) that is turned by ``turn`` radians."""
        self.polygon(oval(x, y, radius_x, radius_y, turn), fill, outlined)

    def stroke(
        self, points: Sequence[Point] | np.ndarray, width: float, fill: Color, outlined: bool = False
    ) -> None:
        """Draw a line of ``width`` units with round joints and ends along ``points``."""
        if outlined and self._outline is not None:
            edge = 2.0 * self._outline_width / self._unit
            self.stroke(points, width + edge, self._outline)
        path = np.asarray(points, dtype=np.float64)
        for x, y in path:
            self.polygon(oval(x, y, width / 2, width / 2, steps=16), fill, outlined=False)
        for start, end in itertools.pairwise(path):
            along = end - start
            side = np.array([-along[1], along[0]]) * (width / 2 / max(float(np.hypot(*along)), 1e-9))
            self.polygon(np.array([start + side, end + side, end - side, start - side]), fill, outlined=False)


def oval(
    x: float,
    y: float,
    radius_x: float,
    radius_y: float,
    turn: float = 0.0,
    start: float = 0.0,
    stop: float = math.tau,
    steps: int = 48,
) -> np.ndarray:
    """Return ``steps`` points (steps, 2) along an ellipse, from angle ``start`` to ``stop`` in radians.

    Angle 0 points right and pi / 2 points down; ``turn`` rotates the whole ellipse about its centre.
    """
    angles = np.linspace(start, stop, steps)
    across, down = radius_x * np.cos(angles), radius_y * np.sin(angles)
    return np.stack(
        [
            x + across * math.cos(turn) - down * math.sin(turn),
            y + across * math.sin(turn) + down * math.cos(turn),
        ],
        axis=1,
    )
