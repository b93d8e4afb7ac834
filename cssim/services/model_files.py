"""Exports of models as files that a page hands out: the job `export`, and what it left behind."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cssim.errors import BadInput, NotFound
from cssim.services import jobs
from cssim.services.cards import TRAINED
from cssim.services.running import JobContext
from cssim.services.transfers import export_model
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState, ModelInfo
from db import runs

KEPT_DAYS = 7
"""After so long an export is deleted, the next time that somebody exports something."""
OPEN = (JobState.QUEUED, JobState.RUNNING)


def request_export(ws: Workspace, name: str, *, by: int | None = None) -> int:
    """The id of a queued job that packs a trained model, see `cssim.training.export`.

    Raises:
        NotFound: no such model.
        BadInput: it was not trained.
    """
    with ws.database.reading() as session:
        model = runs.get_model(session, ws.project.id, name)
    if model.kind not in TRAINED or model.path is None:
        raise BadInput(f"{name} is a {model.kind.value} model: there is nothing of ours to export")
    params = {"name": name, "model": model.id, "fingerprint": model.fingerprint}
    return jobs.enqueue(ws, "export", params, by=by)


def run_export(context: JobContext) -> Mapping[str, Any]:
    """Job `export`: the path of the ZIP file below the home folder, and its bytes."""
    ws, params = context.ws, context.job.params
    with ws.database.reading() as session:
        name = runs.models_by_id(session, [params["model"]])[params["model"]].name
    place = _place(ws)
    forget_old(place)
    folder = place / f"job-{context.job.id}"
    shutil.rmtree(folder, ignore_errors=True)
    context.progress(0, 3, "loading the model")
    stem = file_name(name)
    export_model(ws, name, folder / stem)
    context.progress(2, 3, "packing")
    partial = folder / f".{stem}.zip"
    # Weights hardly shrink, and deflating them takes longer than sending them.
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted((folder / stem).rglob("*")):
            archive.write(path, str(path.relative_to(folder)))
    target = partial.replace(folder / f"{stem}.zip")
    shutil.rmtree(folder / stem)
    relative = target.relative_to(ws.settings.home).as_posix()
    return {"path": relative, "bytes": target.stat().st_size, "name": name}


def exported(ws: Workspace, model: ModelInfo) -> Path | None:
    """The newest packed export of a model as it is now; None where there is none any more.

    One under an earlier name, which its files would say, does not count.
    """
    for job in _exports(ws, model, (JobState.DONE,)):
        path = ws.settings.home / str(job.result.get("path"))
        name = job.result.get("name", job.params["name"])
        same = (name, job.params.get("fingerprint")) == (model.name, model.fingerprint)
        if same and path.is_file():
            return path
    return None


def find_export(ws: Workspace, model_id: int) -> Path:
    """The packed export of a model of this project.

    Raises:
        NotFound: no such model, or its export is not there, or not any more.
    """
    with ws.database.reading() as session:
        every = runs.list_models(session, ws.project.id, archived=True)
    model = next((one for one in every if one.id == model_id), None)
    if model is None:
        raise NotFound(f"this project has no model {model_id}")
    found = exported(ws, model)
    if found is None:
        raise NotFound(f"{model.name} is not packed, or its file was forgotten: export it anew")
    return found


def is_exporting(ws: Workspace, model: ModelInfo) -> bool:
    """Whether a job that packs it waits or runs."""
    return bool(_exports(ws, model, OPEN))


def file_name(name: str) -> str:
    """A model's name as that of a file or folder."""
    kept = "".join(sign if sign.isalnum() or sign in "._-+" else "-" for sign in name)
    return kept.strip(".-") or "model"


def forget_old(place: Path, *, now: float | None = None) -> int:
    """Delete exports older than `KEPT_DAYS`; gives how many went."""
    before = (time.time() if now is None else now) - KEPT_DAYS * 86_400
    old = [path for path in place.glob("job-*") if path.stat().st_mtime < before]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def _place(ws: Workspace) -> Path:
    return ws.settings.home / "exports"


def _exports(ws: Workspace, model: ModelInfo, states: tuple[JobState, ...]) -> list[JobInfo]:
    found = jobs.list_jobs(ws, states=states, kinds=["export"])
    return [job for job in found if job.params.get("model") == model.id]
