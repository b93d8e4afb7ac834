"""People, passwords, sessions and links, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher, Type

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotAllowed, NotFound, Throttled
from cssim.services import accounts
from cssim.services.accounts import common, passwords
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Role
from db import sign_ins, users

PASSWORD = "correct horse battery"
PUBLISHED = passwords._HASHER


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with little memory: its cost is the point in the app, and a waste in tests."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "_NOBODY", quick.hash("nobody"))


def test_passwords_cost_what_the_published_advice_asks_for():
    # OWASP's minimum for Argon2id: 19 MiB and 2 passes.
    assert PUBLISHED.type is Type.ID
    assert PUBLISHED.memory_cost >= 19 * 1024
    assert PUBLISHED.time_cost >= 2


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


@pytest.fixture
def ada(ws: Workspace):
    return accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)


def audit(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        return [entry.action for entry in users.list_audit(session)]


def test_a_person_signs_in_with_their_password_and_out_again(ws, ada):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    assert accounts.person_of_token(ws, token) == ada
    accounts.sign_out(ws, token)
    assert accounts.person_of_token(ws, token) is None


def test_the_database_knows_neither_password_nor_token(ws, ada):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    with ws.database.reading() as session:
        stored = users.password_hash_of(session, ada.id)
        assert stored is not None
        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored
        assert sign_ins.person_signed_in(session, token, datetime.now(UTC)) is None


@pytest.mark.parametrize("token", [None, "", "x" * 43, "x" * 10_000, "é\u0000"])
def test_a_token_that_was_never_given_out_is_nobody(ws, ada, token):
    assert accounts.person_of_token(ws, token) is None


def test_wrong_names_and_passwords_get_the_same_answer(ws, ada):
    texts = set()
    for name, password in [("Ada", "wrong password"), ("Nobody", PASSWORD), ("Ada", "")]:
        with pytest.raises(NotAllowed) as caught:
            accounts.sign_in(ws, name, password)
        texts.add(str(caught.value))
    assert len(texts) == 1


def test_too_many_tries_are_held_back_and_the_right_password_too(ws, ada):
    for _ in range(accounts.TRIES):
        with pytest.raises(NotAllowed):
            accounts.sign_in(ws, "Ada", "wrong password", address="10.0.0.1")
    with pytest.raises(Throttled, match="wait 15 minutes"):
        accounts.sign_in(ws, "Ada", PASSWORD, address="10.0.0.1")
    assert accounts.sign_in(ws, "Ada", PASSWORD, address="10.0.0.2")


def test_a_right_password_forgets_the_wrong_tries_before_it(ws, ada):
    for _ in range(3):
        for _ in range(accounts.TRIES - 1):
            with pytest.raises(NotAllowed):
                accounts.sign_in(ws, "Ada", "wrong password")
        accounts.sign_in(ws, "Ada", PASSWORD)


def test_a_session_ends_when_its_time_is_over(ws, ada, monkeypatch):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    later = datetime.now(UTC) + timedelta(days=ws.settings.session_days, seconds=5)
    monkeypatch.setattr(common, "now", lambda: later)
    assert accounts.person_of_token(ws, token) is None


def test_a_link_signs_in_once(ws, ada):
    link = accounts.make_link(ws, "Ada")
    assert accounts.person_of_token(ws, link) is None
    token = accounts.enter(ws, link)
    assert accounts.person_of_token(ws, token) == ada
    with pytest.raises(NotAllowed, match="used already"):
        accounts.enter(ws, link)


def test_a_session_token_is_no_link(ws, ada):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    with pytest.raises(NotAllowed):
        accounts.enter(ws, token)


def test_a_link_runs_out(ws, ada, monkeypatch):
    link = accounts.make_link(ws, "Ada", hours=1)
    later = datetime.now(UTC) + timedelta(hours=1, seconds=5)
    monkeypatch.setattr(common, "now", lambda: later)
    with pytest.raises(NotAllowed):
        accounts.enter(ws, link)


def test_a_deactivated_person_is_out_at_once_and_comes_back(ws, ada):
    accounts.add_person(ws, "Ben", password=PASSWORD)
    token, link = accounts.sign_in(ws, "Ben", PASSWORD), accounts.make_link(ws, "Ben")
    accounts.deactivate(ws, "Ben", by=ada)
    assert accounts.person_of_token(ws, token) is None
    with pytest.raises(NotAllowed):
        accounts.sign_in(ws, "Ben", PASSWORD)
    with pytest.raises(NotAllowed):
        accounts.enter(ws, link)
    accounts.set_active(ws, "Ben", True, by=ada)
    assert accounts.sign_in(ws, "Ben", PASSWORD)


def test_a_new_password_ends_all_sessions(ws, ada):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    with pytest.raises(NotAllowed, match="present password is wrong"):
        accounts.change_own_password(ws, ada, "not it at all", "another good one")
    accounts.change_own_password(ws, ada, PASSWORD, "another good one")
    assert accounts.person_of_token(ws, token) is None
    with pytest.raises(NotAllowed):
        accounts.sign_in(ws, "Ada", PASSWORD)
    assert accounts.sign_in(ws, "Ada", "another good one")


def test_the_last_administrator_cannot_be_removed(ws, ada):
    for remove in (
        lambda: accounts.set_role(ws, "Ada", Role.RESEARCHER),
        lambda: accounts.deactivate(ws, "Ada"),
    ):
        with pytest.raises(Conflict, match="last administrator"):
            remove()
    accounts.add_person(ws, "Eve", role=Role.ADMINISTRATOR)
    accounts.set_role(ws, "Ada", Role.RESEARCHER)
    assert [person.role for person in accounts.list_people(ws)] == ["researcher", "administrator"]


def test_the_first_administrator_is_made_once(ws):
    assert accounts.needs_first_person(ws)
    accounts.add_person(ws, "Robot", simulated=True)
    assert accounts.needs_first_person(ws)
    made = accounts.add_first_administrator(ws, "Ada", PASSWORD)
    assert made.role is Role.ADMINISTRATOR
    assert not accounts.needs_first_person(ws)
    with pytest.raises(Conflict):
        accounts.add_first_administrator(ws, "Mallory", PASSWORD)


def test_simulated_people_never_sign_in(ws):
    accounts.add_person(ws, "Robot", simulated=True)
    for lets_in in (
        lambda: accounts.make_link(ws, "Robot"),
        lambda: accounts.set_password(ws, "Robot", PASSWORD),
        lambda: accounts.set_role(ws, "Robot", Role.ADMINISTRATOR),
    ):
        with pytest.raises(BadInput, match="simulated"):
            lets_in()


def test_whatever_changes_people_is_written_down(ws, ada):
    accounts.add_person(ws, "Ben", by=ada)
    accounts.set_role(ws, "Ben", Role.RESEARCHER, by=ada)
    accounts.set_password(ws, "Ben", PASSWORD, by=ada)
    accounts.make_link(ws, "Ben", by=ada)
    accounts.deactivate(ws, "Ben", by=ada)
    assert audit(ws)[:5] == [
        "deactivate",
        "make sign-in link",
        "set password",
        "set role",
        "add person",
    ]
    with ws.database.reading() as session:
        entries = users.list_audit(session)
    assert {entry.actor for entry in entries[:5]} == {"Ada"}
    assert PASSWORD not in str(entries)


def test_names_are_unique_and_trimmed(ws, ada):
    assert accounts.add_person(ws, "  Zo\u0065\u0308 ").name == "Zoë"
    with pytest.raises(Conflict, match="already a person"):
        accounts.add_person(ws, " Ada ")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\u202eb", "(Command line)"])
def test_unfit_names_are_refused(ws, name):
    with pytest.raises(BadInput):
        accounts.add_person(ws, name)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1001])
def test_unfit_passwords_are_refused(ws, password):
    with pytest.raises(BadInput, match="8 to 1000"):
        accounts.add_person(ws, "Ben", password=password)
    assert accounts.list_people(ws) == []


def test_nobody_of_that_name(ws):
    for act in (
        lambda: accounts.make_link(ws, "Nobody"),
        lambda: accounts.set_role(ws, "Nobody", Role.RESEARCHER),
        lambda: accounts.set_password(ws, "Nobody", PASSWORD),
        lambda: accounts.deactivate(ws, "Nobody"),
    ):
        with pytest.raises(NotFound, match="nobody named 'Nobody'"):
            act()
