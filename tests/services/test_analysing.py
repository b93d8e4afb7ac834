"""Analyses: numbers against the obvious way, leakage, looks, what cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cssim.ensembles.strategies import cross_fit
from cssim.errors import BadInput, LeakedEvaluation
from cssim.evaluation.accuracy import soft_credit
from cssim.services import analysing, evaluation, experiments, jobs
from cssim.services.comparing import fitted_of
from cssim.services.encoding import encoder_of, register_frozen
from cssim.services.executors import run_worker
from cssim.services.library import add_images, load_triples
from cssim.services.workspace import Workspace
from cssim.training.data import split
from cssim.triples import Triples
from cssim.types import Answer, JobState, JudgementKind
from db import annotations as records
from db import library, runs
from db.annotations import NewJudgement
from tests.world import World

TEST, VALIDATION = "w-test", "w-validation"
Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def ws(filled: Workspace, world: World) -> Workspace:
    """With a metric, a frozen network, a CS model, a plain sum and a stack of all three."""
    register_frozen(filled, "histogram")
    register_frozen(filled, str(world.network))
    config = {"adapter": "head", "epochs": 1, "rank": 1}
    network = str(world.network)
    experiments.request_training(
        filled, [_contexts(filled)[0]], network, config=config, names=["cs"]
    )
    run_worker(filled, limit=1)
    members = ["histogram", "tiny", "cs"]
    experiments.request_ensemble(filled, "sum", members[:2])
    experiments.request_ensemble(filled, "stack", members, strategy="stacking", fit_on=[VALIDATION])
    run_worker(filled, limit=2)
    assert len(experiments.list_ensembles(filled)) == 2
    return filled


def _contexts(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        found = library.list_clusters(session, ws.project.id)
    return [c.name for c in found if c.kind == "context"]


def _triples(ws: Workspace, *clusters: str) -> Triples:
    with ws.database.reading() as session:
        found = [library.get_cluster(session, ws.project.id, name) for name in clusters]
    return load_triples(ws, [cluster.id for cluster in found])


def _analyse(ws: Workspace, *clusters: str, **options: Any) -> dict[str, Any]:
    job_id = analysing.request_analysis(ws, clusters or [TEST], **{"draws": 200} | options)
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, jobs.job_log(ws, job_id)
    return dict(job.result)


def _naive(ws: Workspace, name: str, triples: Triples) -> tuple[Floats, Floats]:
    """Distances (n, 2) and soft credit (n,), picture by picture without the cache."""
    with ws.database.reading() as session:
        encoder = encoder_of(ws, runs.get_model(session, ws.project.id, name))
        images = library.images_by_id(session, triples.images.tolist())
    vectors = {
        i: encoder.embed([ws.store.open(str(image.sha256))])[0].astype(float)
        for i, image in images.items()
    }

    def distance(r: int, x: int) -> float:
        u, v = vectors[r], vectors[x]
        return float(1 - u @ v / np.sqrt(u @ u) / np.sqrt(v @ v))

    out = np.array(
        [[distance(t.reference, t.a), distance(t.reference, t.b)] for t in triples.rows()]
    )
    credit = [
        (t.votes_a if d[0] < d[1] else t.votes_b) / 4
        for t, d in zip(triples.rows(), out, strict=True)
    ]
    return out, np.array(credit)


def _row(result: dict[str, Any], name: str) -> float:
    return float(next(row["accuracy"] for row in result["rows"] if row["name"] == name))


def _part(result: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(part for part in result["ensembles"] if part["name"] == name))


def test_rows_cells_and_bounds_are_those_of_the_obvious_way(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cssim.evaluation.breakdown.FEW", 1)
    sets = [TEST, _contexts(ws)[1]]
    result, triples = _analyse(ws, *sets), _triples(ws, *sets)
    members = ["histogram", "tiny", "cs"]
    naive = {name: _naive(ws, name, triples) for name in members}
    for name in members:
        assert _row(result, name) == pytest.approx(naive[name][1].mean())
    larger = np.maximum(triples.votes_a, triples.votes_b)
    names = [row["name"] for row in result["rows"]]
    cells = {cell["label"]: cell for cell in result["breakdown"]["people's agreement"]}
    for label, votes in {"50-60 %": 2, "70-80 %": 3, "90-100 %": 4}.items():
        inside = larger == votes
        assert cells[label]["triples"] == inside.sum()
        accuracy = dict(zip(names, cells[label]["accuracy"], strict=True))
        for name in members:
            assert accuracy[name] == pytest.approx(naive[name][1][inside].mean())
    steps = result["breakdown"]["margin"]["tiny"]
    margin = np.abs(np.diff(naive["tiny"][0])[:, 0])
    start = 0
    for cell in steps:  # steps of rising margin, one after the other
        inside = np.argsort(margin)[start : start + cell["triples"]]
        assert cell["accuracy"] == [pytest.approx(naive["tiny"][1][inside].mean())]
        start += cell["triples"]
    assert start == len(triples)
    oracle = _part(result, "stack")["oracle"]
    best = [max(naive[name][1][i] for name in members) for i in range(len(triples))]
    assert oracle["best by triple"] == pytest.approx(np.mean(best))
    assert oracle["best member"] == pytest.approx(max(naive[n][1].mean() for n in members))
    by_reference = [
        max(naive[name][1][triples.reference == r].sum() for name in members)
        for r in np.unique(triples.reference)
    ]
    assert oracle["best by reference"] == pytest.approx(sum(by_reference) / len(triples))


def test_cells_of_few_references_show_no_number(ws: Workspace) -> None:
    breakdown = _analyse(ws, models=["tiny"])["breakdown"]
    cells = breakdown["people's agreement"] + breakdown["margin"]["tiny"]
    assert cells
    assert all(cell["hidden"] and cell["accuracy"] == [None] for cell in cells)


def test_distance_is_to_the_nearest_reference_that_was_trained_on(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cssim.evaluation.breakdown.FEW", 1)
    sets = [TEST, _contexts(ws)[1]]
    triples, trained = _triples(ws, *sets), _triples(ws, _contexts(ws)[0]).reference[0]
    cells = _analyse(ws, *sets)["breakdown"]["distance to the nearest cluster"]
    with ws.database.reading() as session:
        encoder = encoder_of(ws, runs.get_model(session, ws.project.id, "tiny"))
        images = library.images_by_id(session, [int(trained), *triples.reference.tolist()])
    u, *others = (
        encoder.embed([ws.store.open(str(images[i].sha256))])[0].astype(float)
        for i in [int(trained), *np.unique(triples.reference).tolist()]
    )
    away = [1 - u @ v / np.sqrt(u @ u) / np.sqrt(v @ v) for v in others]
    assert [(cell["triples"], cell["references"]) for cell in cells] == [(len(triples) // 2, 1)] * 2
    for cell, one in zip(cells, sorted(away), strict=True):
        assert cell["label"].endswith(f": {one:.3g} to {one:.3g}")


def test_the_matrix_holds_each_cs_model_on_each_context_cluster(ws: Workspace) -> None:
    matrix, contexts = _analyse(ws)["matrix"], _contexts(ws)
    assert (matrix["models"], matrix["clusters"]) == (["cs"], contexts)
    assert matrix["own"] == [[True, False]]
    credits = [_naive(ws, "cs", _triples(ws, name))[1] for name in contexts]
    own = _triples(ws, contexts[0])
    held = split(own, 0.2, by="page", seed=0)[1]
    model = next(m for m in experiments.list_models(ws) if m.name == "cs")
    assert len(held) == model.metrics["held_triples"] == matrix["triples"][0][0]
    expected = [credits[0][np.isin(own.page, held.page)].mean(), credits[1].mean()]
    assert matrix["accuracy"][0] == pytest.approx(expected)
    assert (matrix["home"], matrix["away"]) == pytest.approx(tuple(expected))
    assert matrix["held_out"] == [True]


def test_where_nothing_is_known_to_be_held_out_the_matrix_says_so(ws: Workspace) -> None:
    contexts = _contexts(ws)
    with ws.database.writing() as session:  # an answer that training has not seen
        cluster = library.get_cluster(session, ws.project.id, contexts[0])
        page = records.pages_of(session, [cluster.id])[0]
        answer = Answer(JudgementKind.ANSWER, order=(0, 1))
        records.add_judgements(session, [NewJudgement(page.id, answer)])
    result = _analyse(ws)
    matrix = result["matrix"]
    assert matrix["held_out"] == [False]
    assert matrix["triples"][0][0] == len(_triples(ws, contexts[0]))
    assert any("held out for cs, whose numbers" in note for note in result["notes"])


def test_leaving_a_member_out_gives_the_ensemble_that_is_built_without_it(ws: Workspace) -> None:
    sets = [TEST, _contexts(ws)[1]]
    result = _analyse(ws, *sets)
    alone = {row["member"]: row for row in _part(result, "sum")["ablation"]}
    assert alone["histogram"]["accuracy"] == pytest.approx(_row(result, "tiny"))
    assert alone["tiny"]["accuracy"] == pytest.approx(_row(result, "histogram"))
    members = ["histogram", "tiny", "cs"]
    for left in members:
        rest = [name for name in members if name != left]
        experiments.request_ensemble(
            ws, f"no {left}", rest, strategy="stacking", fit_on=[VALIDATION]
        )
        run_worker(ws, limit=1)
    built = _analyse(ws, *sets)
    for row in _part(result, "stack")["ablation"]:
        other = _row(built, f"no {row['member']}")
        assert row["accuracy"] == pytest.approx(other)
        assert row["difference"] == pytest.approx(other - _row(result, "stack"))
        assert row["low"] <= row["difference"] <= row["high"]


def test_confidences_are_those_of_the_fit_and_its_absence_is_said(ws: Workspace) -> None:
    result, triples = _analyse(ws), _triples(ws, TEST)
    stored = next(e for e in experiments.list_ensembles(ws) if e.name == "stack")
    fitted = fitted_of(ws, stored)
    total = sum(
        weight * np.diff(_naive(ws, name, triples)[0])[:, 0] / spread
        for name, weight, spread in zip(
            ("histogram", "tiny", "cs"), fitted.weights, fitted.spreads, strict=True
        )
    )
    assert fitted.slope is not None
    p = 1 / (1 + np.exp(-fitted.slope * np.asarray(total)))
    found = _part(result, "stack")
    brier = np.mean((p - triples.votes_a / 4) ** 2)
    assert found["calibration"]["brier"] == pytest.approx(brier, abs=1e-6)
    assert sum(step["triples"] for step in found["calibration"]["steps"]) == len(triples)
    assert found["coverage"]["coverage"][-1] == 1
    assert found["coverage"]["credit"][-1] == pytest.approx(_row(result, "stack"))
    assert _part(result, "sum")["calibration"] is None
    assert "sum states no confidence: it was fitted on no answers." in result["notes"]


def test_one_reference_gives_no_intervals_by_reference(ws: Workspace) -> None:
    result = _analyse(ws, ensembles=["stack"])
    assert result["references"] == 1
    assert "1 reference(s) only: intervals are too narrow, or absent." in result["notes"]
    (part,) = result["ensembles"]
    curve, steps = part["coverage"], part["calibration"]["steps"]
    assert {row["low"] for row in [*steps, *part["ablation"]]} == {None}
    assert curve["low"] == curve["high"] == [None] * len(curve["credit"])


def test_agreement_is_counted_person_by_person(ws: Workspace) -> None:
    """Two more people answer one page: one says A, one a tie."""
    with ws.database.writing() as session:
        cluster = library.get_cluster(session, ws.project.id, TEST)
        page = records.pages_of(session, [cluster.id])[0]
        for answer in (Answer(JudgementKind.ANSWER, order=(0, 1)), Answer(JudgementKind.TIE)):
            records.add_judgements(session, [NewJudgement(page.id, answer)])
        log = records.judgements_of(session, [cluster.id])
    said: dict[int, list[str]] = {}
    for row in log:
        word = "tie" if row.answer.kind is JudgementKind.TIE else str(row.answer.order)
        said.setdefault(row.page_id, []).extend([word] * row.votes)
    assert len(said[page.id]) == 6
    # Which candidate is called A is a coin, the same for all: alpha must be counted with it.
    triples = _triples(ws, TEST)
    pages = {p.id: p for p in _pages(ws, cluster.id)}
    called = {t.page_id: pages[t.page_id].candidates[0] == t.a for t in triples.rows()}
    flip = {"(0, 1)": "(1, 0)", "(1, 0)": "(0, 1)", "tie": "tie"}
    units = [[w if called[p] else flip[w] for w in words] for p, words in said.items()]
    every = [word for words in units for word in words]
    observed = sum(
        sum(a != b for i, a in enumerate(words) for j, b in enumerate(words) if i != j)
        / (len(words) - 1)
        for words in units
    ) / len(every)
    n = len(every)
    expected = 1 - sum(every.count(w) * (every.count(w) - 1) for w in set(every)) / (n * (n - 1))
    found = _analyse(ws)["agreement"]
    assert found["alpha_choices"] == pytest.approx(1 - observed / expected)
    assert found["alpha_classes"] is None
    assert found["triples"] == len(triples) - 1  # halves cannot tell who the others are


def _pages(ws: Workspace, cluster: int) -> list[Any]:
    with ws.database.reading() as session:
        return list(records.pages_of(session, [cluster]))


def test_an_analysis_is_a_look_but_no_comparison(ws: Workspace) -> None:
    assert [_analyse(ws, models=["tiny"])["looks"] for _ in range(2)] == [{TEST: 1}, {TEST: 2}]
    assert evaluation.latest_comparison(ws) is None
    evaluation.request_comparison(ws, [TEST], models=["tiny"], draws=200)
    run_worker(ws, limit=1)
    latest = evaluation.latest_comparison(ws)
    assert latest is not None
    assert [one.looks for one in latest.comparison.sets] == [3]


def test_what_has_seen_the_answers_is_refused_unless_asked_for(ws: Workspace) -> None:
    own = _contexts(ws)[0]
    with pytest.raises(LeakedEvaluation, match="cs trained on pages"):
        analysing.analysis_request(ws, [own])
    with pytest.raises(LeakedEvaluation, match="stack"):
        analysing.analysis_request(ws, [VALIDATION], ensembles=["stack"])
    rows = _analyse(ws, own, models=["cs"], allow_leakage=True)["rows"]
    assert [row["leakage"] for row in rows] == ["trained on this set"]


def test_contexts_are_the_references_tags(
    ws: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cssim.evaluation.breakdown.FEW", 1)
    before = _analyse(ws, models=["tiny"])
    assert any(note.startswith("No breakdown by context") for note in before["notes"])
    add_images(ws, [world.images], tags=["colours"])
    after = _analyse(ws, models=["tiny"])
    (cell,) = after["breakdown"]["context"]
    assert (cell["label"], cell["triples"]) == ("colours", after["triples"])
    assert cell["accuracy"] == [pytest.approx(_row(after, "tiny"))]


def test_an_ensemble_called_like_its_member_is_refused(ws: Workspace) -> None:
    experiments.request_ensemble(ws, "tiny", ["tiny", "histogram"])
    run_worker(ws, limit=1)
    with pytest.raises(BadInput, match="share the name 'tiny'"):
        analysing.analysis_request(ws, [TEST], ensembles=["tiny"])


def test_the_gate_is_held_against_shuffled_references(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = [VALIDATION, *_contexts(ws)]
    experiments.request_ensemble(
        ws, "gate", ["histogram", "tiny"], strategy="gated", fit_on=sets, features="tiny"
    )
    run_worker(ws, limit=1)
    few = _analyse(ws, ensembles=["gate"])
    assert _part(few, "gate")["gating_null"] is None
    words = "needs 10 references that it was fitted on, and there are 4"
    assert any(words in note for note in few["notes"])
    monkeypatch.setattr("cssim.ensembles.nulls.LEAST_REFERENCES", 4)
    null = _part(_analyse(ws, ensembles=["gate"]), "gate")["gating_null"]
    triples = _triples(ws, *sets)
    distances = np.stack([_naive(ws, name, triples)[0] for name in ("histogram", "tiny")])
    with ws.database.reading() as session:
        encoder = encoder_of(ws, runs.get_model(session, ws.project.id, "tiny"))
        images = library.images_by_id(session, triples.images.tolist())
    looks = np.concatenate(
        [encoder.embed([ws.store.open(str(images[i].sha256))]) for i in triples.reference.tolist()]
    )
    credit = {}
    for name, features in (("stacking", None), ("gated", looks)):
        combined = cross_fit(
            name, distances, triples.share_a, triples.reference, features=features, folds=4
        )
        credit[name] = soft_credit(combined, triples.share_a).mean()
    assert null["gain"] == pytest.approx(credit["gated"] - credit["stacking"], abs=1e-6)
    assert len(null["null"]) == 19
    reached = sum(value >= null["gain"] for value in null["null"])
    assert null["p"] == pytest.approx((1 + reached) / 20)
    assert (null["blind"], null["draws"]) == ("Stacking", 19)
    experiments.request_ensemble(
        ws, "again", ["histogram", "tiny"], strategy="gated", fit_on=sets, features="tiny"
    )
    run_worker(ws, limit=1)
    built = experiments.list_ensembles(ws)[-1].config["context"]
    assert (built["gain"], built["null"]) == (null["gain"], null["null"])
    assert built["where"] == f"cross-fitted on {' + '.join(sets)}"
    monkeypatch.setattr("cssim.services.dissecting.context_test", None)  # nothing is tested twice
    assert _part(_analyse(ws, ensembles=["again"]), "again")["gating_null"] == built
