"""Names may change: results are current as long as what stands behind the names is the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cssim.config import load_settings
from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import (
    analyses,
    answering,
    cards,
    ensemble_names,
    evaluation,
    experiments,
    inspecting,
    jobs,
    library,
    one_reference,
)
from cssim.services.evaluation import StoredComparison
from cssim.services.jobs import JobRequest
from cssim.services.vectors import load_shelf, shelf_state
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind, EnsembleInfo, JobInfo, JobState, ModelInfo
from db import annotations as records
from db import library as sets
from db import registry, runs
from db.annotations import NewJudgement
from tests.world import World

TEST = "w-test"


def do(ws: Workspace, request: JobRequest) -> JobInfo:
    done = jobs.run_here(ws, request)
    assert done.state is JobState.DONE, done.error
    return done


@pytest.fixture
def ws(filled: Workspace) -> Workspace:
    """Two metrics, and both of them together."""
    do(filled, experiments.embedding_request(filled, ["histogram", "hog"]))
    do(filled, experiments.ensemble_request(filled, "both", ["histogram", "hog"]))
    return filled


def train(ws: Workspace, world: World, name: str) -> None:
    found = library.cluster_summaries(ws)
    context = next(c.cluster.name for c in found if c.cluster.kind is ClusterKind.CONTEXT)
    config = {"adapter": "head", "epochs": 1}
    for request in experiments.training_requests(
        ws, [context], str(world.network), names=[name], config=config
    ):
        do(ws, request)


def compare(ws: Workspace, anchor: str = "both") -> StoredComparison:
    request = evaluation.comparison_request(ws, [TEST], anchor=anchor, draws=200)
    return evaluation.get_comparison(ws, do(ws, request).result["evaluation"])


def stale(ws: Workspace, stored: StoredComparison) -> tuple[str, str]:
    """Of the comparison, and of its analysis."""
    analysis = analyses.find_analysis(ws, stored.info)
    assert analysis is not None
    return evaluation.get_comparison(ws, stored.info.id).stale, analysis.stale


def test_new_names_leave_results_current_and_new_weights_do_not(
    ws: Workspace, world: World
) -> None:
    train(ws, world, "one")
    stored = compare(ws)
    do(ws, analyses.analysis_request_of(ws, stored.info))
    cards.rename_model(ws, "one", "another")
    ensemble_names.rename_ensemble(ws, "both", "together")
    assert stale(ws, stored) == ("", "")
    train(ws, world, "one")  # takes the old name, and is no row of the comparison
    assert stale(ws, stored) == ("", "")
    with ws.database.writing() as session:
        renamed = runs.get_model(session, ws.project.id, "another")
        runs.set_fingerprint(session, renamed.id, "other weights")
    assert stale(ws, stored) == ("model one has changed",) * 2  # as its table calls it


def test_other_weights_of_a_member_change_the_ensemble_under_whatever_name(ws: Workspace) -> None:
    stored = compare(ws)
    ensemble_names.rename_ensemble(ws, "both", "together")
    with ws.database.writing() as session:
        hog = runs.get_model(session, ws.project.id, "hog")
        runs.set_fingerprint(session, hog.id, "another")
    now = evaluation.get_comparison(ws, stored.info.id)
    assert now.stale == "ensemble both has changed; model hog has changed"


def test_a_changed_answer_makes_a_comparison_of_renamed_rows_stale(ws: Workspace) -> None:
    stored = compare(ws)
    ensemble_names.rename_ensemble(ws, "both", "together")
    with ws.database.writing() as session:
        cluster = sets.get_cluster(session, ws.project.id, TEST)
        (one, *_) = records.judgements_of(session, [cluster.id])
        records.add_judgements(session, [NewJudgement(page_id=one.page_id, answer=one.answer)])
    assert evaluation.get_comparison(ws, stored.info.id).stale == "the answers have changed"


def test_an_analysis_of_an_earlier_version_goes_by_the_names_of_its_comparison(
    ws: Workspace,
) -> None:
    stored = compare(ws)
    job = do(ws, analyses.analysis_request_of(ws, stored.info))
    ensemble_names.rename_ensemble(ws, "both", "together")
    with ws.database.writing() as session:
        from db.models import JobRow

        row = session.get_one(JobRow, job.id)
        row.result = {key: value for key, value in row.result.items() if key != "names"}
    assert stale(ws, stored) == ("", "")


def test_a_comparison_of_renamed_rows_is_analysed_under_their_new_names(ws: Workspace) -> None:
    stored = compare(ws)
    ensemble_names.rename_ensemble(ws, "both", "together")
    done = do(ws, analyses.analysis_request_of(ws, stored.info))
    assert done.params["settings"]["anchor"] == "together"
    assert [part["name"] for part in done.result["ensembles"]] == ["together"]
    assert stale(ws, stored) == ("", "")


def test_rows_that_are_renamed_while_a_comparison_waits_are_compared(ws: Workspace) -> None:
    evaluation.request_comparison(ws, [TEST], anchor="both", draws=200)
    ensemble_names.rename_ensemble(ws, "both", "together")
    (done,) = jobs.run_worker(ws, limit=1)
    assert done.state is JobState.DONE, done.error
    stored = evaluation.latest_comparison(ws)
    assert stored is not None
    assert (stored.comparison.settings.anchor, stored.stale) == ("together", "")


def test_an_inspection_knows_its_rows_under_new_names(ws: Workspace, world: World) -> None:
    train(ws, world, "one")
    job = do(ws, inspecting.inspection_request(ws, [TEST], tsne=False))
    cards.rename_model(ws, "one", "another")
    ensemble_names.rename_ensemble(ws, "both", "together")
    (info,) = inspecting.list_inspections(ws)
    assert (info.id, inspecting.stale(ws, info)) == (job.id, "")
    with ws.database.writing() as session:
        renamed = runs.get_model(session, ws.project.id, "another")
        runs.set_fingerprint(session, renamed.id, "other weights")
    assert inspecting.stale(ws, info) == "model one has changed"
    gone = tuple(replace(row, id=999) if row.name == "both" else row for row in info.rows)
    assert inspecting.stale(ws, replace(info, rows=gone)).endswith("is gone")


def test_a_row_of_a_comparison_leads_to_what_it_is_now(ws: Workspace, world: World) -> None:
    train(ws, world, "one")
    stored = compare(ws)
    cards.rename_model(ws, "one", "another")
    ensemble_names.rename_ensemble(ws, "both", "together")
    ensemble_names.archive_ensembles(ws, ["together"])
    found = {row.name: experiments.made(ws, row.source) for row in stored.comparison.rows}
    model, group = found["one"], found["both"]
    assert isinstance(model, ModelInfo)
    assert isinstance(group, EnsembleInfo)
    assert (model.name, group.name) == ("another", "together")
    assert experiments.made(ws, "ensemble 99") is None
    assert experiments.made(ws, "") is None


def test_an_ensemble_is_put_away_and_brought_back(ws: Workspace) -> None:
    stored = compare(ws)
    ensemble_names.archive_ensembles(ws, ["both"])
    assert experiments.list_ensembles(ws) == []
    (one,) = experiments.list_ensembles(ws, archived=True)
    assert evaluation.comparison_request(ws, [TEST]).params["ensembles"] == []
    assert inspecting.inspection_request(ws, [TEST]).params["ensembles"] == []
    assert evaluation.get_comparison(ws, stored.info.id).stale == ""
    named = evaluation.comparison_request(ws, [TEST], ensembles=["both"])
    assert named.params["ensembles"] == [one.id]
    with pytest.raises(Conflict, match="'both' already"):
        experiments.ensemble_request(ws, "both", ["hog"])
    with pytest.raises(NotFound, match="nobody"):
        ensemble_names.archive_ensembles(ws, ["both", "nobody"], back=True)
    assert experiments.list_ensembles(ws) == []  # all or none
    ensemble_names.archive_ensembles(ws, ["both"], back=True)
    assert [group.name for group in experiments.list_ensembles(ws)] == ["both"]


def test_what_is_archived_can_still_be_embedded_by_name(ws: Workspace) -> None:
    cards.archive_models(ws, ["hog"])
    done = do(ws, experiments.embedding_request(ws, ["hog"]))
    assert done.result["models"] == ["hog"]
    assert cards.model_card(ws, "hog").archived


def test_an_ensemble_answers_as_before_when_members_are_renamed_and_put_away(
    ensembles_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(ensembles_home, tmp_path / "copy")
    opened = open_workspace(load_settings({}, home=home))
    group = next(one for one in experiments.list_ensembles(opened) if one.name == "near")
    before, shelf = answering.ready(opened, group), load_shelf(opened)
    asked = [shelf.images[i].id for i in (0, 7, 11)]
    expected = answering.answer(shelf, before, *asked)
    with opened.database.writing() as session:
        tiny = runs.get_model(session, opened.project.id, "tiny")  # which looks at references
        registry.rename_model(session, opened.project.id, tiny.id, "small")
    state = shelf_state(opened)
    cards.archive_models(opened, ["small", "hog"])
    assert shelf_state(opened) != state
    shelf = load_shelf(opened)
    assert [model.name for model in shelf.listed] == ["histogram"]
    ready = answering.ready(opened, group)
    assert answering.lacking(shelf, ready, asked) == []
    found, now = answering.answer(shelf, ready, *asked), {"tiny": "small"}
    assert found["distances"] == expected["distances"]
    assert found["votes"] == {now.get(n, n): v for n, v in expected["votes"].items()}
    assert found["explanation"]["nearest"] != ()
    assert answering.search(shelf, ready, asked[0])
    here = one_reference.of_reference(
        library.load_triples(opened, group.config["fit_on"]), asked[0]
    )
    judges = one_reference.judges(shelf, [ready], here, here, asked[0])
    assert [judge.name for judge in judges] == ["histogram", "near"]
    opened.close()


def test_an_ensemble_gets_a_name_that_no_other_has(ws: Workspace) -> None:
    do(ws, experiments.ensemble_request(ws, "other", ["hog"]))
    with pytest.raises(Conflict, match="an ensemble 'other' already"):
        ensemble_names.rename_ensemble(ws, "both", "other")
    with pytest.raises(Conflict, match="a model 'hog' already"):  # a comparison has both as rows
        ensemble_names.rename_ensemble(ws, "both", "hog")
    ensemble_names.rename_ensemble(ws, "both", "both")
    for wrong in ("", " ", "a/b", ".hidden", "x" * 101):
        with pytest.raises(BadInput, match="1 to 100 letters"):
            ensemble_names.rename_ensemble(ws, "both", wrong)
    with pytest.raises(NotFound, match="no ensemble 'nobody'"):
        ensemble_names.rename_ensemble(ws, "nobody", "somebody")
