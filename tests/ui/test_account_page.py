"""One's own account: sessions, sign-out, the password."""

from __future__ import annotations

import pytest

from cssim.errors import NotAllowed
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from tests.ui.looking import look, said, sign_in, tables

OLD, NEW = "correct horse battery", "four unrelated words"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"


@pytest.fixture(autouse=True)
def user(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> Person:
    return sign_in(ws, monkeypatch, Role.ANNOTATOR)


@pytest.fixture
def others(ws: Workspace) -> list[str]:
    accounts.set_password(ws, "annotator", OLD)
    return [
        accounts.sign_in(ws, "annotator", OLD, address="10.0.0.1", device=FIREFOX),
        accounts.sign_in(ws, "annotator", OLD, address="10.0.0.2", device=PHONE),
    ]


@pytest.fixture
def here(ws: Workspace, others: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The session that looks; `set_password` ended the first one."""
    import streamlit as st

    from cssim.ui import session

    token = accounts.sign_in(ws, "annotator", OLD)
    monkeypatch.setattr(type(st.context), "cookies", {session.COOKIE: token})
    return token


def test_all_own_sessions_are_listed_and_one_is_ended(ws, here, others) -> None:
    accounts.add_person(ws, "Bo", password=OLD)
    foreign = accounts.sign_in(ws, "Bo", OLD, address="10.9.9.9")
    app = look("account")
    shown = next(text for text in tables(app) if "Signed in" in text)
    assert "Firefox on Linux 10.0.0.1" in shown
    assert "Safari on iPhone 10.0.0.2" in shown
    assert "this one" in shown
    assert "10.9.9.9" not in shown
    box = app.selectbox(key="account_session")
    assert len(box.options) == 2
    box.select_index(next(i for i, text in enumerate(box.options) if "iPhone" in text)).run()
    app.button(key="account_end").click().run()
    alive = [accounts.person_of_token(ws, token) is not None for token in (*others, here, foreign)]
    assert alive == [True, False, True, True]


def test_everywhere_else_is_signed_out_at_once(ws, here, others) -> None:
    app = look("account")
    app.button(key="account_end_others").click().run()
    assert {accounts.person_of_token(ws, token) for token in others} == {None}
    assert accounts.person_of_token(ws, here) is not None
    assert not [one for one in app.button if one.key == "account_end"]


def change(app, old: str | None, new: str, again: str) -> None:
    if old is not None:
        app.text_input(key="account_old").input(old)
    app.text_input(key="account_new").input(new)
    app.text_input(key="account_again").input(again)
    (button,) = [one for one in app.button if str(one.label).endswith("password")]
    button.click().run()
    assert not app.exception


@pytest.mark.parametrize(
    ("old", "new", "again", "said_"),
    [
        ("wrong password", NEW, NEW, "present password is wrong"),
        (OLD, NEW, "another one", "differ"),
        (OLD, "short", "short", "8 to 1000"),
        (OLD, "password123", "password123", "guessed at once"),
    ],
)
def test_an_unfit_change_of_password_changes_nothing(ws, here, others, old, new, again, said_):
    app = look("account")
    change(app, old, new, again)
    assert said_ in app.error[0].value
    assert accounts.sign_in(ws, "annotator", OLD)
    assert accounts.person_of_token(ws, others[0]) is not None


def test_a_new_password_signs_out_everywhere_but_here(ws, here, others) -> None:
    app = look("account")
    change(app, OLD, NEW, NEW)
    assert "everywhere but here" in app.success[0].value
    assert {accounts.person_of_token(ws, token) for token in others} == {None}
    assert accounts.person_of_token(ws, here) is not None
    assert accounts.sign_in(ws, "annotator", NEW)
    with pytest.raises(NotAllowed):
        accounts.sign_in(ws, "annotator", OLD)


def test_who_came_by_link_sets_a_first_password(ws: Workspace) -> None:
    app = look("account")
    assert "You have none" in said(app)
    change(app, None, NEW, NEW)
    assert accounts.sign_in(ws, "annotator", NEW)
