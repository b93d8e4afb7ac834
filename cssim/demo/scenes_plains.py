"""How wide country is drawn: ocean, field."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, noise, ramp, ridge, vary
from cssim.demo.daylight import Daylight, daylight, paint_sky, paint_weather
from cssim.demo.scenes import Scene
from cssim.demo.trees import GROUND, LEAVES, fir, lone_tree, palm

_WATER: tuple[Colour, ...] = (
    (62, 82, 108),
    (36, 82, 132),
    (24, 108, 158),
    (28, 146, 168),
    (54, 178, 166),
    (96, 196, 160),
)


def ocean(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Water from arctic grey to tropical green; density is how rough it is."""
    light = daylight(scene)
    horizon = 0.68 - 0.4 * scene.height
    paint_sky(canvas, scene, light, rng, horizon)
    water = light.shade(ramp(_WATER, scene.warmth))
    canvas.gradient(horizon, 1.0, mix(water, light.sky_low, 0.45), mix(water, (8, 20, 40), 0.35))
    _waves(canvas, scene, light, rng, horizon)
    _glitter(canvas, scene, light, rng, horizon)
    x, size = 0.18 + 0.64 * scene.side, 0.10 + 0.34 * scene.nearness
    foot = horizon + 0.02 + 0.22 * scene.nearness * (1.0 - horizon)
    painters = (_boat, _island, _lighthouse, _gulls)
    painters[scene.kind](canvas, scene, light, rng, x, foot, size)
    paint_weather(canvas, scene, light, rng)


def _waves(
    canvas: Canvas, scene: Scene, light: Daylight, rng: np.random.Generator, horizon: float
) -> None:
    crest = light.shade(
        mix(ramp(_WATER, scene.warmth), (255, 255, 255), 0.55 + 0.35 * scene.density)
    )
    trough = light.shade(mix(ramp(_WATER, scene.warmth), (0, 10, 30), 0.55))
    for _ in range(int(50 + 330 * scene.density)):
        depth = rng.random() ** 1.5
        y = horizon + 0.012 + depth * (1.0 - horizon)
        width = (0.012 + 0.09 * depth) * (0.5 + scene.density) * (0.6 + 0.8 * rng.random())
        x = rng.random()
        rise = width * (0.08 + 0.34 * scene.density)
        arc = [
            (x - width, y),
            (x - width / 3, y - rise),
            (x + width / 4, y - rise * 0.9),
            (x + width, y),
        ]
        canvas.line([(px, py + 0.006) for px, py in arc], trough, 0.002 + 0.006 * depth)
        canvas.line(arc, crest, 0.0016 + (0.002 + 0.007 * scene.density) * depth)


def _glitter(
    canvas: Canvas, scene: Scene, light: Daylight, rng: np.random.Generator, horizon: float
) -> None:
    centre = 0.85 - 0.7 * scene.side
    for _ in range(int(130 * (1.0 - scene.weather))):
        depth = rng.random() ** 1.4
        x = centre + rng.normal(0.0, 0.02 + 0.09 * depth)
        y = horizon + 0.01 + depth * (1.0 - horizon)
        half = 0.006 + 0.03 * depth * rng.random()
        canvas.line([(x - half, y), (x + half, y)], mix(light.sun, light.sky_low, 0.2), 0.003)


def _boat(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
) -> None:
    hull = light.shade(((176, 48, 40), (40, 66, 110), (238, 236, 228))[int(rng.integers(3))])
    sail = light.shade((250, 246, 236))
    canvas.ellipse(x, foot + 0.02 * size, 0.34 * size, 0.05 * size, light.shade((20, 40, 60)))
    canvas.polygon(
        [
            (x - 0.34 * size, foot - 0.14 * size),
            (x + 0.40 * size, foot - 0.14 * size),
            (x + 0.26 * size, foot + 0.02 * size),
            (x - 0.24 * size, foot + 0.02 * size),
        ],
        hull,
    )
    canvas.line(
        [(x, foot - 0.12 * size), (x, foot - 1.05 * size)], light.shade((90, 66, 44)), 0.02 * size
    )
    canvas.polygon(
        [
            (x + 0.03 * size, foot - 1.0 * size),
            (x + 0.03 * size, foot - 0.2 * size),
            (x + 0.42 * size, foot - 0.2 * size),
        ],
        sail,
    )
    canvas.polygon(
        [
            (x - 0.03 * size, foot - 0.88 * size),
            (x - 0.03 * size, foot - 0.2 * size),
            (x - 0.32 * size, foot - 0.2 * size),
        ],
        mix(sail, (120, 130, 150), 0.2),
    )


