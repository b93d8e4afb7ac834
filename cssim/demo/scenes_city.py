"""How a city is drawn."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, noise, ramp, vary
from cssim.demo.daylight import Daylight, daylight, paint_sky, paint_weather
from cssim.demo.scenes import Scene

_FACADES: tuple[Colour, ...] = (
    (116, 140, 168),
    (150, 160, 172),
    (206, 202, 190),
    (222, 192, 142),
    (206, 132, 92),
    (166, 72, 58),
)
_LAMP: Colour = (255, 214, 128)


def city(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """A street of houses; density is how built-up it is, nearness how large the houses stand."""
    light = daylight(scene)
    foot = 0.88 - 0.28 * scene.height
    paint_sky(canvas, scene, light, rng, foot)
    for layer in range(2):
        distance = 0.72 - 0.3 * layer
        x = -0.05
        while x < 1.05:
            width = 0.05 + 0.06 * rng.random()
            height = (0.06 + 0.26 * rng.random() * scene.density) * (1.2 - 0.3 * layer)
            if rng.random() < 0.4 + 0.6 * scene.density:
                tone = light.shade(ramp(_FACADES, scene.warmth), distance)
                canvas.rectangle(x, foot - height, x + width, foot, vary(rng, tone, 6))
            x += width
    _street(canvas, scene, light, rng, foot)
    count = 2 + round(7 * scene.density)
    main = 0.15 + 0.7 * scene.side
    slots = np.linspace(0.04, 0.96, count) + rng.normal(0.0, 0.02, count)
    order = np.argsort(-np.abs(slots - main))
    for rank, slot in enumerate(order):
        x = float(slots[slot])
        lead = rank == count - 1
        size = (0.15 + 0.26 * scene.nearness) * (1.25 if lead else 0.65 + 0.35 * rng.random())
        _house(
            canvas, scene, light, rng, x, foot + 0.012, size, 0.0 if lead else 0.22 * rng.random()
        )
    _lamps(canvas, scene, light, foot)
    paint_weather(canvas, scene, light, rng)


def _street(
    canvas: Canvas, scene: Scene, light: Daylight, rng: np.random.Generator, foot: float
) -> None:
    paving = light.shade(mix((150, 148, 146), ramp(_FACADES, scene.warmth), 0.2))
    canvas.gradient(foot, 1.0, paving, mix(paving, (30, 30, 36), 0.3))
    x = 0.85 - 0.7 * scene.side
    road = light.shade((74, 76, 84))
    canvas.polygon([(x - 0.04, foot), (x + 0.04, foot), (x + 0.42, 1.0), (x - 0.42, 1.0)], road)
    for dash in range(6):
        near, far = (dash / 6) ** 1.6, ((dash + 0.5) / 6) ** 1.6
        y0, y1 = foot + near * (1.0 - foot), foot + far * (1.0 - foot)
        canvas.polygon(
            [
                (x - 0.002 - 0.01 * near, y0),
                (x + 0.002 + 0.01 * near, y0),
                (x + 0.002 + 0.01 * far, y1),
                (x - 0.002 - 0.01 * far, y1),
            ],
            light.shade((236, 230, 206)),
        )
    if scene.weather > 0.6:
        wet = noise(rng, canvas.side, 6, stretch=2.0)[: canvas.side - round(foot * canvas.side)]
        canvas.paint(wet * 0.5, mix(light.sky_low, _LAMP, 0.5 * light.dark), foot)


def _lamps(canvas: Canvas, scene: Scene, light: Daylight, foot: float) -> None:
    for x, scale in ((0.08, 1.0), (0.92, 1.0), (0.32, 0.6), (0.68, 0.6)):
        top, base = foot - 0.16 * scale, foot + 0.16 * (1.0 - foot) * scale + 0.02
        canvas.line([(x, base), (x, top)], light.shade((50, 52, 58)), 0.008 * scale)
        if light.dark > 0.1:
            canvas.glow(x, top, 0.11 * scale, _LAMP, 0.9 * light.dark)
        canvas.ellipse(
            x,
            top,
            0.014 * scale,
            0.014 * scale,
            mix(light.shade((230, 226, 210)), _LAMP, light.dark),
        )


def _house(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
    distance: float,
) -> None:
    facade = vary(rng, ramp(_FACADES, scene.warmth + 0.05 * rng.normal()), 10)
    width, height = ((0.42, 1.75), (0.62, 0.8), (0.58, 0.9), (0.9, 1.05))[scene.kind]
    width, height = width * size, height * size * (0.85 + 0.3 * rng.random())
    left, right, top = x - width / 2, x + width / 2, foot - height
    if scene.kind == 0:
        facade = mix(facade, (96, 140, 176), 0.5)
    wall = light.shade(facade, distance)
    canvas.rectangle(left, top, right, foot, wall)
    canvas.rectangle(right - 0.22 * width, top, right, foot, mix(wall, (10, 12, 30), 0.24))
    grid = ((5, 13), (3, 3), (3, 4), (6, 6))[scene.kind]
    _windows(canvas, scene, light, rng, (left, top, right, foot), grid, distance)
    roof = light.shade(
        ((70, 84, 100), (142, 62, 48), (166, 86, 58), (120, 120, 124))[scene.kind], distance
    )
    if scene.kind == 0:
        canvas.line([(x, top), (x, top - 0.22 * size)], roof, 0.012 * size + 0.002)
    elif scene.kind == 1:
        canvas.polygon(
            [(left - 0.05 * size, top), (right + 0.05 * size, top), (x, top - 0.42 * size)], roof
        )
        canvas.rectangle(
            x + 0.1 * size,
            top - 0.4 * size,
            x + 0.18 * size,
            top - 0.2 * size,
            mix(roof, (40, 20, 20), 0.4),
        )
    elif scene.kind == 2:
        canvas.ellipse(x, top, 0.26 * size, 0.3 * size, mix(roof, light.shade((70, 140, 124)), 0.6))
        canvas.rectangle(left, top, right, top + 0.05 * size, mix(wall, (255, 255, 255), 0.25))
        canvas.rectangle(
            x - 0.035 * size, top - 0.44 * size, x + 0.035 * size, top - 0.28 * size, wall
        )
        canvas.polygon(
            [
                (x - 0.05 * size, top - 0.43 * size),
                (x + 0.05 * size, top - 0.43 * size),
                (x, top - 0.62 * size),
            ],
            roof,
        )
    else:
        canvas.rectangle(left - 0.02 * size, top - 0.05 * size, right + 0.02 * size, top, roof)


def _windows(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    grid: tuple[int, int],
    distance: float,
) -> None:
    left, top, right, foot = box
    columns, rows = grid
    glass = light.shade((92, 120, 148) if scene.kind else (176, 212, 236), distance)
    across, down = (right - left) / columns, (foot - top) / (rows + 0.6)
    for row in range(rows):
        for column in range(columns):
            lit = rng.random() < 0.15 + 0.5 * light.dark
            colour = mix(glass, vary(rng, _LAMP, 14), light.dark if lit else 0.0)
            x, y = left + (column + 0.2) * across, top + (row + 0.3) * down
            canvas.rectangle(x, y, x + 0.6 * across, y + 0.62 * down, colour)
