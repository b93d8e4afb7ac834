"""The list of HTTP routes beside Streamlit."""

from __future__ import annotations

from collections.abc import Callable

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from cssim import __version__
from cssim.errors import CSSimError
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web.api import api_routes
from cssim.web.image_facts import image_fact_routes
from cssim.web.pictures import picture_routes
from cssim.web.signin import sign_in_routes
from cssim.web.training import training_routes
from cssim.web.vendor import vendor_routes


def web_routes(workspace: Callable[[], Workspace]) -> list[BaseRoute]:
    """All routes; `workspace` is called with each request and must be cheap."""

    def ask_database() -> None:
        accounts.needs_first_person(workspace())

    async def health(request: Request) -> Response:
        try:
            await anyio.to_thread.run_sync(ask_database)
        except CSSimError as error:
            return JSONResponse({"status": "failing", "error": str(error)}, 503)
        return JSONResponse({"status": "ok", "version": __version__})

    return [
        *sign_in_routes(workspace),
        *api_routes(workspace),
        *training_routes(workspace),
        *picture_routes(workspace),
        *image_fact_routes(workspace),
        *vendor_routes(),
        Route("/health", health),
    ]
