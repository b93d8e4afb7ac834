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


def test_administrators_are_counted_while_active(database: Database) -> None:
    with database.writing() as session:
        ada = users.add_person(session, "Ada", role=Role.ADMINISTRATOR)
        users.add_person(session, "Ben", role=Role.RESEARCHER)
        assert users.count_administrators(session) == 1
        users.change_person(session, ada.id, active=False)
        assert users.count_administrators(session) == 0
