"""Trained models out of a project and into another: folders that need no database to be read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cssim.errors import BadInput, Conflict, CSSimError, NotFound
from cssim.services.card_text import markdown
from cssim.services.cards import TRAINED, model_card
from cssim.services.encoding import use_threads
from cssim.services.library import load_triples
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo, ModelKind
from db import library, runs
from db.runs import NewModel

CARD, FORMAT = "card.json", 1
_LOCAL = ("job",)
"""Numbers of a training that mean nothing elsewhere."""


def export_model(ws: Workspace, name: str, target: Path) -> Path:
    """Write a trained model to a new folder, see `cssim.training.export`; gives the folder.

    Its README.md says how to read it, and holds its card.

    Raises:
        NotFound: no such model, or its weights are gone.
        Unavailable: its backbone is not on this machine.
        BadInput: it was not trained, or its files are damaged.
        Conflict: the folder exists.
    """
    from cssim.training.checkpoint import load_model
    from cssim.training.export import export_trained

    with ws.database.reading() as session:
        model = runs.get_model(session, ws.project.id, name)
    if model.kind not in TRAINED or model.path is None:
        raise BadInput(f"{name} is a {model.kind.value} model: there is nothing of ours to export")
    if target.exists():
        raise Conflict(f"{target} exists already; export to a new folder")
    use_threads(ws)
    folder = ws.settings.home / model.path
    loaded = load_model(folder, models=ws.settings.models, device="cpu", precision="float32")
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    partial.mkdir(parents=True)
    try:
        export_trained(replace(loaded, name=name), folder, partial)
        with (partial / "README.md").open("a", encoding="utf-8") as readme:
            readme.write(f"\n{markdown(model_card(ws, name))}")
        text = json.dumps(_described(ws, model), indent=1, ensure_ascii=False)
        (partial / CARD).write_text(text, encoding="utf-8")
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def import_model(ws: Workspace, source: Path, *, name: str | None = None) -> ModelInfo:
    """Take an exported model into the project; it embeds as it did where it came from.

    It is tied to clusters and references of this project where these are the same: clusters of the
    same name with the same answers, and pictures with the same bytes.

    Args:
        ws: the workspace.
        source: a folder that `export_model` wrote.
        name: what it is called here; None: as it was.

    Raises:
        NotFound: no exported model there.
        BadInput: damaged, or of a newer format.
        Conflict: the project has a model of that name.
    """
    from cssim.training.checkpoint import load_model

    words = _read(source)
    title = name or str(words["name"])
    if not title.strip() or len(title) > 200:
        raise BadInput(f"a model's name has 1 to 200 characters, got {title!r}")
    with ws.database.reading() as session:
        if runs.find_model(session, ws.project.id, title) is not None:
            raise Conflict(f"there is a model {title!r} already; choose another name")
    use_threads(ws)
    settings, folder = ws.settings, _taken_in(ws, source)
    try:
        loaded = load_model(
            folder, models=settings.models, device=settings.device, precision=settings.precision
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    clusters, references = _known_here(ws, words)
    with ws.database.writing() as session:
        runs.save_model(
            session,
            ws.project.id,
            NewModel(
                name=title,
                kind=ModelKind(words["kind"]),
                backbone=loaded.info.backbone,
                cluster_ids=clusters,
                path=folder.relative_to(settings.home).as_posix(),
                config=words["config"],
                metrics=words["metrics"],
                fingerprint=loaded.fingerprint,
                data_fingerprint=str(words["data_fingerprint"]),
                trained_references=references,
            ),
        )
        return runs.get_model(session, ws.project.id, title)


def _described(ws: Workspace, model: ModelInfo) -> dict[str, Any]:
    with ws.database.reading() as session:
        clusters = library.clusters_by_id(session, model.cluster_ids)
        images = library.images_by_id(session, model.trained_references)
    return {
        "format": FORMAT,
        "name": model.name,
        "kind": model.kind.value,
        "clusters": [clusters[i].name for i in model.cluster_ids if i in clusters],
        "data_fingerprint": model.data_fingerprint,
        "references": sorted(str(image.sha256) for image in images.values() if image.sha256),
        "config": plain(model.config),
        "metrics": plain({k: v for k, v in model.metrics.items() if k not in _LOCAL}),
    }


def _read(source: Path) -> Mapping[str, Any]:
    try:
        words = json.loads((source / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{source} holds no exported model: expected {CARD} in it") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{source / CARD} cannot be read: {error}; export it again") from error
    if not isinstance(words, dict) or words.get("format") != FORMAT:
        found = words.get("format") if isinstance(words, dict) else words
        raise BadInput(f"{source} has format {found!r}, expected {FORMAT}: update CS-Sim")
    wanted = {
        "name", "kind", "clusters", "data_fingerprint", "references", "config", "metrics",
    }  # fmt: skip
    if not wanted <= set(words) or words["kind"] not in [kind.value for kind in TRAINED]:
        raise BadInput(f"{source / CARD} is incomplete; export it again")
    return words


def _taken_in(ws: Workspace, source: Path) -> Path:
    """The model's folder below the home folder, with its backbone where this machine has none."""
    from cssim.embeddings.backbones import resolve
    from cssim.embeddings.weights import content_hash
    from cssim.training.checkpoint import CARD as MODEL_CARD
    from cssim.training.checkpoint import TENSORS, read_card
    from cssim.training.export import BACKBONE, MODEL

    card = read_card(source / MODEL)
    digest = hashlib.sha256((source / MODEL / TENSORS).read_bytes()).hexdigest()
    target = ws.settings.checkpoints / f"imported-{digest[:16]}-{uuid.uuid4().hex[:8]}"
    shutil.copytree(source / MODEL, target)
    try:
        known = resolve(card.backbone, models=ws.settings.models).folder
        same = known is not None and content_hash(known) == card.backbone_weights
    except CSSimError:
        same = False
    if not same:
        shutil.copytree(source / BACKBONE, target / BACKBONE)
        words = card.to_dict() | {"backbone": str((target / BACKBONE).resolve())}
        (target / MODEL_CARD).write_text(json.dumps(words, indent=1), encoding="utf-8")
    return target


def _known_here(ws: Workspace, words: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of its clusters, if all are here with the same answers, and of its references."""
    wanted = set(words["references"])
    with ws.database.reading() as session:
        named = {c.name: c.id for c in library.list_clusters(session, ws.project.id)}
        images = library.list_images(session, ws.project.id)
    references = tuple(sorted(image.id for image in images if image.sha256 in wanted))
    ids = [named[name] for name in words["clusters"] if name in named]
    if not ids or len(ids) < len(words["clusters"]):
        return (), references
    triples = load_triples(ws, ids)
    if triples.fingerprint != words["data_fingerprint"]:
        return (), references
    return tuple(ids), tuple(int(i) for i in np.unique(triples.reference))
