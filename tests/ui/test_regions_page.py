"""The regions page: from an empty project to a selection with its gallery, kept and sent back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cssim.ensembles.regions import RegionTest
from cssim.services import inspecting, jobs, plans, regions, selecting, selections
from cssim.services.clearest import clearest
from cssim.services.inspecting import Inspection
from cssim.services.map_caption import caption
from cssim.services.regions import View
from cssim.services.workspace import Workspace
from cssim.types import Answer, JobState, JudgementKind, Role
from cssim.ui import runtime, shell
from cssim.ui.regions import kept, state
from db import annotations as records
from db.annotations import NewJudgement
from tests.inspections import on_disk
from tests.ui.looking import look, markup, said, sign_in, tables


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """No worker but the test itself."""
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


@pytest.fixture
def inspection(ws: Workspace) -> Inspection:
    return on_disk(ws)


def pick(app: AppTest, ids: list[int]) -> AppTest:
    """What the map's element does when a person draws a lasso."""
    app.session_state[state.PICKED] = tuple(sorted(ids))
    app.session_state[state.SAVED] = None
    return app.run()


def shown_ids(app: AppTest) -> list[int]:
    """Image ids of the gallery, in order."""
    return [int(found) for found in re.findall(r'data-image="(\d+)"', markup(app))]


def always(value: Any) -> Callable[..., Any]:
    """A function that gives this, whatever it is asked."""
    return lambda *given, **more: value


def brought(app: AppTest) -> tuple[str, list[int], str]:
    """What the map's elements hold: the figure, the picked references, and the map itself."""
    shown, selected, itself = (one.proto.json for one in app.get("bidi_component"))
    assert json.loads(selected)["what"] == "selected"
    return shown, json.loads(selected)["value"], itself


def figure(app: AppTest) -> dict[str, Any]:
    """What the browser is told to draw."""
    drawn: dict[str, Any] = json.loads(json.loads(brought(app)[0])["value"]["figure"])
    return drawn


def state_view(app: AppTest) -> View:
    """What the widgets say."""
    values = {name: app.session_state[state.key(name)] for name in state.FIELDS}
    return View(**values | {"tags": tuple(values["tags"])})


def test_without_an_inspection_the_page_says_what_to_do(ws: Workspace) -> None:
    words = said(look("regions"))
    assert "Nothing inspected yet" in words
    assert "no set with answers and pictures" in words


def test_an_inspection_is_asked_for(ws: Workspace, inspection: Inspection) -> None:
    app = look("regions")
    app.multiselect(key="regions_sets").set_value(["ocean"]).run()
    app.button(key="regions_inspect").click().run()
    (job,) = jobs.list_jobs(ws, states=[JobState.QUEUED])
    assert job.kind == "inspect"
    assert job.params["clusters"] == [inspection.info.clusters[0][0]]


def test_the_page_shows_the_map_its_null_and_every_row(
    ws: Workspace, inspection: Inspection
) -> None:
    app = look("regions")
    words = said(app)
    assert "Nothing selected: all references shown" in words
    assert "regions explain" in words
    assert "shuffled references" in words
    accuracies = selecting.accuracies(inspection, np.arange(12))
    for one in accuracies:
        assert f"{one.name} {100 * one.accuracy:.1f} %" in words
    assert "Out of date" not in words
    made = kept.drawn(ws, inspection.info, state_view(app), dark=False)
    assert "Map of 12 reference images" in made.alt
    assert "<br>" not in made.alt
    assert app.code[0].value == caption(inspection.info, state_view(app), made.picture)


