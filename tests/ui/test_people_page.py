"""The page of people: who is there, new ones, links, roles, passwords."""

from __future__ import annotations

import pytest

from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Role
from tests.ui.looking import look, said, sign_in, tables

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _administrator(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(ws, monkeypatch, Role.ADMINISTRATOR)


def people(ws: Workspace) -> dict[str, tuple[Role, bool]]:
    return {person.name: (person.role, person.active) for person in accounts.list_people(ws)}


def test_only_administrators_see_the_page(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    app = look("account")
    assert "people" not in [page for page in said(app).split()]
    from streamlit.testing.v1 import AppTest

    from cssim.ui import shell

    direct = AppTest.from_file(shell.page_path("people"), default_timeout=30).run()
    assert "This page is for administrators" in said(direct)
    assert not direct.get("html")


def test_simulated_people_are_marked_and_cannot_be_changed(ws: Workspace) -> None:
    accounts.add_person(ws, "Robot", simulated=True)
    app = look("people")
    (shown,) = tables(app)
    assert "Robot simulated 0 cannot sign in" in shown
    assert "administrator you administrator 0 active" in shown
    assert app.selectbox(key="people_chosen").options == ["administrator"]


def test_a_new_person_gets_a_link_that_opens_one_session(ws: Workspace) -> None:
    app = look("people")
    app.text_input(key="people_new_name").input("Bo <b>")
    app.selectbox(key="people_new_role").select("researcher")
    app.button[0].click().run()
    assert people(ws)["Bo <b>"] == (Role.RESEARCHER, True)
    (link,) = [code.value for code in app.code]
    person = accounts.person_of_token(ws, accounts.enter(ws, link.rsplit("/", 1)[-1]))
    assert person is not None
    assert person.name == "Bo <b>"
    app.button(key="people_link_away").click().run()
    assert not app.code


def test_a_name_that_is_taken_is_refused_in_words(ws: Workspace) -> None:
    app = look("people")
    app.text_input(key="people_new_name").input("administrator")
    app.button[0].click().run()
    assert "already a person named" in app.error[0].value
    assert not app.code


def test_a_role_is_set_and_the_last_administrator_stays(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    app.selectbox(key="people_chosen").select("Bo").run()
    (role,) = [one for one in app.selectbox if str(one.key).startswith("people_role_")]
    role.select("researcher").run()
    app.button(key="people_set_role").click().run()
    assert people(ws)["Bo"] == (Role.RESEARCHER, True)
    app.selectbox(key="people_chosen").select("administrator").run()
    app.button(key="people_active").click().run()
    assert "last administrator" in app.error[0].value
    assert people(ws)["administrator"] == (Role.ADMINISTRATOR, True)


def test_somebody_is_kept_out_and_let_in_again(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    app.selectbox(key="people_chosen").select("Bo").run()
    app.button(key="people_active").click().run()
    assert people(ws)["Bo"] == (Role.ANNOTATOR, False)
    assert app.button(key="people_make_link").disabled
    app.button(key="people_active").click().run()
    assert people(ws)["Bo"] == (Role.ANNOTATOR, True)


def test_a_password_is_set_once_both_agree(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    app.selectbox(key="people_chosen").select("Bo").run()
    for again, error in (("something else", True), (PASSWORD, False)):
        app.text_input(key="people_password_new").input(PASSWORD)
        app.text_input(key="people_password_again").input(again)
        (submit,) = [one for one in app.button if one.label == "Set password"]
        submit.click().run()
        assert bool(app.error) is error
    assert accounts.sign_in(ws, "Bo", PASSWORD)
