"""The gate in front of everything: pure ASGI middleware over HTTP and websocket alike.

Identity comes from the session cookie only, looked up in the database with each request, so that
a sign-out or a deactivation counts at once. Streamlit's own routes (pages, websocket, uploads,
media) lie behind the gate like ours.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cssim.config import Settings
from cssim.services import accounts
from cssim.services.failing import told
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.web import templates
from cssim.web.http import FOR, PERSON, from_this_machine
from cssim.web.limits import Limits

OPEN = ("/sign-in", "/oidc/start", "/oidc/callback", "/health", "/_stcore/health")
LINKS = ("/enter/", "/reset/", "/invite/")
"""What a signed-out browser may ask for: these addresses, and links with their token."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    # Streamlit needs inline scripts and styles; what matters here is that nothing is fetched from,
    # or sent to, another host, whatever Markdown or a label file may hold.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self' data: blob:; media-src 'self' data: blob:; "
        "worker-src 'self' blob:; frame-src 'self' blob:; frame-ancestors 'self'; "
        "base-uri 'self'; form-action 'self'; object-src 'none'"
    ),
}
"""Security headers of each response that does not set its own."""

AWAY_SECONDS = 5
"""When to come again while the database does not answer."""
_LOG = logging.getLogger(__name__)


class Gate:
    """Lets the signed-in through, with their `Person` in the scope, and redirects the others."""

    def __init__(
        self, app: ASGIApp, workspace: Callable[[], Workspace], limits: Limits | None = None
    ) -> None:
        self.app = app
        self.workspace = workspace
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        ws = self.workspace()
        answering = _Answering(_with_headers(send, scope["path"], ws.settings))
        try:
            refusal = await self._refusal(connection, ws)
            if refusal is None:
                await self.app(scope, receive, answering)
        except Exception as error:
            refusal = None if answering.begun else _database_away(error, connection, ws)
            if refusal is None:
                raise
        if refusal is None:
            return
        if scope["type"] == "websocket":
            signed_out = refusal.status_code == 401
            reason = "sign in first" if signed_out else "try again later"
            code = 4000 + refusal.status_code
            await send({"type": "websocket.close", "code": code, "reason": reason})
        else:
            await refusal(scope, receive, answering)

    async def _refusal(self, connection: HTTPConnection, ws: Workspace) -> Response | None:
        """What to answer in place of the app; None where the connection may go on."""
        settings = ws.settings
        scope, path = connection.scope, connection.scope["path"]
        method = scope.get("method", "GET")
        if settings.single_user and not from_this_machine(connection):
            return _not_here(connection)
        limits = self._limits = self._limits or Limits(settings.rate_person, settings.rate_address)
        address = connection.client.host if connection.client else ""
        if wait := limits.of_address(method, path, address):
            return _too_fast(connection, wait)
        token = connection.cookies.get(settings.session_cookie)
        person = await anyio.to_thread.run_sync(_who, ws, token)
        scope[PERSON] = person
        if person is None:
            return None if _is_open(path) else _sign_in_first(connection)
        if connection.headers.get(FOR, str(person.id)) != str(person.id):
            return _somebody_else()
        wait = limits.of_person(method, path, person.id)
        return _too_fast(connection, wait) if wait else None


class _Answering:
    """Sends on what it gets, and knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


def _database_away(error: Exception, connection: HTTPConnection, ws: Workspace) -> Response | None:
    """A request to come again soon, where the database failed; None where something else did.

    People are told no more than they need; the log has what the database said.
    """
    known = None if isinstance(error, OSError) else told(error, ws.settings)
    if known is None:
        return None
    _LOG.warning("%s answered with 503: %s", connection.scope["path"], known)
    text = (
        "the database does not answer; what was stored before is safe. Try again in a few "
        "seconds, and if it stays so, tell whoever runs this server"
    )
    response: Response = JSONResponse({"error": text}, 503)
    if _reads_pages(connection):
        response = templates.refused_page(text, 503)
    response.headers["retry-after"] = str(AWAY_SECONDS)
    return response


def _who(ws: Workspace, token: str | None) -> Person | None:
    return accounts.person_of_token(ws, token, seen=True) if token else None


def _is_open(path: str) -> bool:
    tokens = [path.removeprefix(link) for link in LINKS if path.startswith(link)]
    return path in OPEN or any(token and "/" not in token for token in tokens)


def _somebody_else() -> Response:
    """A page that was opened by one person asks while another is signed in: theirs is no answer."""
    text = "somebody else signed in in this browser meanwhile; sign in as yourself and try again"
    return JSONResponse({"error": text}, 412)


def _reads_pages(connection: HTTPConnection) -> bool:
    return "text/html" in connection.headers.get("accept", "")


def _sign_in_first(connection: HTTPConnection) -> Response:
    """The way to the sign-in page for somebody who looks at pages, an error for a program."""
    method = connection.scope.get("method")
    if method in ("GET", "HEAD") and _reads_pages(connection):
        path, query = connection.scope["path"], connection.scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "")
        where = "/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='')}"
        return RedirectResponse(where, status_code=303, headers={"cache-control": "no-store"})
    return JSONResponse({"error": "signed out; sign in and try again"}, 401)


def _too_fast(connection: HTTPConnection, wait: float) -> Response:
    seconds = math.ceil(wait)
    text = f"too many requests; wait {seconds} s and try again"
    response: Response = JSONResponse({"error": text}, 429)
    if _reads_pages(connection):
        response = templates.refused_page(text, 429)
    response.headers["retry-after"] = str(seconds)
    return response


def _not_here(connection: HTTPConnection) -> Response:
    """Single-user mode, asked from elsewhere or under another name."""
    text = (
        "this CS-Sim runs in single-user mode: open it on its own machine, at http://localhost "
        "or http://127.0.0.1 with its port, without a proxy"
    )
    if _reads_pages(connection):
        return templates.refused_page(text, 403)
    return JSONResponse({"error": text}, 403)


def _with_headers(send: Send, path: str, settings: Settings) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if path.startswith("/api/") or message["status"] >= 400:
                headers.setdefault("cache-control", "no-store")
            if settings.secure_cookie:
                headers.setdefault("strict-transport-security", "max-age=31536000")
        await send(message)

    return sending
