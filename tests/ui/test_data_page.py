"""The data page: what it says of a small project, before and after a survey."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cssim.errors import NotFound
from cssim.services import jobs, library, surveys
from cssim.services.surveys import DayCount, Near
from cssim.services.workspace import Workspace
from cssim.types import JobState, Role
from cssim.ui import runtime, tables
from cssim.ui.data import overlap, people
from tests.ui import looking
from tests.ui.looking import look, said, sign_in
from tests.world import World


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """No worker but the test itself."""
    monkeypatch.setenv("CSSIM_THREADS", "1")
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


@pytest.fixture
def filled(ws: Workspace, world: World) -> Workspace:
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=2)
    return ws


def open_part(name: str) -> AppTest:
    def choose(app: AppTest) -> None:
        app.session_state["data_part"] = name

    return look("data", choose)


def figure(app: AppTest) -> dict[str, Any]:
    """The first figure of the page as plain values."""
    (first, *_) = app.get("plotly_chart")
    return dict(json.loads(first.proto.spec or first.proto.figure.spec))


def test_an_empty_project_says_what_to_do(ws: Workspace) -> None:
    assert "No sets yet" in said(look("data"))
    assert "Nobody has answered yet" in said(open_part("People and days"))
    assert "Nothing to hold against each other" in said(open_part("Between sets"))


def test_sets_are_counted_as_the_library_counts_them(filled: Workspace) -> None:
    app = look("data")
    shown = looking.tables(app)[0]
    for one in library.cluster_summaries(filled):
        line = shown.split(one.cluster.name + " ", 1)[1]
        numbers = [f"{one.references:,}", f"{one.pages:,}", f"{one.triples:,}"]
        assert [n for n in numbers if n not in line.split()] == []
    assert "Not surveyed yet" in said(app)


def test_a_survey_is_asked_for_run_and_shown(filled: Workspace) -> None:
    app = look("data")
    app.button(key="data_sets_survey").click().run()
    (job,) = jobs.list_jobs(filled, states=[JobState.QUEUED])
    assert job.kind == "survey"
    assert "on its way" in said(app)
    jobs.run_worker(filled, limit=1)
    app = app.run()
    found = surveys.latest_survey(filled)
    assert found is not None
    words = said(app)
    for one in found.agreement:
        assert f"{100 * one['others']:.1f}" in words
    assert "Survey by job" in words
    assert f"{len(found.arrays.images)} pictures" in words
    assert "no map of these pictures" in said(open_part("Coverage"))  # nothing frozen is here
    assert "What they share" in open_part("Between sets").get("button_group")[0].proto.label


def test_a_survey_whose_files_were_deleted_can_be_made_again(filled: Workspace) -> None:
    done = jobs.run_here(filled, surveys.survey_request())
    (filled.settings.home / done.result["path"]).unlink()
    with pytest.raises(NotFound):
        surveys.latest_survey(filled)
    app = look("data")
    assert "Not surveyed yet" in said(app)
    app.button(key="data_sets_survey").click().run()
    assert [job.kind for job in jobs.list_jobs(filled, states=[JobState.QUEUED])] == ["survey"]


def test_answers_by_day_are_drawn_and_add_up(filled: Workspace) -> None:
    app = open_part("People and days")
    drawn = figure(app)
    counted = sum(one.answers for one in surveys.answers_by_day(filled))
    assert sum(sum(trace["y"]) for trace in drawn["data"]) == counted
    assert f"**{counted} standing answers**" in said(app)
    assert "imported" in said(app)


def test_people_are_called_with_what_is_special_about_them() -> None:
    day = date(2026, 1, 1)
    assert people.called(DayCount("Ada", day, 1)) == "Ada"
    assert people.called(DayCount("", day, 1, imported=True)) == "unnamed (imported)"
    demo = DayCount("simulated annotator 1", day, 1, simulated=True)
    assert people.called(demo) == "simulated annotator 1"
    assert people.called(DayCount("Bot", day, 1, simulated=True)) == "Bot (simulated)"


def test_a_pair_shows_both_pictures_its_distance_and_its_sets(filled: Workspace) -> None:
    one, other = library_images(filled)[:2]
    html = overlap._pair(Near(one, other, 0.0123, 4, ("a", "b", "<c>", "d", "e")))
    assert html.count("<img") == 2
    assert tables.source(one) in html
    assert f'alt="{other.name}"' in html
    assert "distance 0.012, 4 bits, in a, b, &lt;c&gt; and 2 more" in html
    assert "nan" not in overlap._pair(Near(one, other, float("nan"), 4, ()))


def library_images(ws: Workspace) -> list[Any]:
    from cssim.services import gallery

    return list(gallery.find_pictures(ws, limit=5).images)
