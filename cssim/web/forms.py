"""What the few pages with a form share: the form's token, cookies, the way on, errors as pages."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from cssim.config import Settings
from cssim.errors import BadInput, CSSimError, NotAllowed
from cssim.services.workspace import Workspace
from cssim.web import templates
from cssim.web.http import GONE, headers_of, read_body, same_origin, status_of

FORM_COOKIE = "cssim_form"
"""Holds what the hidden field `form_token` of each form must repeat."""
MAX_FORM = 16 * 1024
"""Largest form, in bytes."""


def page_errors(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, with CS-Sim's errors shown as a page."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CSSimError as error:
            response = templates.refused_page(str(error), status_of(error))
            response.headers.update(headers_of(error))
            return response
        except ClientDisconnect:
            return GONE

    return guarded


async def read_form(request: Request, settings: Settings) -> dict[str, str]:
    """The fields of a form that one of our own pages showed to this browser.

    Raises:
        TooLarge: the form is larger than `MAX_FORM`.
        BadInput: a field holds null characters, which no database can look for.
        NotAllowed: it does not repeat the token, or comes from another site.
    """
    body = await read_body(request, MAX_FORM)
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20
        )
    except ValueError:
        raise NotAllowed("this form has too many fields") from None
    form = {name: values[0] for name, values in fields.items()}
    if any("\x00" in value for value in form.values()):
        raise BadInput("a field of a form cannot hold null characters")
    shown = request.cookies.get(cookie_name(FORM_COOKIE, settings), "")
    repeated = form.get("form_token", "")
    if not shown or not hmac.compare_digest(shown.encode(), repeated.encode()):
        raise NotAllowed("this form is too old; go back, reload the page, and send it again")
    if not same_origin(request):
        raise NotAllowed("this form was sent from another site; open CS-Sim and try again")
    return form


def form_token(request: Request, settings: Settings) -> str:
    """What the form must repeat; several tabs of one browser share it."""
    return request.cookies.get(cookie_name(FORM_COOKIE, settings)) or secrets.token_urlsafe(24)


def remember(response: Response, ws: Workspace, token: str) -> Response:
    """The response, which also leaves the form's token in the browser."""
    return set_cookie(response, ws.settings, FORM_COOKIE, token, samesite="strict")


def signed_in(ws: Workspace, token: str, target: str) -> Response:
    """Leave the session in the browser and go on."""
    days = ws.settings.session_days
    response = go(target)
    response.set_cookie(
        ws.settings.session_cookie,
        token,
        max_age=days * 86_400,
        httponly=True,
        samesite="lax",
        secure=ws.settings.secure_cookie,
    )
    return response


def cookie_name(name: str, settings: Settings) -> str:
    """The cookie's name; over HTTPS one that no other host can set."""
    return f"__Host-{name}" if settings.secure_cookie else name


def set_cookie(
    response: Response, settings: Settings, name: str, value: str, *, samesite: str, **more: int
) -> Response:
    """The response with a cookie that no script can read."""
    response.set_cookie(
        cookie_name(name, settings),
        value,
        httponly=True,
        samesite="strict" if samesite == "strict" else "lax",
        secure=settings.secure_cookie,
        max_age=more.get("max_age"),
    )
    return response


def drop_cookie(response: Response, settings: Settings, name: str) -> Response:
    """The response, which takes a cookie of this full name out of the browser."""
    response.delete_cookie(name, path="/", secure=settings.secure_cookie, httponly=True)
    return response


def go(target: str) -> Response:
    """The way on after a form."""
    return RedirectResponse(target, status_code=303, headers={"cache-control": "no-store"})


def local(target: str) -> str:
    """The address if it lies within this site, else the start page."""
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if safe and len(target) < 2000 and not target.startswith("/sign-") else "/"


def address_of(request: Request) -> str:
    """From where the request came."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    """What the browser says it is."""
    return request.headers.get("user-agent", "")
