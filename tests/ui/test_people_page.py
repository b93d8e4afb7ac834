"""The page of people: who is there, invitations, links, roles, passwords, what was done."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cssim.errors import NotAllowed
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui.people import links
from tests.ui.looking import look, said, sign_in, tables

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def administrator(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> Person:
    return sign_in(ws, monkeypatch, Role.ADMINISTRATOR)


def people(ws: Workspace) -> dict[str, tuple[Role, bool]]:
    return {person.name: (person.role, person.active) for person in accounts.list_people(ws)}


def show(part: str) -> AppTest:
    """The page with another of its parts open."""
    app = look("people")
    app.segmented_control(key="people_part").select(part).run()
    assert not app.exception
    return app


def submit(app: AppTest, label: str) -> None:
    (button,) = [one for one in app.button if one.label == label]
    button.click().run()
    assert not app.exception


def test_only_administrators_see_the_page(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    app = look("account")
    assert "people" not in [page for page in said(app).split()]
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


def test_an_invitation_is_made_shown_once_and_lets_somebody_join(ws: Workspace) -> None:
    app = show("Invitations")
    assert "No invitations yet" in said(app)
    app.selectbox(key="people_invite_role").select("researcher")
    app.text_input(key="people_invite_note").input("for Bo <b>")
    app.text_input(key="people_invite_email").input("Bo@Example.org")
    submit(app, "Make invitation link")
    (link,) = [code.value for code in app.code]
    accounts.accept(ws, link.rsplit("/invite/", 1)[-1], "Bo", PASSWORD)
    assert people(ws)["Bo"] == (Role.RESEARCHER, True)
    app.button(key="people_link_away").click().run()
    assert not app.code
    (shown,) = tables(app)
    assert "for Bo <b> bo@example.org researcher joined as Bo administrator" in shown


@pytest.mark.parametrize(
    ("site", "alone"), [("http://127.0.0.1:8501", True), ("https://labels.example.org", False)]
)
def test_a_link_that_works_on_this_machine_alone_says_so(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, site: str, alone: bool
) -> None:
    monkeypatch.setattr(links, "_site", lambda _: site)
    app = show("Invitations")
    submit(app, "Make invitation link")
    (link,) = [code.value for code in app.code]
    assert link.startswith(f"{site}/invite/")
    assert ("on this machine only" in said(app)) is alone


def test_an_unfit_invitation_is_refused_in_words(ws: Workspace) -> None:
    app = show("Invitations")
    app.text_input(key="people_invite_email").input("no address")
    submit(app, "Make invitation link")
    assert "looks like name@example.org" in app.error[0].value
    assert accounts.list_invitations(ws) == []


def test_an_open_invitation_is_withdrawn(ws: Workspace, administrator: Person) -> None:
    token = accounts.invite(ws, note="for Eve", by=administrator)
    app = show("Invitations")
    app.button(key="people_withdraw").click().run()
    (shown,) = tables(app)
    assert "for Eve annotator withdrawn" in shown
    with pytest.raises(NotAllowed, match="used already"):
        accounts.invitation_of(ws, token)
    assert not [one for one in app.button if one.key == "people_withdraw"]


def test_a_person_added_by_hand_gets_a_link_that_opens_one_session(ws: Workspace) -> None:
    app = show("Invitations")
    app.text_input(key="people_new_name").input("Bo <b>")
    app.selectbox(key="people_new_role").select("researcher")
    submit(app, "Add, and make a sign-in link")
    assert people(ws)["Bo <b>"] == (Role.RESEARCHER, True)
    (link,) = [code.value for code in app.code]
    person = accounts.person_of_token(ws, accounts.enter(ws, link.rsplit("/", 1)[-1]))
    assert person is not None
    assert person.name == "Bo <b>"


def test_a_name_that_is_taken_is_refused_in_words(ws: Workspace) -> None:
    app = show("Invitations")
    app.text_input(key="people_new_name").input("administrator")
    submit(app, "Add, and make a sign-in link")
    assert "already a person named" in app.error[0].value
    assert not app.code


def choose(app: AppTest, name: str) -> None:
    app.selectbox(key="people_chosen").select(name).run()


def test_a_role_is_set_and_the_last_administrator_stays(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    choose(app, "Bo")
    (role,) = [one for one in app.selectbox if str(one.key).startswith("people_role_")]
    role.select("researcher").run()
    app.button(key="people_set_role").click().run()
    assert people(ws)["Bo"] == (Role.RESEARCHER, True)
    choose(app, "administrator")
    app.button(key="people_active").click().run()
    assert "last administrator" in app.error[0].value
    assert people(ws)["administrator"] == (Role.ADMINISTRATOR, True)


def test_somebody_is_kept_out_and_let_in_again(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    choose(app, "Bo")
    app.button(key="people_active").click().run()
    assert people(ws)["Bo"] == (Role.ANNOTATOR, False)
    assert app.button(key="people_make_link").disabled
    assert app.button(key="people_make_reset").disabled
    app.button(key="people_active").click().run()
    assert people(ws)["Bo"] == (Role.ANNOTATOR, True)


def test_a_forgotten_password_is_chosen_anew_by_link(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo", password="the forgotten one")
    app = look("people")
    choose(app, "Bo")
    app.button(key="people_make_reset").click().run()
    (link,) = [code.value for code in app.code]
    accounts.reset_password(ws, link.rsplit("/reset/", 1)[-1], PASSWORD)
    assert accounts.sign_in(ws, "Bo", PASSWORD)


def test_a_person_is_signed_out_everywhere(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo", password=PASSWORD)
    tokens = [accounts.sign_in(ws, "Bo", PASSWORD) for _ in range(2)]
    app = look("people")
    choose(app, "Bo")
    app.button(key="people_sign_out").click().run()
    assert "Ended 2 sessions" in app.success[0].value
    assert {accounts.person_of_token(ws, token) for token in tokens} == {None}


def test_an_address_is_set_and_taken_away(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    choose(app, "Bo")
    for typed, kept in (("Bo@Example.org", "bo@example.org"), ("", None)):
        (box,) = [one for one in app.text_input if one.label == "Address"]
        box.input(typed)
        submit(app, "Save address")
        assert [p.email for p in accounts.list_people(ws) if p.name == "Bo"] == [kept]


def test_a_password_is_set_once_both_agree(ws: Workspace) -> None:
    accounts.add_person(ws, "Bo")
    app = look("people")
    choose(app, "Bo")
    for again, error in (("something else", True), (PASSWORD, False)):
        app.text_input(key="people_password_new").input(PASSWORD)
        app.text_input(key="people_password_again").input(again)
        submit(app, "Set password")
        assert bool(app.error) is error
    assert accounts.sign_in(ws, "Bo", PASSWORD)


def test_the_log_says_who_did_what_and_is_filtered(ws: Workspace, administrator: Person) -> None:
    accounts.add_person(ws, "Bo", by=administrator)
    accounts.set_role(ws, "Bo", Role.RESEARCHER, by=administrator)
    accounts.deactivate(ws, "Bo")
    app = show("What was done")
    (shown,) = tables(app)
    assert "set role role: researcher Bo administrator" in shown
    assert "deactivate Bo (command line)" in shown
    app.selectbox(key="people_log_by").select("administrator").run()
    (shown,) = tables(app)
    assert "set role" in shown
    assert "deactivate" not in shown
    app.selectbox(key="people_log_action").select("add person").run()
    (shown,) = tables(app)
    assert "set role" not in shown
    assert "add person role: annotator Bo administrator" in shown
    app.selectbox(key="people_log_about").select("administrator").run()
    assert "Nothing was done" in said(app)
