"""The main furniture of the four kinds of rooms."""

from __future__ import annotations

import numpy as np

from cssim.demo.canvas import Canvas, Colour, mix, ramp, vary
from cssim.demo.scenes import Scene

WALLS: tuple[Colour, ...] = (
    (152, 178, 204),
    (174, 200, 198),
    (222, 222, 212),
    (236, 220, 180),
    (232, 186, 148),
    (198, 116, 100),
)
"""Walls from cold to warm; cloth takes its colours from the same ramp."""


def lit(colour: Colour, room: Colour) -> Colour:
    """`colour` under the light of the room."""
    return (colour[0] * room[0] / 255, colour[1] * room[1] / 255, colour[2] * room[2] / 255)


def sofa(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    x: float,
    foot: float,
    s: float,
    room: Colour,
) -> None:
    """A sofa of three seats; `s` is about half its width."""
    cloth = lit(mix(ramp(WALLS, (scene.warmth + 0.35) % 1.0), (80, 70, 90), 0.42), room)
    dark, bright = mix(cloth, (20, 16, 24), 0.28), mix(cloth, (255, 255, 255), 0.12)
    canvas.rectangle(x - 0.56 * s, foot - 0.55 * s, x + 0.56 * s, foot - 0.1 * s, dark)
    for part in (-1, 0, 1):
        middle = x + 0.36 * part * s
        canvas.rectangle(
            middle - 0.17 * s, foot - 0.52 * s, middle + 0.17 * s, foot - 0.26 * s, cloth
        )
        canvas.rectangle(
            middle - 0.17 * s, foot - 0.27 * s, middle + 0.17 * s, foot - 0.12 * s, bright
        )
    for sign in (-1, 1):
        canvas.rectangle(
            x + sign * 0.56 * s, foot - 0.42 * s, x + sign * 0.7 * s, foot - 0.04 * s, cloth
        )
        canvas.ellipse(x + sign * 0.63 * s, foot - 0.42 * s, 0.07 * s, 0.05 * s, cloth)
        canvas.polygon(
            [
                (x + sign * 0.3 * s, foot - 0.45 * s),
                (x + sign * 0.48 * s, foot - 0.42 * s),
                (x + sign * 0.45 * s, foot - 0.24 * s),
                (x + sign * 0.27 * s, foot - 0.27 * s),
            ],
            lit(ramp(WALLS, 1.0 - scene.warmth), room),
        )
    canvas.rectangle(x - 0.6 * s, foot - 0.12 * s, x + 0.6 * s, foot - 0.04 * s, dark)


def bed(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    x: float,
    foot: float,
    s: float,
    room: Colour,
) -> None:
    """A double bed seen from its foot."""
    wood = lit((126, 84, 56), room)
    cover = lit(mix(ramp(WALLS, (scene.warmth + 0.3) % 1.0), (110, 90, 130), 0.3), room)
    linen = lit((250, 248, 244), room)
    canvas.rectangle(x - 0.56 * s, foot - 0.78 * s, x + 0.56 * s, foot - 0.2 * s, wood)
    canvas.rectangle(x - 0.5 * s, foot - 0.5 * s, x + 0.5 * s, foot - 0.3 * s, linen)
    for sign in (-1, 1):
        canvas.ellipse(
            x + sign * 0.25 * s,
            foot - 0.47 * s,
            0.2 * s,
            0.1 * s,
            mix(linen, (120, 130, 160), 0.18),
        )
    canvas.polygon(
        [
            (x - 0.5 * s, foot - 0.38 * s),
            (x + 0.5 * s, foot - 0.38 * s),
            (x + 0.62 * s, foot + 0.08 * s),
            (x - 0.62 * s, foot + 0.08 * s),
        ],
        cover,
    )
    canvas.polygon(
        [
            (x - 0.5 * s, foot - 0.38 * s),
            (x + 0.5 * s, foot - 0.38 * s),
            (x + 0.53 * s, foot - 0.26 * s),
            (x - 0.53 * s, foot - 0.26 * s),
        ],
        mix(cover, (255, 255, 255), 0.3),
    )
    canvas.rectangle(
        x - 0.62 * s, foot + 0.06 * s, x + 0.62 * s, foot + 0.16 * s, mix(cover, (20, 10, 20), 0.3)
    )


