"""A client of the routes and the gate, without Streamlit behind them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.accounts import passwords
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Person, Role
from cssim.web.gate import Gate
from cssim.web.http import COOKIE
from cssim.web.routes import web_routes

PASSWORD = "correct horse battery"
CHANGES = {"x-cssim": "1"}
"""Header of a request that changes something."""


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "_NOBODY", quick.hash("nobody"))


@pytest.fixture
def ws(migrated: Path) -> Iterator[Workspace]:
    settings = load_settings()
    settings.home.mkdir(parents=True)
    shutil.copy(migrated, settings.home / "cssim.db")
    opened = open_workspace(settings)
    yield opened
    opened.close()


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page of {request.scope['cssim.person'].name}")


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.scope["cssim.person"].name)
    await websocket.close()


def browser(ws: Workspace, *, address: str = "127.0.0.1", host: str = "localhost") -> TestClient:
    """A browser without cookies; where Streamlit would serve, a page with the name answers."""
    streamlit = [WebSocketRoute("/_stcore/stream", _socket), Route("/{path:path}", _page)]
    app = Starlette(
        routes=[*web_routes(lambda: ws), *streamlit],
        middleware=[Middleware(Gate, workspace=lambda: ws)],
    )
    client = TestClient(
        app, base_url=f"http://{host}", client=(address, 50000), follow_redirects=False
    )
    client.headers["accept"] = "text/html"
    return client


@pytest.fixture
def anybody(ws: Workspace) -> TestClient:
    return browser(ws)


@pytest.fixture
def ada(ws: Workspace) -> Person:
    return accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)


@pytest.fixture
def client(ws: Workspace, ada: Person) -> TestClient:
    """Ada's browser, signed in."""
    signed_in = browser(ws)
    signed_in.cookies.set(COOKIE, accounts.sign_in(ws, "Ada", PASSWORD))
    return signed_in
