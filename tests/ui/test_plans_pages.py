"""The pages for plans, quality and disputed pages: what they say and do in a small project."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cssim.services import accounts, annotating, consensus, jobs, plans, quality
from cssim.services.plan_specs import PlanSpec
from cssim.services.workspace import Workspace
from cssim.types import Answer, JudgementKind, PageMode, Role
from cssim.ui import runtime
from db import library as records
from tests.pages import add_pictures
from tests.typed import present
from tests.ui.looking import look, said, sign_in, tables

LEFT, RIGHT = Answer(JudgementKind.ANSWER, (0, 1)), Answer(JudgementKind.ANSWER, (1, 0))


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


@pytest.fixture
def answered(ws: Workspace) -> Workspace:
    """Three people answered 24 pages: two alike, the third the other way and in haste."""
    add_pictures(ws, 12)
    plans.make_plan(
        ws, PlanSpec("sea", mode=PageMode.CHOOSE, candidates=2, pages_per_reference=24, people=3)
    )
    for name, answer, ms in (("Ada", LEFT, 2000), ("Ben", LEFT, 1500), ("Carl", RIGHT, 200)):
        person = accounts.add_person(ws, name)
        while handouts := annotating.next_pages(ws, person).pages:
            for handout in handouts:
                given = annotating.Reply(uuid.uuid4().hex, handout.lease_id, answer, ms)
                annotating.answer(ws, person, given)
    return ws


def widget(app, kind: str, key: str):
    (found,) = [one for one in getattr(app, kind) if one.key == key]
    return found


def test_empty_pages_say_what_to_do_next(ws):
    assert "No plans yet" in said(look("plans"))
    assert "Too few images" in said(look("plans"))
    assert "No answers yet" in said(look("quality"))
    assert "No disputed pages" in said(look("adjudicate"))


def test_a_plan_shows_its_cost_while_the_form_is_filled_in_and_starts(ws):
    pictures = add_pictures(ws, 12)
    app = look("plans")
    assert widget(app, "button", "plan_start").disabled
    widget(app, "text_input", "plan_name").set_value("ocean")
    widget(app, "selectbox", "plan_one_None").set_value(pictures[0])
    widget(app, "number_input", "plan_pages_context").set_value(20)
    widget(app, "number_input", "plan_people").set_value(2)
    widget(app, "slider", "plan_repeats").set_value(10)
    app = app.run()
    assert not app.exception
    assert "Pages 20" in said(app)
    assert "Answers 40" in said(app)
    assert "a guess until people have answered" in said(app)
    widget(app, "button", "plan_start").click()
    app = app.run()
    assert not app.exception
    plan = plans.get_plan(ws, "ocean")
    assert (plan.counts.pages, plan.counts.wanted, plan.repeat_rate) == (20, 40, 0.1)
    assert plan.settings["references"] == [pictures[0]]


def test_a_plan_waits_until_its_reference_is_chosen_and_takes_the_tag_as_context(ws):
    pictures = add_pictures(ws, 12)
    with ws.database.writing() as session:
        records.add_tags(session, {pictures[0]: ["sea"]})
    app = look("plans")
    widget(app, "text_input", "plan_name").set_value("ocean")
    widget(app, "selectbox", "plan_tag").set_value("sea")
    app = app.run()
    assert widget(app, "button", "plan_start").disabled
    assert "Choose a picture as reference." in said(app)
    widget(app, "selectbox", "plan_one_sea").set_value(pictures[0])
    app = app.run()
    assert "Choose a picture" not in said(app)
    widget(app, "number_input", "plan_pages_context").set_value(5)
    widget(app, "button", "plan_start").click()
    app = app.run()
    with ws.database.reading() as session:
        assert records.get_cluster(session, ws.project.id, "ocean").context == "sea"


def test_a_plan_is_paused_and_resumed_on_its_card(answered):
    plans.make_plan(answered, PlanSpec("two", pages_per_reference=4))
    app = look("plans")
    plan = plans.get_plan(answered, "two")
    widget(app, "button", f"plan_pause_{plan.id}").click()
    app = app.run()
    assert plans.get_plan(answered, "two").paused
    widget(app, "button", f"plan_pause_{plan.id}").click()
    app.run()
    assert not plans.get_plan(answered, "two").paused


def test_the_quality_page_tells_the_numbers_of_the_service_and_excludes(answered):
    app = look("quality")
    report = quality.quality_report(answered)
    text = said(app)
    assert f"Alpha of choices {report.overall.alpha:.3f}" in text
    (everybody,) = [table for table in tables(app) if "Stands out" in table]
    assert "Carl" in everybody
    assert "100% of the answers under 800 ms" in everybody
    widget(app, "selectbox", "quality_person").set_value("Carl")
    app = app.run()
    assert not app.exception
    (detail,) = [table for table in tables(app) if "Measure" in table]
    assert "Too fast answers 100 %" in detail
    (excluded,) = [box for box in app.checkbox if "Excluded" in box.label]
    (reason,) = [box for box in app.text_input if box.label == "Reason"]
    excluded.set_value(True)
    reason.set_value("in haste")
    (save,) = [button for button in app.button if button.label == "Save"]
    save.click()
    app = app.run()
    assert not app.exception
    assert [person.name for person in quality.excluded_people(answered)] == ["Carl"]
    assert "Left out of these numbers and of all analyses: Carl" in said(app)


def test_the_consensus_view_counts_questions_and_people(answered):
    def choose(app) -> None:
        app.session_state["quality_view"] = "Consensus"

    text = said(look("quality", choose))
    view = consensus.consensus_of(answered, "sea")
    assert f"Questions {len(view.questions)}" in text
    assert "Without a majority 0" in text


def test_a_dispute_is_decided_blind_and_the_votes_are_shown_afterwards(answered):
    app = look("adjudicate")
    assert "Ada" not in said(app)
    dispute = consensus.disputes(answered)[0]
    (choice,) = [c for c in app.button_group if c.key == f"decide_{dispute.page.id}"]
    choice.set_value("A")
    app = app.run()
    widget(app, "button", "decide_save").click()
    app = app.run()
    assert not app.exception
    assert "Ada" in said(app)
    decided = consensus.disputes(answered, decided=True)
    assert [d.page.id for d in decided] == [dispute.page.id]
    assert present(decided[0].decision).answer.kind is JudgementKind.ANSWER


def test_a_click_on_a_disputed_page_looks_for_no_disputes_anew(answered, monkeypatch):
    calls = []
    search = consensus.disputes

    def counted(*args, **more):
        calls.append(more)
        return search(*args, **more)

    monkeypatch.setattr(consensus, "disputes", counted)
    app = look("adjudicate")
    (first,) = [c for c in app.button_group if str(c.key).startswith("decide_")]
    first.set_value("A")
    app = app.run()
    assert len(calls) == 2  # open ones and decided ones
    widget(app, "button", "decide_save").click()
    app = app.run()
    (after,) = [button for button in app.button if button.label == "Next page"]
    after.click()
    app = app.run()
    assert len(calls) == 4
    assert "23 open, 1 page decided." in said(app)
    (second,) = [c for c in app.button_group if str(c.key).startswith("decide_")]
    assert second.key != first.key
