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

from cssim import words
from cssim.demo.annotators import (
    PEOPLE,
    WEIGHTS,
    SimulatedAnswer,
    judge,
    kindred,
    true_distance,
)
from cssim.demo.scenes import CONTEXTS, SCALES, Scene, draw, random_scene
from cssim.errors import BadInput
from cssim.types import Page

WORLD = 8_117
"""Seed of the demo's own scenes; the backbones were trained on the scenes of another."""
_PARALLEL_FROM = 100
"""Fewer pictures than this are drawn faster without starting processes."""
_SHARES = (0.6, 0.15, 0.25)
"""Of the candidates: from the reference's own context, from a kindred one, from anywhere."""
_TRIES = 50
"""Draws for each page that is wanted, until there are held to be too few pictures."""


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How much there is of everything."""

    per_context: int = 120
    """Pictures of each context that training and validation see."""
    test_per_context: int = 40
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
    epochs: int = 5
    """Of training, for each CS model."""
    global_epochs: int = 3
    """Of training, for each model that is to serve everywhere."""
    processes: int = 2
    """Models are trained, and embed the pictures, in so many processes side by side."""
    shuffles: int = 19
    """Of the references, to test each ensemble whose weights look at them; networks are not
    tested: each shuffle fits eight of them in five folds."""
    strategies: tuple[str, ...] = ()
    """Names of the ensembles' strategies; empty: all there are."""


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
    global_epochs=1,
    processes=1,
    shuffles=3,
    strategies=(
        "best-single",
        "vote",
        "uniform",
        "uniform-standardised",
        "map-thres",
        "knn",
        "stacking",
        "gated",
    ),
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


def telling(wanted: Sequence[str]) -> str:
    """The picture that stands at the edge of what counts in its context, e.g. a city at night.

    A model trained on this one reference must stretch what counts along its whole length, from the
    reference to the other end; that holds for other references, too. Around a reference in the
    middle it could do with pulling the middle towards it, which says nothing of any other.
    """

    def extremeness(name: str) -> float:
        scene = scene_of(name)
        weights = WEIGHTS[scene.context]
        far = {scale: abs(float(getattr(scene, scale)) - 0.5) for scale in SCALES}
        return sum(weights.get(scale, 0.0) * value for scale, value in far.items())

    return max(wanted, key=extremeness)


def likely_pages(
    references: Sequence[str],
    pool: Sequence[str],
    per_reference: int,
    candidates: int,
    rng: np.random.Generator,
) -> list[tuple[str, tuple[str, ...]]]:
    """Pages as (reference, candidates), reference by reference; no set comes twice around one.

    Most candidates are of the reference's own context or of a kindred one: among pictures of
    anything whatever, the context alone would settle most answers.

    Args:
        references: names of pictures.
        pool: names of the pictures to draw candidates from; the reference is left out.
        per_reference: pages for each reference.
        candidates: per page.
        rng: source of all randomness.

    Raises:
        BadInput: too few pictures for so many different pages.
    """
    if len(pool) <= candidates:
        raise BadInput(
            f"pages of {words.count(candidates, 'candidate')} need more than "
            f"{words.count(len(pool), 'picture')}"
        )
    by_context = {c: [n for n in pool if n.startswith(f"{c}/")] for c in CONTEXTS}
    drawn = []
    for reference in references:
        context = reference.partition("/")[0]
        near = by_context[context], [n for c in kindred(context) for n in by_context[c]], pool
        found: dict[frozenset[str], tuple[str, ...]] = {}
        for _ in range(_TRIES * per_reference):
            if len(found) == per_reference:
                break
            group = _candidates(reference, near, candidates, rng)
            found.setdefault(frozenset(group), group)
        if len(found) < per_reference:
            raise BadInput(
                f"{words.count(len(pool), 'picture gives', 'pictures give')} fewer than "
                f"{words.count(per_reference, 'page')} around {reference}"
            )
        drawn += [(reference, group) for group in found.values()]
    return drawn


def _candidates(
    reference: str,
    near: tuple[Sequence[str], Sequence[str], Sequence[str]],
    count: int,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """Different pictures from the own context, the kindred ones and all, by `_SHARES`."""
    group: list[str] = []
    while len(group) < count:
        pool = near[int(rng.choice(3, p=_SHARES))] or near[2]
        name = pool[int(rng.integers(len(pool)))]
        if name != reference and name not in group:
            group.append(name)
    return tuple(group[i] for i in rng.permutation(count).tolist())


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
