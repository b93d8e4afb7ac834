"""A square to draw on: relative coordinates, soft edges, noise textures.

Everything is drawn at twice the wanted side and reduced at the end, which smooths all edges.
Coordinates run from 0 to 1, x to the right and y downwards; colours are RGB from 0 to 255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[float, float, float]
Point = tuple[float, float]
_OVERSAMPLING = 2


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a share `t` (0..1) of the way from `a` to `b`."""
    t = min(max(t, 0.0), 1.0)
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def ramp(stops: Sequence[Colour], t: float) -> Colour:
    """The colour at `t` (0..1) on a ramp of equally spaced `stops`."""
    where = min(max(t, 0.0), 1.0) * (len(stops) - 1)
    left = min(int(where), len(stops) - 2)
    return mix(stops[left], stops[left + 1], where - left)


def vary(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """`colour` made lighter or darker at random; `amount` is the spread in 0..255."""
    shift = float(rng.normal(0.0, amount))
    return (colour[0] + shift, colour[1] + shift, colour[2] + shift)


def noise(
    rng: np.random.Generator, side: int, cells: int, *, octaves: int = 4, stretch: float = 1.0
) -> NDArray[np.float32]:
    """(side, side) smooth value noise with range 0..1.

    Args:
        rng: the source of randomness.
        side: pixels of one side.
        cells: blobs across the picture in the coarsest octave.
        octaves: each halves the size and the strength of the one before.
        stretch: over 1 draws the blobs out horizontally.
    """
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        across = max(2, int(cells * 2**octave / stretch)) + 1
        down = max(2, cells * 2**octave) + 1
        if down > side:
            break
        coarse = Image.fromarray(rng.random((down, across), dtype=np.float32))
        fine = coarse.resize((side, side), Image.Resampling.BICUBIC)
        total += np.asarray(fine) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def ridge(
    rng: np.random.Generator, points: int, *, cells: int, decay: float
) -> NDArray[np.float64]:
    """(points,) a fractal line with range 0..1; `decay` under .5 is smooth, over .6 jagged."""
    where = np.linspace(0.0, 1.0, points)
    total = np.zeros(points)
    count, strength = cells, 1.0
    while count < points:
        knots = np.linspace(0.0, 1.0, count + 1)
        total += strength * np.interp(where, knots, rng.random(count + 1))
        count, strength = count * 2, strength * decay
    level: NDArray[np.float64] = (total - total.min()) / max(float(np.ptp(total)), 1e-9)
    return level


class Canvas:
    """The picture while it is drawn."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.side = size * _OVERSAMPLING
        self.image = Image.new("RGB", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.image)

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """Fill the band from y0 to y1 with a vertical gradient."""
        first, last = self._pixel(y0), max(self._pixel(y1), self._pixel(y0) + 1)
        t = np.linspace(0.0, 1.0, last - first)[:, None]
        rows = np.asarray(top) + (np.asarray(bottom) - np.asarray(top)) * t
        strip = Image.fromarray(np.clip(rows, 0, 255).astype(np.uint8)[:, None, :])
        self.image.paste(strip.resize((self.side, last - first)), (0, first))

    def paint(self, mask: NDArray[np.floating], colour: Colour, y0: float = 0.0) -> None:
        """Lay `colour` over the picture; `mask` (rows, side) is its share 0..1 from y0 down."""
        stencil = Image.fromarray((np.clip(mask, 0.0, 1.0) * 255).astype(np.uint8))
        self.image.paste(_ink(colour), (0, self._pixel(y0)), stencil)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """A soft round light of `radius` whose centre covers a share `strength` (0..1)."""
        r = max(self._pixel(radius), 1)
        axis = np.linspace(-1.0, 1.0, 2 * r)
        fall = np.clip(1.0 - np.hypot(axis[:, None], axis[None, :]), 0.0, 1.0) ** 1.6
        stencil = Image.fromarray((fall * strength * 255).astype(np.uint8))
        self.image.paste(_ink(colour), (self._pixel(x) - r, self._pixel(y) - r), stencil)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * self.side, y * self.side) for x, y in points], _ink(colour))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse about (x, y)."""
        s = self.side
        box = ((x - abs(rx)) * s, (y - abs(ry)) * s, (x + abs(rx)) * s, (y + abs(ry)) * s)
        self.draw.ellipse(box, _ink(colour))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """A filled rectangle between two corners, in any order."""
        s = self.side
        left, right = sorted((x0 * s, x1 * s))
        top, bottom = sorted((y0 * s, y1 * s))
        self.draw.rectangle((left, top, right, bottom), _ink(colour))

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A line through the points; `width` is a share of the side."""
        scaled = [(x * self.side, y * self.side) for x, y in points]
        self.draw.line(scaled, _ink(colour), max(1, round(width * self.side)), joint="curve")

    def skyline(self, heights: NDArray[np.float64], colour: Colour, bottom: float = 1.0) -> None:
        """Fill below the line of `heights` (n,), which are y values from left to right."""
        xs = np.linspace(0.0, 1.0, len(heights))
        top = list(zip(xs.tolist(), heights.tolist(), strict=True))
        self.polygon([(0.0, bottom), *top, (1.0, bottom)], colour)

    def blur(self, radius: float) -> None:
        """Blur all that was drawn so far; `radius` is a share of the side."""
        blurred = self.image.filter(ImageFilter.BoxBlur(radius * self.side))
        self.image = blurred.filter(ImageFilter.BoxBlur(radius * self.side))
        self.draw = ImageDraw.Draw(self.image)

    def finish(self, rng: np.random.Generator, *, grain: float = 2.5) -> Image.Image:
        """The picture at its final size with a little film grain."""
        small = np.asarray(self.image.reduce(_OVERSAMPLING), np.float32)
        speckle = rng.normal(0.0, grain, (self.size, self.size, 1)).astype(np.float32)
        return Image.fromarray(np.clip(small + speckle, 0, 255).astype(np.uint8))

    def _pixel(self, share: float) -> int:
        return round(share * self.side)


def _ink(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (min(max(round(c), 0), 255) for c in colour)
    return red, green, blue
