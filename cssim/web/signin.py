"""Sign-in, first start, sign-in links and sign-out as plain server-rendered pages."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cssim.errors import CSSimError, NotAllowed
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web import templates
from cssim.web.http import COOKIE, PERSON, read_body, same_origin, status_of

FORM_COOKIE = "cssim_form"
"""Holds what the hidden field `form_token` of each form must repeat."""

in_thread = anyio.to_thread.run_sync


def sign_in_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes `/sign-in`, `/enter/<token>` and `/sign-out`."""

    async def sign_in(request: Request) -> Response:
        ws = workspace()
        if request.scope.get(PERSON) is not None:
            return _go(_local(request.query_params.get("next", "/")))
        first = await in_thread(accounts.needs_first_person, ws)
        if first and not from_this_machine(request):
            return templates.not_from_here_page()
        if request.method == "POST":
            form = await _form(request)
            return await (_make_first(request, ws, form) if first else _enter(request, ws, form))
        token = _form_token(request)
        if first:
            return _remember(templates.first_page(token), ws, token)
        target = _local(request.query_params.get("next", "/"))
        return _remember(templates.sign_in_page(token, target=target), ws, token)

    async def enter(request: Request) -> Response:
        ws, link = workspace(), request.path_params["token"]
        if request.method != "POST":
            token = _form_token(request)
            return _remember(templates.enter_page(token, link), ws, token)
        await _form(request)
        return _signed_in(ws, await in_thread(accounts.enter, ws, link), "/")

    async def sign_out(request: Request) -> Response:
        ws = workspace()
        # A browser that does not say where the click came from is asked once more.
        clicked = request.headers.get("sec-fetch-site") == "same-origin"
        if request.method != "POST" and not clicked:
            token = _form_token(request)
            return _remember(templates.sign_out_page(token), ws, token)
        if request.method == "POST":
            await _form(request)
        await in_thread(accounts.sign_out, ws, request.cookies.get(COOKIE, ""))
        response = _go("/sign-in")
        response.delete_cookie(COOKIE, path="/")
        return response

    return [
        Route("/sign-in", _page_errors(sign_in), methods=["GET", "POST"]),
        Route("/enter/{token}", _page_errors(enter), methods=["GET", "POST"]),
        Route("/sign-out", _page_errors(sign_out), methods=["GET", "POST"]),
    ]


def from_this_machine(request: Request) -> bool:
    """Whether the browser runs on this very machine.

    The connection must come from a loopback address, the address bar must name one (a site whose
    name was bent to 127.0.0.1 does not), and no proxy may have passed it on.
    """
    if any(request.headers.get(name) for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return _loopback(request.client.host if request.client else "") and _loopback(host)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _enter(request: Request, ws: Workspace, form: dict[str, str]) -> Response:
    name, target = form.get("name", ""), _local(form.get("next", "/"))
    address = request.client.host if request.client else ""
    try:
        token = await in_thread(
            lambda: accounts.sign_in(ws, name, form.get("password", ""), address=address)
        )
    except NotAllowed as error:
        fresh = _form_token(request)
        again = templates.sign_in_page(
            fresh, target=target, name=name, error=str(error), status=status_of(error)
        )
        return _remember(again, ws, fresh)
    return _signed_in(ws, token, target)


async def _make_first(request: Request, ws: Workspace, form: dict[str, str]) -> Response:
    name, password = form.get("name", ""), form.get("password", "")
    try:
        if password != form.get("again"):
            raise NotAllowed("the two passwords differ; type them again")
        await in_thread(accounts.add_first_administrator, ws, name, password)
    except CSSimError as error:
        fresh = _form_token(request)
        again = templates.first_page(fresh, name=name, error=str(error), status=400)
        return _remember(again, ws, fresh)
    return _signed_in(ws, await in_thread(accounts.sign_in, ws, name, password), "/")


def _page_errors(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except CSSimError as error:
            return templates.refused_page(str(error), status_of(error))

    return guarded


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form that one of our own pages showed to this browser."""
    body = await read_body(request, 16 * 1024)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    form = {name: values[0] for name, values in fields.items()}
    shown = request.cookies.get(FORM_COOKIE, "")
    repeated = form.get("form_token", "")
    if not shown or not hmac.compare_digest(shown.encode(), repeated.encode()):
        raise NotAllowed("this form is too old; go back, reload the page, and send it again")
    if not same_origin(request):
        raise NotAllowed("this form was sent from another site; open CS-Sim and try again")
    return form


def _form_token(request: Request) -> str:
    """What the form must repeat; several tabs of one browser share it."""
    return request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)


def _remember(response: Response, ws: Workspace, token: str) -> Response:
    response.set_cookie(
        FORM_COOKIE, token, httponly=True, samesite="strict", secure=ws.settings.secure_cookie
    )
    return response


def _signed_in(ws: Workspace, token: str, target: str) -> Response:
    response = _go(target)
    response.set_cookie(
        COOKIE,
        token,
        max_age=ws.settings.session_days * 86_400,
        httponly=True,
        samesite="lax",
        secure=ws.settings.secure_cookie,
    )
    return response


def _go(target: str) -> Response:
    return RedirectResponse(target, status_code=303, headers={"cache-control": "no-store"})


def _local(target: str) -> str:
    """The address if it lies within this site, else the start page."""
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if safe and len(target) < 2000 and not target.startswith("/sign-") else "/"