def _island(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
) -> None:
    line = np.sin(np.linspace(0.0, np.pi, 40)) * (0.55 + 0.45 * ridge(rng, 40, cells=4, decay=0.5))
    xs = np.linspace(x - 0.8 * size, x + 0.8 * size, 40)
    ys = foot - 0.42 * size * line
    leaves = light.shade(mix(ramp(LEAVES, scene.warmth), (40, 80, 50), 0.35))
    canvas.polygon([*zip(xs.tolist(), ys.tolist(), strict=True)], leaves)
    canvas.ellipse(x, foot, 0.82 * size, 0.05 * size, light.shade((226, 206, 156)))
    for offset in (-0.3, 0.05, 0.34):
        if scene.warmth > 0.45:
            palm(canvas, scene, light, rng, x + offset * size, foot, 0.62 * size)
        else:
            fir(canvas, leaves, x + offset * size, foot - 0.08 * size, 0.5 * size)


def _lighthouse(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
) -> None:
    rock = light.shade((98, 90, 84))
    for _ in range(7):
        canvas.ellipse(
            x + rng.normal(0.0, 0.22) * size,
            foot,
            0.24 * size,
            (0.07 + 0.07 * rng.random()) * size,
            vary(rng, rock, 10),
        )
    for band in range(5):
        y1, y0 = foot - (0.06 + 0.18 * band) * size, foot - (0.06 + 0.18 * (band + 1)) * size
        low, high = 0.13 - 0.012 * band, 0.13 - 0.012 * (band + 1)
        colour = light.shade((206, 44, 40) if band % 2 == 0 else (246, 244, 238))
        canvas.polygon(
            [
                (x - low * size, y1),
                (x + low * size, y1),
                (x + high * size, y0),
                (x - high * size, y0),
            ],
            colour,
        )
    top = foot - 0.96 * size
    lamp = mix((250, 232, 160), (255, 240, 170), light.dark)
    if light.dark > 0.25:
        canvas.glow(x, top - 0.06 * size, 0.5 * size, lamp, 0.75 * light.dark)
    canvas.rectangle(x - 0.05 * size, top - 0.1 * size, x + 0.05 * size, top, lamp)
    canvas.polygon(
        [
            (x - 0.08 * size, top - 0.1 * size),
            (x + 0.08 * size, top - 0.1 * size),
            (x, top - 0.2 * size),
        ],
        light.shade((150, 36, 34)),
    )


def _gulls(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    foot: float,
    size: float,
) -> None:
    ink = mix(light.shade((250, 250, 250)), (30, 34, 44), 0.75 - 0.55 * light.dark)
    for _ in range(7):
        gx, gy = x + rng.normal(0.0, 0.16), 0.08 + rng.random() * max(foot - 0.24, 0.1)
        w = (0.05 + 0.16 * rng.random()) * size
        wing = [
            (gx - w, gy - 0.25 * w),
            (gx - 0.5 * w, gy - 0.55 * w),
            (gx, gy),
            (gx + 0.5 * w, gy - 0.55 * w),
            (gx + w, gy - 0.25 * w),
        ]
        canvas.line(wing, ink, 0.012 + 0.028 * size * 0.3)


