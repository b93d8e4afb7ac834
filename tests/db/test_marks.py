"""Marks: what a person has seen or put away."""

from __future__ import annotations

import pytest

from cssim.types import Role
from db import library, marks, users
from db.engine import Database


@pytest.fixture
def who(database: Database) -> tuple[int, int, int]:
    """A project and two people."""
    with database.writing() as session:
        project = library.ensure_project(session, "p")
        people = [users.add_person(session, name, role=Role.ANNOTATOR) for name in ("Ada", "Bob")]
    return project.id, people[0].id, people[1].id


def test_a_mark_is_a_persons_own_and_keeps_its_first_time(database: Database, who) -> None:
    project, ada, bob = who
    with database.writing() as session:
        marks.set_mark(session, project, ada, "seen compare")
    with database.reading() as session:
        first = marks.marks_of(session, project, ada)
    with database.writing() as session:
        marks.set_mark(session, project, ada, "seen compare")
        marks.set_mark(session, project, ada, "seen regions")
    with database.reading() as session:
        again = marks.marks_of(session, project, ada)
        assert marks.marks_of(session, project, bob) == {}
    assert set(again) == {"seen compare", "seen regions"}
    assert again["seen compare"] == first["seen compare"]


def test_a_mark_that_is_taken_away_is_gone_and_the_others_stay(database: Database, who) -> None:
    project, ada, _ = who
    with database.writing() as session:
        marks.set_mark(session, project, ada, "put away")
        marks.set_mark(session, project, ada, "seen compare")
        marks.drop_mark(session, project, ada, "put away")
        marks.drop_mark(session, project, ada, "never set")
    with database.reading() as session:
        assert set(marks.marks_of(session, project, ada)) == {"seen compare"}
