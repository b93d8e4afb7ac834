"""Comparisons: numbers against the obvious way, leakage, looks, staleness, absent models."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import torch

from cssim import load_ensemble
from cssim.errors import BadInput, LeakedEvaluation, NotFound
from cssim.services import evaluation, experiments, jobs
from cssim.services.encoding import encoder_of, register_frozen
from cssim.services.evaluation import StoredComparison
from cssim.services.executors import run_worker
from cssim.services.library import add_images, load_triples
from cssim.services.workspace import Workspace
from cssim.types import Answer, Choice, JobState, JudgementKind, ModelInfo, ModelKind
from db import annotations as records
from db import library, runs
from db.annotations import NewJudgement
from db.runs import NewModel
from tests.world import World

TEST, VALIDATION = "w-test", "w-validation"


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def ws(filled: Workspace, world: World) -> Workspace:
    """With a metric, a frozen network and an ensemble of both."""
    register_frozen(filled, "histogram")
    register_frozen(filled, str(world.network))
    experiments.request_ensemble(filled, "both", ["histogram", "tiny"])
    run_worker(filled, limit=1)
    assert len(experiments.list_ensembles(filled)) == 1
    return filled


def _names(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        return [c.name for c in library.list_clusters(session, ws.project.id)]


def _compare(ws: Workspace, *clusters: str, **options: Any) -> StoredComparison:
    job_id = evaluation.request_comparison(ws, clusters or [TEST], **{"draws": 200} | options)
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, jobs.job_log(ws, job_id)
    return evaluation.get_comparison(ws, job.result["evaluation"])


def _trained(ws: Workspace, world: World, cluster: str) -> ModelInfo:
    config = {"adapter": "head", "epochs": 2, "rank": 1}
    experiments.request_training(ws, [cluster], str(world.network), config=config, names=["cs"])
    run_worker(ws, limit=1)
    return next(m for m in experiments.list_models(ws) if m.name == "cs")


def _naive(ws: Workspace, names: list[str], cluster: str, *, strict: bool) -> float:
    """One triple after the other, one picture after the other, distances added over models."""
    with ws.database.reading() as session:
        models = [runs.get_model(session, ws.project.id, name) for name in names]
        found = library.get_cluster(session, ws.project.id, cluster)
        triples = load_triples(ws, [found.id])
        images = library.images_by_id(session, triples.images.tolist())
    vectors = {}
    for model in models:
        encoder = encoder_of(ws, model)
        for i, image in images.items():
            picture = ws.store.open(str(image.sha256))
            vectors[model.name, i] = encoder.embed([picture])[0].astype(float)

    def distance(r: int, x: int) -> float:
        total = 0.0
        for name in names:
            u, v = vectors[name, r], vectors[name, x]
            total += 1 - u @ v / np.sqrt(u @ u) / np.sqrt(v @ v)
        return total

    credits = []
    for triple in triples.rows():
        says_a = distance(triple.reference, triple.a) < distance(triple.reference, triple.b)
        agree = triple.votes_a if says_a else triple.votes_b
        if not strict:
            credits.append(agree / 4)
        elif triple.votes_a != triple.votes_b:
            credits.append(float(agree > 2))
    return float(np.mean(credits))


@pytest.mark.parametrize("credit", ["soft", "strict"])
def test_the_numbers_are_those_of_the_obvious_way(ws: Workspace, credit: str) -> None:
    comparison = _compare(ws, credit=credit).comparison
    strict = credit == "strict"
    for name, members in {
        "histogram": ["histogram"],
        "tiny": ["tiny"],
        "both": ["histogram", "tiny"],
    }.items():
        expected = _naive(ws, members, TEST, strict=strict)
        assert comparison.row(name).accuracy == pytest.approx(expected, abs=1e-9)
    assert comparison.row("Chance").accuracy == 0.5
    assert comparison.row("both").members == ("histogram", "tiny")


def test_differences_are_to_the_first_frozen_model_by_default(ws: Workspace) -> None:
    comparison = _compare(ws).comparison
    assert comparison.settings.anchor == "tiny"
    one, other = comparison.row("histogram"), comparison.row("tiny")
    assert one.accuracy is not None
    assert other.accuracy is not None
    assert one.difference == pytest.approx(one.accuracy - other.accuracy)
    assert other.difference is None


def test_several_sets_are_evaluated_together(ws: Workspace, world: World) -> None:
    comparison = _compare(ws, TEST, VALIDATION).comparison
    row = comparison.row("tiny")
    assert (row.triples, row.references) == (3 * world.triples, 3)
    parts = [load_triples(ws, [_cluster(ws, name)]) for name in (TEST, VALIDATION)]
    alone = [_naive(ws, ["tiny"], name, strict=False) for name in (TEST, VALIDATION)]
    weights = [len(part) for part in parts]
    assert row.accuracy == pytest.approx(np.average(alone, weights=weights))
    assert [one.fingerprint for one in comparison.sets] == [part.fingerprint for part in parts]


def _cluster(ws: Workspace, name: str) -> int:
    with ws.database.reading() as session:
        return library.get_cluster(session, ws.project.id, name).id


def test_each_look_at_a_test_set_is_counted(ws: Workspace) -> None:
    looks = [
        {one.name: one.looks for one in _compare(ws, *clusters).comparison.sets}
        for clusters in ([TEST], [TEST, VALIDATION], [TEST])
    ]
    assert looks == [{TEST: 1}, {TEST: 2, VALIDATION: None}, {TEST: 3}]


def test_a_model_trained_on_the_set_is_refused_unless_asked_for(
    ws: Workspace, world: World
) -> None:
    cluster = _names(ws)[0]
    _trained(ws, world, cluster)
    with pytest.raises(LeakedEvaluation, match="cs trained on pages"):
        evaluation.comparison_request(ws, [cluster])
    comparison = _compare(ws, cluster, allow_leakage=True).comparison
    assert comparison.row("cs").leakage == "trained on this set"
    assert comparison.row("tiny").leakage == "none"
    assert any("evaluated on request: cs" in note for note in comparison.notes)


def test_an_ensemble_of_a_leaked_member_is_leaked_too(ws: Workspace, world: World) -> None:
    cluster = _names(ws)[0]
    _trained(ws, world, cluster)
    experiments.request_ensemble(ws, "with cs", ["tiny", "cs"])
    run_worker(ws, limit=1)
    with pytest.raises(LeakedEvaluation):
        evaluation.comparison_request(ws, [cluster], models=["tiny"], ensembles=["with cs"])


def test_weights_fitted_on_a_set_may_not_be_judged_on_it(ws: Workspace) -> None:
    for name, strategy in (("stacked", "stacking"), ("summed", "uniform")):
        experiments.request_ensemble(
            ws, name, ["histogram", "tiny"], strategy=strategy, fit_on=[VALIDATION]
        )
        run_worker(ws, limit=1)
    with pytest.raises(LeakedEvaluation, match="stacked"):
        evaluation.comparison_request(ws, [VALIDATION], ensembles=["stacked"])
    assert evaluation.comparison_request(ws, [VALIDATION], ensembles=["summed"])


@pytest.mark.parametrize("members", [["histogram", "tiny"], ["histogram"]])
def test_weights_by_the_reference_are_built_saved_and_compared(
    ws: Workspace, members: list[str]
) -> None:
    """Compared from the cache, and asked picture by picture without the database."""
    experiments.request_ensemble(ws, "near", members, strategy="knn", fit_on=[VALIDATION])
    run_worker(ws, limit=1)
    row = _compare(ws, ensembles=["near"]).comparison.row("near")
    (stored,) = (e for e in experiments.list_ensembles(ws) if e.name == "near")
    assert len(str(stored.config["fitted"])) < 600
    loaded = load_ensemble(ws.settings.home / str(stored.path))
    assert loaded.fitted.projector == "tiny"
    triples = load_triples(ws, [_cluster(ws, TEST)])
    with ws.database.reading() as session:
        images = library.images_by_id(session, triples.images.tolist())
    credit = []
    for triple in list(triples.rows())[:60]:
        r, a, b = (
            ws.store.open(str(images[i].sha256)) for i in (triple.reference, triple.a, triple.b)
        )
        choice = loaded.closer(r, a, b).choice
        agrees = {None: 0.5, Choice.A: triple.share_a, Choice.B: 1 - triple.share_a}
        credit.append(agrees[choice])
    assert len(triples) <= 60
    assert row.accuracy == pytest.approx(np.mean(credit))


def test_an_ensemble_whose_folder_is_gone_says_so_in_its_row(ws: Workspace) -> None:
    experiments.request_ensemble(ws, "near", ["tiny"], strategy="knn", fit_on=[VALIDATION])
    run_worker(ws, limit=1)
    shutil.rmtree(ws.settings.ensembles)
    row = _compare(ws, models=["tiny"], ensembles=["near"]).comparison.row("near")
    assert row.accuracy is None
    assert "no saved ensemble" in row.reason


def test_what_a_cs_model_was_trained_on_stands_in_its_row(ws: Workspace, world: World) -> None:
    cluster = _names(ws)[0]
    model = _trained(ws, world, cluster)
    comparison = _compare(ws).comparison
    row = comparison.row("cs")
    assert (row.kind, row.trained_on, row.leakage) == ("cs", cluster, "none")
    assert row.run == str(model.metrics["job"])
    assert len(comparison.overlaps) == 1
    assert comparison.overlaps[0].shared_references == 0
    assert comparison.overlaps[0].shared_images > 0


def test_a_model_that_cannot_be_loaded_is_listed_with_the_reason_and_no_number(
    ws: Workspace, world: World
) -> None:
    model = _trained(ws, world, _names(ws)[0])
    experiments.request_ensemble(ws, "with cs", ["tiny", "cs"])
    run_worker(ws, limit=1)
    shutil.rmtree(ws.settings.home / str(model.path))
    with ws.database.writing() as session:
        absent = NewModel("absent", ModelKind.FROZEN, "dino-vitb16", fingerprint="f")
        runs.save_model(session, ws.project.id, absent)
    comparison = _compare(ws).comparison
    assert "checkpoint of cs is gone" in comparison.row("cs").reason
    assert "hf download facebook/dino-vitb16" in comparison.row("absent").reason
    assert comparison.row("with cs").reason.startswith("cs: the checkpoint of cs is gone")
    for name in ("cs", "absent", "with cs"):
        assert comparison.row(name).accuracy is None
    assert comparison.row("tiny").accuracy is not None


def test_the_newest_comparison_comes_first_and_is_fresh(ws: Workspace) -> None:
    assert evaluation.latest_comparison(ws) is None
    _compare(ws, name="old")
    new = _compare(ws, name="new")
    latest = evaluation.latest_comparison(ws)
    assert latest is not None
    assert (latest.info.name, latest.stale) == ("new", "")
    assert latest.comparison == new.comparison
    assert [info.name for info in evaluation.list_comparisons(ws)] == ["new", "old"]


def test_it_is_stale_once_an_answer_has_come(ws: Workspace) -> None:
    stored = _compare(ws)
    with ws.database.writing() as session:
        page = records.pages_of(session, [_cluster(ws, TEST)])[0]
        answer = Answer(JudgementKind.ANSWER, order=(0, 1))
        records.add_judgements(session, [NewJudgement(page.id, answer)])
    assert evaluation.get_comparison(ws, stored.info.id).stale == "the answers have changed"


def test_it_is_stale_once_a_models_weights_have_changed(ws: Workspace) -> None:
    stored = _compare(ws)
    with ws.database.writing() as session:
        tiny = runs.get_model(session, ws.project.id, "tiny")
        runs.set_fingerprint(session, tiny.id, "other")
    stale = evaluation.get_comparison(ws, stored.info.id).stale
    assert stale == "ensemble both has changed; model tiny has changed"
    assert _compare(ws).stale == ""  # the weights are looked at anew


def test_another_version_of_the_code_makes_it_stale(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = _compare(ws)
    monkeypatch.setattr("cssim.__version__", "99")
    assert evaluation.get_comparison(ws, stored.info.id).stale.startswith(
        "CS-Sim has changed from "
    )


def test_contexts_are_the_references_tags_where_each_has_one(ws: Workspace, world: World) -> None:
    assert _compare(ws).comparison.macro_over == "references"
    add_images(ws, [world.images], tags=["colours"])
    assert _compare(ws).comparison.macro_over == "contexts"


def test_what_cannot_be_compared_is_refused_at_once(ws: Workspace) -> None:
    cases: list[tuple[type[Exception], str, list[str], dict[str, Any]]] = [
        (BadInput, "at least one cluster", [], {}),
        (NotFound, "no cluster 'x'", ["x"], {}),
        (NotFound, "no model 'x'", [TEST], {"models": ["x"]}),
        (NotFound, "no ensemble 'x'", [TEST], {"ensembles": ["x"]}),
        (BadInput, "anchor 'x' is none", [TEST], {"anchor": "x"}),
        (BadInput, "credit is", [TEST], {"credit": "loud"}),
    ]
    for error, message, clusters, options in cases:
        with pytest.raises(error, match=message):
            evaluation.comparison_request(ws, clusters, **options)


def test_a_table_is_written_in_four_ways(ws: Workspace) -> None:
    comparison = _compare(ws).comparison
    for form in evaluation.FORMATS:
        assert "histogram" in evaluation.as_text(comparison, form)
    with pytest.raises(BadInput, match="got 'paint'"):
        evaluation.as_text(comparison, "paint")
