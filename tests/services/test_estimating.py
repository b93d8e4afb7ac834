"""Estimates of ensembles against a naive loop over folds, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssim.ensembles.folds import folds_by_reference
from cssim.ensembles.strategies import strategy
from cssim.errors import BadInput
from cssim.services import estimate_jobs, estimating, experiments, jobs, leakage_notes, panel
from cssim.services.estimating import Data, Setup
from cssim.services.library import load_triples
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace
from cssim.types import JobState
from tests.services.ensemble_world import MEMBERS


@pytest.fixture(scope="module")
def ws(embedded: Workspace) -> Workspace:
    return embedded


def setup_of(ws: Workspace, name: str = "uniform-standardised") -> Setup:
    return estimating.setup_of(ws, MEMBERS, name, ["w-validation"], features=None)


def data_of(ws: Workspace, setup: Setup) -> Data:
    return estimating.cached_data(load_shelf(ws), load_triples(ws, setup.fit_on), setup)


def test_the_accuracy_is_that_of_answers_by_fits_that_never_saw_the_reference(
    ws: Workspace,
) -> None:
    for name in ("uniform-standardised", "knn"):
        setup = setup_of(ws, name)
        data = data_of(ws, setup)
        found = estimating.estimate(data, setup, MEMBERS)
        triples, share = data.triples, data.triples.share_a
        fold = folds_by_reference(triples.reference, found.folds, 0)
        credits = []
        for row in range(len(triples)):
            seen = fold != fold[row]
            assert triples.reference[row] not in triples.reference[seen]
            features = data.features
            fitted = strategy(name).fit(
                data.distances[:, seen],
                share[seen],
                reference=triples.reference[seen],
                features=None if features is None else features[seen],
            )
            to_a, to_b = fitted.combine(
                data.distances[:, [row]], None if features is None else features[[row]]
            )[0]
            credits.append(0.5 if to_a == to_b else share[row] if to_a < to_b else 1 - share[row])
        assert found.ensemble.accuracy == pytest.approx(float(np.mean(credits)))
        assert found.references == len(np.unique(triples.reference))
        assert found.ensemble.low <= found.ensemble.accuracy <= found.ensemble.high


def test_members_and_their_best_are_counted_by_hand(ws: Workspace) -> None:
    setup = setup_of(ws)
    data = data_of(ws, setup)
    found = estimating.estimate(data, setup, MEMBERS)
    share = data.triples.share_a
    for own, score in zip(data.distances, found.members, strict=True):
        agreed = [
            s if a < b else 1 - s if b < a else 0.5
            for (a, b), s in zip(own.tolist(), share.tolist(), strict=True)
        ]
        assert score.accuracy == pytest.approx(sum(agreed) / len(agreed))
    best = max(found.members, key=lambda one: one.accuracy)
    assert found.best == best.name
    assert found.difference == pytest.approx(found.ensemble.accuracy - best.accuracy)
    assert found.difference_low <= found.difference <= found.difference_high


def test_intervals_of_few_references_are_said_to_be_too_narrow(ws: Workspace) -> None:
    found = estimating.estimate(data_of(ws, setup_of(ws)), setup_of(ws), MEMBERS)
    few, enough = (replace(found, references=references) for references in (29, 30))
    assert few.caveat.startswith("With 29 references the intervals are too narrow")
    assert enough.caveat == ""


def test_an_ensemble_of_one_differs_from_it_by_nothing(ws: Workspace) -> None:
    setup = estimating.setup_of(ws, ["hog"], "uniform", ["w-validation"])
    found = estimating.estimate(data_of(ws, setup), setup, ["hog"])
    assert (found.difference, found.difference_low, found.difference_high) == (0, 0, 0)
    assert found.p == 1.0


def test_test_sets_and_no_set_are_refused(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="needs a validation set"):
        estimating.setup_of(ws, MEMBERS, "uniform", [])
    with pytest.raises(BadInput, match="test set"):
        estimating.setup_of(ws, MEMBERS, "uniform", ["w-test"])


def test_what_takes_long_is_left_to_a_job() -> None:
    assert estimating.is_quick("stacking", 100_000)
    assert estimating.is_quick("gp", estimating.LARGE)
    assert not estimating.is_quick("gp", estimating.LARGE + 1)
    assert not estimating.is_quick("mlp-8", 2)


def test_the_job_leaves_what_the_page_would_have_computed(ws: Workspace) -> None:
    setup = setup_of(ws, "knn")
    triples = load_triples(ws, setup.fit_on)
    key = estimate_jobs.key_of(load_shelf(ws), triples, setup)
    assert estimate_jobs.stored(ws, key) is None
    job_id = estimate_jobs.request(ws, setup)
    jobs.run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, job.error
    assert job.result["key"] == key
    found = estimate_jobs.stored(ws, key)
    assert found is not None
    data = data_of(ws, setup)
    assert found.estimate == estimating.estimate(data, setup, MEMBERS)
    assert found.fitted == estimating.fit(data, setup, projector="tiny")
    other = estimate_jobs.key_of(load_shelf(ws), triples, setup_of(ws, "map-avg"))
    assert estimate_jobs.stored(ws, other) is None


def test_the_panel_fits_every_strategy_and_says_which_are_left(ws: Workspace) -> None:
    shelf = load_shelf(ws)
    validation = setup_of(ws).fit_on
    setup = panel.default_setup(shelf, validation)
    triples = load_triples(ws, validation)
    found = panel.build(ws, shelf, triples, setup)
    assert set(found.left) == {"mlp-8", "mlp-64"}
    assert set(found.fitted) | set(found.left) == set(found.titles)
    reference = int(triples.reference[0])
    features = shelf.vectors(found.looking, [reference])
    for name, weights in found.weights(features).items():
        assert weights.shape == (len(found.members),)
        assert np.abs(weights).sum() == pytest.approx(1), name
    near = found.explain("knn", features)["nearest"]
    assert near[0]["image_id"] == reference
    assert near[0]["distance"] == pytest.approx(0, abs=1e-6)
    at = found.record.evidence.reference.tolist().index(reference)
    place = found.place(shelf, reference, [reference])
    assert place.here == pytest.approx(place.points[at], abs=1e-5)
    assert place.nearest == (at,)
    assert place.near_accuracy == pytest.approx(place.accuracy[at])
    names, table = found.table(shelf, reference)
    assert names == list(found.fitted)
    assert [found.members[max(range(len(row)), key=row.__getitem__)] for row in table.tolist()] == (
        found.most(table)
    )
    assert [row["image_id"] for row in found.place_rows(place)] == (
        found.record.evidence.reference.tolist()
    )


def test_a_member_that_was_trained_on_the_answers_is_named(ws: Workspace) -> None:
    from cssim.types import ModelKind
    from db import runs
    from db.runs import NewModel

    setup = setup_of(ws)
    assert leakage_notes.of_members(ws, setup) == {}
    reference = int(load_triples(ws, setup.fit_on).reference[0])
    with ws.database.writing() as session:
        model_id = runs.save_model(
            session,
            ws.project.id,
            NewModel(
                "seen", ModelKind.GLOBAL, "tiny", setup.fit_on, trained_references=(reference,)
            ),
        )
    leaks = leakage_notes.of_members(
        ws, Setup((*setup.members, model_id), "vote", setup.fit_on, None)
    )
    assert list(leaks) == ["seen"]
    assert leaks["seen"].trained_on_it
    assert experiments.list_models(ws)[-1].name == "seen"