def test_the_page_opens_on_the_clearest_map(
    ws: Workspace, inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look("regions").session_state[state.key("row")] == clearest(inspection)
    for clear, wanted in (("CS two", "CS two"), ("CS one", "CS one"), ("", "CS one")):
        monkeypatch.setattr(state, "clearest_row", always(clear))
        assert look("regions").session_state[state.key("row")] == wanted


def test_who_comes_back_finds_the_view_that_was_left(ws: Workspace, inspection: Inspection) -> None:
    app = pick(look("regions"), inspection.reference[:3].tolist())
    app.selectbox(key=state.key("row")).select("frozen").run()
    app.session_state[state.key("tags")] = ["sea"]
    app.session_state[state.key("window")] = 33
    left = state_view(app.run())
    app.switch_page(shell.page_path("home")).run()
    app.query_params.clear()  # as the navigation does
    back = app.switch_page(shell.page_path("regions")).run()
    assert state_view(back) == left
    assert back.session_state[state.PICKED] == tuple(inspection.reference[:3].tolist())
    app.switch_page(shell.page_path("home")).run()
    app.query_params.clear()
    app.query_params["row"] = "CS two"  # what a link says counts more
    assert state_view(app.switch_page(shell.page_path("regions")).run()).row == "CS two"


def test_a_map_of_chance_is_not_passed_off_as_one_of_regions(
    ws: Workspace, inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for p, chance in ((0.05, False), (0.051, True)):
        test = RegionTest(0.2, 0.1, 0.05, 0.15, p, len(inspection.reference))
        monkeypatch.setattr(regions, "region_tests", always([test]))
        kept._drawn.clear()
        app = look("regions")
        warned = [one for one in app.warning if "no more than chance" in str(one.value)]
        assert len(warned) == chance
        title = figure(app)["layout"]["annotations"][0]["text"]
        assert ("no more than chance" in title) is chance


def test_a_selection_shows_its_own_images_after_every_filter_and_sort(
    ws: Workspace, inspection: Inspection
) -> None:
    ids = inspection.reference.tolist()
    chosen = [ids[1], ids[4], ids[5], ids[9]]
    app = pick(look("regions"), chosen)
    places = inspection.places(chosen)
    assert f"{selecting.triple_count(inspection, places)} triples" in said(app)
    images = kept.images(ws, inspection.info)
    names = [image.name for image in images]
    for order in selecting.ORDERS:
        for tags in ([], ["sea"], ["sea", "land"]):
            app.session_state[state.key("tags")] = tags
            app.selectbox(key="regions_order").select(order).run()
            assert not app.exception
            row = inspection.row(app.session_state[state.key("row")])
            wanted = selecting.sorted_places(inspection, places, row, order, names)
            assert shown_ids(app) == inspection.reference[wanted].tolist()
            for id_ in chosen:  # the picture of a card is that of its id
                card = re.search(rf'data-image="{id_}">.*?</figure>', markup(app), re.DOTALL)
                assert card is not None
                assert f"/images/{images[ids.index(id_)].sha256}" in card[0]
                assert f"/reference?image={id_}" in card[0]


def test_the_triples_of_a_selection_show_mistakes_first(
    ws: Workspace, inspection: Inspection
) -> None:
    ids = inspection.reference.tolist()
    app = pick(look("regions"), ids[:2])
    row = inspection.row(app.session_state[state.key("row")])
    wanted, _ = selecting.triples_of(inspection, np.array([0, 1]), row, limit=5)
    shown = [int(i) for i in re.findall(r'class="cs-triple" data-reference="(\d+)"', markup(app))]
    assert shown == [one.reference for one in wanted]
    name = app.session_state[state.key("row")]
    assert f"<strong>{name}</strong>&nbsp;is against people" in markup(app)
    app.button(key=f"regions_only_{wanted[0].place}").click().run()
    assert app.session_state[state.PICKED] == (wanted[0].reference,)
    assert "Selected: 1 reference" in said(app).replace("**", "")


def test_the_address_opens_the_same_view_for_a_colleague(
    ws: Workspace, inspection: Inspection
) -> None:
    ids = inspection.reference.tolist()
    app = pick(look("regions"), ids[3:6])
    app.session_state[state.key("kind")] = "difference"
    app.session_state[state.key("tags")] = ["sea"]
    app.session_state[state.key("window")] = 33
    app.run()
    address = dict(app.query_params)

    def arrive(other: AppTest) -> None:
        for name, value in address.items():
            other.query_params[name] = value

    other = look("regions", arrive)
    assert other.session_state[state.PICKED] == tuple(ids[3:6])
    assert state_view(other) == state_view(app)
    assert state_view(other).kind == "difference"


def test_an_address_that_cannot_be_read_is_said(ws: Workspace, inspection: Inspection) -> None:
    def arrive(app: AppTest) -> None:
        app.query_params["ids"] = "zzzz"
        app.query_params["kind"] = "nonsense"
        app.query_params["grid"] = "99999"

    app = look("regions", arrive)
    assert "no selection that can be read" in said(app)
    assert (state_view(app).kind, state_view(app).grid) == ("model", state.GRIDS[1])


def test_a_selection_is_saved_opened_compared_and_deleted(
    ws: Workspace, inspection: Inspection
) -> None:
    ids = inspection.reference.tolist()
    app = pick(look("regions"), ids[:4])
    app.text_input(key="regions_name").set_value("dark corners")
    app.text_area(key="regions_note").set_value("at night")
    next(b for b in app.button if b.label == "Save").click().run()
    assert not app.exception
    (made,) = selections.list_selections(ws)
    assert (made.reference_ids, made.note, made.by) == (tuple(ids[:4]), "at night", "researcher")
    assert made.view["inspection"] == str(inspection.info.id)
    assert app.query_params["selection"] == str(made.id)
    app = pick(app, ids[6:9])
    app.text_input(key="regions_name").set_value("dark corners")
    next(b for b in app.button if b.label == "Save").click().run()
    assert "there is a selection 'dark corners' already" in said(app).replace("\\", "")
    app.selectbox(key="regions_versus").select(made.id).run()
    words = " ".join(tables(app))
    (first, *_) = selecting.differences(inspection, np.arange(6, 9), np.arange(4))
    assert f"{first.name} {100 * first.first:.1f} % {100 * first.second:.1f} %" in words
    app.button(key="regions_do_open").click().run()
    assert app.session_state[state.PICKED] == tuple(ids[:4])
    app.button(key="regions_do_delete").click().run()
    assert selections.list_selections(ws) == []


def test_a_selection_is_sent_back_to_labelling(ws: Workspace, inspection: Inspection) -> None:
    ids = inspection.reference.tolist()
    app = pick(look("regions"), ids[2:4])
    app.radio(key="regions_how").set_value("more").run()
    app.number_input(key="regions_people").set_value(2).run()
    app.button(key="regions_send").click().run()
    assert "the pages are in the annotators' queue" in said(app)
    (plan,) = plans.list_plans(ws)
    assert plan.settings["references"] == ids[2:4]
    assert plan.counts.rank == 8  # two pages around each, two people more for each


def test_changed_answers_are_said(ws: Workspace, inspection: Inspection) -> None:
    look("regions")
    with ws.database.writing() as session:
        page = int(inspection.triples.page[0])
        answer = Answer(JudgementKind.ANSWER, (2, 1, 0), (3, 2, 1))
        records.add_judgements(session, [NewJudgement(page_id=page, answer=answer)])
    assert "Out of date: the answers have changed" in said(look("regions"))


def test_small_multiples_show_each_cs_model_with_its_null(
    ws: Workspace, inspection: Inspection
) -> None:
    app = look("regions")
    app.session_state[state.key("kind")] = "multiples"
    app.run()
    drawn = figure(app)
    titles = [note["text"] for note in drawn["layout"]["annotations"]]
    assert [re.sub("<.*", "", title.removeprefix("<b>")) for title in titles] == [
        "CS one",
        "CS two",
    ]
    assert all("null" in title for title in titles)
    assert "Of 2 maps" in said(app)


def test_a_rerun_that_changes_nothing_computes_nothing(
    ws: Workspace, inspection: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = look("regions")
    before, selected, itself = brought(app)
    assert selected == []

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("computed anew")

    monkeypatch.setattr("cssim.services.regions.competence_map", refuse)
    monkeypatch.setattr("cssim.services.regions.region_tests", refuse)
    monkeypatch.setattr("cssim.services.inspecting.load_inspection", refuse)
    monkeypatch.setattr("cssim.services.inspecting.load_triples", refuse)
    again = pick(app, inspection.reference[:3].tolist())
    assert not again.exception
    # Streamlit sends by name alone what has not changed: neither figure nor map travels again.
    assert brought(again) == (before, inspection.reference[:3].tolist(), itself)


def test_an_inspection_without_a_plane_says_so(ws: Workspace, inspection: Inspection) -> None:
    folder = inspecting.folder_of(ws, inspection.info.id)
    (folder / "pca.npy").unlink()
    (folder / "tsne.npy").unlink()
    assert "No map" in said(look("regions"))
