"""Models and ensembles that were uploaded: they lie on disk until the job `import` took them in."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cssim.errors import BadInput, NotFound
from cssim.services import jobs, model_files, packages
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace


def request_import(
    ws: Workspace, file: IO[bytes], file_name: str, *, name: str = "", by: int | None = None
) -> int:
    """The id of a queued job that takes an uploaded ZIP file of a model or an ensemble in.

    Args:
        ws: the workspace.
        file: what was uploaded; written to disk piece by piece.
        file_name: what it is called where it came from.
        name: what the model or ensemble is called here; empty: as it was.
        by: who asks.

    Raises:
        BadInput: it is no ZIP file.
    """
    import zipfile

    place = _place(ws)
    model_files.forget_old(place)
    folder = place / f"job-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    path = folder / model_files.file_name(PurePosixPath(file_name).name)
    with path.open("wb") as kept:
        shutil.copyfileobj(file, kept, 1 << 20)
    if not zipfile.is_zipfile(path):
        shutil.rmtree(folder)
        raise BadInput(
            f"{file_name} is no ZIP file: expected one that the export of a model, or “Take out” "
            "of an ensemble, gave"
        )
    params = {
        "name": PurePosixPath(file_name).name,
        "path": path.relative_to(ws.settings.home).as_posix(),
        "as": name.strip(),
    }
    return jobs.enqueue(ws, "import", params, by=by)


def run_import(context: JobContext) -> Mapping[str, Any]:
    """Job `import`: `kind` (`model` or `ensemble`), `id` and `name` of what was taken in.

    Raises:
        NotFound: the file is gone, or holds neither.
        BadInput, Unavailable, Conflict: see `transfers.import_model`, `import_ensemble`.
    """
    from cssim.ensembles.saved import CARD as ENSEMBLE
    from cssim.services.ensemble_import import import_ensemble
    from cssim.services.transfers import CARD as MODEL
    from cssim.services.transfers import import_model

    ws, params = context.ws, context.job.params
    file = ws.settings.home / str(params["path"])
    if not file.is_file():
        raise NotFound(f"{params['name']} was forgotten meanwhile: upload it again")
    context.progress(0, 3, "unpacking")
    with packages.opened(ws, file) as folder:
        context.check()
        context.progress(1, 3, "checking its weights")
        found: dict[str, Any]
        if (folder / ENSEMBLE).is_file():
            group = import_ensemble(ws, folder, name=params["as"] or None)
            found = {"kind": "ensemble", "id": group.id, "name": group.name}
        elif (folder / MODEL).is_file():
            model = import_model(ws, folder, name=params["as"] or None)
            found = {"kind": "model", "id": model.id, "name": model.name}
        else:
            raise NotFound(
                f"{params['name']} holds neither {MODEL}, which the export of a model has, nor "
                f"{ENSEMBLE}, which an ensemble has"
            )
    shutil.rmtree(file.parent, ignore_errors=True)
    return found


def _place(ws: Workspace) -> Path:
    return ws.settings.home / "imports"
