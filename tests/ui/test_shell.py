"""The shell as Streamlit runs it: who sees which pages, and who is turned away."""

from __future__ import annotations

import ast

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.ui import session, shell
from tests.pages import rank_pages


@pytest.fixture
def signed_in(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    """Signs a person of a role in; AppTest has no cookies, so the token is handed over."""

    def sign_in(role: Role) -> None:
        accounts.add_person(ws, role.value, role=role)
        token = accounts.enter(ws, accounts.make_link(ws, role.value))
        monkeypatch.setattr(type(st.context), "cookies", {session.COOKIE: token})

    return sign_in


def run(page: str = "home") -> AppTest:
    script = AppTest.from_file(str(shell.__file__), default_timeout=30).run()
    return script if page == "home" else script.switch_page(shell.page_path(page)).run()


def texts(app: AppTest) -> str:
    found = [*app.markdown, *app.title, *app.header, *app.info, *app.metric]
    return " ".join(str(getattr(one, "label", "")) + str(one.value) for one in found)


def test_a_visitor_without_a_session_sees_nothing_but_the_way_in(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "cookies", {session.COOKIE: "x" * 43})
    for page in ("home", "annotate"):
        app = run(page)
        assert not app.exception
        assert texts(app) == ""
        (way_in,) = app.get("html")
        assert '<a href="/sign-in"' in way_in.proto.body


def test_an_annotator_sees_their_work_and_not_the_loop(ws: Workspace, signed_in) -> None:
    rank_pages(ws, 3)
    signed_in(Role.ANNOTATOR)
    app = run()
    assert not app.exception
    assert "3 answers are still wanted" in texts(app)
    assert "The loop" not in texts(app)


def test_a_researcher_sees_the_steps_and_which_one_is_next(ws: Workspace, signed_in) -> None:
    rank_pages(ws, 3)
    signed_in(Role.RESEARCHER)
    app = run()
    assert not app.exception
    assert "**Answers** :blue-badge[next]" in texts(app)
    assert "**Images** :blue" not in texts(app)


@pytest.mark.parametrize("pages", [0, 3])
def test_labelling_stands_out_only_where_there_is_something_to_label(
    ws: Workspace, signed_in, pages: int
) -> None:
    if pages:
        rank_pages(ws, pages)
    signed_in(Role.RESEARCHER)
    (start,) = [button for button in run().button if button.label == "Start labelling"]
    assert start.proto.type == ("primary" if pages else "secondary")


def test_a_page_for_others_is_refused_by_the_page_itself(ws: Workspace, signed_in) -> None:
    signed_in(Role.ANNOTATOR)
    app = AppTest.from_file(shell.page_path("library"), default_timeout=30).run()
    assert not app.exception
    assert "This page is for researchers" in texts(app)


def test_the_labelling_page_shows_the_element(ws: Workspace, signed_in) -> None:
    rank_pages(ws, 1)
    signed_in(Role.ANNOTATOR)
    app = run("annotate")
    assert not app.exception
    assert len(app.get("bidi_component")) == 1


def test_a_tab_that_changes_hands_keeps_nothing(ws: Workspace, signed_in) -> None:
    signed_in(Role.ANNOTATOR)
    app = run()
    app.session_state["secret"] = "of the first"
    app.run()
    assert app.session_state["secret"] == "of the first"
    signed_in(Role.RESEARCHER)
    app.run()
    assert "secret" not in app.session_state


def test_who_sees_few_pages_gets_them_without_menus_and_others_get_menus() -> None:
    few = [entry for entry in shell.PAGES if entry.role is Role.ANNOTATOR]
    assert list(shell.menus(few)) == [""]
    many = [entry for entry in shell.PAGES if shell.exists(entry.name)]
    found = shell.menus(many)
    assert list(found) == [section for section in shell.SECTIONS if section in found]
    assert sum(map(len, found.values())) == len(many)


def test_every_page_stands_in_a_known_menu() -> None:
    assert {entry.section for entry in shell.PAGES} <= set(shell.SECTIONS)


def test_pandas_is_loaded_before_any_page_is_drawn() -> None:
    script = (shell.ROOT / "cssim" / "ui" / "shell.py").read_text("utf-8")
    first = next(node for node in ast.parse(script).body if isinstance(node, ast.Import))
    assert [alias.name for alias in first.names] == ["pandas"]