def table(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    x: float,
    foot: float,
    s: float,
    room: Colour,
) -> None:
    """A round table laid for two, with flowers and two chairs."""
    wood, dark = lit((172, 122, 78), room), lit((96, 64, 42), room)
    for sign in (-1, 1):
        cx = x + sign * 0.62 * s
        canvas.rectangle(cx - 0.1 * s, foot - 0.3 * s, cx + 0.1 * s, foot - 0.24 * s, dark)
        canvas.rectangle(
            cx + sign * 0.06 * s, foot - 0.7 * s, cx + sign * 0.11 * s, foot - 0.24 * s, dark
        )
        for leg in (-0.09, 0.07):
            canvas.rectangle(
                cx + leg * s, foot - 0.26 * s, cx + (leg + 0.025) * s, foot + 0.05 * s, dark
            )
    canvas.ellipse(x, foot - 0.4 * s, 0.56 * s, 0.12 * s, mix(wood, (40, 20, 10), 0.3))
    canvas.ellipse(x, foot - 0.43 * s, 0.56 * s, 0.12 * s, wood)
    canvas.rectangle(x - 0.05 * s, foot - 0.32 * s, x + 0.05 * s, foot + 0.06 * s, dark)
    canvas.ellipse(x, foot + 0.06 * s, 0.22 * s, 0.04 * s, dark)
    for place in (-0.3, 0.3):
        canvas.ellipse(
            x + place * s, foot - 0.43 * s, 0.12 * s, 0.03 * s, lit((250, 250, 248), room)
        )
    canvas.polygon(
        [
            (x - 0.05 * s, foot - 0.44 * s),
            (x + 0.05 * s, foot - 0.44 * s),
            (x + 0.07 * s, foot - 0.6 * s),
            (x - 0.07 * s, foot - 0.6 * s),
        ],
        lit((84, 130, 160), room),
    )
    for i in range(5):
        bx, by = x + 0.07 * s * (i - 2), foot - (0.66 + 0.04 * (i % 2)) * s
        canvas.ellipse(bx, by, 0.05 * s, 0.05 * s, lit(vary(rng, ramp(WALLS, 1.0), 14), room))


def shelves(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    x: float,
    foot: float,
    s: float,
    room: Colour,
) -> None:
    """A bookcase; the fuller the scene, the more books."""
    wood = lit((112, 76, 50), room)
    canvas.rectangle(x - 0.58 * s, foot - 1.15 * s, x + 0.58 * s, foot, wood)
    spines: tuple[Colour, ...] = (
        (178, 60, 52),
        (52, 92, 140),
        (210, 170, 82),
        (76, 122, 86),
        (232, 224, 206),
        (110, 70, 120),
    )
    for shelf in range(5):
        top, bottom = foot - (1.1 - 0.22 * shelf) * s, foot - (0.92 - 0.22 * shelf) * s
        canvas.rectangle(x - 0.54 * s, top, x + 0.54 * s, bottom, mix(wood, (16, 10, 8), 0.5))
        place = x - 0.53 * s
        while place < x + 0.48 * s:
            width, height = (0.025 + 0.035 * rng.random()) * s, (0.12 + 0.055 * rng.random()) * s
            if rng.random() < 0.45 + 0.55 * scene.density:
                colour = spines[int(rng.integers(6))]
                canvas.rectangle(
                    place, bottom - height, place + width, bottom, lit(vary(rng, colour, 10), room)
                )
            place += width + 0.004 * s
