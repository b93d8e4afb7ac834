"""The labelling page as Streamlit runs it: the element with its data, and the form of instructions.

What the element does with them is seen in Chromium (`tests/e2e`).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import projects
from cssim.services.workspace import Workspace
from cssim.types import Role
from tests.ui.looking import look, said, sign_in


def element(app: AppTest) -> dict[str, Any]:
    (found,) = app.get("bidi_component")
    proto = found.proto
    data: dict[str, Any] = json.loads(proto.json)
    return data


def edit() -> AppTest:
    app = look("annotate")
    app.query_params["instructions"] = "edit"
    return app.run()


def test_the_element_gets_what_the_project_says(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = sign_in(ws, monkeypatch, Role.ANNOTATOR)
    before = element(look("annotate"))
    assert before["person"] == person.id
    assert before["edit"] is None
    assert before["cannot_say"] is True
    projects.set_instructions(ws, criterion="Which is closer?", cannot_say=False, break_minutes=5)
    after = element(look("annotate"))
    assert after["criterion"] == "Which is closer?"
    assert (after["cannot_say"], after["break_minutes"]) == (False, 5)
    assert after["version"] != before["version"]


def test_a_researcher_writes_what_annotators_read(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    assert element(look("annotate"))["edit"] == "/annotate?instructions=edit"
    app = edit()
    app.text_input[0].set_value("Which is closer in mood?")
    app.text_area[0].set_value("Mind the **light**.")
    app.checkbox[0].uncheck()
    app.number_input[0].set_value(45)
    app.button[0].click().run()
    assert not app.exception
    assert "Saved" in said(app)
    found = projects.current(ws)
    assert found.criterion == "Which is closer in mood?"
    assert found.instructions == "Mind the **light**."
    assert (found.cannot_say, found.break_minutes) == (False, 45)


def test_an_annotator_who_asks_for_the_form_gets_the_element(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(ws, monkeypatch, Role.ANNOTATOR)
    app = edit()
    assert not app.text_area
    assert element(app)["edit"] is None
