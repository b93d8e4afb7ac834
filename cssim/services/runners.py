"""The jobs `embed` and `train`: what a worker does with a request."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim import words
from cssim.errors import CSSimError, Unavailable
from cssim.services.code import code_fingerprint
from cssim.services.encoding import (
    embeddings_of,
    refreshed,
    register_frozen,
    use_threads,
)
from cssim.services.library import available_images, load_triples
from cssim.services.pixel_keys import pixel_keys
from cssim.services.plain import plain
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ClusterKind, Image, ModelKind
from db import jobs as job_rows
from db import library, runs
from db.runs import NewModel

if TYPE_CHECKING:
    from cssim.training.checkpoint import TrainedModel
    from cssim.training.features import Shared

log = logging.getLogger(__name__)


def run_embed(context: JobContext) -> Mapping[str, Any]:
    """Job `embed`: models, images embedded, and the names that could not be loaded, with reasons.

    Raises:
        Unavailable: none of them could be loaded.
    """
    ws, names = context.ws, context.job.params["names"]
    images = _images(ws, context.job.params["clusters"])
    done, unavailable = [], {}
    for i, name in enumerate(names):
        report = context.part(i / len(names), (i + 1) / len(names))
        report(0, 1, f"{name}: loading")
        with ws.database.reading() as session:
            models = runs.list_models(session, ws.project.id, archived=True)
        known = {model.name: model for model in models}
        try:
            if name in known:
                model, encoder = refreshed(ws, known[name])
            else:
                model, encoder = register_frozen(ws, name)
        except CSSimError as error:
            unavailable[name] = str(error)
            continue
        embeddings_of(ws, encoder, images, progress=report, cancelled=context.cancelled)
        done.append(model.name)
    if not done:
        raise Unavailable("; ".join(f"{name}: {why}" for name, why in unavailable.items()))
    return {"models": done, "images": len(images), "unavailable": unavailable}


def _images(ws: Workspace, clusters: Sequence[int] | None) -> list[int]:
    if clusters is not None:
        return [int(i) for i in load_triples(ws, clusters).images]
    with ws.database.reading() as session:
        return [image.id for image in library.list_images(session, ws.project.id, available=True)]


def run_train(context: JobContext) -> Mapping[str, Any]:
    """Job `train`: the id of the model. A job that was interrupted goes on after its last epoch."""
    from cssim.embeddings.backbones import load_backbone
    from cssim.training.checkpoint import load_model
    from cssim.training.config import TrainConfig
    from cssim.training.loop import fit

    ws, params = context.ws, context.job.params
    use_threads(ws)
    where = {name: getattr(ws.settings, name) for name in ("models", "device", "precision")}
    context.progress(0, 1, "loading the backbone")
    config = TrainConfig.from_dict(params["config"])
    triples = load_triples(ws, params["clusters"])
    images = available_images(ws, triples.images)
    backbone = load_backbone(params["backbone"], **where)
    folder = ws.settings.checkpoints / _folder(context, triples, backbone.fingerprint)
    context.progress(
        0, 1, f"{words.count(len(triples), 'triple')} with {words.count(len(images), 'image')}"
    )
    for epoch in fit(
        backbone,
        triples,
        lambda image_id: ws.store.open(str(images[image_id].sha256)),
        config,
        folder=folder,
        shared=_shared(ws, images),
        progress=lambda done, total, message: context.progress(0, 1, message),
        cancelled=context.cancelled,
    ):
        log.info("%s", _log_line(epoch.to_dict()))
        context.event(**epoch.to_dict())
        context.progress(epoch.number, config.steps[0], _epoch_line(epoch.to_dict()))
    model = load_model(folder, **where)
    _fill_events(context, model)
    with ws.database.writing() as session:
        model_id = runs.save_model(
            session,
            ws.project.id,
            _new_model(context, model, triples, folder),
            job_id=context.job.id,
        )
    return {"model": model_id, "name": params["name"]}


def _shared(ws: Workspace, images: Mapping[int, Image]) -> Shared | None:
    """The activations that training runs share, unless the settings allow no room for them."""
    from cssim.training.activations import ActivationCache
    from cssim.training.features import Shared

    room = ws.settings.activations_gb * 10**9
    if not room:
        return None
    keys = dict(zip(images, pixel_keys(ws, list(images.values())), strict=True))
    return Shared(ActivationCache(ws.settings.activations, max_bytes=room), keys)


def _folder(context: JobContext, triples: Triples, fingerprint: str) -> str:
    """Of this job with these data and settings alone: changed answers start a new run."""
    parts = [triples.fingerprint, fingerprint, context.job.params["config"]]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"job-{context.job.id}-{digest[:12]}"


def _fill_events(context: JobContext, model: TrainedModel) -> None:
    """Report the epochs that were stored, but not reported, when a worker was killed."""
    with context.ws.database.reading() as session:
        events = job_rows.events_of(session, context.job.id)
    seen = {data.get("number") for _, data in events}
    for epoch in model.info.curve:
        if epoch["number"] not in seen:
            context.event(**epoch)


def _new_model(
    context: JobContext, model: TrainedModel, triples: Triples, folder: Path
) -> NewModel:
    params, card = context.job.params, model.info
    with context.ws.database.reading() as session:
        clusters = library.clusters_by_id(session, params["clusters"])
    one_context = len(clusters) == 1 and all(
        cluster.kind is ClusterKind.CONTEXT for cluster in clusters.values()
    )
    return NewModel(
        name=params["name"],
        kind=ModelKind.CS if one_context else ModelKind.GLOBAL,
        backbone=params["backbone"],
        cluster_ids=tuple(params["clusters"]),
        path=folder.relative_to(context.ws.settings.home).as_posix(),
        config=plain(card.config),
        metrics=plain(_metrics(context, model, triples)),
        fingerprint=model.fingerprint,
        data_fingerprint=triples.fingerprint,
        trained_references=tuple(int(i) for i in np.unique(triples.reference)),
    )


def _metrics(context: JobContext, model: TrainedModel, triples: Triples) -> dict[str, Any]:
    from cssim.training.data import composition

    found = model.info.metrics
    return {
        **found,
        "triples": len(triples),
        "data": composition(triples),
        "triples_per_second": found["train_triples"] * found["epochs"] / found["seconds"]
        if found["seconds"]
        else None,
        "best_epoch": model.info.best_epoch,
        "dim": model.dim,
        "curve": list(model.info.curve),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{model.backbone.device}, {model.backbone.precision}",
        "code": code_fingerprint(),
        "job": context.job.id,
    }


def _log_line(epoch: Mapping[str, Any]) -> str:
    """An epoch for the log, e.g. `epoch 3: train_loss 0.81, ..., images 818, seconds 1.9`."""
    known = [(name, epoch[name]) for name in epoch if name != "number" and epoch[name] is not None]
    text = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in known
    )
    return f"epoch {epoch['number']}: {text}"


def _epoch_line(epoch: Mapping[str, Any]) -> str:
    accuracy = epoch["accuracy"]
    share = "nothing held out" if accuracy is None else f"{accuracy:.1%} of the held-out votes"
    return f"epoch {epoch['number']}: {share}"
