"""`/api/images/<id>`: name, tags and hash of an image, for those who know its id alone."""

from __future__ import annotations

from collections.abc import Callable

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cssim.errors import BadInput, NotFound
from cssim.services import gallery
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.web.describe import TEXT, WHOLE, RouteDoc, array, describe, maybe, shape
from cssim.web.http import json_errors, person_of


def image_fact_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The route of an image's facts."""

    @describe(
        RouteDoc(
            "GET",
            "Name, tags and hash of an image",
            role=Role.RESEARCHER,  # a name may tell an annotator what the picture shows
            detail="The picture itself lies at `/images/{sha256}`; the hash is null where only "
            "its name is known.",
            answer=shape(id=WHOLE, name=TEXT, sha256=maybe(TEXT), tags=array(TEXT)),
            errors={400: "The id is no number", 404: "The project has no such image"},
        )
    )
    @json_errors
    async def facts(request: Request) -> Response:
        person_of(request)
        text = request.path_params["image_id"]
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise BadInput(f"an image's id is a number, got {text[:40]!r}")
        found = await anyio.to_thread.run_sync(gallery.images_of, workspace(), [int(text)])
        if int(text) not in found:
            raise NotFound(f"the project has no image {text}")
        image = found[int(text)]
        body = {
            "id": image.id,
            "name": image.name,
            "sha256": image.sha256,
            "tags": list(image.tags),
        }
        return JSONResponse(body, headers={"cache-control": "private, max-age=300"})

    return [Route("/api/images/{image_id}", facts)]
