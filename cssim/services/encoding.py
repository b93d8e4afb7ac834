"""Models of the project as encoders, and their embeddings through the cache.

Loading an encoder imports torch; only workers and the command line call these functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cssim.errors import NotFound
from cssim.services.kept_encoders import KeptEncoders
from cssim.services.library import available_images
from cssim.services.pixel_keys import pixel_keys
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ModelInfo, ModelKind
from db import runs
from db.runs import NewModel

if TYPE_CHECKING:
    from cssim.embeddings.encoder import Encoder

Progress = Callable[[int, int, str], None]
_KEPT = KeptEncoders()


def use_threads(ws: Workspace) -> None:
    """Give torch as many threads as the settings say."""
    if ws.settings.threads:
        import torch

        torch.set_num_threads(ws.settings.threads)


def frozen_encoder(ws: Workspace, name: str) -> Encoder:
    """The backbone or metric of that name (see `load_encoder` for names and errors)."""
    from cssim.embeddings.encoder import load_encoder

    use_threads(ws)
    settings = ws.settings
    return load_encoder(
        name, models=settings.models, device=settings.device, precision=settings.precision
    )


def encoder_of(ws: Workspace, model: ModelInfo) -> Encoder:
    """The encoder of a stored model.

    Raises:
        NotFound: its checkpoint or backbone is gone.
        Unavailable: its backbone's weights are not on this machine.
    """
    settings = ws.settings
    where = (settings.models, settings.device, settings.precision, settings.threads)
    if model.path is None:
        key = (model.backbone, *where)
        return _KEPT.get(key, lambda: frozen_encoder(ws, model.backbone))
    from cssim.training.checkpoint import load_model

    use_threads(ws)
    folder = settings.home / model.path
    if not folder.is_dir():
        raise NotFound(f"the checkpoint of {model.name} is gone: expected the folder {folder}")

    def load() -> Encoder:
        return load_model(
            folder, models=settings.models, device=settings.device, precision=settings.precision
        )

    return _KEPT.get((folder, *where), load, folder)


def refreshed(ws: Workspace, model: ModelInfo) -> tuple[ModelInfo, Encoder]:
    """A stored model and its encoder, with the fingerprint that it has on this machine now.

    A frozen folder may hold other weights than before, and another precision gives other
    embeddings: what was computed before then counts as stale. Errors as of `encoder_of`.
    """
    encoder = encoder_of(ws, model)
    if encoder.fingerprint != model.fingerprint:
        with ws.database.writing() as session:
            runs.set_fingerprint(session, model.id, encoder.fingerprint)
    return replace(model, fingerprint=encoder.fingerprint), encoder


def embeddings_of(
    ws: Workspace,
    encoder: Encoder,
    image_ids: Sequence[int] | NDArray[np.int64],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """(n, dim) float32 embeddings in the order of `image_ids`, from the cache where they are.

    Raises:
        BadInput: an image is unknown or has no pixels here.
        Cancelled: `cancelled` said so.
    """
    from cssim.embeddings.store import EmbeddingCache

    images = available_images(ws, image_ids)
    keys = dict(zip(images, pixel_keys(ws, list(images.values())), strict=True))
    files = {key: str(images[id_].sha256) for id_, key in keys.items()}
    return EmbeddingCache(ws.settings.embeddings).get_or_compute(
        encoder.fingerprint,
        [keys[int(i)] for i in image_ids],
        lambda key: ws.store.open(files[key]),
        encoder.embed,
        progress=progress,
        cancelled=cancelled,
    )


def distances_of(
    ws: Workspace,
    encoder: Encoder,
    triples: Triples,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float64]:
    """(n, 2) distances of the reference to A and to B, by one encoder."""
    from cssim.ensembles.distances import model_distances, rows_of

    images = triples.images
    vectors = embeddings_of(ws, encoder, images, progress=progress, cancelled=cancelled)
    columns = (rows_of(images, ids) for ids in (triples.reference, triples.a, triples.b))
    return model_distances(vectors, *columns, made_by=encoder.fingerprint)


def features_of(
    ws: Workspace,
    encoder: Encoder,
    references: NDArray[np.int64],
    *,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """(n, dim) embeddings of each triple's reference: what reference-dependent weights look at."""
    distinct, which = np.unique(references, return_inverse=True)
    return embeddings_of(ws, encoder, distinct, cancelled=cancelled)[which]


def register_frozen(ws: Workspace, name: str) -> tuple[ModelInfo, Encoder]:
    """The model row of a frozen backbone or metric, made or brought up to date, and its encoder.

    A local folder is listed by the folder's name, and by its whole path where that is taken.

    Raises:
        Unavailable, NotFound, BadInput: it cannot be loaded; see `load_encoder`.
    """
    from cssim.embeddings.classic import METRICS

    encoder = frozen_encoder(ws, name)
    folder = Path(name)
    source = str(folder.resolve()) if folder.is_dir() else name
    kind = ModelKind.METRIC if name in METRICS else ModelKind.FROZEN
    with ws.database.writing() as session:
        title = folder.name if folder.is_dir() else name
        taken = runs.find_model(session, ws.project.id, title)
        if taken is not None and (taken.kind is not kind or taken.backbone != source):
            title = source
        runs.save_model(
            session,
            ws.project.id,
            NewModel(
                name=title,
                kind=kind,
                backbone=source,
                metrics={"dim": encoder.dim},
                fingerprint=encoder.fingerprint,
            ),
        )
        return runs.get_model(session, ws.project.id, title), encoder
