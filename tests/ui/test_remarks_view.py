"""Remarks on the page Quality: what an annotator says is wrong reaches whoever can do something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cssim.services import accounts, annotating, jobs, remarks
from cssim.services.workspace import Workspace
from cssim.types import Answer, JudgementKind, Role
from cssim.ui import runtime
from tests.pages import rank_pages
from tests.ui.looking import look, said, sign_in

SAID = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    rank_pages(opened, 3)
    ada = accounts.add_person(opened, "Ada *of* the sea")
    pages = annotating.next_pages(opened, ada).pages
    for i, (page, flag) in enumerate(zip(pages, ("<b>blurred</b>", None, None), strict=True)):
        answer = SAID if i else Answer(JudgementKind.SKIP)
        reply = annotating.Reply(f"client-id-{i}", page.lease_id, answer, 900, flag=flag)
        annotating.answer(opened, ada, reply)
    yield opened
    runtime.close()


def choose(app, view: str):
    (control,) = [one for one in app.button_group if one.key == "quality_view"]
    control.set_value(view)
    found = app.run()
    assert not found.exception
    return found


def test_a_flagged_page_is_shown_with_its_reason_and_taken_out_of_the_round(ws):
    app = choose(look("quality"), "Remarks")
    (found,) = remarks.remarked_pages(ws)
    text = said(app)
    assert r"\<b\>blurred\</b\>" in text  # as it was written, never as markup
    assert r"Ada \*of\* the sea skipped it" in text
    assert "0 of 1 answer" in text
    (button,) = [one for one in app.button if one.key == f"remarks_act_{found.page.id}"]
    assert button.label == "Hand out no more"
    button.click()
    app = app.run()
    assert not app.exception
    assert "handed out no more" in said(app)
    assert remarks.remarked_pages(ws, only_open=True) == []
    (toggle,) = [one for one in app.toggle if one.key == "remarks_open"]
    toggle.set_value(True)
    app = app.run()
    assert "No remarks" in said(app)
