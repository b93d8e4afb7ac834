"""The ensembles page: asked, searched, weighed, estimated, built, taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import (
    answering,
    estimating,
    experiments,
    gallery,
    jobs,
    library,
    questions,
    taking_out,
    uploads,
)
from cssim.services.uploads import Asked
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace
from cssim.types import JobState, Role
from cssim.ui import runtime
from cssim.ui.ensembles import ask, listing
from db import runs
from db.models import ClusterRow
from tests.ui.ensemble_home import opened
from tests.ui.looking import look, markup, said, sign_in, tables
from tests.world import World


@pytest.fixture
def ws(
    ensembles_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    with opened(ensembles_home, tmp_path, monkeypatch) as found:
        yield found


def pictures(ws: Workspace, *numbers: int) -> list[Asked]:
    images = gallery.find_pictures(ws).images
    return [Asked(images[i].name, image_id=images[i].id) for i in numbers]


def asking(ensemble: str, ws: Workspace, *asked: Asked, view: str = "Ask") -> Callable[..., None]:
    """What to set before the page is opened: the ensemble, the question, the view."""
    (info,) = [one for one in experiments.list_ensembles(ws) if one.name == ensemble]

    def before(app: AppTest) -> None:
        app.query_params["ensemble"] = str(info.id)
        app.session_state["ensembles_view"] = view
        for role, one in zip(("reference", "a", "b"), asked, strict=False):
            app.session_state[f"ask_{role}"] = one
        if view == "Search" and asked:
            app.session_state["search"] = asked[0]

    return before


def test_without_models_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = runtime.workspace()
    sign_in(empty, monkeypatch, Role.RESEARCHER)
    words = said(look("ensembles"))
    assert "No ensemble yet" in words
    assert "needs two models or more" in words
    runtime.close()


def test_an_example_is_answered_at_once_with_what_people_said(ws: Workspace) -> None:
    app = look("ensembles")
    words = said(app)
    assert "People were asked the same" in words
    assert "is closer, and expects" in words
    assert "What each member says" in words
    assert not jobs.list_jobs(ws, states=[JobState.QUEUED])
    before = [app.session_state[f"ask_{role}"] for role in ask.ROLES]
    app.button(key="ask_more").click().run()
    assert [app.session_state[f"ask_{role}"] for role in ask.ROLES] != before


def test_the_answer_on_the_page_is_that_of_the_service(ws: Workspace) -> None:
    asked = pictures(ws, 0, 7, 11)
    app = look("ensembles", asking("near", ws, *asked))
    shelf = load_shelf(ws)
    (info,) = [one for one in experiments.list_ensembles(ws) if one.name == "near"]
    ready = answering.ready(ws, info)
    found = answering.answer(shelf, ready, *(one.image_id or 0 for one in asked))
    words = said(app)
    assert f"says **{found['choice']}** is closer" in words
    assert f"{found['distances'][0]:.3f} to A, {found['distances'][1]:.3f} to B" in words
    for name, weight in found["explanation"]["weights"].items():
        assert any(f"{name} " in table and f"{weight:.3f}" in table for table in tables(app))
    nearest = found["explanation"]["nearest"][0]
    assert f"/reference?image={nearest['image_id']}" in markup(app)


def test_the_shares_of_the_members_add_up_to_the_difference(ws: Workspace) -> None:
    shelf, asked = load_shelf(ws), [one.image_id or 0 for one in pictures(ws, 0, 7, 11)]
    for info in experiments.list_ensembles(ws):
        ready = answering.ready(ws, info)
        found = answering.answer(shelf, ready, *asked)
        to_a, to_b = found["distances"]
        assert sum(questions.pull_of(ready, found).values()) == pytest.approx(to_a - to_b)


def test_an_upload_is_asked_about_by_a_job(ws: Workspace, world: World) -> None:
    data = sorted(world.images.iterdir())[0].read_bytes()
    asked = [uploads.take(ws, data, "mine.png"), *pictures(ws, 7, 9)]
    app = look("ensembles", asking("both", ws, *asked))
    assert "must be embedded by each member" in said(app)
    app.button(key="ask_go").click().run()
    (job,) = jobs.list_jobs(ws, states=[JobState.QUEUED])
    assert job.kind == "ask"
    jobs.run_worker(ws, limit=1)
    app.run()
    assert not app.exception
    assert "**both** says" in said(app)
    assert "mine.png" in markup(app)


def test_search_shows_the_nearest_pictures_at_once(ws: Workspace) -> None:
    (asked,) = pictures(ws, 3)
    app = look("ensembles", asking("near", ws, asked, view="Search"))
    shelf = load_shelf(ws)
    (info,) = [one for one in experiments.list_ensembles(ws) if one.name == "near"]
    found = answering.search(shelf, answering.ready(ws, info), asked.image_id or 0)
    shown = markup(app)
    places = [shown.index(f'/reference?image={near.image.id}"') for near in found]
    assert places == sorted(places)
    assert f"{found[0].distance:.3f}" in shown


def test_it_is_said_whether_looking_at_references_helps() -> None:
    assert listing.context_said(None) == ""
    assert "not tested" in listing.context_said({"untested": "too few"})
    tested = {"gain": 0.012, "p": 0.05, "draws": 19, "blind": "Stacking"}
    assert "+1.2 points over Stacking" in listing.context_said(tested)
    assert "helps" in listing.context_said(tested)
    for worse in ({"p": 0.1}, {"gain": -0.01}):
        assert "no more than shuffled" in listing.context_said(tested | worse)


def test_a_vote_says_that_it_cannot_search(ws: Workspace) -> None:
    app = look("ensembles", asking("voters", ws, view="Search"))
    assert "no distance of its own" in said(app)


def test_weights_are_drawn_where_they_depend_on_the_reference(ws: Workspace) -> None:
    app = look("ensembles", asking("near", ws, view="Weights"))
    assert any("3 members" in chart.proto.alt for chart in app.get("plotly_chart"))
    assert any("Context test" in table for table in tables(app))
    app = look("ensembles", asking("both", ws, view="Weights"))
    assert not any("Context test" in table for table in tables(app))
    assert "the same weights everywhere" in said(app)


def test_it_is_taken_out_with_the_lines_that_use_it(ws: Workspace) -> None:
    app = look("ensembles", asking("near", ws, view="Take out"))
    assert any('cssim.load_ensemble("near")' in code.value for code in app.code)
    (link,) = [one for one in app.get("link_button") if "near.zip" in one.proto.label]
    near = next(one for one in experiments.list_ensembles(ws) if one.name == "near")
    assert link.proto.url == f"/api/ensembles/{near.id}/files"
    assert "named in it, not copied: histogram, hog" in said(app)


def test_the_estimate_follows_the_form_and_the_ensemble_is_queued(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "LARGE", 1)  # so that a Gaussian process is left to a worker
    app = look("ensembles")
    (members,) = [one for one in app.multiselect if str(one.key).startswith("ensemble_members")]
    members.set_value(["histogram", "tiny"]).run()
    first = [metric.value for metric in app.metric]
    assert len(first) == 2
    app.selectbox(key="ensemble_strategy").select("best-single").run()
    assert not app.exception
    app.selectbox(key="ensemble_strategy").select("gp").run()
    assert "takes longer than a page can wait" in said(app)
    app.button(key="ensemble_estimate").click().run()
    (job,) = jobs.list_jobs(ws, states=[JobState.QUEUED])
    assert (job.kind, job.params["strategy"]) == ("estimate", "gp")
    jobs.run_worker(ws, limit=1)
    app.run()
    assert len(app.metric) == 2
    app.selectbox(key="ensemble_strategy").select("uniform").run()
    assert [metric.value for metric in app.metric] == first
    app.text_input(key="ensemble_name").input("a pair").run()
    app.button(key="ensemble_go").click().run()
    (job,) = [one for one in jobs.list_jobs(ws, states=[JobState.QUEUED])]
    assert (job.kind, job.params["name"], job.params["strategy"]) == (
        "ensemble",
        "a pair",
        "uniform",
    )


def test_an_estimate_that_failed_says_why_and_can_be_tried_again(ws: Workspace) -> None:
    app = look("ensembles")
    app.selectbox(key="ensemble_strategy").select("mlp-8").run()
    app.button(key="ensemble_estimate").click().run()
    jobs.run_worker(ws, limit=1)
    app.run()
    assert "at least 2 validation references" in " ".join(error.value for error in app.error)
    (again,) = [one for one in app.button if str(one.key).startswith("estimate_again")]
    again.click().run()
    assert app.button(key="ensemble_estimate")


def test_an_ensemble_whose_answers_have_changed_says_so(ws: Workspace) -> None:
    assert "Out of date" not in said(look("ensembles"))
    validation = [
        one.cluster.id
        for one in library.cluster_summaries(ws)
        if one.cluster.name == "w-validation"
    ]
    _answer_again(ws, validation)
    assert "the answers that it was fitted on have changed" in " ".join(
        warning.value for warning in look("ensembles").warning
    )


def _answer_again(ws: Workspace, cluster_ids: list[int]) -> None:
    from db import annotations as records
    from db.annotations import NewJudgement

    with ws.database.writing() as session:
        old = records.judgements_of(session, cluster_ids)[0]
        records.add_judgements(session, [NewJudgement(page_id=old.page_id, answer=old.answer)])


def test_an_ensemble_is_renamed_put_away_and_brought_back(ws: Workspace) -> None:
    near = next(one for one in experiments.list_ensembles(ws) if one.name == "near")
    app = look("ensembles", asking("near", ws))
    app.text_input(key=f"ensembles_name_{near.id}").input("both").run()
    app.button(key="ensembles_rename").click().run()
    assert "there is an ensemble 'both' already" in app.error[0].value
    app.text_input(key=f"ensembles_name_{near.id}").input("nearest").run()
    app.button(key="ensembles_rename").click().run()
    assert not app.exception
    assert "**nearest** says" in said(app)  # asked anew under its name
    app.button(key="ensembles_archive").click().run()
    assert app.button(key="ensembles_archive").label == "Bring back"
    assert "nearest" not in {one.name for one in experiments.list_ensembles(ws)}
    app = look("ensembles")  # elsewhere it is not listed
    assert "nearest" not in chosen_from(app)
    app.checkbox(key="ensembles_archived").check().run()
    assert "nearest" in chosen_from(app)
    app = look("ensembles", lambda app: app.query_params.__setitem__("ensemble", str(near.id)))
    app.button(key="ensembles_archive").click().run()
    assert "nearest" in {one.name for one in experiments.list_ensembles(ws)}


def chosen_from(app: AppTest) -> list[str]:
    (radio,) = [one for one in app.radio if one.label == "Ensemble"]
    return list(radio.options)


def test_an_ensemble_is_uploaded_and_says_where_it_was_fitted(
    ws: Workspace, tmp_path: Path
) -> None:
    packed = taking_out.export_ensemble(ws, "near", tmp_path / "near.zip").read_bytes()
    with ws.database.writing() as session:  # as if it came from a project with other answers
        near = next(
            one for one in runs.list_ensembles(session, ws.project.id) if one.name == "near"
        )
        set_ = session.get_one(ClusterRow, near.config["fit_on"][0])
        set_.name = "another"
    app = look("ensembles")
    app.file_uploader(key="ensemble_import_file_0").upload("near.zip", packed).run()
    app.text_input(key="ensemble_import_name_0").input("brought in").run()
    app.button(key="ensemble_import").click().run()
    jobs.run_worker(ws, limit=1)
    app.run()
    assert not app.exception
    assert "**brought in** is an ensemble of this project now" in app.success[0].value
    assert "**brought in** says" in said(app)  # the newest is looked at
    assert "answers of another project, " in markup(app)
