"""How rising country is drawn: mountain, forest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim.demo.canvas import Canvas, Colour, mix, noise, ramp, ridge, vary
from cssim.demo.daylight import Daylight, daylight, paint_sky, paint_weather
from cssim.demo.scenes import Scene
from cssim.demo.trees import GROUND, LEAVES, fir, woodland_tree


def mountain(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Ranges one behind the other; density is how many, nearness how high they tower."""
    light = daylight(scene)
    foot = 0.9 - 0.34 * scene.height
    paint_sky(canvas, scene, light, rng, foot)
    layers = 2 + round(3 * scene.density)
    for layer in range(layers):
        near = (layer + 1) / layers
        rise = (0.22 + 0.42 * scene.nearness) * foot * (1.15 - 0.62 * near)
        base = foot - 0.16 * (1.0 - near)
        _range(canvas, scene, light, rng, base=base, rise=rise, near=near, first=layer == 0)
    meadow = light.shade(mix(ramp(GROUND, scene.warmth), (70, 90, 60), 0.25))
    canvas.skyline(foot - 0.03 * ridge(rng, 60, cells=3, decay=0.4), meadow)
    texture = noise(rng, canvas.side, 14, octaves=3, stretch=2.0)[
        : canvas.side - round(foot * canvas.side)
    ]
    canvas.paint(texture * 0.3, mix(meadow, (20, 30, 20), 0.5), foot)
    trees = light.shade(mix(ramp(LEAVES, scene.warmth), (30, 60, 46), 0.5))
    for _ in range(int(4 + 20 * scene.density)):
        depth = rng.random()
        fir(
            canvas,
            vary(rng, trees, 6),
            rng.random(),
            foot + 0.01 + depth * (0.98 - foot),
            0.05 + 0.09 * depth,
        )
    paint_weather(canvas, scene, light, rng)


def _range(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    *,
    base: float,
    rise: float,
    near: float,
    first: bool,
) -> None:
    points = 240
    xs = np.linspace(0.0, 1.0, points)
    peak = np.clip(1.0 - np.abs(xs - (0.15 + 0.7 * scene.side)) / 0.55, 0.0, 1.0)
    shape = _profile(scene.kind, rng, points, peak, first)
    tops = base - rise * shape
    stone: Colour = ((112, 116, 132), (96, 124, 92), (186, 104, 68), (92, 74, 76))[scene.kind]
    rock = mix(stone, ramp(LEAVES, scene.warmth), 0.28 + 0.3 * (scene.kind == 1))
    colour = light.shade(rock, 0.75 * (1.0 - near))
    canvas.skyline(tops, colour)
    _slopes(canvas, rng, tops, base, colour)
    if scene.kind == 2:
        for stratum in (0.25, 0.45, 0.65):
            band = np.minimum(tops + 1e-3, base) + stratum * (base - tops)
            canvas.line(
                [*zip(xs.tolist(), band.tolist(), strict=True)],
                mix(colour, (60, 20, 10), 0.25),
                0.006,
            )
    if scene.kind in (0, 3) and first:
        limit = base - rise * (0.86 - 0.5 * (1.0 - scene.warmth))
        snow = np.minimum(tops, limit)
        edge = limit - 0.05 * rise * ridge(rng, points, cells=24, decay=0.7)
        lower = np.minimum(np.maximum(tops, edge), np.maximum(tops, limit))
        white = light.shade((246, 248, 252), 0.35 * (1.0 - near))
        outline = [*zip(xs.tolist(), snow.tolist(), strict=True)]
        under = [*zip(xs[::-1].tolist(), np.maximum(lower, tops)[::-1].tolist(), strict=True)]
        for i in range(points - 1):
            if tops[i] < limit or tops[i + 1] < limit:
                canvas.polygon(
                    [outline[i], outline[i + 1], under[points - 2 - i], under[points - 1 - i]],
                    white,
                )
    if scene.kind == 3 and first:
        cx = 0.15 + 0.7 * scene.side
        canvas.glow(cx, float(tops.min()), 0.16, (255, 110, 40), 0.35 + 0.5 * light.dark)
        for puff in range(9):
            drift = puff * 0.028
            canvas.glow(
                cx + drift * 1.2 + rng.normal(0, 0.01),
                float(tops.min()) - 0.02 - drift,
                0.06 + 0.012 * puff,
                light.shade((150, 140, 140)),
                0.7,
            )


