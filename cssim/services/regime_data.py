"""What learning curves are made from: triples, who is held out when, and embeddings of all images.

Training, validation and held-out triples never share a reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.services.agreeing import Voters, voters_of
from cssim.services.encoding import embeddings_of, refreshed
from cssim.services.leaks import near_duplicates
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ModelInfo, ModelKind

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Cell:
    """A number of clusters, and the share of each one's pages that is used."""

    clusters: int
    share: float = 1.0


def cells_of(sizes: Sequence[int], shares: Sequence[float]) -> list[Cell]:
    """All sizes with all labels, and the largest with each share of them; rising."""
    grid = {Cell(size) for size in sizes} | {Cell(max(sizes), share) for share in shares}
    return sorted(grid)


@dataclass(frozen=True, eq=False)
class Sources:
    """The triples of a job; a reference is in one of the three at most."""

    pool: Triples
    """To train on; where nothing else is given, also to hold out of."""
    validation: Triples | None
    """None: references of the pool are held out for it."""
    test: Triples | None
    """None: likewise."""
    dropped: tuple[str, ...] = ()
    """Sentences on references that were taken out because a later set has them."""
    voters: Voters = field(default_factory=lambda: Voters((), ()))
    """Who answered all these."""

    @property
    def images(self) -> Ids:
        """Ids of all images, rising."""
        parts = [part.images for part in (self.pool, self.validation, self.test) if part]
        return np.unique(np.concatenate(parts))


def load_sources(
    ws: Workspace, clusters: Sequence[int], validation: Sequence[int], test: Sequence[int]
) -> Sources:
    """The triples; where two sets share a reference, the one that is judged last keeps it.

    Raises:
        BadInput: nothing is left of one of them.
    """
    found = {
        "training": load_triples(ws, clusters),
        "validation": load_triples(ws, validation) if validation else None,
        "test": load_triples(ws, test) if test else None,
    }
    dropped = []
    names = list(found)
    for i, name in enumerate(names):
        own = found[name]
        for later in names[i + 1 :]:
            other = found[later]
            if own is None or other is None:
                continue
            shared = np.isin(own.reference, other.reference)
            if shared.any():
                count = len(np.unique(own.reference[shared]))
                dropped.append(
                    f"{words.count(count, 'reference')} of the {name} clusters are also references "
                    f"of the {later} clusters: their "
                    f"{words.count(int(shared.sum()), 'triple was', 'triples were')} left out of "
                    f"{name}."
                )
                own = found[name] = own[~shared]
    for name, part in found.items():
        if part is not None and not len(part):
            raise BadInput(f"no {name} triples are left: expected answers on references of its own")
    pool = found["training"]
    assert pool is not None
    voters = voters_of(ws, [*clusters, *validation, *test])
    return Sources(pool, found["validation"], found["test"], tuple(dropped), voters)


@dataclass(frozen=True, eq=False)
class Split:
    """One way to hold references out."""

    number: int
    train: Mapping[int, Ids]
    """By number of clusters: references to train on; each holds the smaller ones."""
    pool: Triples
    place: Floats
    """(pool,) 0..1: where each triple's page stands in a random order of its reference's pages."""
    known: Triples
    """Validation triples."""
    new: Triples
    """Held-out triples."""

    def training(self, cell: Cell, references: Ids | None = None) -> Triples:
        """The training triples of a cell, or of some references at its share; nested in both."""
        chosen = self.train[cell.clusters] if references is None else references
        return self.pool[np.isin(self.pool.reference, chosen) & (self.place < cell.share)]


def splits_of(
    sources: Sources, sizes: Sequence[int], *, splits: int, seed: int, validation: int
) -> list[Split]:
    """Splits of the references; `validation` counts only where no validation set is given.

    Raises:
        BadInput: too few references.
    """
    from cssim.evaluation.regime import nested_splits

    pool = sources.pool
    found = nested_splits(
        pool.reference,
        sizes,
        splits=splits,
        seed=seed,
        validation=0 if sources.validation else validation,
        hold=sources.test is None,
    )

    def part(given: Triples | None, references: Ids) -> Triples:
        return pool[np.isin(pool.reference, references)] if given is None else given

    return [
        Split(
            number,
            one.train,
            pool,
            _places(pool, seed + number),
            part(sources.validation, one.validation),
            part(sources.test, one.held),
        )
        for number, one in enumerate(found)
    ]


