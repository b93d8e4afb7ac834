"""Light and weather: what they do to the sky and to every colour below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, noise, ramp
from cssim.demo.scenes import Scene

_SKY_TOP: tuple[Colour, ...] = (
    (6, 9, 32),
    (18, 22, 66),
    (58, 52, 112),
    (92, 118, 186),
    (74, 142, 218),
    (46, 132, 226),
)
_SKY_LOW: tuple[Colour, ...] = (
    (24, 34, 78),
    (74, 56, 110),
    (250, 138, 78),
    (250, 206, 160),
    (186, 218, 244),
    (172, 216, 250),
)
_AMBIENT: tuple[Colour, ...] = (
    (118, 128, 184),
    (136, 120, 168),
    (228, 168, 138),
    (250, 218, 190),
    (255, 250, 240),
    (255, 255, 250),
)
_SUN: tuple[Colour, ...] = (
    (236, 240, 255),
    (240, 220, 220),
    (255, 176, 84),
    (255, 226, 150),
    (255, 250, 220),
    (255, 255, 240),
)


@dataclass(frozen=True, slots=True)
class Daylight:
    """The light that falls on one scene."""

    sky_top: Colour
    sky_low: Colour
    ambient: Colour
    sun: Colour
    gloom: float
    """0 clear .. 1 storm."""
    dark: float
    """0 day .. 1 night: how brightly lamps and windows shine."""

    @property
    def haze(self) -> Colour:
        """The colour into which far things fade."""
        return mix(self.sky_low, self.sky_top, 0.25)

    def shade(self, colour: Colour, distance: float = 0.0) -> Colour:
        """`colour` as it looks in this light, `distance` 0 (near) to 1 (lost in the haze)."""
        lit = (
            colour[0] * self.ambient[0] / 255,
            colour[1] * self.ambient[1] / 255,
            colour[2] * self.ambient[2] / 255,
        )
        grey = sum(lit) / 3
        dull = mix(lit, (grey * 0.82, grey * 0.86, grey * 0.92), 0.42 * self.gloom)
        return mix(dull, self.haze, distance * (0.62 + 0.2 * self.gloom))


def daylight(scene: Scene) -> Daylight:
    """The light of a scene from its `light` and `weather`."""
    gloom = scene.weather
    top, low = ramp(_SKY_TOP, scene.light), ramp(_SKY_LOW, scene.light)
    grey = 62 + 128 * scene.light
    storm = (grey * 0.86, grey * 0.92, grey)
    ambient = mix(ramp(_AMBIENT, scene.light), (0, 0, 0), 0.1 * gloom)
    return Daylight(
        sky_top=mix(top, mix(storm, (40, 48, 62), 0.45), 0.85 * gloom),
        sky_low=mix(low, storm, 0.75 * gloom),
        ambient=ambient,
        sun=ramp(_SUN, scene.light),
        gloom=gloom,
        dark=float(np.clip(1.25 - 2.4 * scene.light, 0.0, 1.0)),
    )


def paint_sky(
    canvas: Canvas, scene: Scene, light: Daylight, rng: np.random.Generator, horizon: float
) -> None:
    """Sky from the top down to `horizon`: gradient, stars, sun or moon, clouds."""
    canvas.gradient(0.0, horizon, light.sky_top, light.sky_low)
    if light.dark > 0.5 and scene.weather < 0.6:
        for _ in range(90):
            x, y, r = rng.random(), rng.random() * horizon, 0.0012 + 0.002 * rng.random()
            star = mix(light.sky_top, (255, 255, 245), (0.9 - scene.weather) * rng.random())
            canvas.ellipse(x, y, r, r, star)
    _paint_sun(canvas, scene, light, horizon)
    cover = scene.weather
    if cover > 0.12:
        _paint_clouds(canvas, light, rng, horizon, cover)


def _paint_sun(canvas: Canvas, scene: Scene, light: Daylight, horizon: float) -> None:
    """Opposite the main subject; low at sunset, high at noon and (as the moon) at night."""
    x = 0.85 - 0.7 * scene.side
    climb = abs(scene.light - 0.4) / 0.6
    y = horizon * (0.86 - 0.66 * min(climb, 1.0))
    veil = 1.0 - 0.92 * scene.weather
    low = 1.0 - min(climb, 1.0)
    canvas.glow(x, y, 0.16 + 0.42 * low, light.sun, (0.35 + 0.45 * low) * veil)
    if scene.weather < 0.75:
        r = 0.036 + 0.014 * low
        canvas.ellipse(x, y, r, r, mix(light.sky_low, light.sun, veil))


def _paint_clouds(
    canvas: Canvas, light: Daylight, rng: np.random.Generator, horizon: float, cover: float
) -> None:
    rows = max(round(horizon * canvas.side), 1)
    texture = noise(rng, canvas.side, 4, octaves=5, stretch=1.8)[:rows]
    threshold = 0.78 - 0.55 * cover
    mask = np.clip((texture - threshold) / 0.22, 0.0, 1.0)
    thickness = np.clip((texture - threshold - 0.1) / 0.4, 0.0, 1.0)
    bright = mix(mix(light.sun, (250, 250, 252), 0.6), light.sky_low, 0.25 + 0.5 * cover)
    bright = mix(bright, light.sky_top, 0.75 * light.dark)
    canvas.paint(mask * 0.92, bright)
    canvas.paint(mask * thickness * (0.25 + 0.6 * cover), mix(light.sky_top, (60, 64, 78), 0.35))


def paint_weather(canvas: Canvas, scene: Scene, light: Daylight, rng: np.random.Generator) -> None:
    """What falls from the sky: fog from .55 on, rain from .7, snow instead where it is cold."""
    if scene.weather > 0.5:
        drift = noise(rng, canvas.side, 2, octaves=3, stretch=2.0)
        canvas.paint(drift * (scene.weather - 0.5) * 0.5, light.haze)
    if scene.weather <= 0.7:
        return
    heavy = (scene.weather - 0.7) / 0.3
    drop = mix(light.haze, (255, 255, 255), 0.55 - 0.25 * light.dark)
    if scene.warmth < 0.3:
        for _ in range(int(120 + 260 * heavy)):
            r = 0.002 + 0.004 * rng.random()
            canvas.ellipse(rng.random(), rng.random(), r, r, drop)
        return
    for _ in range(int(70 + 190 * heavy)):
        x, y, length = rng.random() * 1.1, rng.random(), 0.03 + 0.04 * rng.random()
        canvas.line([(x, y), (x - 0.25 * length, y + length)], drop, 0.0022)
