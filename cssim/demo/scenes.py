"""Pictures drawn from known attributes, in the eight contexts of the paper.

A scene is a context and eight attributes. Each attribute means the same kind of thing everywhere
(how light it is, how crowded, ...), so that any two scenes can be compared by them, and shows in
the way that the table `MEANING` says. The same `Scene` draws the same picture on one platform.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from cssim.errors import BadInput

CONTEXTS = ("indoor", "city", "ocean", "field", "mountain", "forest", "flower", "abstract")
"""What a scene shows; the order is that of the paper."""

KINDS = {
    "indoor": ("living room", "bedroom", "dining room", "library"),
    "city": ("glass towers", "gabled houses", "old town", "housing blocks"),
    "ocean": ("sailing boat", "island", "lighthouse", "open sea with gulls"),
    "field": ("crop rows", "meadow", "hay bales", "farm"),
    "mountain": ("alpine peaks", "rolling hills", "table mountains", "volcano"),
    "forest": ("conifers", "birches", "broadleaf trees", "palms"),
    "flower": ("daisies", "tulips", "roses", "bellflowers"),
    "abstract": ("circles", "stripes", "facets", "grid"),
}
"""The four kinds of subject of each context, in the order of `Scene.kind`."""

SCALES = ("light", "weather", "warmth", "density", "height", "side", "nearness")
"""The attributes that are numbers from 0 to 1."""

MEANING = {
    "light": "time of day, 0 night, .4 sunset, 1 noon; abstract: dark to bright",
    "weather": "0 clear, .5 clouds, 1 rain, or snow where warmth is low; abstract: sharp to hazy",
    "warmth": "season or hue, from cold (winter, blue, concrete) to warm (autumn, red, brick)",
    "density": "how much there is: waves, trees, houses, furniture, blossoms, shapes",
    "height": "viewpoint: where the horizon, floor or centre stands, 0 low in the picture, 1 high",
    "side": "where the main subject stands, 0 left, 1 right",
    "nearness": "how large the main subject is, 0 far away, 1 close",
    "kind": "which of the four subjects in `KINDS`",
}
"""How each attribute shows."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is known about one picture; the truth behind the simulated judgements."""

    context: str
    kind: int
    """0..3, see `KINDS`."""
    light: float
    weather: float
    warmth: float
    density: float
    height: float
    side: float
    nearness: float
    seed: int
    """Settles what no attribute says: the shape of a cloud, the place of a tree."""

    def __post_init__(self) -> None:
        if self.context not in CONTEXTS:
            raise BadInput(f"context must be one of {', '.join(CONTEXTS)}, got {self.context!r}")
        if self.kind not in range(4):
            raise BadInput(f"kind must be 0, 1, 2 or 3, got {self.kind}")
        for name in SCALES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadInput(f"{name} must lie in 0..1, got {getattr(self, name)}")

    @property
    def subject(self) -> str:
        """The kind in words, e.g. `lighthouse`."""
        return KINDS[self.context][self.kind]

    def to_dict(self) -> dict[str, str | int | float]:
        """The attributes by name, fit for JSON."""
        return asdict(self)


def random_scene(context: str, seed: int, number: int) -> Scene:
    """Scene `number` of a context in the world of `seed`: attributes uniform and independent."""
    rng = np.random.default_rng([seed, zlib.crc32(context.encode()), number])
    values = {
        name: round(float(value), 4) for name, value in zip(SCALES, rng.random(7), strict=True)
    }
    kind = int(rng.integers(4))
    return Scene(context=context, kind=kind, seed=int(rng.integers(2**31)), **values)


def random_scenes(per_context: int, seed: int) -> Iterator[tuple[str, Scene]]:
    """Names such as `ocean/0007.png` and their scenes, `per_context` of each, contexts in turn."""
    for number in range(per_context):
        for context in CONTEXTS:
            yield f"{context}/{number:04d}.png", random_scene(context, seed, number)


def draw(scene: Scene, size: int = 224) -> Image.Image:
    """The picture of a scene: RGB, `size` x `size` pixels (at least 32)."""
    if size < 32:
        raise BadInput(f"a scene needs at least 32 pixels a side, got {size}")
    from cssim.demo import scenes_city, scenes_heights, scenes_indoor, scenes_plains, scenes_studio
    from cssim.demo.canvas import Canvas

    painters = {
        "indoor": scenes_indoor.indoor,
        "city": scenes_city.city,
        "ocean": scenes_plains.ocean,
        "field": scenes_plains.field,
        "mountain": scenes_heights.mountain,
        "forest": scenes_heights.forest,
        "flower": scenes_studio.flower,
        "abstract": scenes_studio.abstract,
    }
    rng = np.random.default_rng(scene.seed)
    canvas = Canvas(size)
    painters[scene.context](canvas, scene, rng)
    return canvas.finish(rng)
