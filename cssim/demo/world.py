"""The demo world in numbers: how large it is, its pictures as files, its answers.

Everything follows from `WORLD` and the size, so a build that was stopped goes on where it was, and
two machines of one kind build the same.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.demo.annotators import PEOPLE, WEIGHTS, SimulatedAnswer, judge, true_distance
from cssim.demo.scenes import CONTEXTS, SCALES, Scene, draw, random_scene
from cssim.errors import BadInput
from cssim.types import Page

WORLD = 2_411
"""Seed of the demo's own scenes; the backbones were trained on the scenes of another."""
_PARALLEL_FROM = 100
"""Fewer pictures than this are drawn faster without starting processes."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How much there is of everything."""

    per_context: int = 150
    """Pictures of each context that training and validation see."""
    test_per_context: int = 60
    """Further pictures of each context that only the test set uses."""
    cluster_pages: int = 334
    """Ranked pages of three candidates of each context cluster: 1,002 triples."""
    validation_references: int = 304
    test_references: int = 256
    pages_per_reference: int = 4
    """In the validation and test sets."""
    voters: int = 3
    """Simulated people per page of the test set; other pages have one."""
    own_pages: int = 60
    """Open pages of each kind, left for the newcomer."""
    epochs: int = 6
    """Of training, for each CS model."""


FULL = WorldSize()
"""What `python -m cssim demo` builds."""
SMALL = WorldSize(
    per_context=10,
    test_per_context=8,
    cluster_pages=24,
    validation_references=24,
    test_references=24,
    pages_per_reference=2,
    voters=2,
    own_pages=4,
    epochs=2,
)
"""Enough to run the whole loop in seconds; the fixture of the tests."""


def names(context: str, first: int, count: int) -> list[str]:
    """Names of pictures, e.g. `ocean/0007.jpg`."""
    return [f"{context}/{number:04d}.jpg" for number in range(first, first + count)]


def scene_of(name: str) -> Scene:
    """The scene behind a picture's name.

    Raises:
        BadInput: it is no picture of the demo world.
    """
    context, _, rest = name.partition("/")
    number = rest.removesuffix(".jpg")
    if context not in CONTEXTS or not number.isdigit():
        raise BadInput(f"expected the name of a demo picture such as ocean/0007.jpg, got {name!r}")
    return random_scene(context, WORLD, int(number))


def typical(wanted: Sequence[str]) -> str:
    """The picture that stands in the middle of what counts in its context.

    A model trained on this one reference meets candidates on both sides of it in each attribute
    that counts: it can tell what counts only by how far they are, not by which side they are on.
    """

    def extremeness(name: str) -> float:
        scene = scene_of(name)
        weights = WEIGHTS[scene.context]
        far = {scale: abs(float(getattr(scene, scale)) - 0.5) for scale in SCALES}
        return sum(weights.get(scale, 0.0) * value for scale, value in far.items())

    return min(wanted, key=extremeness)


def picture(name: str) -> bytes:
    """The JPEG file of that name."""
    data = io.BytesIO()
    draw(scene_of(name)).save(data, "JPEG", quality=92)
    return data.getvalue()


def pictures(wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Names and files, in order; many are drawn on all processors."""
    processors = os.cpu_count() or 1
    if len(wanted) < _PARALLEL_FROM or processors < 2:
        yield from ((name, picture(name)) for name in wanted)
        return
    # Fork would copy locks that other threads of this process may hold.
    started = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processors, mp_context=started) as pool:
        yield from zip(wanted, pool.map(picture, wanted, chunksize=20), strict=True)


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One simulated answer to one page."""

    page_id: int
    person: int
    """Position in `PEOPLE`."""
    shown: tuple[int, ...]
    said: SimulatedAnswer


def answers(
    pages: Sequence[Page], scenes: dict[int, Scene], cluster: str, voters: int
) -> list[GivenAnswer]:
    """What the simulated people say to the pages of a cluster.

    Args:
        pages: to be answered, each by `voters` different people.
        scenes: of each image id on the pages.
        cluster: its name settles the randomness.
        voters: 1 to 5.
    """
    rng = np.random.default_rng([WORLD, zlib.crc32(cluster.encode())])
    given = []
    for page in pages:
        reference = scenes[page.reference]
        candidates = [scenes[image] for image in page.candidates]
        for person in rng.permutation(len(PEOPLE))[:voters].tolist():
            shown = tuple(rng.permutation(len(candidates)).tolist())
            said = judge(PEOPLE[person], reference, candidates, shown, page.mode, rng)
            given.append(GivenAnswer(page.id, person, shown, said))
    return given


def true_distances(
    reference: NDArray[np.int64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    scenes: dict[int, Scene],
) -> NDArray[np.float64]:
    """(n, 2) the distances that all noise is added to: nobody can answer better than by these."""
    rows = zip(reference.tolist(), a.tolist(), b.tolist(), strict=True)
    return np.array(
        [
            (true_distance(scenes[r], scenes[x]), true_distance(scenes[r], scenes[y]))
            for r, x, y in rows
        ]
    ).reshape(-1, 2)
