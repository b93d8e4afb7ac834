"""One reference: where it stands, what people said of it, and who is right about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput, NotFound
from cssim.services import answering
from cssim.services.answering import Ready
from cssim.services.vectors import Near, Shelf
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, Image, ModelInfo
from db import library, one_image

Floats = NDArray[np.float64]

KEPT = 200
"""Rows of distances on whole sets that are kept: of 12,000 triples they take 38 MB."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster in which an image stands."""

    cluster: Cluster
    as_reference: int
    """Pages about it."""
    as_candidate: int
    """Pages that show it as a candidate."""


@dataclass(frozen=True, slots=True)
class About:
    """What the project's records say of one image."""

    image: Image
    names: tuple[str, ...]
    """All of them, the first one first."""
    places: tuple[Place, ...]


@dataclass(frozen=True, eq=False)
class Judge:
    """A model or ensemble, and its answers on the triples of one reference."""

    name: str
    kind: str
    """A `ModelKind`, or `ensemble`."""
    distances: Floats
    """(n, 2) to A and to B; NaN where it cannot say."""
    credit: Floats
    """(n,) share of the voters who agree with it, 0..1; NaN where it cannot say."""
    trained_here: bool
    """Whether it, or a member, was trained on answers about this reference."""
    fitted_here: bool
    """Whether its weights were fitted on answers about this reference, so that it looks too good
    here, and overall as well."""
    low: float
    high: float
    """Wilson's interval of its accuracy here, as if these triples were independent; NaN: none."""
    overall: float
    """Its accuracy on all the triples of the compared sets; NaN where it cannot say."""

    @property
    def answered(self) -> int:
        """Triples that it could answer."""
        return int((~np.isnan(self.credit)).sum())

    @property
    def accuracy(self) -> float:
        """Mean credit here, 0..1; NaN without an answer."""
        return float(np.nanmean(self.credit)) if self.answered else float("nan")


@dataclass(frozen=True, slots=True)
class Row:
    """One model's nearest pictures, and how they differ from the others' lists."""

    model: ModelInfo
    nearest: tuple[Near, ...]
    """Empty where it has not embedded the reference."""
    shared: Mapping[int, int]
    """By image id: in how many of the compared lists the picture stands, this one included."""


def list_sets(ws: Workspace) -> list[Cluster]:
    """All clusters of the project, in the order in which they were made."""
    with ws.database.reading() as session:
        return library.list_clusters(session, ws.project.id)


def about(ws: Workspace, image_id: int) -> About:
    """The image, its names and the clusters in which it stands.

    Raises:
        NotFound: this project has no such image.
    """
    with ws.database.reading() as session:
        image = library.images_by_id(session, [image_id]).get(image_id)
        names = library.names_of(session, [image_id])
        places = one_image.places_of(session, ws.project.id, image_id)
        clusters = library.clusters_by_id(session, places)
        mine = image is not None and one_image.belongs(session, ws.project.id, image_id)
    if image is None or not mine:
        raise NotFound(f"this project has no image {image_id}; choose one below")
    found = tuple(Place(clusters[i], *counts) for i, counts in places.items())
    return About(image, names.get(image_id, (image.name,)), found)


def answered_references(ws: Workspace, cluster_ids: Sequence[int]) -> list[tuple[Image, int]]:
    """References with answers in these clusters, and how many answers, by name."""
    with ws.database.reading() as session:
        found = one_image.answered_references(session, ws.project.id, cluster_ids)
        images = library.images_by_id(session, [image_id for image_id, _ in found])
    return sorted(((images[i], n) for i, n in found), key=lambda pair: pair[0].name)


def of_reference(triples: Triples, image_id: int) -> Triples:
    """Those of the triples that are about this reference, in their order."""
    return triples[np.flatnonzero(triples.reference == image_id)]


def neighbour_rows(shelf: Shelf, models: Sequence[ModelInfo], image_id: int, top: int) -> list[Row]:
    """The nearest pictures by each model, and which of them the models have in common."""
    lists = {}
    for model in models:
        known = shelf.knows(model.id, image_id)
        lists[model.id] = tuple(shelf.nearest(model.id, image_id, top)) if known else ()
    counts: dict[int, int] = {}
    for one in lists.values():
        for near in one:
            counts[near.image.id] = counts.get(near.image.id, 0) + 1
    return [
        Row(model, lists[model.id], {near.image.id: counts[near.image.id] for near in found})
        for model in models
        for found in [lists[model.id]]
    ]


