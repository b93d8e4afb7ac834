"""How a room is drawn."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, ramp, vary
from cssim.demo.daylight import Daylight, daylight
from cssim.demo.furniture import WALLS, bed, lit, shelves, sofa, table
from cssim.demo.scenes import Scene

_LAMP: Colour = (255, 214, 128)


def indoor(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """A room with a window on the side away from the furniture; density is how full it is."""
    light = daylight(scene)
    room = _room_light(scene, light)
    floor = 0.86 - 0.3 * scene.height
    wall = ramp(WALLS, scene.warmth)
    canvas.gradient(0.0, floor, lit(mix(wall, (255, 255, 255), 0.12), room), lit(wall, room))
    wood = mix((138, 108, 84), ramp(WALLS, scene.warmth), 0.3)
    canvas.gradient(
        floor,
        1.0,
        lit(mix(wood, (40, 30, 24), 0.15), room),
        lit(mix(wood, (255, 240, 220), 0.15), room),
    )
    for board in range(-9, 10):
        canvas.line(
            [(0.5 + 0.09 * board, floor), (0.5 + 0.2 * board, 1.0)],
            lit(mix(wood, (40, 26, 18), 0.35), room),
            0.003,
        )
    canvas.rectangle(0.0, floor - 0.016, 1.0, floor, lit((244, 240, 232), room))
    far = 0.85 - 0.7 * scene.side
    _window(canvas, scene, light, rng, far, floor, room)
    x, size = 0.2 + 0.6 * scene.side, 0.3 + 0.26 * scene.nearness
    _decor(canvas, scene, rng, x, floor, room, light)
    foot = floor + 0.05 + 0.1 * scene.nearness
    canvas.ellipse(
        x,
        foot + 0.02,
        0.75 * size,
        0.1 * size,
        lit(mix(ramp(WALLS, 1.0 - scene.warmth), (90, 70, 70), 0.4), room),
    )
    (sofa, bed, table, shelves)[scene.kind](canvas, scene, rng, x, foot, size, room)
    _floor_lamp(canvas, light, room, 0.94 if scene.side < 0.5 else 0.06, floor)


def _room_light(scene: Scene, light: Daylight) -> Colour:
    lamp = (214, 172, 120)
    ambient = mix(light.ambient, (lamp[0], lamp[1], lamp[2]), 0.55 * light.dark)
    return mix(ambient, (150, 156, 168), 0.3 * scene.weather)


def _window(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    floor: float,
    room: Colour,
) -> None:
    top, bottom, half = floor - 0.52, floor - 0.16, 0.125
    frame = lit((248, 246, 240), room)
    canvas.rectangle(x - half - 0.02, top - 0.02, x + half + 0.02, bottom + 0.02, frame)
    canvas.rectangle(x - half, top, x + half, bottom, light.sky_low)
    canvas.rectangle(
        x - half, top, x + half, (top + bottom) / 2, mix(light.sky_top, light.sky_low, 0.4)
    )
    hills = light.shade((92, 130, 96), 0.3)
    canvas.ellipse(x - 0.03, bottom, 0.09, 0.09, hills)
    canvas.rectangle(x - half - 0.02, bottom, x + half + 0.02, bottom + 0.02, frame)
    if scene.weather > 0.6:
        for _ in range(18):
            wx, wy = x + half * (2 * rng.random() - 1), top + rng.random() * (bottom - top - 0.03)
            canvas.line(
                [(wx, wy), (wx - 0.006, wy + 0.03)], mix(light.sky_low, (255, 255, 255), 0.5), 0.003
            )
    canvas.line([(x, top), (x, bottom)], frame, 0.012)
    canvas.line([(x - half, (top + bottom) / 2), (x + half, (top + bottom) / 2)], frame, 0.012)
    cloth = lit(mix(ramp(WALLS, 1.0 - scene.warmth), (255, 255, 255), 0.25), room)
    for sign in (-1, 1):
        edge = x + sign * (half + 0.035)
        canvas.polygon(
            [
                (edge, top - 0.04),
                (edge - sign * 0.07, top - 0.04),
                (edge - sign * 0.03, bottom + 0.06),
                (edge, bottom + 0.06),
            ],
            cloth,
        )
    if light.dark < 0.5 and scene.weather < 0.6:
        canvas.glow(x, (top + bottom) / 2, 0.4, light.sun, 0.3 * (1.0 - scene.weather))


def _decor(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    x: float,
    floor: float,
    room: Colour,
    light: Daylight,
) -> None:
    pictures = round(5 * scene.density)
    for i in range(pictures):
        px = x + (i - (pictures - 1) / 2) * 0.105
        py, half = floor - 0.42 - 0.03 * (i % 2), 0.036 + 0.014 * (i % 2)
        canvas.rectangle(
            px - half, py - 1.25 * half, px + half, py + 1.25 * half, lit((70, 52, 40), room)
        )
        art = ((214, 120, 90), (90, 140, 170), (226, 196, 110), (120, 160, 110))[
            int(rng.integers(4))
        ]
        canvas.rectangle(
            px - 0.78 * half, py - half, px + 0.78 * half, py + half, lit((246, 242, 232), room)
        )
        canvas.ellipse(px, py + 0.1 * half, 0.5 * half, 0.5 * half, lit(art, room))
    for i in range(round(4 * scene.density)):
        px = (0.08, 0.92, 0.3, 0.72)[i]
        if abs(px - x) > 0.12:
            _plant(canvas, rng, px, floor + 0.05, 0.13 + 0.05 * rng.random(), room)


def _plant(
    canvas: Canvas, rng: np.random.Generator, x: float, foot: float, size: float, room: Colour
) -> None:
    for angle in np.linspace(0.35, np.pi - 0.35, 8):
        dx, dy = np.cos(angle) * size * 0.7, np.sin(angle) * size
        tip = (x + dx, foot - 0.3 * size - dy)
        green = lit(vary(rng, (64, 124, 70), 14), room)
        canvas.polygon(
            [
                (x, foot - 0.3 * size),
                (x + 0.4 * dx - 0.06 * size, foot - 0.3 * size - 0.6 * dy),
                tip,
                (x + 0.4 * dx + 0.08 * size, foot - 0.3 * size - 0.5 * dy),
            ],
            green,
        )
    pot = lit((190, 108, 76), room)
    canvas.polygon(
        [
            (x - 0.22 * size, foot - 0.4 * size),
            (x + 0.22 * size, foot - 0.4 * size),
            (x + 0.15 * size, foot),
            (x - 0.15 * size, foot),
        ],
        pot,
    )


def _floor_lamp(canvas: Canvas, light: Daylight, room: Colour, x: float, floor: float) -> None:
    canvas.line([(x, floor + 0.06), (x, floor - 0.3)], lit((60, 56, 54), room), 0.008)
    canvas.ellipse(x, floor + 0.06, 0.035, 0.01, lit((60, 56, 54), room))
    if light.dark > 0.1:
        canvas.glow(x, floor - 0.33, 0.38, _LAMP, 0.8 * light.dark)
    shade = mix(lit((240, 228, 200), room), (255, 236, 180), light.dark)
    canvas.polygon(
        [
            (x - 0.055, floor - 0.28),
            (x + 0.055, floor - 0.28),
            (x + 0.03, floor - 0.38),
            (x - 0.03, floor - 0.38),
        ],
        shade,
    )
