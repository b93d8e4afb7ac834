"""Models and ensembles as files: sent from disk piece by piece, never held in memory.

GET /api/models/<id>/files       the packed export of a trained model
GET /api/ensembles/<id>/files    the folder of a saved ensemble, packed while it is sent
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from cssim.services import model_files, taking_out
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.web.describe import RouteDoc, describe
from cssim.web.fields import number
from cssim.web.http import json_errors, person_of

ZIP = "application/zip"

_MODEL = RouteDoc(
    "GET",
    "A trained model as a ZIP file",
    "As the job `export` packed it, which the page Train asks for; `models import` reads it.",
    role=Role.RESEARCHER,
    answer_type=ZIP,
    errors={
        400: "The id is no number",
        404: "The project has no such model, or it is not packed, or not any more",
    },
)
_ENSEMBLE = RouteDoc(
    "GET",
    "A saved ensemble as a ZIP file",
    "Unpacked it is what `load_ensemble` reads. Its length is not known before it is sent.",
    role=Role.RESEARCHER,
    answer_type=ZIP,
    errors={
        400: "The id is no number",
        404: "The project has no such ensemble, or its folder is gone",
    },
)


def download_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes of files to take away."""

    @describe(_MODEL)
    @json_errors
    async def model(request: Request) -> Response:
        person_of(request)
        wanted = number(request.path_params["model"], "the model")
        path = await anyio.to_thread.run_sync(model_files.find_export, workspace(), wanted)
        return FileResponse(path, media_type=ZIP, filename=path.name)

    @describe(_ENSEMBLE)
    @json_errors
    async def ensemble(request: Request) -> Response:
        person_of(request)

        wanted = number(request.path_params["ensemble"], "the ensemble")

        def find() -> tuple[str, Iterator[bytes]]:
            ws = workspace()
            info = taking_out.find(ws, wanted)
            return taking_out.folder_name(info), taking_out.as_zip(ws, info)

        name, pieces = await anyio.to_thread.run_sync(find)
        headers = {"content-disposition": f"attachment; filename*=utf-8''{quote(name)}.zip"}
        if request.method == "HEAD":
            return Response(media_type=ZIP, headers=headers)
        return StreamingResponse(pieces, media_type=ZIP, headers=headers)

    return [
        Route("/api/models/{model}/files", model),
        Route("/api/ensembles/{ensemble}/files", ensemble),
    ]
