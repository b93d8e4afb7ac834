"""Trained models out of a project and into another: folders that need no database to be read."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import arrivals, packages
from cssim.services.card_text import markdown
from cssim.services.cards import TRAINED, model_card
from cssim.services.encoding import use_threads
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo
from db import library, runs

CARD, FORMAT = "card.json", 1
_LOCAL = ("job",)
"""Numbers of a training that mean nothing elsewhere."""
_FIELDS = {
    "name": str,
    "kind": str,
    "clusters": list,
    "data_fingerprint": str,
    "references": list,
    "config": dict,
    "metrics": dict,
}
"""What `described` writes."""


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
        text = json.dumps(described(ws, model), indent=1, ensure_ascii=False)
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
        source: a folder that `export_model` wrote, or a ZIP file of one.
        name: what it is called here; None: as it was.

    Raises:
        NotFound: no exported model there.
        Unavailable: its backbone is neither in it nor on this machine.
        BadInput: damaged, of a newer format, or with what no export holds (`packages.opened`).
        Conflict: the project has a model of that name.
    """
    from cssim.training.export import BACKBONE, MODEL

    with packages.opened(ws, source) as folder:
        words = _read(folder)
        title = name or str(words["name"])
        if not title.strip() or len(title) > 200:
            raise BadInput(f"a model's name has 1 to 200 characters, got {title!r}")
        with ws.database.reading() as session:
            if runs.find_model(session, ws.project.id, title) is not None:
                raise Conflict(f"there is a model {title!r} already; choose another name")
        return arrivals.take_in(ws, folder / MODEL, folder / BACKBONE, words, title)


def described(ws: Workspace, model: ModelInfo) -> dict[str, Any]:
    """What is known of a model and holds elsewhere: names and hashes instead of ids."""
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


def is_description(words: Mapping[str, Any]) -> bool:
    """Whether this is what `described` says of a trained model."""
    if not all(isinstance(words.get(key), kind) for key, kind in _FIELDS.items()):
        return False
    names = [*words["clusters"], *words["references"]]
    known = [kind.value for kind in TRAINED]
    return words["kind"] in known and all(isinstance(name, str) for name in names)


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
    if not is_description(words):
        raise BadInput(f"{source / CARD} is incomplete, or of no trained model; export it again")
    return words
