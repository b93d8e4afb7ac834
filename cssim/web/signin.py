"""Sign-in, first start and sign-out as plain server-rendered pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cssim.errors import CSSimError, NotAllowed
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web import templates
from cssim.web.describe import TEXT, RouteDoc, describe, shape
from cssim.web.forms import (
    address_of,
    device_of,
    drop_cookie,
    form_token,
    go,
    local,
    page_errors,
    read_form,
    remember,
    signed_in,
)
from cssim.web.http import PERSON, from_this_machine, headers_of, status_of

in_thread = anyio.to_thread.run_sync

FORM = "application/x-www-form-urlencoded"
HTML = "text/html"
FORM_ERRORS = {
    400: "A field cannot be used",
    403: "Name or password is wrong, or the form is not one of our own",
    413: "The form is larger than 16 KiB",
    429: "Too many tries; `Retry-After` says for how many seconds to wait",
}

SIGN_IN_DOCS = (
    RouteDoc(
        "GET",
        "The sign-in page",
        "Somebody signed in goes straight on to `next`. On a fresh installation, seen from its own "
        "machine, it asks for the first administrator.",
        role=None,
        query={"next": {**TEXT, "description": "Where to go afterwards, within this site"}},
        answer_type=HTML,
        errors={403: "Nobody is here yet, and this is another machine"},
    ),
    RouteDoc(
        "POST",
        "Sign in with name and password",
        "Answers with the session cookie and the way on to `next`.",
        role=None,
        body=shape(
            form_token=TEXT,
            name=TEXT,
            password=TEXT,
            optional={"next": TEXT, "again": {**TEXT, "description": "First start only"}},
        ),
        body_type=FORM,
        answer_type=HTML,
        status=303,
        errors=FORM_ERRORS,
    ),
)
SIGN_OUT_DOCS = (
    RouteDoc(
        "GET",
        "Sign out by a click on one of our own pages, or ask first",
        answer_type=HTML,
        errors={303: "Signed out; the way to the sign-in page"},
    ),
    RouteDoc(
        "POST",
        "Sign out of this browser",
        body=shape(form_token=TEXT),
        body_type=FORM,
        answer_type=HTML,
        status=303,
        errors={403: FORM_ERRORS[403], 413: FORM_ERRORS[413]},
    ),
)


def sign_in_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes `/sign-in` and `/sign-out`."""

    @describe(*SIGN_IN_DOCS)
    @page_errors
    async def sign_in(request: Request) -> Response:
        ws = workspace()
        target = local(request.query_params.get("next", "/"))
        if request.scope.get(PERSON) is not None:
            return go(target)
        if ws.settings.single_user:
            return await _enter_as_owner(request, ws, target)
        first = await in_thread(accounts.needs_first_person, ws)
        if first and not from_this_machine(request):
            return templates.not_from_here_page()
        if request.method == "POST":
            form = await read_form(request, ws.settings)
            return await (_make_first(request, ws, form) if first else _enter(request, ws, form))
        token = form_token(request, ws.settings)
        if first:
            return remember(templates.first_page(token), ws, token)
        return remember(_sign_in_page(ws, token, target), ws, token)

    @describe(*SIGN_OUT_DOCS)
    @page_errors
    async def sign_out(request: Request) -> Response:
        ws = workspace()
        if request.method != "POST" and not _clicked_here(request):
            token = form_token(request, ws.settings)
            return remember(templates.sign_out_page(token), ws, token)
        if request.method == "POST":
            await read_form(request, ws.settings)
        cookie = ws.settings.session_cookie
        await in_thread(accounts.sign_out, ws, request.cookies.get(cookie, ""))
        return drop_cookie(go("/sign-in"), ws.settings, cookie)

    return [
        Route("/sign-in", sign_in, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["GET", "POST"]),
    ]


def _clicked_here(request: Request) -> bool:
    """Whether a person followed a link on one of our own pages (and no picture was fetched).

    A browser that does not say where the click came from is asked once more.
    """
    wanted = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-user": "?1"}
    return all(request.headers.get(name) == value for name, value in wanted.items())


def _sign_in_page(
    ws: Workspace, token: str, target: str, *, name: str = "", error: str = "", status: int = 200
) -> Response:
    provider = ws.settings.oidc_name if ws.settings.oidc_issuer else ""
    return templates.sign_in_page(
        token, target=target, name=name, error=error, status=status, provider=provider
    )


async def _enter_as_owner(request: Request, ws: Workspace, target: str) -> Response:
    """Single-user mode; the gate lets nobody from another machine get here."""
    token = await in_thread(
        partial(accounts.enter_as_owner, ws, address=address_of(request), device=device_of(request))
    )
    return signed_in(ws, token, target)


async def _enter(request: Request, ws: Workspace, form: dict[str, str]) -> Response:
    name, target = form.get("name", ""), local(form.get("next", "/"))
    try:
        token = await in_thread(
            partial(
                accounts.sign_in,
                ws,
                name,
                form.get("password", ""),
                address=address_of(request),
                device=device_of(request),
            )
        )
    except NotAllowed as error:
        fresh = form_token(request, ws.settings)
        again = _sign_in_page(
            ws, fresh, target, name=name, error=str(error), status=status_of(error)
        )
        again.headers.update(headers_of(error))
        return remember(again, ws, fresh)
    return signed_in(ws, token, target)


async def _make_first(request: Request, ws: Workspace, form: dict[str, str]) -> Response:
    name, password = form.get("name", ""), form.get("password", "")
    try:
        if password != form.get("again"):
            raise NotAllowed("the two passwords differ; type them again")
        await in_thread(accounts.add_first_administrator, ws, name, password)
    except CSSimError as error:
        fresh = form_token(request, ws.settings)
        again = templates.first_page(fresh, name=name, error=str(error), status=400)
        return remember(again, ws, fresh)
    token = await in_thread(
        partial(
            accounts.sign_in,
            ws,
            name,
            password,
            address=address_of(request),
            device=device_of(request),
        )
    )
    return signed_in(ws, token, "/")