def field(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Open farmland; density is how much grows or lies there."""
    light = daylight(scene)
    horizon = 0.66 - 0.38 * scene.height
    paint_sky(canvas, scene, light, rng, horizon)
    ground = ramp(GROUND, scene.warmth)
    hills = horizon - 0.07 * ridge(rng, 60, cells=3, decay=0.35)
    canvas.skyline(hills, light.shade(mix(ramp(LEAVES, scene.warmth), (90, 120, 110), 0.4), 0.45))
    canvas.gradient(
        horizon, 1.0, light.shade(ground, 0.3), light.shade(mix(ground, (50, 50, 20), 0.2))
    )
    texture = noise(rng, canvas.side, 10, octaves=4, stretch=3.0)[
        : canvas.side - round(horizon * canvas.side)
    ]
    canvas.paint(texture * 0.22, light.shade(mix(ground, (30, 40, 10), 0.6)), horizon)
    x = 0.15 + 0.7 * scene.side
    painters = (_crop_rows, _meadow, _hay_bales, _farm)
    painters[scene.kind](canvas, scene, light, rng, x, horizon)
    paint_weather(canvas, scene, light, rng)


def _crop_rows(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    horizon: float,
) -> None:
    rows = int(7 + 16 * scene.density)
    crop = light.shade(mix(ramp(LEAVES, scene.warmth), (255, 255, 255), 0.04))
    soil = light.shade(mix(ramp(GROUND, scene.warmth), (84, 58, 38), 0.72))
    for i in range(-rows, rows + 1):
        left, right = x + (i - 0.32) * 2.2 / rows, x + (i + 0.32) * 2.2 / rows
        canvas.polygon([(x, horizon), (x + (i - 0.5) * 2.2 / rows, 1.0), (left, 1.0)], soil)
        canvas.polygon(
            [(x, horizon), (left, 1.0), (right, 1.0)], crop if i % 2 else vary(rng, crop, 7)
        )
    lone_tree(canvas, scene, light, rng, 1.0 - x, horizon + 0.01, 0.08 + 0.26 * scene.nearness)


def _meadow(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    horizon: float,
) -> None:
    petals: tuple[Colour, ...] = ((250, 250, 250), (250, 214, 60), (226, 64, 60), (150, 110, 214))
    for depth in np.sort(rng.random(int(60 + 420 * scene.density)) ** 1.3):
        y = horizon + 0.015 + depth * (1.0 - horizon)
        r = 0.002 + (0.006 + 0.008 * scene.nearness) * depth
        colour = petals[int(rng.integers(4))]
        canvas.ellipse(rng.random(), y, r, r * 0.8, light.shade(colour, 0.3 * (1.0 - depth)))
    lone_tree(canvas, scene, light, rng, x, horizon + 0.02, 0.14 + 0.4 * scene.nearness)


def _hay_bales(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    horizon: float,
) -> None:
    straw = mix((226, 186, 92), ramp(GROUND, scene.warmth), 0.25)
    for depth in np.sort(rng.random(int(2 + 12 * scene.density))):
        bx = x + rng.normal(0.0, 0.26)
        y = horizon + 0.03 + depth * (0.9 - horizon)
        r = (0.016 + 0.075 * depth) * (0.6 + scene.nearness)
        canvas.ellipse(bx + 0.5 * r, y + 0.85 * r, 1.5 * r, 0.28 * r, light.shade((66, 62, 32)))
        canvas.rectangle(
            bx, y - r, bx + 1.1 * r, y + r, light.shade(mix(straw, (110, 80, 30), 0.3))
        )
        canvas.ellipse(bx + 1.1 * r, y, 0.55 * r, r, light.shade(mix(straw, (110, 80, 30), 0.3)))
        for ring in (1.0, 0.72, 0.44, 0.2):
            tone = light.shade(mix(straw, (150, 112, 50), 0.5 if ring in (0.72, 0.2) else 0.0))
            canvas.ellipse(bx, y, 0.62 * r * ring, r * ring, tone)


def _farm(
    canvas: Canvas,
    scene: Scene,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    horizon: float,
) -> None:
    posts = int(6 + 10 * scene.density)
    for i in range(posts):
        fx, fy = i / (posts - 1), horizon + 0.13 + 0.02 * np.sin(3.0 * i / posts)
        canvas.line([(fx, fy), (fx, fy + 0.05)], light.shade((110, 84, 60)), 0.007)
    for drop in (0.012, 0.032):
        canvas.line(
            [(0.0, horizon + 0.13 + drop), (1.0, horizon + 0.13 + drop)],
            light.shade((126, 98, 70)),
            0.004,
        )
    size, foot = 0.13 + 0.3 * scene.nearness, horizon + 0.05 + 0.05 * scene.nearness
    for i in range(int(1 + 3 * scene.density)):
        lone_tree(
            canvas,
            scene,
            light,
            rng,
            x - (0.3 + 0.24 * i) * (1 if x > 0.5 else -1),
            foot,
            0.8 * size,
        )
    wall, roof = light.shade((168, 46, 40)), light.shade((92, 84, 86))
    canvas.rectangle(x - 0.5 * size, foot - 0.48 * size, x + 0.5 * size, foot, wall)
    canvas.polygon(
        [
            (x - 0.6 * size, foot - 0.46 * size),
            (x - 0.34 * size, foot - 0.84 * size),
            (x + 0.34 * size, foot - 0.84 * size),
            (x + 0.6 * size, foot - 0.46 * size),
        ],
        roof,
    )
    trim = light.shade((244, 240, 232))
    canvas.rectangle(x - 0.16 * size, foot - 0.32 * size, x + 0.16 * size, foot, trim)
    canvas.rectangle(x - 0.13 * size, foot - 0.29 * size, x + 0.13 * size, foot, wall)
    canvas.line([(x - 0.13 * size, foot), (x + 0.13 * size, foot - 0.29 * size)], trim, 0.02 * size)
    glass = mix(light.shade((120, 150, 170)), (255, 216, 120), light.dark)
    for wx in (-0.34, 0.34):
        canvas.rectangle(
            x + (wx - 0.07) * size,
            foot - 0.36 * size,
            x + (wx + 0.07) * size,
            foot - 0.2 * size,
            glass,
        )
