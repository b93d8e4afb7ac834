"""Invitations, password links, sessions, identities and the log."""

from __future__ import annotations

import csv
import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cssim.config import Settings, load_settings
from cssim.errors import BadInput, Conflict, NotAllowed, NotFound, Throttled
from cssim.services import accounts
from cssim.services.accounts import common, passwords, sessions
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Person, Role

PASSWORD, OTHER = "correct horse battery", "four unrelated words"
START = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "_NOBODY", quick.hash("nobody"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The one moment in the list is now."""
    now = [START]
    monkeypatch.setattr(common, "now", lambda: now[0])
    return now


@pytest.fixture
def ws(migrated: Path) -> Iterator[Workspace]:
    settings = load_settings()
    settings.home.mkdir(parents=True)
    shutil.copy(migrated, settings.home / "cssim.db")
    opened = open_workspace(settings)
    yield opened
    opened.close()


@pytest.fixture
def both(settings: Settings) -> Iterator[Workspace]:
    """Once on each kind of database, for what the database itself must see to."""
    opened = open_workspace(settings)
    yield opened
    opened.close()


def add_ada(ws: Workspace) -> Person:
    return accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)


@pytest.fixture
def ada(ws: Workspace) -> Person:
    return add_ada(ws)


# --- invitations ------------------------------------------------------------------------------


def test_an_invitation_makes_one_person_of_its_role(both):
    ws, ada = both, add_ada(both)
    token = accounts.invite(ws, role=Role.RESEARCHER, note=" for  Bo ", email="Bo@X.org", by=ada)
    session = accounts.accept(ws, token, " Bo ", OTHER, address="10.0.0.1")
    person = accounts.person_of_token(ws, session)
    assert person is not None
    assert (person.name, person.role, person.email) == ("Bo", Role.RESEARCHER, "bo@x.org")
    with pytest.raises(NotAllowed, match="used already"):
        accounts.accept(ws, token, "Eve", OTHER)
    (invitation,) = accounts.list_invitations(ws)
    assert (invitation.note, invitation.became, invitation.made_by) == ("for Bo", "Bo", "Ada")


def test_two_who_use_an_invitation_at_once_are_one_person(both):
    ws, _ = both, add_ada(both)
    token = accounts.invite(ws)
    results: list[str] = []

    def join(name: str) -> None:
        try:
            accounts.accept(ws, token, name, OTHER)
            results.append(name)
        except NotAllowed:
            results.append("")

    threads = [threading.Thread(target=join, args=(f"P{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(name) for name in results) == [False, False, False, True]
    assert len(accounts.list_people(ws)) == 2


def test_an_invitation_says_what_became_of_it(ws, ada, clock):
    for note in ("open", "used", "withdrawn", "expired"):
        days = 1 if note == "expired" else 7
        token = accounts.invite(ws, note=note, days=days, by=ada)
        if note == "used":
            accounts.accept(ws, token, "Bo", OTHER)
        if note == "withdrawn":
            accounts.withdraw_invitation(ws, accounts.list_invitations(ws)[0].id, by=ada)
    clock[0] += timedelta(days=2)
    states = {one.note: one.state.value for one in accounts.list_invitations(ws)}
    assert states == {note: note for note in ("open", "used", "withdrawn", "expired")}
    with pytest.raises(NotAllowed):
        accounts.accept(ws, token, "Eve", OTHER)


@pytest.mark.parametrize("fields", [{"name": "Ada"}, {"name": "\n"}, {"password": "short"}])
def test_an_unfit_name_or_password_leaves_the_invitation_open(ws, ada, fields):
    token = accounts.invite(ws)
    given = {"name": "Bo", "password": OTHER, **fields}
    with pytest.raises((BadInput, Conflict)):
        accounts.accept(ws, token, given["name"], given["password"])
    assert accounts.accept(ws, token, "Bo", OTHER)


@pytest.mark.parametrize(
    "fields", [{"days": 0}, {"days": 91}, {"note": "x" * 201}, {"email": "x"}, {"note": "a\x00"}]
)
def test_unfit_invitations_are_refused(ws, fields):
    with pytest.raises(BadInput):
        accounts.invite(ws, **fields)
    assert accounts.list_invitations(ws) == []


def test_nobody_is_invited_with_the_address_of_somebody_else(ws, ada):
    accounts.set_email(ws, "Ada", "ada@x.org")
    with pytest.raises(Conflict, match="address of 'Ada'"):
        accounts.invite(ws, email="ADA@x.org")


def test_a_used_or_unknown_invitation_cannot_be_withdrawn(ws, ada):
    accounts.accept(ws, accounts.invite(ws), "Bo", OTHER)
    for number in (accounts.list_invitations(ws)[0].id, 99):
        with pytest.raises(NotFound, match="no open invitation"):
            accounts.withdraw_invitation(ws, number)


# --- new passwords ----------------------------------------------------------------------------


def test_a_password_link_replaces_the_password_once_and_ends_everything_else(both):
    ws, ada = both, add_ada(both)
    session, link = accounts.sign_in(ws, "Ada", PASSWORD), accounts.make_reset(ws, "Ada")
    assert accounts.person_to_reset(ws, link) == ada
    with pytest.raises(BadInput):
        accounts.reset_password(ws, link, "short")
    fresh = accounts.reset_password(ws, link, OTHER)
    assert accounts.person_of_token(ws, fresh) == ada
    assert accounts.person_of_token(ws, session) is None
    with pytest.raises(NotAllowed):
        accounts.reset_password(ws, link, "yet another one")
    with pytest.raises(NotAllowed):
        accounts.sign_in(ws, "Ada", PASSWORD)
    assert accounts.sign_in(ws, "Ada", OTHER)


def test_links_of_one_kind_are_no_links_of_another(ws, ada):
    sign_in, reset, invitation = (
        accounts.make_link(ws, "Ada"),
        accounts.make_reset(ws, "Ada"),
        accounts.invite(ws),
    )
    for token in (sign_in, invitation, accounts.sign_in(ws, "Ada", PASSWORD)):
        with pytest.raises(NotAllowed):
            accounts.reset_password(ws, token, OTHER)
    for token in (reset, invitation):
        with pytest.raises(NotAllowed):
            accounts.enter(ws, token)
    with pytest.raises(NotAllowed):
        accounts.accept(ws, reset, "Eve", OTHER)


def test_a_password_link_of_a_deactivated_person_opens_nothing(ws, ada):
    accounts.add_person(ws, "Ben", password=PASSWORD)
    link = accounts.make_reset(ws, "Ben")
    accounts.deactivate(ws, "Ben")
    accounts.set_active(ws, "Ben", True)
    with pytest.raises(NotAllowed):
        accounts.reset_password(ws, link, OTHER)


def test_guessing_the_present_password_is_held_back(ws, ada):
    for _ in range(accounts.TRIES):
        with pytest.raises(NotAllowed):
            accounts.change_own_password(ws, ada, "wrong password", OTHER, address="10.0.0.1")
    with pytest.raises(Throttled) as caught:
        accounts.change_own_password(ws, ada, PASSWORD, OTHER, address="10.0.0.1")
    assert caught.value.seconds == 900


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassW0rd",
        "12345678",
        "87654321",
        "aaaaaaaa",
        "abcdefgh",
        "qwertyuiop",
        "Adelheid",
    ],
)
def test_what_is_guessed_at_once_is_no_password(ws, password):
    with pytest.raises(BadInput, match="guessed at once"):
        accounts.add_person(ws, "adelheid", password=password)


def test_unknown_names_cost_as_much_as_known_ones(ws, ada, monkeypatch):
    """Counted, not timed: one verification each, by the same parameters."""
    accounts.add_person(ws, "Link only")
    accounts.add_person(ws, "Gone", password=PASSWORD)
    accounts.deactivate(ws, "Gone")
    calls: list[str] = []

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            calls.append(stored.split("$")[3])
            return quick.verify(stored, password)

        def check_needs_rehash(self, stored: str) -> bool:
            return False

    quick = passwords._HASHER
    monkeypatch.setattr(passwords, "_HASHER", Counting())
    for name in ("Ada", "Nobody", "Link only", "Gone"):
        with pytest.raises(NotAllowed):
            accounts.sign_in(ws, name, "wrong password")
    assert len(calls) == 4
    assert len(set(calls)) == 1


def test_a_weaker_hash_is_renewed_at_the_next_sign_in(ws, ada, monkeypatch):
    from db import users

    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", stronger)
    accounts.sign_in(ws, "Ada", PASSWORD)
    with ws.database.reading() as session:
        stored = users.password_hash_of(session, ada.id)
    assert stored is not None
    assert "m=16,t=2" in stored
    assert accounts.sign_in(ws, "Ada", PASSWORD)


# --- sessions ---------------------------------------------------------------------------------


def test_own_sessions_are_listed_and_nobody_elses(ws, ada, clock):
    accounts.add_person(ws, "Ben", password=PASSWORD)
    accounts.sign_in(ws, "Ben", PASSWORD)
    here = accounts.sign_in(ws, "Ada", PASSWORD, address="10.0.0.1", device="Mozilla Firefox Linux")
    clock[0] += timedelta(minutes=1)
    accounts.sign_in(ws, "Ada", PASSWORD, device="curl/8")
    found = accounts.list_sessions(ws, ada, here)
    assert [(s.device, s.address, s.current) for s in found] == [
        ("curl/8", "", False),
        ("Firefox on Linux", "10.0.0.1", True),
    ]
    clock[0] += timedelta(days=ws.settings.session_days)
    assert accounts.list_sessions(ws, ada, here) == []


def test_the_last_use_is_written_down_now_and_then(ws, ada, clock):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    seen = []
    for minutes in (0, 1, 8, 2, 30):
        clock[0] += timedelta(minutes=minutes)
        accounts.person_of_token(ws, token, seen=True)
        seen.append(accounts.list_sessions(ws, ada)[0].seen_at)
    first, last = START, START + timedelta(minutes=41)
    assert seen == [first, first, first, START + timedelta(minutes=11), last]
    assert timedelta(minutes=10) == sessions.SEEN


def test_a_person_ends_only_their_own_sessions(both):
    ws, ada = both, add_ada(both)
    ben = accounts.add_person(ws, "Ben", password=PASSWORD)
    mine, other = accounts.sign_in(ws, "Ada", PASSWORD), accounts.sign_in(ws, "Ada", PASSWORD)
    foreign = accounts.sign_in(ws, "Ben", PASSWORD)
    handles = [one.handle for one in accounts.list_sessions(ws, ada, mine) if not one.current]
    with pytest.raises(NotFound):
        accounts.end_session(ws, ben, handles[0])
    accounts.end_session(ws, ada, handles[0])
    with pytest.raises(NotFound):
        accounts.end_session(ws, ada, handles[0])
    alive = [accounts.person_of_token(ws, token) is not None for token in (mine, other, foreign)]
    assert alive == [True, False, True]
    assert accounts.sign_out_everywhere(ws, ada) == 1
    assert accounts.end_sessions(ws, "Ben", by=ada) == 1


def test_a_handle_opens_nothing(ws, ada):
    token = accounts.sign_in(ws, "Ada", PASSWORD)
    (session,) = accounts.list_sessions(ws, ada, token)
    assert accounts.person_of_token(ws, session.handle) is None
    assert session.handle not in token


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari on macOS"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("a\x00b\x1b[31m" + "x" * 100, "ab[31m" + "x" * 54),
        ("", ""),
    ],
)
def test_devices_have_names_that_people_know(agent, name):
    assert sessions.device_name(agent) == name


# --- identities (the protocol is tested with the routes) ---------------------------------------


def test_an_account_is_linked_once_and_to_one_person(both):
    ws, ada = both, add_ada(both)
    accounts.add_person(ws, "Ben")
    oidc = replace(
        ws,
        settings=replace(
            ws.settings,
            oidc_issuer="https://id.example",
            oidc_client_id="c",
            public_url="https://x.example",
        ),
    )
    accounts.link_identity(oidc, "Ben", "123", by=ada)
    accounts.link_identity(oidc, "Ben", " 123 ", by=ada)
    with pytest.raises(Conflict, match="'Ben' in already"):
        accounts.link_identity(oidc, "Ada", "123", by=ada)
    with pytest.raises(BadInput, match="CSSIM_OIDC_ISSUER"):
        accounts.link_identity(ws, "Ben", "124")
    claims = accounts.Claims("https://id.example", "123")
    person = accounts.person_of_token(ws, accounts.enter_by_claims(oidc, claims))
    assert person is not None
    assert person.name == "Ben"
    with pytest.raises(NotAllowed):
        accounts.enter_by_claims(oidc, accounts.Claims("https://other.example", "123"))


@pytest.mark.parametrize("email", ["x", "a b@c", "@c", "a@", "a@b@c", "a\n@b"])
def test_unfit_addresses_are_refused(email):
    with pytest.raises(BadInput, match="looks like"):
        accounts.clean_email(email)


def test_an_address_belongs_to_one_person_however_it_is_written(ws, ada):
    accounts.set_email(ws, "Ada", " Ada@X.org ")
    accounts.set_email(ws, "Ada", "ada@x.ORG")
    with pytest.raises(Conflict, match="address of 'Ada'"):
        accounts.add_person(ws, "Ben", email="ADA@x.org")
    accounts.set_email(ws, "Ada", None)
    assert accounts.add_person(ws, "Ben", email="ada@x.org").email == "ada@x.org"


# --- the log ----------------------------------------------------------------------------------


def test_the_log_is_filtered_by_who_whom_what_and_when(both):
    ws, ada = both, add_ada(both)
    accounts.add_person(ws, "Ben", by=ada)
    accounts.set_role(ws, "Ben", Role.RESEARCHER, by=ada)
    accounts.set_email(ws, "Ada", "a@x.org")
    found = accounts.list_audit(ws)
    assert [(one.actor, one.action, one.about) for one in found] == [
        ("(command line)", "set e-mail", "Ada"),
        ("Ada", "set role", "Ben"),
        ("Ada", "add person", "Ben"),
        ("(command line)", "add person", "Ada"),
    ]
    assert found[1].detail == "role: researcher"
    assert accounts.list_audit(ws, actor="Ada") == found[1:3]
    assert accounts.list_audit(ws, actor=accounts.BY_COMMAND_LINE) == [found[0], found[3]]
    assert accounts.list_audit(ws, about="Ben", action="set role") == [found[1]]
    assert accounts.list_audit(ws, since=found[0].at) == found[:1]
    assert accounts.list_audit(ws, limit=2) == found[:2]
    assert accounts.audit_actions(ws) == ["add person", "set e-mail", "set role"]


def test_the_log_as_csv_computes_nothing_in_a_spreadsheet(ws, ada):
    accounts.add_person(ws, "=cmd()", by=ada)
    text = accounts.audit_csv(accounts.list_audit(ws))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["at", "actor", "action", "about", "detail"]
    assert rows[1][1:4] == ["Ada", "add person", "'=cmd()"]
    assert datetime.fromisoformat(rows[1][0]).tzinfo is not None


def test_no_secret_is_ever_written_into_the_log(ws, ada):
    secrets = [
        accounts.invite(ws, by=ada),
        accounts.make_reset(ws, "Ada", by=ada),
        accounts.make_link(ws, "Ada", by=ada),
    ]
    accounts.set_password(ws, "Ada", OTHER, by=ada)
    text = accounts.audit_csv(accounts.list_audit(ws))
    assert not [secret for secret in [*secrets, OTHER] if secret in text]


def test_an_older_database_keeps_its_sign_in_links_and_sessions(database_url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import text

    from cssim.services.accounts.common import token_hash
    from db.engine import MIGRATIONS, open_database

    settings = load_settings(database_url=database_url)
    database = open_database(settings.url, migrate=False)
    with database.engine.execution_options(cssim_writes=True).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "insert into people (id, name, role, active, simulated, imported, created_at) "
                "values (1, 'Ada', 'researcher', true, false, false, '2026-05-04 12:00:00')"
            )
        )
        for token, once in (("s" * 43, "false"), ("l" * 43, "true")):
            connection.execute(
                text(
                    "insert into sign_ins (token_hash, person_id, one_time, created_at, "
                    f"expires_at) values (:hash, 1, {once}, '2026-05-04 12:00:00', "
                    "'2999-05-04 12:00:00')"
                ),
                {"hash": token_hash(token)},
            )
    database.close()
    ws = open_workspace(settings)
    person = accounts.person_of_token(ws, "s" * 43)
    assert person is not None
    assert (person.name, person.email) == ("Ada", None)
    assert accounts.person_of_token(ws, "l" * 43) is None
    assert accounts.person_of_token(ws, accounts.enter(ws, "l" * 43)) == person
    with pytest.raises(NotAllowed):
        accounts.enter(ws, "l" * 43)
    ws.close()