def _places(pool: Triples, seed: int) -> Floats:
    """(n,) rank of the triple's page among its reference's pages in random order, over their count.

    The first page of each reference stands at 0, so a share above 0 always has one.
    """
    pages, which = np.unique(pool.page, return_inverse=True)
    owner = pool.reference[np.unique(which, return_index=True)[1]]
    luck = np.random.default_rng([seed, 7]).permutation(len(pages))
    order = np.lexsort((luck, owner))
    _, start, count = np.unique(owner[order], return_index=True, return_counts=True)
    place = np.empty(len(pages))
    place[order] = (np.arange(len(pages)) - np.repeat(start, count)) / np.repeat(count, count)
    return place[which]


@dataclass(frozen=True, eq=False)
class Embedded:
    """A frozen model with its embeddings of all images of the job."""

    model: ModelInfo
    features: NDArray[np.float32]
    """(images, dim), or (images, images) where fewer images than dimensions were rotated."""


def embed_all(
    context: JobContext,
    models: Sequence[ModelInfo],
    images: Ids,
    *,
    rotate: bool,
    until: float,
) -> list[Embedded]:
    """Embeddings of all images by each model, through the cache; progress up to `until`."""
    from cssim.training.linear import rotated

    found = []
    for i, model in enumerate(models):
        part = context.part(*(until * k / len(models) for k in (i, i + 1)))
        part(0, 1, f"{model.name}: loading")
        fresh, encoder = refreshed(context.ws, model)
        vectors = embeddings_of(
            context.ws, encoder, images, progress=part, cancelled=context.cancelled
        )
        found.append(Embedded(fresh, rotated(vectors) if rotate else vectors))
    return found


def joined(embedded: Sequence[Embedded]) -> Embedded:
    """All backbones as one: their unit embeddings side by side."""
    from cssim.services.comparing import digest
    from cssim.training.linear import rotated

    parts = [one.features / np.linalg.norm(one.features, axis=1, keepdims=True) for one in embedded]
    model = ModelInfo(
        id=0,
        name=" + ".join(one.model.name for one in embedded),
        kind=ModelKind.FROZEN,
        backbone="",
        fingerprint=digest([one.model.fingerprint for one in embedded]),
    )
    return Embedded(model, rotated(np.concatenate(parts, axis=1)))


def near_references(
    ws: Workspace, sources: Sources, first: ModelInfo, cancelled: Callable[[], bool]
) -> str:
    """A sentence on held-out references that nearly duplicate one that may be trained on."""
    left = np.unique(sources.pool.reference)
    right = left if sources.test is None else np.unique(sources.test.reference)
    pairs = near_duplicates(ws, left, right, refreshed(ws, first)[1], cancelled=cancelled)
    near = {j for i, j in pairs if i != j}
    where = "of the references" if sources.test is None else "of the test references"
    return (
        f"{len(near)} {where} nearly duplicate another that may be trained on."
        if near
        else "No held-out reference nearly duplicates one that may be trained on."
    )


def default_sizes(references: int, *, held: bool) -> list[int]:
    """Three powers of two (fewer where references are few), half of the references at most.

    Args:
        references: how many there are.
        held: whether references must be held out of them; else all can be trained on.

    Raises:
        BadInput: fewer than two sizes come of it.
    """
    most = references // 2 if held else references
    if most < 2:
        raise BadInput(
            "curves need at least two numbers of clusters: "
            f"{words.count(references, 'labelled reference')} "
            f"{'leave none to hold out' if held else 'are too few'}; label more references"
        )
    top = 2 ** int(math.log2(most))
    return sorted({max(1, top // k) for k in (1, 2, 4)})
