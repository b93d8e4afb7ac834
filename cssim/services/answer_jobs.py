"""The jobs `ask` and `search`: what needs the ensemble's encoders, done by a worker."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cssim.errors import BadImage, BadInput
from cssim.images import decode
from cssim.services import asking, jobs, uploads
from cssim.services.library import Progress
from cssim.services.pixel_keys import pixel_keys
from cssim.services.running import JobContext
from cssim.services.uploads import Asked
from cssim.services.workspace import Workspace
from db import library, runs

TOP = 24
"""Pictures that a search gives at most."""
_SIDE = 256
"""Pixels of the pictures that are kept of a searched folder."""


def request_ask(
    ws: Workspace, ensemble: str, reference: Asked, a: Asked, b: Asked, *, by: int | None = None
) -> int:
    """The id of a queued job that asks which of two pictures is closer.

    Raises:
        NotFound: no such ensemble, or a picture without pixels.
    """
    pictures = {"reference": reference, "a": a, "b": b}
    for one in pictures.values():
        uploads.file_of(ws, one)
    params = {role: one.plain() for role, one in pictures.items()}
    return jobs.enqueue(ws, "ask", {**_known(ws, ensemble), **params}, by=by)


def request_search(
    ws: Workspace,
    ensemble: str,
    reference: Asked,
    *,
    folder: str = "",
    top: int = TOP,
    by: int | None = None,
) -> int:
    """The id of a queued job that looks for the nearest pictures.

    Args:
        ws: the workspace.
        ensemble: its name.
        reference: what to look for.
        folder: on the server; empty searches the project's own pictures.
        top: at most so many, 1 to 200.
        by: who asks.

    Raises:
        NotFound: no such ensemble or folder, or a reference without pixels.
        BadInput: `top` is out of range.
    """
    uploads.file_of(ws, reference)
    if not 1 <= top <= 200:
        raise BadInput(f"a search gives 1 to 200 pictures, got {top}")
    if folder and not Path(folder).is_dir():
        raise BadInput(f"no folder {folder} on the server")
    params = {
        **_known(ws, ensemble),
        "reference": reference.plain(),
        "folder": str(Path(folder).resolve()) if folder else "",
        "top": top,
    }
    return jobs.enqueue(ws, "search", params, by=by)


def run_ask(context: JobContext) -> Mapping[str, Any]:
    """Job `ask`: the plain values of `asking.ask`, explained.

    Raises:
        NotFound, Unavailable, BadInput, BadImage: see `asking.ask`.
    """
    ws, params = context.ws, context.job.params
    context.progress(0, 3, "reading the pictures")
    files = [uploads.file_of(ws, Asked(**params[role])) for role in ("reference", "a", "b")]
    name = _called(ws, params)
    context.progress(1, 3, f"{name}: loading its members")
    found = asking.ask(ws, name, *files, explain=True)
    context.progress(3, 3, "answered")
    return found


def run_search(context: JobContext) -> Mapping[str, Any]:
    """Job `search`: what was found, the closest first; how many were searched; what was refused.

    Each find has a `distance`, and an `image_id` or, of a folder, its `path` and a small picture
    as `jpeg` in base64.

    Raises:
        NotFound, Unavailable, BadInput, BadImage: see `asking.search`.
    """
    ws, params = context.ws, context.job.params
    reference = uploads.file_of(ws, Asked(**params["reference"]))
    if params["folder"]:
        return _in_folder(context, reference)
    return _in_project(context, reference)


def _in_folder(context: JobContext, reference: Path) -> dict[str, Any]:
    from cssim.ensembles.index import Index

    ws, params = context.ws, context.job.params
    loaded = asking.opened(ws, _called(ws, params))
    # By the members' weights, so that an index of other ones is never met.
    prints = [encoder.fingerprint for encoder in loaded.encoders.values()]
    place = hashlib.sha256("\n".join([params["folder"], *prints]).encode()).hexdigest()[:16]
    index = ws.settings.home / "indexes" / f"{place}.npz"
    known = Index.load(index) if index.exists() else None
    made = loaded.index(Path(params["folder"]), known=known, progress=context.part(0, 0.95))
    made.save(index)
    shown = [
        {**one._asdict(), "jpeg": _small(ws, Path(one.path))}
        for one in loaded.search(reference, made, params["top"])
    ]
    return {"found": shown, "pictures": len(made), "refused": list(made.refused)[:100]}


def _in_project(context: JobContext, reference: Path) -> dict[str, Any]:
    """Through the embedding cache: what it knows is not computed again."""
    from cssim.ensembles.index import Index
    from cssim.services.encoding import embeddings_of

    ws, params = context.ws, context.job.params
    called = _called(ws, params)
    context.progress(0, 1, f"{called}: loading its members")
    ensemble = asking.opened(ws, called)
    with ws.database.reading() as session:
        images = library.list_images(session, ws.project.id, available=True)
    parts, encoders = [], ensemble.encoders
    for i, (name, encoder) in enumerate(encoders.items()):
        report = _named(context.part(i / len(encoders), (i + 1) / len(encoders)), name)
        parts.append(
            embeddings_of(
                ws,
                encoder,
                [image.id for image in images],
                progress=report,
                cancelled=context.cancelled,
            )
        )
    index = Index(
        encoders={name: encoder.fingerprint for name, encoder in encoders.items()},
        dims=tuple(part.shape[1] for part in parts),
        keys=tuple(pixel_keys(ws, images)),
        paths=tuple(str(image.id) for image in images),
        vectors=np.concatenate(parts, axis=1),
    )
    found = ensemble.search(reference, index, params["top"] + 1)
    own = params["reference"]["image_id"]
    shown = [
        {"image_id": int(one.path), "distance": one.distance}
        for one in found
        if own is None or int(one.path) != own
    ]
    return {"found": shown[: params["top"]], "pictures": len(images), "refused": []}


def _named(report: Progress, name: str) -> Progress:
    def tell(done: int, total: int, message: str) -> None:
        report(done, total, f"{name}: {message}")

    return tell


def _small(ws: Workspace, path: Path) -> str:
    """A small JPEG of a file as base64; empty where it has vanished meanwhile."""
    try:
        image = decode(path.read_bytes(), name=path.name, max_pixels=ws.settings.max_pixels)
    except (OSError, BadImage):
        return ""
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _known(ws: Workspace, ensemble: str) -> dict[str, str | int]:
    """Its name and id; raises `NotFound` where the project has no such ensemble."""
    with ws.database.reading() as session:
        found = runs.get_ensemble(session, ws.project.id, ensemble)
    return {"name": found.name, "ensemble": found.id}


def _called(ws: Workspace, params: Mapping[str, Any]) -> str:
    """What the ensemble that was asked is called now; jobs of earlier versions know names alone."""
    with ws.database.reading() as session:
        found = runs.ensembles_by_id(session, [params.get("ensemble", 0)])
    return next((one.name for one in found.values()), str(params["name"]))
