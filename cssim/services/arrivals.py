"""Trained models that come from elsewhere: checked, kept below the home folder, stored."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim.embeddings.weights import content_hash, is_model_folder, weight_files
from cssim.errors import BadInput, CSSimError, Unavailable
from cssim.services import packages
from cssim.services.encoding import use_threads
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo, ModelKind
from db import library, runs
from db.runs import NewModel

if TYPE_CHECKING:
    from cssim.training.checkpoint import ModelCard


def take_in(
    ws: Workspace, model: Path, backbone: Path, words: Mapping[str, Any], title: str
) -> ModelInfo:
    """A trained model's folder as a model of the project.

    Args:
        ws: the workspace.
        model: what `load_model` reads, but for its backbone.
        backbone: the backbone that came with it; need not be there.
        words: what `transfers.described` says of it.
        title: what it is called here.

    Raises:
        Unavailable: its backbone is neither here nor came with it.
        BadInput: damaged files.
        Conflict: the project has a model of that name.
    """
    from cssim.training.checkpoint import load_model

    use_threads(ws)
    settings, folder = ws.settings, _taken_in(ws, model, backbone)
    try:
        loaded = load_model(
            folder, models=settings.models, device=settings.device, precision=settings.precision
        )
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
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check(ws: Workspace, model: Path, backbone: Path) -> ModelCard:
    """The card of a trained model that could be taken in; see `take_in` for arguments and errors.

    Nothing is written.
    """
    from cssim.training.checkpoint import CARD, TENSORS, read_card

    card = read_card(model)
    if not isinstance(card.backbone, str) or not re.fullmatch("[0-9a-f]{64}", card.tensors_sha256):
        raise BadInput(f"{model / CARD} is damaged: copy the folder again")
    _check_tensors(model / TENSORS, card.tensors_sha256)
    if not _is_here(ws, card.backbone, card.backbone_weights):
        if not _is_safe(backbone):
            raise Unavailable(_how_to_get(ws, card.backbone, backbone))
        if content_hash(backbone) != card.backbone_weights:
            raise BadInput(
                "the backbone that came with it has other weights than those it was trained on: "
                "export it again"
            )
    return card


def _taken_in(ws: Workspace, model: Path, backbone: Path) -> Path:
    """The model's folder below the home folder, with its backbone where this machine has none."""
    from cssim.training.checkpoint import CARD, TENSORS

    card = check(ws, model, backbone)
    name = f"imported-{card.tensors_sha256[:16]}-{uuid.uuid4().hex[:8]}"
    target = ws.settings.checkpoints / name
    target.mkdir(parents=True)
    try:
        for file in (CARD, TENSORS):
            shutil.copy2(model / file, target / file)
        if not _is_here(ws, card.backbone, card.backbone_weights):
            own = own_name(card.backbone)
            packages.copy(backbone, target / own)
            words = card.to_dict() | {"backbone": f"./{own}"}
            (target / CARD).write_text(json.dumps(words, indent=1), encoding="utf-8")
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def _is_safe(backbone: Path) -> bool:
    """Whether a backbone is there and can be read without running anything."""
    return is_model_folder(backbone) and weight_files(backbone)[0].suffix not in packages.PICKLED


def own_name(backbone: str) -> str:
    """What the folder of a backbone that came with a model is called: `x/clip` -> `clip`."""
    last = re.split(r"[/\\]", backbone.rstrip("/\\"))[-1]
    return re.sub(r"[^\w-]+", "-", last).strip("-") or "backbone"


def _check_tensors(file: Path, sha256: str) -> None:
    """Refuse other tensors than the card names, before anything is copied."""
    try:
        with file.open("rb") as tensors:
            digest = hashlib.file_digest(tensors, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{file.name} cannot be read: {error}; copy the folder again") from error
    if digest != sha256:
        raise BadInput(f"{file.name} is not the file that its card names: copy the folder again")


def _is_here(ws: Workspace, backbone: str, weights: str) -> bool:
    """Whether this machine has the backbone of that name with these very weights."""
    from cssim.embeddings.backbones import resolve

    if backbone.startswith("./"):
        return False
    try:
        known = resolve(backbone, models=ws.settings.models).folder
        return known is not None and content_hash(known) == weights
    except CSSimError:
        return False


def _how_to_get(ws: Workspace, backbone: str, came: Path) -> str:
    from cssim.embeddings.backbones import status

    there, reason = status(backbone, models=ws.settings.models)
    why = "holds other weights here than those it was trained on" if there else reason
    lack = "came as a pickle, which is never read" if came.is_dir() else "did not come with it"
    return f"its backbone {backbone} {lack}; and {why}"


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
