"""Trees of all contexts, and how leaves and ground look over the year."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, ramp, vary
from cssim.demo.daylight import Daylight
from cssim.demo.scenes import Scene

LEAVES: tuple[Colour, ...] = (
    (196, 212, 222),
    (86, 132, 106),
    (84, 158, 66),
    (158, 164, 52),
    (222, 148, 44),
    (196, 70, 36),
)
"""Foliage over the year: frost, early and full green, late summer, gold, red."""
GROUND: tuple[Colour, ...] = (
    (222, 230, 238),
    (112, 142, 108),
    (104, 160, 74),
    (186, 178, 82),
    (222, 176, 82),
    (184, 112, 64),
)


def lone_tree(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
) -> None:
    """A broad tree that stands by itself; `size` is its height."""
    canvas.polygon(
        [
            (x - 0.05 * size, foot),
            (x + 0.05 * size, foot),
            (x + 0.025 * size, foot - 0.6 * size),
            (x - 0.025 * size, foot - 0.6 * size),
        ],
        light.shade((92, 68, 50)),
    )
    leaf = ramp(LEAVES, scene.warmth)
    for step in range(26):
        spread = 0.3 * size
        lx, ly = (
            x + rng.normal(0.0, 0.45) * spread,
            foot - 0.68 * size + rng.normal(0.0, 0.4) * spread,
        )
        tone = mix(leaf, (20, 40, 24), 0.4 * (1.0 - step / 25))
        canvas.ellipse(lx, ly, 0.16 * size, 0.14 * size, light.shade(vary(rng, tone, 8)))


def fir(canvas: Canvas, colour: Colour, x: float, foot: float, size: float) -> None:
    """A fir of four tiers; `size` is its height."""
    for tier in range(4):
        base, half = foot - (0.12 + 0.2 * tier) * size, (0.26 - 0.055 * tier) * size
        tone = mix(colour, (255, 255, 255), 0.03 * tier)
        canvas.polygon([(x - half, base), (x + half, base), (x, base - 0.36 * size)], tone)


def palm(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
    distance: float = 0.0,
) -> None:
    """A leaning palm; `size` is its height."""
    lean = rng.normal(0.0, 0.12) * size
    stem = [(x + lean * t * t, foot - 0.8 * size * t) for t in np.linspace(0.0, 1.0, 8)]
    canvas.line(stem, light.shade((124, 96, 66), distance), 0.045 * size)
    top_x, top_y = stem[-1]
    leaf = mix(ramp(LEAVES, scene.warmth), (46, 128, 62), 0.45)
    for angle in np.linspace(-0.2, np.pi + 0.2, 11):
        reach = (0.34 + 0.1 * rng.random()) * size
        out = np.linspace(0.0, 1.0, 6)
        xs = top_x + np.cos(angle) * reach * out
        ys = top_y - np.sin(angle) * 0.7 * reach * out + 0.75 * reach * out**2.2
        half = 0.045 * size * np.sin(np.pi * (0.12 + 0.86 * out))
        upper = [*zip(xs.tolist(), (ys - half).tolist(), strict=True)]
        lower = [*zip(xs[::-1].tolist(), (ys + half)[::-1].tolist(), strict=True)]
        canvas.polygon(upper + lower, light.shade(vary(rng, leaf, 12), distance))


def woodland_tree(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
    distance: float,
) -> None:
    """A tree of the scene's kind among others, faded by `distance` 0..1."""
    leaf = ramp(LEAVES, scene.warmth)
    bark: Colour = ((78, 56, 44), (232, 230, 222), (96, 72, 52), (124, 96, 66))[scene.kind]
    width = (0.026, 0.022, 0.036, 0.0)[scene.kind] * size
    if scene.kind == 3:
        palm(canvas, scene, light, rng, x, foot, size, distance)
        return
    canvas.polygon(
        [
            (x - width, foot),
            (x + width, foot),
            (x + 0.5 * width, foot - 0.85 * size),
            (x - 0.5 * width, foot - 0.85 * size),
        ],
        light.shade(bark, distance),
    )
    if scene.kind == 0:
        green = mix(leaf, (30, 66, 50), 0.45)
        fir(canvas, light.shade(vary(rng, green, 8), distance), x, foot - 0.06 * size, size)
        return
    if scene.kind == 1:
        for _ in range(7):
            y = foot - rng.random() * 0.75 * size
            canvas.line(
                [(x - 0.8 * width, y), (x + 0.2 * width, y)],
                light.shade((60, 56, 54), distance),
                0.008 * size,
            )
    crowns, spread, centre = ((16, 0.13, 0.76), (22, 0.19, 0.72))[scene.kind - 1]
    for step in range(crowns):
        lx = x + rng.normal(0.0, 0.8) * spread * size
        ly = foot - centre * size + rng.normal(0.0, 0.75) * spread * size
        tone = mix(leaf, (20, 36, 20), 0.42 * (1.0 - step / crowns))
        radius = (0.07 if scene.kind == 1 else 0.12) * size
        canvas.ellipse(lx, ly, radius, 0.85 * radius, light.shade(vary(rng, tone, 9), distance))
