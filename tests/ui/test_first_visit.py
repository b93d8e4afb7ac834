"""The first visit as a newcomer sees it: the panel on Home, ticks, the line on other pages."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import first_visit, selections, tours
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Role
from cssim.ui import shell
from db import library
from tests.inspections import on_disk
from tests.pages import rank_pages
from tests.ui.looking import look, said, sign_in


def demo(ws: Workspace) -> None:
    """Let the project be the demo."""
    with ws.database.writing() as session:
        source = {"format": "demo", "simulated": True}
        library.add_cluster(session, ws.project.id, "sea", ClusterKind.CONTEXT, source=source)


def home() -> AppTest:
    app = AppTest.from_file(str(shell.__file__), default_timeout=60).run()
    assert not app.exception, app.exception[0].message
    return app


def links(app: AppTest) -> dict[str, Any]:
    """Links to other pages by their label."""
    return {link.proto.label: link.proto for link in app.get("page_link")}


def test_the_demo_says_that_it_is_simulated_and_what_to_do_first(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    app = home()
    assert "Everything here is **simulated**" in said(app)
    shown = links(app)
    assert "**See what a page asks**" in shown
    assert "**Read the comparison table**" in shown
    assert "Label ten pages · 0 of 10" in shown
    assert shown["**Read the comparison table**"].query_string == "visit=compare"


def test_an_annotator_sees_one_tour(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    demo(ws)
    sign_in(ws, monkeypatch, Role.ANNOTATOR)
    app = home()
    assert "As an annotator" in said(app)
    assert "As a researcher" not in said(app)


def test_any_other_project_keeps_the_tours_in_one_closed_line(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rank_pages(ws, 1)
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    app = home()
    assert [one.label for one in app.expander] == ["New here? Two short tours"]
    assert "**See what a page asks**" not in links(app)
    app.session_state["first_visit_open"] = True
    app.run()
    assert "**See what a page asks**" in links(app)
    assert "simulated" not in said(app)


def test_opening_the_labelling_page_ticks_the_first_step(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    rank_pages(ws, 1)
    sign_in(ws, monkeypatch, Role.ANNOTATOR)
    look("annotate")
    shown = links(home())
    assert "See what a page asks · done" in shown
    assert "**Label ten pages** · 0 of 10" in shown


def test_putting_away_lasts_and_a_button_brings_the_tours_back(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    sign_in(ws, monkeypatch, Role.ANNOTATOR)
    home().button(key="first_visit_away").click().run()
    app = home()  # another session
    assert "First visit" not in [one.value for one in app.header]
    app.button(key="first_visit_recall").click().run()
    assert "First visit" in [one.value for one in home().header]


def test_a_finished_visit_lies_in_a_closed_line(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    person = sign_in(ws, monkeypatch, Role.ANNOTATOR)
    monkeypatch.setattr(tours, "LABELLED", 0)
    for sight in ("pages", "history"):
        first_visit.saw(ws, person, sight)
    assert [one.label for one in home().expander] == ["First visit: all done"]


def test_who_follows_a_step_is_told_there_what_to_look_at_and_what_comes_next(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    on_disk(ws)
    sign_in(ws, monkeypatch, Role.RESEARCHER)

    def follow(app: AppTest) -> None:
        app.query_params["visit"] = "regions"

    app = look("regions", follow)
    assert "**See where a model is right.** Each dot is a reference" in said(app)
    app.run()
    assert "**See where a model is right, done.**" in said(app)
    following = links(app)["Next: **Read the comparison table**"]
    assert following.query_string == "visit=compare"


def test_who_comes_by_themselves_reads_no_hint(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    on_disk(ws)
    sign_in(ws, monkeypatch, Role.RESEARCHER)
    assert "All steps" not in links(look("regions"))


def test_the_link_to_the_mistakes_opens_the_selection_and_its_triples(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(ws)
    inspection = on_disk(ws)
    person = sign_in(ws, monkeypatch, Role.RESEARCHER)
    ids = inspection.reference[:3].tolist()
    one = selections.save(ws, "weak", ids, by=person.id)
    (step,) = (s for s in first_visit.visit(ws, person).tours[1].steps if s.key == "mistakes")

    def follow(app: AppTest) -> None:
        for name, value in step.address.items():
            app.query_params[name] = value

    app = look("regions", follow)
    assert app.session_state["regions_tabs"] == "Triples"
    assert app.session_state["regions_ids"] == tuple(ids)
    assert app.query_params["selection"] == str(one.id)
    assert "part" not in app.query_params
    assert "**Selected “weak”**: 3 references" in said(app)
    assert first_visit.visit(ws, person).step("mistakes")[1].done  # type: ignore[index]