def _profile(
    kind: int, rng: np.random.Generator, points: int, peak: NDArray[np.float64], first: bool
) -> NDArray[np.float64]:
    if kind == 0:
        jagged = ridge(rng, points, cells=5, decay=0.56)
        return jagged * 0.55 + 0.45 * peak
    if kind == 1:
        return 0.62 * ridge(rng, points, cells=3, decay=0.3) * 0.7 + 0.25 * peak
    if kind == 2:
        steps = ridge(rng, points, cells=5, decay=0.3) * 0.7 + 0.3 * peak
        plateau = np.clip((steps - 0.45) * 9.0, 0.0, 1.0)
        return 0.12 + 0.72 * plateau + 0.03 * ridge(rng, points, cells=20, decay=0.5)
    low = 0.22 * ridge(rng, points, cells=6, decay=0.5)
    if not first:
        return low
    cone = np.minimum(peak**1.25, 0.9)
    return np.maximum(low, cone * 1.05)


def _slopes(
    canvas: Canvas, rng: np.random.Generator, tops: NDArray[np.float64], base: float, colour: Colour
) -> None:
    """Dark faces on the right of each rise, as if lit from the left."""
    points = len(tops)
    shade = mix(colour, (10, 14, 30), 0.32)
    for i in range(0, points - 8, 5):
        if tops[i + 6] > tops[i] + 0.004:
            x0, x1 = i / (points - 1), (i + 6) / (points - 1)
            reach = 0.5 * (base - tops[i]) * (0.5 + rng.random())
            canvas.polygon(
                [(x0, tops[i]), (x1, tops[i + 6]), (x1 + 0.01, min(tops[i] + reach, base))], shade
            )


def forest(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Trees in depth, from a grove to a thicket; nearness is how large the front ones stand."""
    light = daylight(scene)
    foot = 0.84 - 0.3 * scene.height
    paint_sky(canvas, scene, light, rng, foot)
    back = light.shade(mix(ramp(LEAVES, scene.warmth), (50, 80, 60), 0.4), 0.6)
    canvas.skyline(foot - 0.1 - 0.22 * ridge(rng, 160, cells=24, decay=0.6), back)
    floor = light.shade(mix(ramp(GROUND, scene.warmth), (84, 70, 46), 0.35))
    canvas.gradient(foot, 1.0, mix(floor, light.haze, 0.3), mix(floor, (16, 20, 12), 0.3))
    litter = noise(rng, canvas.side, 24, octaves=3, stretch=2.5)[
        : canvas.side - round(foot * canvas.side)
    ]
    canvas.paint(litter * 0.4, mix(floor, light.shade(ramp(LEAVES, scene.warmth)), 0.6), foot)
    _path(canvas, scene, light, foot)
    count = int(5 + 26 * scene.density)
    for depth in np.sort(rng.random(count)):
        gap = 0.15 + 0.7 * scene.side
        x = rng.random()
        x = x + 0.16 * np.sign(x - gap) * (1.0 - abs(x - gap)) * depth
        y = foot + (0.02 + 0.9 * depth**1.5) * (1.0 - foot)
        size = (0.26 + (0.2 + 0.75 * scene.nearness) * depth) * 0.95
        woodland_tree(canvas, scene, light, rng, x, y, size, 0.55 * (1.0 - depth))
    paint_weather(canvas, scene, light, rng)


def _path(canvas: Canvas, scene: Scene, light: Daylight, foot: float) -> None:
    x = 0.15 + 0.7 * scene.side
    earth = light.shade(mix((182, 150, 108), (226, 230, 236), max(0.0, 0.6 - 3 * scene.warmth)))
    steps = np.linspace(0.0, 1.0, 14)
    centre = x + 0.05 * np.sin(steps * 4.0) * steps
    half = 0.008 + 0.13 * steps**1.5
    y = foot + steps * (1.0 - foot)
    left = [*zip((centre - half).tolist(), y.tolist(), strict=True)]
    right = [*zip((centre + half)[::-1].tolist(), y[::-1].tolist(), strict=True)]
    canvas.polygon(left + right, earth)
