"""What a test of a page does: sign in, open it through the shell, read what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import session, shell


def sign_in(ws: Workspace, monkeypatch: pytest.MonkeyPatch, role: Role) -> Person:
    """A new person of that role, signed in; AppTest has no cookies, so the token is handed over."""
    person = accounts.add_person(ws, role.value, role=role)
    token = accounts.enter(ws, accounts.make_link(ws, role.value))
    monkeypatch.setattr(type(st.context), "cookies", {session.COOKIE: token})
    return person


def look(page: str, before: Callable[[AppTest], None] | None = None) -> AppTest:
    """The page as the shell shows it; `before` may set session state first."""
    app = AppTest.from_file(str(shell.__file__), default_timeout=60).run()
    if before is not None:
        before(app)
    app = app.switch_page(shell.page_path(page)).run()
    assert not app.exception, app.exception[0].message
    return app


def said(app: AppTest) -> str:
    """All words of a page outside its widgets."""
    parts = [
        *app.markdown, *app.title, *app.header, *app.info, *app.error, *app.warning, *app.success,
        *app.caption,
    ]  # fmt: skip
    return " ".join([*(str(part.value) for part in parts), *tables(app), *metrics(app)])


def metrics(app: AppTest) -> list[str]:
    return [f"{metric.label} {metric.value}" for metric in app.metric]


def tables(app: AppTest) -> list[str]:
    """The text of each HTML part of the page, tags left out, style sheets too."""
    bodies = [part.proto.body for part in app.get("html")]
    return [
        " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
        for body in bodies
        if not body.startswith("<style>")
    ]


def markup(app: AppTest) -> str:
    """The HTML parts as they are."""
    return "".join(part.proto.body for part in app.get("html"))
