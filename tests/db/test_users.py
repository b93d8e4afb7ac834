"""Queries on people: what they find, and what they leave out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cssim.errors import Conflict, NotFound
from cssim.types import Role
from db import users
from db.engine import Database

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_people_come_back_as_they_went_in(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada", role=Role.RESEARCHER, password_hash="hash")
        robot = users.add_person(session, "Robot", simulated=True)
        with pytest.raises(Conflict, match="Ada"):
            users.add_person(session, "Ada")
    with database.reading() as session:
        assert users.list_people(session) == [ada, robot]
        assert users.find_person(session, "Ada") == ada
        assert users.find_person(session, "ada") is None
        assert users.password_hash_of(session, ada.id) == "hash"
        assert users.password_hash_of(session, robot.id) is None
        with pytest.raises(NotFound):
            users.get_person(session, "Nobody")


def test_a_session_counts_while_it_lasts_and_its_person_is_active(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        users.add_sign_in(session, "a" * 64, ada.id, NOW + HOUR, one_time=False)
        users.add_sign_in(session, "b" * 64, ada.id, NOW + HOUR, one_time=True)
    with database.writing() as session:
        assert users.person_signed_in(session, "a" * 64, NOW) == ada
        assert users.person_signed_in(session, "a" * 64, NOW + HOUR) is None
        assert users.person_signed_in(session, "b" * 64, NOW) is None
        users.change_person(session, ada.id, active=False)
        assert users.person_signed_in(session, "a" * 64, NOW) is None


def test_a_link_is_taken_once_and_only_in_time(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        users.add_sign_in(session, "a" * 64, ada.id, NOW + HOUR, one_time=True)
        users.add_sign_in(session, "b" * 64, ada.id, NOW - HOUR, one_time=True)
        users.add_sign_in(session, "c" * 64, ada.id, NOW + HOUR, one_time=False)
        taken = [users.take_one_time(session, x * 64, NOW) for x in "aabc"]
    assert taken == [ada, None, None, None]


def test_what_has_expired_is_purged_and_the_rest_stays(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada")
        users.add_sign_in(session, "a" * 64, ada.id, NOW - HOUR, one_time=False)
        users.add_sign_in(session, "b" * 64, ada.id, NOW + HOUR, one_time=False)
        users.purge_sign_ins(session, NOW)
        assert users.person_signed_in(session, "b" * 64, NOW) == ada
        assert users.person_signed_in(session, "a" * 64, NOW - 2 * HOUR) is None


def test_tries_are_counted_by_name_and_address_since_a_moment(database: Database) -> None:
    with database.writing() as session:
        for name, address, at in [
            ("Ada", "1", NOW),
            ("Ada", "2", NOW),
            ("Ben", "1", NOW),
            ("Ada", "1", NOW - HOUR),
        ]:
            users.add_attempt(session, name, address, at)
        since = NOW - HOUR / 2
        assert users.count_attempts(session, since, name="Ada") == 2
        assert users.count_attempts(session, since, address="1") == 2
        assert users.count_attempts(session, since, name="Ada", address="1") == 1
        users.clear_attempts(session, "Ada", "1", before=since)
        assert users.count_attempts(session, NOW - 2 * HOUR) == 2


def test_administrators_are_counted_while_active(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada", role=Role.ADMINISTRATOR)
        users.add_person(session, "Ben", role=Role.RESEARCHER)
        assert users.count_administrators(session) == 1
        users.change_person(session, ada.id, active=False)
        assert users.count_administrators(session) == 0
