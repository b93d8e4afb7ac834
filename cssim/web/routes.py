"""The list of HTTP routes beside Streamlit."""

from __future__ import annotations

from collections.abc import Callable

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cssim import __version__
from cssim.errors import CSSimError
from cssim.services import accounts
from cssim.services.failing import told
from cssim.services.workspace import Workspace
from cssim.web.api import api_routes
from cssim.web.declared import enforced
from cssim.web.describe import TEXT, RouteDoc, describe, one_of, shape
from cssim.web.downloads import download_routes
from cssim.web.image_facts import image_fact_routes
from cssim.web.links import link_routes
from cssim.web.oidc_routes import oidc_routes
from cssim.web.openapi import describe_routes
from cssim.web.pictures import picture_routes
from cssim.web.signin import sign_in_routes
from cssim.web.training import training_routes

HEALTH = RouteDoc(
    "GET",
    "Whether the server and its database answer",
    role=None,
    answer=shape(status=one_of(["ok"]), version=TEXT),
    errors={503: "The database does not answer"},
)
DESCRIPTION = RouteDoc(
    "GET",
    "This description",
    "OpenAPI 3.1, made from the declarations of the routes.",
    answer=shape(openapi=TEXT, info={"type": "object"}, paths={"type": "object"}),
)


def web_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """All routes; `workspace` is called with each request and must be cheap."""

    def ask_database() -> None:
        accounts.needs_first_person(workspace())

    @describe(HEALTH)
    async def health(request: Request) -> Response:
        try:
            await anyio.to_thread.run_sync(ask_database)
        except Exception as error:
            known = error if isinstance(error, CSSimError) else told(error, workspace().settings)
            if known is None:
                raise
            return JSONResponse({"status": "failing", "error": str(known)}, 503)
        return JSONResponse({"status": "ok", "version": __version__})

    @describe(DESCRIPTION)
    async def description(request: Request) -> Response:
        return JSONResponse(whole)

    routes = list(
        enforced(
            [
                *sign_in_routes(workspace),
                *link_routes(workspace),
                *oidc_routes(workspace),
                *api_routes(workspace),
                *training_routes(workspace),
                *picture_routes(workspace),
                *image_fact_routes(workspace),
                *download_routes(workspace),
                Route("/health", health),
                Route("/api/openapi.json", description),
            ]
        )
    )
    whole = describe_routes(routes)
    return routes
