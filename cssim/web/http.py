"""What all routes share: who asks, bodies with a limit, anti-forgery, errors as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from cssim import words
from cssim.config import is_loopback
from cssim.errors import (
    BadInput,
    Conflict,
    CSSimError,
    NotAllowed,
    NotFound,
    Throttled,
    Unavailable,
)
from cssim.types import Person

COOKIE = "cssim_session"
"""Name of the session cookie without HTTPS; else see `Settings.session_cookie`."""
PERSON = "cssim.person"
"""Key of the ASGI scope under which the gate leaves the signed-in `Person`."""
FOR = "x-cssim-person"
"""Header by which a page says for whom it was opened; a browser may change hands meanwhile."""
HEADER = "x-cssim"
"""Header that a request which changes something must carry; no foreign site can set it."""
MAX_BODY = 64 * 1024
"""Largest body of a request to the API, in bytes."""

_STATUS: tuple[tuple[type[CSSimError], int], ...] = (
    (Throttled, 429),
    (BadInput, 400),
    (NotFound, 404),
    (Conflict, 409),
    (NotAllowed, 403),
    (Unavailable, 503),
)

GONE = Response(status_code=400)
"""Ends a request whose sender went away in the middle of its body; nobody reads it."""

Endpoint = Callable[[Request], Awaitable[Response]]


class TooLarge(BadInput):
    """A body over the limit (HTTP 413)."""


def status_of(error: CSSimError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, TooLarge):
        return 413
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def json_errors(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with CS-Sim's errors answered as `{"error": text}` and their status."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CSSimError as error:
            return JSONResponse({"error": str(error)}, status_of(error), headers_of(error))
        except ClientDisconnect:
            return GONE

    return guarded


def headers_of(error: CSSimError) -> dict[str, str]:
    """What a response to this error also says: for how long to wait."""
    return {"retry-after": str(error.seconds)} if isinstance(error, Throttled) else {}


def person_of(connection: HTTPConnection) -> Person:
    """Who is signed in, as the gate found out.

    Raises:
        NotAllowed: nobody is; the gate lets no such request reach the API.
    """
    person = connection.scope.get(PERSON)
    if not isinstance(person, Person):
        raise NotAllowed("sign in first")
    return person


def from_this_machine(connection: HTTPConnection) -> bool:
    """Whether the browser runs on this very machine.

    The connection must come from a loopback address, the address bar must name one (a site whose
    name was bent to 127.0.0.1 does not), and no proxy may have passed it on.
    """
    passed_on = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
    if any(connection.headers.get(name) for name in passed_on):
        return False
    try:
        host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    client = connection.client.host if connection.client else ""
    return is_loopback(client) and is_loopback(host)


def same_origin(connection: HTTPConnection) -> bool:
    """Whether a browser sent this from one of our own pages, or something that is no browser did.

    Browsers say where a request comes from in `Sec-Fetch-Site`, and in `Origin` with each POST.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == connection.headers.get("host")
    except ValueError:  # no address at all, such as half of an IPv6 one
        return False


def check_not_forged(request: Request) -> None:
    """Refuse a changing request that another site may have made the browser send.

    Raises:
        NotAllowed: the header `X-CSSim` is missing or the request comes from another site.
    """
    if request.headers.get(HEADER) != "1" or not same_origin(request):
        raise NotAllowed("a request that changes something needs the header X-CSSim: 1")


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body, never holding more than `limit` bytes of it.

    Raises:
        TooLarge: it is larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body may have {words.count(limit, 'byte')}, got more")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        BadInput: it is too large or no JSON object.
    """
    body = await read_body(request)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the body must be a JSON object, and cannot be read as JSON") from None
    if not isinstance(value, dict):
        raise BadInput(f"the body must be a JSON object, got {type(value).__name__}")
    return value
