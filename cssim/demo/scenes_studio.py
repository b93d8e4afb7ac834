"""How close-ups and compositions are drawn: flower, abstract."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, noise, ramp, vary
from cssim.demo.daylight import Daylight, daylight, paint_weather
from cssim.demo.scenes import Scene

_PETALS: tuple[Colour, ...] = (
    (92, 104, 214),
    (150, 98, 206),
    (222, 110, 178),
    (250, 214, 74),
    (248, 146, 46),
    (220, 44, 44),
)
_PALETTE: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((24, 60, 130), (74, 144, 206), (196, 226, 240)),
    ((26, 110, 112), (94, 186, 160), (226, 240, 214)),
    ((96, 60, 140), (186, 120, 190), (244, 214, 232)),
    ((200, 140, 34), (244, 200, 84), (252, 240, 200)),
    ((176, 42, 40), (236, 108, 62), (252, 206, 160)),
)


def flower(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Blossoms before a blurred garden; warmth is their hue, density their number."""
    light = daylight(scene)
    top = light.shade(mix((64, 112, 66), light.sky_low, 0.35))
    canvas.gradient(0.0, 1.0, top, light.shade((30, 64, 34)))
    for _ in range(26):
        r = 0.03 + 0.09 * rng.random()
        glint = ((110, 160, 84), (160, 196, 110), (60, 100, 60), (226, 214, 150))[
            int(rng.integers(4))
        ]
        canvas.ellipse(rng.random(), rng.random(), r, r, mix(light.shade(glint), top, 0.45))
    canvas.blur(0.035)
    if light.dark < 0.6:
        canvas.glow(0.85 - 0.7 * scene.side, 0.08, 0.5, light.sun, 0.55 * (1.0 - scene.weather))
    count = 1 + round(13 * scene.density**1.2)
    middle = (0.18 + 0.64 * scene.side, 0.68 - 0.36 * scene.height)
    radius = (0.11 + 0.19 * scene.nearness) * (1.0 - 0.35 * scene.density)
    places = _places(rng, count, middle, radius)
    stem = light.shade((66, 120, 54))
    for x, y, r in places:
        bend = x + 0.25 * (middle[0] - x)
        canvas.line(
            [(x, y), (0.6 * x + 0.4 * bend, y + 0.4 * (1.1 - y)), (bend, 1.05)],
            vary(rng, stem, 8),
            0.10 * r + 0.004,
        )
        side = 1 if rng.random() < 0.5 else -1
        canvas.polygon(
            [
                (bend, y + 2.6 * r),
                (bend + side * 0.9 * r, y + 1.5 * r),
                (bend + side * 1.1 * r, y + 2.0 * r),
            ],
            vary(rng, stem, 8),
        )
    painters = (_daisy, _tulip, _rose, _bell)
    for x, y, r in places:
        petal = vary(rng, ramp(_PETALS, scene.warmth + 0.03 * rng.normal()), 6)
        painters[scene.kind](canvas, light, rng, x, y, r, petal)
    if scene.weather > 0.55 and scene.weather <= 0.7:
        for x, y, r in places:
            canvas.ellipse(
                x + 0.3 * r, y - 0.2 * r, 0.05 * r, 0.06 * r, light.shade((236, 244, 250))
            )
    paint_weather(canvas, scene, light, rng)


def _places(
    rng: np.random.Generator, count: int, middle: tuple[float, float], radius: float
) -> list[tuple[float, float, float]]:
    """Centres and radii, far (small) ones first, the main blossom last."""
    places = [(middle[0], middle[1], radius)]
    for _ in range(60 * count):
        if len(places) == count:
            break
        x, y = middle[0] + rng.normal(0.0, 0.28), middle[1] + rng.normal(0.0, 0.22)
        r = radius * (0.55 + 0.4 * rng.random())
        clear = all(np.hypot(x - px, y - py) > 0.85 * (r + pr) for px, py, pr in places)
        if clear and 0.02 < x < 0.98 and 0.06 < y < 0.94:
            places.append((x, y, r))
    return sorted(places, key=lambda place: place[2])


def _petal(
    canvas: Canvas, x: float, y: float, angle: float, reach: float, half: float, colour: Colour
) -> None:
    t = np.linspace(0.0, 1.0, 9)
    bulge = half * np.sin(np.pi * t**0.8)
    along_x, along_y = np.cos(angle) * reach * t, np.sin(angle) * reach * t
    across_x, across_y = -np.sin(angle) * bulge, np.cos(angle) * bulge
    one = [*zip((x + along_x + across_x).tolist(), (y + along_y + across_y).tolist(), strict=True)]
    two = [*zip((x + along_x - across_x).tolist(), (y + along_y - across_y).tolist(), strict=True)]
    canvas.polygon(one + two[::-1], colour)


