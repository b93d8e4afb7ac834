"""What a link opens: a session, a new password, a place among the people. Each works once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cssim.errors import BadInput, Conflict
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.web import templates
from cssim.web.describe import TEXT, RouteDoc, Schema, describe, shape
from cssim.web.forms import (
    address_of,
    device_of,
    form_token,
    page_errors,
    read_form,
    remember,
    signed_in,
)
from cssim.web.http import status_of
from cssim.web.signin import FORM, FORM_ERRORS, HTML

in_thread = anyio.to_thread.run_sync

_ERRORS = {**FORM_ERRORS, 403: "The link was used, has expired, or never was"}


def _docs(looks: str, does: str, *fields: str) -> tuple[RouteDoc, RouteDoc]:
    return (
        RouteDoc(
            "GET",
            looks,
            "Looking does not use the link up.",
            role=None,
            answer_type=HTML,
            errors={403: _ERRORS[403]},
        ),
        RouteDoc(
            "POST",
            does,
            "Uses the link up and answers with the session cookie.",
            role=None,
            body=_form_of(fields),
            body_type=FORM,
            answer_type=HTML,
            status=303,
            errors=_ERRORS,
        ),
    )


def _form_of(fields: Sequence[str]) -> Schema:
    texts: dict[str, Any] = dict.fromkeys(("form_token", *fields), TEXT)
    return shape(**texts)


def link_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes `/enter/<token>`, `/reset/<token>` and `/invite/<token>`."""

    def come_in(use: Callable[..., str], request: Request, *given: str) -> Callable[[], str]:
        link = request.path_params["token"]
        return partial(
            use,
            workspace(),
            link,
            *given,
            address=address_of(request),
            device=device_of(request),
        )

    @describe(*_docs("The page of a sign-in link", "Sign in by link"))
    @page_errors
    async def enter(request: Request) -> Response:
        ws, link = workspace(), request.path_params["token"]
        if request.method != "POST":
            token = form_token(request, ws.settings)
            return remember(templates.enter_page(token, link), ws, token)
        await read_form(request, ws.settings)
        return signed_in(ws, await in_thread(come_in(accounts.enter, request)), "/")

    @describe(
        *_docs(
            "The page of a password link",
            "Choose a new password by link",
            "password",
            "again",
        )
    )
    @page_errors
    async def reset(request: Request) -> Response:
        ws, link = workspace(), request.path_params["token"]
        person = await in_thread(accounts.person_to_reset, ws, link)
        show = partial(templates.reset_page, link=link, name=person.name)
        if request.method != "POST":
            token = form_token(request, ws.settings)
            return remember(show(token), ws, token)
        form = await read_form(request, ws.settings)
        try:
            password = _agreed(form)
            session = await in_thread(come_in(accounts.reset_password, request, password))
        except BadInput as error:
            return _again(request, ws, show, str(error), status_of(error))
        return signed_in(ws, session, "/")

    @describe(
        *_docs(
            "The page of an invitation",
            "Accept an invitation: become a person",
            "name",
            "password",
            "again",
        )
    )
    @page_errors
    async def invite(request: Request) -> Response:
        ws, link = workspace(), request.path_params["token"]
        invitation = await in_thread(accounts.invitation_of, ws, link)
        show = partial(templates.invite_page, link=link, role=invitation.role.value)
        if request.method != "POST":
            token = form_token(request, ws.settings)
            return remember(show(token), ws, token)
        form = await read_form(request, ws.settings)
        name = form.get("name", "")
        try:
            password = _agreed(form)
            session = await in_thread(come_in(accounts.accept, request, name, password))
        except (BadInput, Conflict) as error:
            again = partial(show, name=name)
            return _again(request, ws, again, str(error), status_of(error))
        return signed_in(ws, session, "/")

    both = ["GET", "POST"]
    return [
        Route("/enter/{token}", enter, methods=both),
        Route("/reset/{token}", reset, methods=both),
        Route("/invite/{token}", invite, methods=both),
    ]


def _agreed(form: dict[str, str]) -> str:
    """The password that was typed twice.

    Raises:
        BadInput: the two differ.
    """
    if form.get("password", "") != form.get("again", ""):
        raise BadInput("the two passwords differ; type them again")
    return form.get("password", "")


def _again(
    request: Request,
    ws: Workspace,
    show: Callable[..., Response],
    error: str,
    status: int,
) -> Response:
    """The same form with what is wrong; the link still works."""
    token = form_token(request, ws.settings)
    return remember(show(token, error=error, status=status), ws, token)
