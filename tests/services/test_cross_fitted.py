"""Ensembles judged on the very sets they are fitted on, and what the table says of their eyes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cssim.ensembles.strategies import cross_confidence, cross_fit
from cssim.errors import BadInput, LeakedEvaluation
from cssim.evaluation.accuracy import soft_credit
from cssim.evaluation.calibration import reliability
from cssim.evaluation.report import Comparison
from cssim.services import analysing, evaluation, experiments, jobs
from cssim.services.encoding import distances_of, encoder_of, features_of, register_frozen
from cssim.services.executors import run_worker
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import JobState
from db import library, runs
from tests.world import World

TEST, VALIDATION = "w-test", "w-validation"


@pytest.fixture
def ws(filled: Workspace, world: World, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    register_frozen(filled, "histogram")
    register_frozen(filled, str(world.network))
    return filled


def _built(ws: Workspace, name: str, strategy: str, fit_on: list[str], **options: Any) -> None:
    experiments.request_ensemble(
        ws, name, ["histogram", "tiny"], strategy=strategy, fit_on=fit_on, **options
    )
    run_worker(ws, limit=1)


def _sets(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        found = library.list_clusters(session, ws.project.id)
    return [cluster.name for cluster in found if cluster.kind != "test"]


def _triples(ws: Workspace, names: list[str]) -> Triples:
    with ws.database.reading() as session:
        found = [library.get_cluster(session, ws.project.id, name).id for name in names]
    return load_triples(ws, found)


def _distances(ws: Workspace, triples: Triples) -> tuple[np.ndarray, np.ndarray]:
    with ws.database.reading() as session:
        models = [runs.get_model(session, ws.project.id, n) for n in ("histogram", "tiny")]
    encoders = [encoder_of(ws, model) for model in models]
    stack = np.stack([distances_of(ws, encoder, triples) for encoder in encoders])
    return stack, features_of(ws, encoders[1], triples.reference)


def _compare(ws: Workspace, sets: list[str], **options: Any) -> Comparison:
    job_id = evaluation.request_comparison(ws, sets, draws=200, **options)
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, jobs.job_log(ws, job_id)
    return evaluation.get_comparison(ws, job.result["evaluation"]).comparison


def test_a_cross_fitted_row_is_the_cross_fit_on_the_evaluated_references(ws: Workspace) -> None:
    sets = _sets(ws)
    for name in ("stacking", "knn"):
        _built(ws, name, name, sets)
    with pytest.raises(LeakedEvaluation):
        evaluation.comparison_request(ws, sets, ensembles=["stacking"])
    table = _compare(ws, sets, cross_fit=2, seed=3, shuffles=0)
    triples = _triples(ws, sets)
    stack, features = _distances(ws, triples)
    for name in ("stacking", "knn"):
        answers = cross_fit(
            name, stack, triples.share_a, triples.reference, features=features, folds=2, seed=3
        )
        row = table.row(name)
        assert row.accuracy == pytest.approx(soft_credit(answers, triples.share_a).mean())
        assert row.leakage == "none"
    assert table.settings.cross_fit == 2
    context = table.row("knn").context
    assert context is not None
    assert context.untested == "no shuffles were asked for"
    assert table.row("stacking").context is None


def test_nothing_is_fitted_on_a_test_set_nor_in_more_folds_than_references(ws: Workspace) -> None:
    _built(ws, "stack", "stacking", [VALIDATION])
    with pytest.raises(BadInput, match="is a test set: nothing may be fitted on it"):
        evaluation.comparison_request(ws, [TEST], ensembles=["stack"], cross_fit=2)
    with pytest.raises(BadInput, match="4 references cannot be dealt into 5 folds"):
        evaluation.comparison_request(ws, _sets(ws), ensembles=["stack"], cross_fit=5)
    with pytest.raises(BadInput, match="2 or more folds"):
        evaluation.comparison_request(ws, _sets(ws), ensembles=["stack"], cross_fit=1)


def test_every_table_says_whether_looking_at_the_reference_helps(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = _sets(ws)
    _built(ws, "few", "map-avg", sets)
    monkeypatch.setattr("cssim.ensembles.nulls.LEAST_REFERENCES", 4)
    _built(ws, "map", "map-avg", sets, shuffles=3)
    built = next(e for e in experiments.list_ensembles(ws) if e.name == "map").config["context"]
    table = _compare(ws, [TEST])
    few, found = table.row("few").context, table.row("map").context
    assert few is not None
    assert "it needs 10 references" in few.untested
    assert found is not None
    assert (found.gain, found.p, found.draws) == (built["gain"], built["p"], 3)
    assert found.where == f"cross-fitted on {' + '.join(sets)}"
    here = _compare(ws, sets, ensembles=["map"], cross_fit=4, shuffles=3).row("map").context
    assert here is not None
    assert here.where == "cross-fitted on the evaluated references"
    assert (here.gain, here.p) == (found.gain, found.p)  # the same references, folds and seed


def test_an_oracle_over_the_members_bounds_the_table(ws: Workspace) -> None:
    assert not [row for row in _compare(ws, [TEST]).rows if row.kind == "bound"]
    _built(ws, "sum", "uniform", [])
    table = _compare(ws, [TEST], ensembles=["sum"])
    triples = _triples(ws, [TEST])
    stack, _ = _distances(ws, triples)
    credits = soft_credit(stack, triples.share_a)
    row = table.row("Oracle, by triple")
    assert row.accuracy == pytest.approx(credits.max(axis=0).mean())
    assert (row.tied, row.p_holm) == (None, None)
    best = [
        credits[:, triples.reference == r].sum(axis=1).max() for r in np.unique(triples.reference)
    ]
    by_reference = table.row("Oracle, by reference").accuracy
    assert by_reference == pytest.approx(sum(best) / len(triples))


def test_every_row_says_what_is_stored_of_it(ws: Workspace) -> None:
    _built(ws, "sum", "uniform", [])
    table = _compare(ws, [TEST])
    ids = {model.name: model.id for model in experiments.list_models(ws)}
    (group,) = experiments.list_ensembles(ws)
    assert table.row("tiny").made_by == f"model {ids['tiny']}"
    assert table.row("sum").made_by == f"ensemble {group.id}, job {group.config['job']}"
    assert {row.name for row in table.rows if not row.made_by} == {
        "Human ceiling", "Oracle, by reference", "Oracle, by triple", "Chance",
    }  # fmt: skip


def test_the_card_keeps_credit_and_calibration_out_of_fold(ws: Workspace) -> None:
    sets = _sets(ws)
    _built(ws, "stack", "stacking", sets)
    (group,) = experiments.list_ensembles(ws)
    kept = group.config["out_of_fold"]
    triples = _triples(ws, sets)
    stack, _ = _distances(ws, triples)
    share, reference = triples.share_a, triples.reference
    answers = cross_fit("stacking", stack, share, reference, folds=4)
    probability = cross_confidence(answers, share, reference, folds=4)
    assert (kept["folds"], kept["references"], kept["triples"]) == (4, 4, len(triples))
    assert kept["credit"] == pytest.approx(soft_credit(answers, share).mean())
    assert kept["brier"] == pytest.approx(np.mean((probability - share) ** 2))
    assert kept["error"] == pytest.approx(reliability(probability, share, reference).error)


def test_confidences_of_a_cross_fitted_analysis_have_not_seen_their_references(
    ws: Workspace,
) -> None:
    sets = _sets(ws)
    _built(ws, "stack", "stacking", sets)
    job_id = analysing.request_analysis(
        ws, sets, ensembles=["stack"], cross_fit=4, draws=200, shuffles=0
    )
    run_worker(ws, limit=1)
    (part,) = jobs.get_job(ws, job_id).result["ensembles"]
    triples = _triples(ws, sets)
    stack, _ = _distances(ws, triples)
    share, reference = triples.share_a, triples.reference
    answers = cross_fit("stacking", stack, share, reference, folds=4)
    probability = cross_confidence(answers, share, reference, folds=4)
    assert part["calibration"]["brier"] == pytest.approx(np.mean((probability - share) ** 2))
    alone = cross_fit("stacking", stack[1:], share, reference, folds=4)
    (row,) = [row for row in part["ablation"] if row["member"] == "histogram"]
    assert row["accuracy"] == pytest.approx(soft_credit(alone, share).mean())
