"""The project's pictures with the embeddings that lie in the cache: what pages compare with.

No encoder is loaded; what is not embedded yet is counted and named as missing, never guessed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput, NotFound
from cssim.services.pixel_keys import pixel_keys
from cssim.services.workspace import Workspace
from cssim.triples import Triples as Triples  # pages name the type from here
from cssim.types import Image, ModelInfo
from db import library, one_image, runs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cssim.embeddings.reading import CachedRows

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

_SPARE = 16
"""Rows beyond twice the wanted ones whose distances are computed exactly."""


class Near(NamedTuple):
    """A picture and how far it is."""

    image: Image
    distance: float
    """The model's own, 0..2: 1 - cosine, or 1 - SSIM."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """Pictures with pixels, and each model's cached vectors of them."""

    images: tuple[Image, ...]
    """By id."""
    models: dict[int, ModelInfo]
    """By id: all models of the project that are not archived, and those that its ensembles need."""
    rows: dict[int, CachedRows]
    """Vectors of `images`, by model id."""
    archived: frozenset[int] = frozenset()
    """Ids of those models that are archived: ensembles ask them, lists pass over them."""

    @property
    def listed(self) -> list[ModelInfo]:
        """The models that are not archived, in the order in which they came."""
        return [model for i, model in self.models.items() if i not in self.archived]

    @cached_property
    def place(self) -> dict[int, int]:
        """Position of each image id in `images`."""
        return {image.id: at for at, image in enumerate(self.images)}

    @cached_property
    def by_name(self) -> dict[str, ModelInfo]:
        """The models by name."""
        return {model.name: model for model in self.models.values()}

    def image(self, image_id: int) -> Image:
        """The picture of that id.

        Raises:
            NotFound: the project has none with pixels.
        """
        at = self.place.get(image_id)
        if at is None:
            raise NotFound(f"this project has no picture {image_id} with pixels")
        return self.images[at]

    def missing(self, model_id: int) -> int:
        """How many pictures the model has not embedded."""
        return int((~self.rows[model_id].found).sum())

    def knows(self, model_id: int, *image_ids: int) -> bool:
        """Whether the model has embedded all of these pictures."""
        found = self.rows[model_id].found
        return all(i in self.place and bool(found[self.place[i]]) for i in image_ids)

    def known_by_all(self, model_ids: Sequence[int]) -> int:
        """How many pictures all of these models have embedded."""
        found = [self.rows[model_id].found for model_id in model_ids]
        return int(np.all(found, axis=0).sum()) if found else len(self.images)

    def best_known(self) -> Image | None:
        """The first of the pictures that most models have embedded; None without pictures."""
        if not self.images:
            return None
        found = [rows.found for rows in self.rows.values()]
        return self.images[int(np.argmax(np.sum(found, axis=0))) if found else 0]

    def vectors(self, model_id: int, image_ids: Sequence[int] | NDArray[np.int64]) -> Floats32:
        """(k, dim) embeddings of pictures by one model.

        Raises:
            BadInput: some are not embedded, with the model's name and how many.
        """
        at = np.array([self.place.get(int(i), -1) for i in image_ids], dtype=np.int64)
        rows = self.rows[model_id]
        lacking = int((at < 0).sum() + (~rows.found[at[at >= 0]]).sum())
        if lacking:
            raise BadInput(
                f"{self.models[model_id].name} has not embedded {lacking} of "
                f"{words.count(len(at), 'picture')}; embed them first"
            )
        return rows.take(at)

    def distances(self, model_id: int, triples: Triples) -> Floats:
        """(n, 2) distances of each triple by one model; NaN where an image is not embedded."""
        from cssim.ensembles.distances import model_distances, rows_of

        out = np.full((len(triples), 2), np.nan)
        found = self.rows[model_id].found
        known = np.array([i for i, at in self.place.items() if found[at]], dtype=np.int64)
        inside = np.isin(np.stack([triples.reference, triples.a, triples.b]), known)
        usable = np.flatnonzero(inside.all(axis=0))
        some = triples[usable]
        if len(some):
            images = some.images
            columns = (rows_of(images, ids) for ids in (some.reference, some.a, some.b))
            vectors = self.vectors(model_id, images)
            out[usable] = model_distances(vectors, *columns, made_by=self.rows[model_id].made_by)
        return out

    def nearest(self, model_id: int, image_id: int, top: int) -> list[Near]:
        """The pictures nearest to one of them by one model, itself left out, the closest first.

        Raises:
            BadInput: the model has not embedded it.
        """
        from cssim.ensembles.distances import pair_distances

        rows, own = self.rows[model_id], self.vectors(model_id, [image_id])
        rough = rows.near(own[0])
        rough[self.place[image_id]] = np.nan
        known = np.flatnonzero(~np.isnan(rough))
        take = min(len(known), 2 * top + _SPARE)
        if not take:
            return []
        at = known[np.argpartition(rough[known], take - 1)[:take]]
        exact = pair_distances(
            np.concatenate([own, rows.take(at)]),
            np.zeros(take),
            np.arange(1, take + 1),
            made_by=rows.made_by,
        )
        order = np.lexsort((at, exact))[:top]
        return [Near(self.images[at[i]], float(exact[i])) for i in order]


def shelf_state(ws: Workspace) -> Hashable:
    """Changes whenever `load_shelf` would give something else; cheap."""
    from cssim.embeddings.store import EmbeddingCache

    cache = EmbeddingCache(ws.settings.embeddings)
    with ws.database.reading() as session:
        counts = one_image.images_state(session, ws.project.id)
        models, archived = _models(session, ws.project.id)
    own = tuple(
        (m.id, m.name, m.id in archived, m.fingerprint, cache.state(m.fingerprint or _NOBODY))
        for m in models
    )
    return (ws.settings.url, ws.project.id, counts, own)


def load_shelf(ws: Workspace) -> Shelf:
    """All pictures of the project with pixels, and what each of its models knows of them."""
    from cssim.embeddings.reading import read_rows
    from cssim.embeddings.store import EmbeddingCache

    cache = EmbeddingCache(ws.settings.embeddings)
    with ws.database.reading() as session:
        images = library.list_images(session, ws.project.id, available=True)
        models, archived = _models(session, ws.project.id)
    keys = pixel_keys(ws, images)
    rows = {model.id: read_rows(cache, model.fingerprint or _NOBODY, keys) for model in models}
    return Shelf(tuple(images), {model.id: model for model in models}, rows, archived)


def _models(session: Session, project_id: int) -> tuple[list[ModelInfo], frozenset[int]]:
    """The models of the shelf, and which of them are archived."""
    kept = {model.id for model in runs.list_models(session, project_id)}
    needed = set()
    for one in runs.list_ensembles(session, project_id, archived=True):
        needed |= {*one.member_ids, one.config.get("features")}
    everything = runs.list_models(session, project_id, archived=True)
    found = [model for model in everything if model.id in kept | needed]
    return found, frozenset(model.id for model in found if model.id not in kept)


_NOBODY = "0" * 32
"""Stands for a model that has never been loaded, and so has embedded nothing."""