def judges(
    shelf: Shelf,
    ensembles: Sequence[Ready],
    triples: Triples,
    everything: Triples,
    image_id: int,
    *,
    kept: dict[str, Floats] | None = None,
) -> list[Judge]:
    """Each model's and ensemble's answers about one reference, and its accuracy overall.

    Args:
        shelf: the project's pictures and models.
        ensembles: those to list beside the models.
        triples: of the reference.
        everything: of the compared sets, for the overall accuracy.
        image_id: of the reference.
        kept: what was computed of `everything` before; written to.
    """
    from cssim.evaluation.statistics import wilson

    own = {i: shelf.distances(i, triples) for i in shelf.models}
    memory = {} if kept is None else kept

    data = everything.fingerprint

    def remembered(key: str, compute: Callable[[], Floats]) -> Floats:
        if key not in memory:
            while len(memory) >= KEPT:
                memory.pop(next(iter(memory)))
            memory[key] = compute()
        return memory[key]

    def whole(model_id: int) -> Floats:
        key = f"{data} {model_id} {shelf.models[model_id].fingerprint} {id(shelf)}"
        return remembered(key, lambda: shelf.distances(model_id, everything))

    rows: list[tuple[str, str, Floats, Floats, bool, bool]] = [
        (m.name, m.kind.value, own[m.id], whole(m.id), image_id in m.trained_references, False)
        for m in shelf.listed
    ]
    for one in ensembles:
        members = one.info.member_ids
        if any(i not in shelf.models for i in members):
            continue
        seen = any(image_id in shelf.models[i].trained_references for i in members)
        here = _combined(shelf, one, np.stack([own[i] for i in members]), triples)
        there = remembered(
            f"{data} ensemble {one.info.id} {one.info.path} {id(shelf)}",
            lambda one=one: _combined(  # type: ignore[misc]
                shelf, one, np.stack([whole(i) for i in one.info.member_ids]), everything
            ),
        )
        rows.append((one.info.name, "ensemble", here, there, seen, _fitted_on(one, image_id)))
    found = []
    for name, kind, here, there, seen, fitted in rows:
        credit = _credit(here, triples.share_a)
        n = int((~np.isnan(credit)).sum())
        low, high = wilson(float(np.nanmean(credit)), n) if n else (float("nan"), float("nan"))
        whole_credit = _credit(there, everything.share_a)
        overall = float("nan")
        if (~np.isnan(whole_credit)).any():
            overall = float(np.nanmean(whole_credit))
        found.append(Judge(name, kind, here, credit, seen, fitted, low, high, overall))
    return found


def _fitted_on(one: Ready, image_id: int) -> bool:
    """Whether answers about this reference went into an ensemble's weights."""
    from cssim.ensembles.strategies import STRATEGIES

    row = STRATEGIES.get(one.info.strategy)
    if one.record is None or row is None or not row.needs_labels:
        return False
    return bool((one.record.evidence.reference == image_id).any())


def _combined(shelf: Shelf, one: Ready, stack: Floats, triples: Triples) -> Floats:
    """(n, 2) distances of an ensemble; NaN where a picture is not embedded as it needs."""
    out = np.full((len(triples), 2), np.nan)
    usable = ~np.isnan(stack).any(axis=(0, 2))
    if one.fitted.needs_features:
        looking = int(one.info.config["features"])
        usable &= np.array(
            [shelf.knows(looking, int(r)) for r in triples.reference], dtype=np.bool_
        )
    if usable.any():
        features = answering.features_of(shelf, one, triples.reference[usable])
        out[usable] = one.fitted.combine(stack[:, usable], features)
    return out


def _credit(distances: Floats, share_a: Floats) -> Floats:
    """(n,) soft credit; NaN where the distances are."""
    from cssim.evaluation.accuracy import soft_credit

    out = np.full(len(share_a), np.nan)
    known = ~np.isnan(distances).any(axis=1)
    if known.any():
        out[known] = soft_credit(distances[known], share_a[known])
    return out


def checked_id(text: str | None) -> int | None:
    """The image id in an address; None where there is none.

    Raises:
        BadInput: it is no number.
    """
    if not text:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise BadInput(f"an image is named by its number in the address, got {text[:40]!r}")
    return int(text)
