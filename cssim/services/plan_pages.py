"""Drawing the pages of a plan from what lies in the database and the cache: no model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim import sampling, words
from cssim.errors import BadInput
from cssim.sampling.drawing import draw_stratified
from cssim.sampling.medoids import k_medoids
from cssim.services.pixel_keys import pixel_keys
from cssim.services.plan_specs import PlanSpec
from cssim.services.unused import unused_references
from cssim.services.workspace import Workspace
from cssim.types import Image, ModelInfo, ModelKind
from db import library, runs

Pages = Sequence[tuple[int, tuple[int, ...]]]


@dataclass(frozen=True)
class Drawn:
    """Pages of a plan before they are stored."""

    pages: Pages
    """(reference, candidates) each, in the order in which to ask them."""
    random_pages: Pages = ()
    """Active plans: the pages that were drawn at random, for a set of their own."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What to keep with the plan's settings."""


def draw(ws: Workspace, spec: PlanSpec) -> Drawn:
    """The pages of a plan that needs no models; the same seed on the same sets gives the same.

    Raises:
        BadInput: too few images, unknown references or tags, or nothing embedded for medoids.
    """
    rng = np.random.default_rng(spec.seed)
    images = images_of(ws)
    references = choose_references(ws, spec, images, rng)
    pages = draw_candidates(spec, images, references, spec.pages_per_reference, rng)
    return Drawn(pages, notes={"references": references})


def named_images(ws: Workspace, names: Sequence[str]) -> list[int]:
    """Image id of each name; raises `BadInput` where the project has none of that name."""
    with ws.database.reading() as session:
        known = library.image_ids_by_name(session, ws.project.id, names)
    missing = [name for name in names if name not in known]
    if missing:
        raise BadInput(f"there is no image {missing[0]!r} in this project; see `images list`")
    return [known[name] for name in names]


def images_of(ws: Workspace) -> list[Image]:
    """All images of the project with pixels."""
    with ws.database.reading() as session:
        return library.list_images(session, ws.project.id, available=True)


def draw_candidates(
    spec: PlanSpec,
    images: Sequence[Image],
    references: Sequence[int],
    per_reference: int,
    rng: np.random.Generator,
) -> list[tuple[int, tuple[int, ...]]]:
    """Pages around the references: candidates at random, or evenly over tags."""
    if spec.sampling != "stratified":
        pool = [image.id for image in images]
        return sampling.draw_pages(references, pool, per_reference, spec.candidates, rng)
    tags = spec.tags or tuple(sorted({tag for image in images for tag in image.tags}))
    strata = [[image.id for image in images if tag in image.tags] for tag in tags]
    empty = [tag for tag, members in zip(tags, strata, strict=True) if not members]
    if empty or not tags:
        raise BadInput(
            f"no image with pixels carries the tag {empty[0]!r}"
            if empty
            else "drawing evenly over tags needs images with tags; tag them when they are added"
        )
    return draw_stratified(references, strata, per_reference, spec.candidates, rng)


def choose_references(
    ws: Workspace, spec: PlanSpec, images: Sequence[Image], rng: np.random.Generator
) -> list[int]:
    """The references named, or as many as asked for: at random, or typical ones.

    Those that are not named are references of no other set.
    """
    known = {image.id for image in images}
    if spec.references:
        unknown = [id_ for id_ in spec.references if id_ not in known]
        if unknown:
            raise BadInput(
                f"{len(unknown)} of the references are no images with pixels of this project, the "
                f"first of them {unknown[0]}"
            )
        return list(spec.references)
    if spec.choose_references == "medoids":
        found = suggest_references(ws, spec.reference_count, tag=spec.tag, seed=spec.seed)
        return [suggestion.image.id for suggestion in found]
    among = unused_images(ws, images, spec.tag, spec.reference_count)
    return sampling.draw_references([i.id for i in among], spec.reference_count, rng)


def unused_images(
    ws: Workspace, images: Sequence[Image], tag: str | None, count: int
) -> list[Image]:
    """Images with the tag that are references of no set; raises `BadInput` if under `count`."""
    tagged = [image for image in images if tag is None or tag in image.tags]
    with ws.database.reading() as session:
        return unused_references(session, ws.project.id, tagged, count)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An image that would be a typical reference."""

    image: Image
    stands_for: int
    """How many images are nearer to it than to the other suggestions, itself included."""
    share: float
    """The same as a share of all images looked at, 0..1."""


def suggest_references(
    ws: Workspace, count: int, *, tag: str | None = None, model: str | None = None, seed: int = 0
) -> list[Suggestion]:
    """Typical images that are references of no set yet, the largest groups first.

    They are the k-medoids of embeddings that lie in the cache.

    Args:
        ws: the workspace.
        count: how many.
        tag: only among the images with this tag.
        model: name of the model whose embeddings are used; None: the frozen one that has embedded
            most of the images.
        seed: the same seed gives the same references.

    Raises:
        BadInput: no model has embedded enough of the images, or too few are no references yet.
        NotFound: no model of that name.
    """
    images = unused_images(ws, images_of(ws), tag, count)
    chosen, vectors, found = _embedded(ws, images, model)
    here = [image for image, is_there in zip(images, found, strict=True) if is_there]
    if len(here) < max(count, 1):
        raise BadInput(
            f"{chosen} has embedded {len(here)} of these {words.count(len(images), 'image')}, "
            f"{words.count(count, 'reference')} were asked for; embed the images first"
        )
    medoids = k_medoids(vectors, count, np.random.default_rng(seed))
    return [
        Suggestion(here[row], int(size), float(size / len(here)))
        for row, size in zip(medoids.rows.tolist(), medoids.sizes.tolist(), strict=True)
    ]


def _embedded(
    ws: Workspace, images: Sequence[Image], model: str | None
) -> tuple[str, NDArray[np.float32], NDArray[np.bool_]]:
    """A model's name, its cached vectors, and which of the images they belong to."""
    from cssim.embeddings.reading import read_rows
    from cssim.embeddings.store import EmbeddingCache

    cache = EmbeddingCache(ws.settings.embeddings)
    with ws.database.reading() as session:
        if model is None:
            offered = runs.list_models(session, ws.project.id)
        else:
            offered = [runs.get_model(session, ws.project.id, model)]
    keys = pixel_keys(ws, images)
    best: tuple[tuple[int, bool], ModelInfo, Any] | None = None
    for info in offered:
        if not info.fingerprint or not keys:
            continue
        rows = read_rows(cache, info.fingerprint, keys)
        rank = (int(rows.found.sum()), info.kind is ModelKind.FROZEN)
        if best is None or rank > best[0]:
            best = (rank, info, rows)
    if best is None or not best[0][0]:
        raise BadInput(
            "typical references are found on embeddings, and no model has embedded these images "
            "yet; embed them first, or draw references at random"
        )
    rows = best[2]
    return best[1].name, rows.take(np.flatnonzero(rows.found)), rows.found