def _daisy(
    canvas: Canvas,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    y: float,
    r: float,
    petal: Colour,
) -> None:
    turn = rng.random()
    for ring, scale in ((0, 1.0), (1, 0.86)):
        for i in range(14):
            angle = 2 * np.pi * (i + 0.5 * ring + turn) / 14
            tone = light.shade(vary(rng, mix(petal, (255, 255, 255), 0.1 + 0.25 * ring), 7))
            _petal(canvas, x, y, angle, r * scale, 0.14 * r, tone)
    canvas.ellipse(x, y, 0.28 * r, 0.28 * r, light.shade((206, 142, 36)))
    for _ in range(26):
        a, d = 2 * np.pi * rng.random(), 0.24 * r * np.sqrt(rng.random())
        canvas.ellipse(
            x + np.cos(a) * d,
            y + np.sin(a) * d,
            0.035 * r,
            0.035 * r,
            light.shade(vary(rng, (244, 196, 70), 16)),
        )


def _tulip(
    canvas: Canvas,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    y: float,
    r: float,
    petal: Colour,
) -> None:
    foot = y + 0.75 * r
    for lean, darker in ((-0.42, 0.22), (0.42, 0.22), (-0.18, 0.1), (0.18, 0.1), (0.0, 0.0)):
        tone = light.shade(mix(petal, (60, 0, 30), darker))
        _petal(canvas, x, foot, -np.pi / 2 + lean, 1.65 * r, 0.46 * r, tone)
    _petal(
        canvas,
        x,
        foot,
        -np.pi / 2,
        1.2 * r,
        0.12 * r,
        light.shade(mix(petal, (255, 255, 255), 0.25)),
    )


def _rose(
    canvas: Canvas,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    y: float,
    r: float,
    petal: Colour,
) -> None:
    for ring in range(6):
        scale = 1.0 - 0.155 * ring
        for i in range(7 - ring):
            angle = 2 * np.pi * i / (7 - ring) + 0.7 * ring
            px, py = x + np.cos(angle) * 0.34 * r * scale, y + np.sin(angle) * 0.34 * r * scale
            tone = (
                mix(petal, (255, 235, 225), 0.22 * (i % 2))
                if ring % 2 == 0
                else mix(petal, (60, 0, 10), 0.16 + 0.06 * ring)
            )
            canvas.ellipse(px, py, 0.6 * r * scale, 0.54 * r * scale, light.shade(tone))
    canvas.ellipse(x, y, 0.1 * r, 0.1 * r, light.shade(mix(petal, (40, 0, 10), 0.45)))


def _bell(
    canvas: Canvas,
    light: Daylight,
    rng: np.random.Generator,
    x: float,
    y: float,
    r: float,
    petal: Colour,
) -> None:
    for i in range(5):
        angle = -np.pi / 2 + 2 * np.pi * i / 5 + 0.12 * rng.normal()
        _petal(canvas, x, y, angle, 1.05 * r, 0.42 * r, light.shade(vary(rng, petal, 8)))
        _petal(
            canvas, x, y, angle, 0.9 * r, 0.06 * r, light.shade(mix(petal, (255, 255, 255), 0.4))
        )
    canvas.ellipse(x, y, 0.2 * r, 0.2 * r, light.shade(mix(petal, (255, 255, 220), 0.75)))
    for i in range(5):
        a = 2 * np.pi * i / 5
        canvas.ellipse(
            x + np.cos(a) * 0.13 * r,
            y + np.sin(a) * 0.13 * r,
            0.045 * r,
            0.045 * r,
            light.shade((236, 190, 60)),
        )


