"""What annotators read, and may answer, in a project."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cssim.config import Settings
from cssim.errors import BadInput
from cssim.services import projects
from cssim.services.workspace import Workspace, open_workspace


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


def test_a_new_project_offers_cannot_say_and_a_break_each_half_hour(ws):
    found = projects.current(ws)
    assert (found.criterion, found.instructions) == ("", "")
    assert (found.cannot_say, found.break_minutes) == (True, 30)


def test_what_is_changed_is_seen_by_who_opened_the_project_before(ws):
    projects.set_instructions(ws, criterion=" Which is closer? ", instructions="a\r\nb\n")
    projects.set_instructions(ws, cannot_say=False, break_minutes=0)
    found = projects.current(ws)
    assert (found.criterion, found.instructions) == ("Which is closer?", "a\nb")
    assert (found.cannot_say, found.break_minutes) == (False, 0)
    assert ws.project.criterion == ""  # as it was when it was opened


def test_another_project_keeps_its_own(ws):
    projects.set_instructions(ws, criterion="Which is closer?")
    assert projects.current(ws.with_project("other")).criterion == ""


@pytest.mark.parametrize(
    "bad",
    [
        {"criterion": "x" * 201},
        {"criterion": "two\nlines"},
        {"instructions": "x" * 20_001},
        {"instructions": "a\x00b"},
        {"break_minutes": -1},
        {"break_minutes": 241},
    ],
)
def test_what_cannot_stand_on_the_page_is_refused_and_nothing_changes(ws, bad):
    with pytest.raises(BadInput):
        projects.set_instructions(ws, **bad)
    assert projects.current(ws) == ws.project
