"""The gate in front of everything: pure ASGI middleware over HTTP and websocket alike.

Identity comes from the session cookie only, looked up in the database with each request, so that
a sign-out or a deactivation counts at once. Streamlit's own routes (pages, websocket, uploads,
media) lie behind the gate like ours.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web.http import COOKIE, PERSON

OPEN = ("/sign-in", "/health", "/_stcore/health")
LINK = "/enter/"
"""What a signed-out browser may ask for: these addresses, and a sign-in link with its token."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": (
        "frame-ancestors 'self'; base-uri 'self'; form-action 'self'; object-src 'none'"
    ),
}
"""Security headers of each response that does not set its own."""


class Gate:
    """Lets the signed-in through, with their `Person` in the scope, and redirects the others."""

    def __init__(self, app: ASGIApp, workspace: Callable[[], Workspace]) -> None:
        self.app = app
        self.workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        person = await anyio.to_thread.run_sync(self._who, connection.cookies.get(COOKIE))
        scope[PERSON] = person
        if person is None and not _is_open(scope["path"]):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4401, "reason": "sign in first"})
                return
            await _refusal(connection)(scope, receive, _with_headers(send))
            return
        await self.app(scope, receive, _with_headers(send))

    def _who(self, token: str | None) -> object:
        return accounts.person_of_token(self.workspace(), token) if token else None


def _is_open(path: str) -> bool:
    token = path.removeprefix(LINK)
    return path in OPEN or (token not in (path, "") and "/" not in token)


def _refusal(connection: HTTPConnection) -> Response:
    """The way to the sign-in page for somebody who looks at pages, an error for a program."""
    reads_pages = "text/html" in connection.headers.get("accept", "")
    if connection.scope["method"] in ("GET", "HEAD") and reads_pages:
        path, query = connection.scope["path"], connection.scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "")
        where = "/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='')}"
        return RedirectResponse(where, status_code=303, headers={"cache-control": "no-store"})
    return JSONResponse(
        {"error": "signed out; sign in and try again"}, 401, {"cache-control": "no-store"}
    )


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