def abstract(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Compositions of shapes; warmth is the palette, light its value, weather its sharpness."""
    colours = _palette(scene)
    canvas.gradient(0.0, 1.0, colours[0], mix(colours[0], colours[1], 0.3))
    wash = noise(rng, canvas.side, 3, octaves=4)
    canvas.paint(wash * 0.35, colours[1])
    painters = (_circles, _stripes, _facets, _grid)
    painters[scene.kind](canvas, scene, rng, colours)
    if scene.weather > 0.35:
        canvas.blur(0.024 * (scene.weather - 0.35))
        canvas.paint(noise(rng, canvas.side, 5) * 0.25 * (scene.weather - 0.35), colours[2])


def _palette(scene: Scene) -> list[Colour]:
    where = scene.warmth * (len(_PALETTE) - 1)
    left = min(int(where), len(_PALETTE) - 2)
    pairs = zip(_PALETTE[left], _PALETTE[left + 1], strict=True)
    dark, middle, pale = (mix(a, b, where - left) for a, b in pairs)
    ground = mix(mix(dark, (8, 8, 14), 0.55), mix(pale, (255, 255, 255), 0.4), scene.light)
    accent = mix((250, 244, 232), (28, 26, 36), scene.light)
    return [ground, middle, mix(pale, dark, scene.light), accent, mix(middle, accent, 0.45)]


def _focus(scene: Scene) -> tuple[float, float]:
    return 0.15 + 0.7 * scene.side, 0.8 - 0.6 * scene.height


def _circles(canvas: Canvas, scene: Scene, rng: np.random.Generator, colours: list[Colour]) -> None:
    x, y = _focus(scene)
    for _ in range(int(4 + 34 * scene.density)):
        r = (0.015 + 0.075 * rng.random()) * (0.55 + 1.1 * scene.nearness)
        cx, cy = x + rng.normal(0.0, 0.26), y + rng.normal(0.0, 0.26)
        colour = colours[1 + int(rng.integers(4))]
        canvas.ellipse(cx, cy, r, r, colour)
        if rng.random() < 0.4:
            canvas.ellipse(cx, cy, 0.6 * r, 0.6 * r, colours[0])
    r = 0.09 + 0.2 * scene.nearness
    for ring, k in ((1.0, 3), (0.74, 1), (0.48, 2), (0.22, 3)):
        canvas.ellipse(x, y, r * ring, r * ring, colours[k])


def _stripes(canvas: Canvas, scene: Scene, rng: np.random.Generator, colours: list[Colour]) -> None:
    x, y = _focus(scene)
    angle = np.pi * (0.12 + 0.2 * rng.random())
    count = int(4 + 22 * scene.density)
    dx, dy = np.cos(angle), np.sin(angle)
    for i in range(count):
        offset = (i - count / 2) * (1.3 / count) + 0.02 * rng.normal()
        width = (0.012 + 0.05 * rng.random()) * (0.5 + 1.2 * scene.nearness) * 8 / (count + 4)
        cx, cy = x - dy * offset, y + dx * offset
        bend = 0.07 * np.sin(3.0 * i)
        line = [
            (cx - 1.5 * dx, cy - 1.5 * dy),
            (cx + bend, cy + bend),
            (cx + 1.5 * dx, cy + 1.5 * dy),
        ]
        canvas.line(line, colours[1 + i % 4], width)
    r = 0.05 + 0.17 * scene.nearness
    canvas.ellipse(x, y, r, r, colours[3])
    canvas.ellipse(x, y, 0.8 * r, 0.8 * r, colours[1])


def _facets(canvas: Canvas, scene: Scene, rng: np.random.Generator, colours: list[Colour]) -> None:
    x, y = _focus(scene)
    n = 3 + round(8 * scene.density)
    grid = np.linspace(-0.15, 1.15, n + 1)
    points = np.stack(np.meshgrid(grid, grid), axis=-1) + rng.normal(
        0.0, 0.26 / n, (n + 1, n + 1, 2)
    )
    reach = 0.25 + 0.6 * scene.nearness
    for i in range(n):
        for j in range(n):
            a, b, c, d = (
                tuple(points[p].tolist()) for p in ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))
            )
            for corners in ((a, b, c), (a, c, d)):
                mid = np.mean(np.asarray(corners), axis=0)
                near = max(0.0, 1.0 - float(np.hypot(mid[0] - x, mid[1] - y)) / reach)
                tone = mix(mix(colours[0], colours[1], 0.75), colours[3], near * 0.85)
                canvas.polygon(corners, vary(rng, mix(tone, colours[2], 0.4 * rng.random()), 10))


def _grid(canvas: Canvas, scene: Scene, rng: np.random.Generator, colours: list[Colour]) -> None:
    x, y = _focus(scene)
    n = 2 + round(7 * scene.density)
    xs = np.concatenate([[0.0], np.sort(rng.random(n)), [1.0]])
    ys = np.concatenate([[0.0], np.sort(rng.random(n)), [1.0]])
    rule = 0.006 + 0.016 * scene.nearness
    for i in range(n + 1):
        for j in range(n + 1):
            colour = colours[int(rng.choice(5, p=(0.45, 0.2, 0.15, 0.05, 0.15)))]
            canvas.rectangle(xs[i], ys[j], xs[i + 1], ys[j + 1], colour)
    r = 0.08 + 0.2 * scene.nearness
    canvas.rectangle(x - r, y - r, x + r, y + r, colours[4])
    for value in xs[1:-1]:
        canvas.line([(value, 0.0), (value, 1.0)], colours[3], rule)
    for value in ys[1:-1]:
        canvas.line([(0.0, value), (1.0, value)], colours[3], rule)
