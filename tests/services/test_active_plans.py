"""Plans that look at models: the job embeds, scores, keeps some pages random, and stores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from cssim.errors import BadInput, NotFound
from cssim.sampling import active
from cssim.services import experiments, jobs, plan_pages, plans, simulating
from cssim.services.plan_specs import PlanSpec
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import JobState
from db import annotations as records
from db import library
from db.models import PageRow

SPEC: dict[str, Any] = {
    "kind": "validation",
    "reference_count": 2,
    "pages_per_reference": 6,
    "candidates": 2,
    "mode": "choose",
    "models": ("histogram", "hog"),
}


@pytest.fixture
def embedded(filled: Workspace) -> Workspace:
    """Two metrics have embedded every picture: two models that need no weights."""
    job = jobs.run_here(filled, experiments.embedding_request(filled, ["histogram", "hog"]))
    assert job.state is JobState.DONE, job.error
    return filled


def run(ws: Workspace, spec: PlanSpec) -> plans.PlanInfo:
    job = jobs.run_here(ws, plans.plan_request(ws, spec))
    assert job.state is JobState.DONE, job.error
    return plans.get_plan(ws, job.result["plan"])


def pages_of(ws: Workspace, cluster: str):
    with ws.database.reading() as session:
        found = library.get_cluster(session, ws.project.id, cluster)
        return records.pages_of(session, [found.id])


def score_of(ws: Workspace, pages) -> float:
    """Mean disagreement of the two metrics over these pages, by the distances of the cache."""
    shelf = load_shelf(ws)
    rows, _ = active.pairs_of([(page.reference, page.candidates) for page in pages])
    n = len(rows)
    triples = Triples(
        rows[:, 0], rows[:, 1], rows[:, 2], np.ones(n), np.zeros(n), np.full(n, np.nan),
        np.full(n, np.nan), np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    models = [shelf.by_name[name].id for name in SPEC["models"]]
    distances = np.stack([shelf.distances(model, triples) for model in models])
    return float(active.disagreement(distances[:, :, 1] - distances[:, :, 0]).mean())


def test_chosen_pages_divide_the_models_more_than_the_random_ones_beside_them(embedded):
    plan = run(embedded, PlanSpec("p", sampling="disagreement", **SPEC))
    assert plan.clusters == ("p", "p (random part)")
    chosen, random = pages_of(embedded, "p"), pages_of(embedded, "p (random part)")
    assert (len(chosen), len(random), plan.counts.pages) == (10, 2, 12)
    assert len({(page.reference, frozenset(page.candidates)) for page in [*chosen, *random]}) == 12
    assert score_of(embedded, chosen) == 1.0  # with two models and enough pairs, all divide them
    assert plan.settings["score_of_chosen"] > plan.settings["score_of_random"]
    assert plan.settings["looked_at"] >= 20
    with embedded.database.reading() as session:
        waiting = session.scalars(select(PageRow).where(PageRow.plan_id == plan.id)).all()
    assert {row.wanted for row in waiting} == {1}


def test_references_are_chosen_where_competence_is_uncertain(embedded):
    spec = PlanSpec("u", choose_references="uncertainty", **SPEC)
    plan = run(embedded, spec)
    settings = plan.settings
    assert len(set(settings["references"])) == 2
    assert settings["uncertainty_of_chosen"] >= settings["uncertainty_of_all"]


def test_what_an_active_plan_lacks_is_said_before_a_job_is_queued(filled):
    spec = PlanSpec("p", sampling="information", **{**SPEC, "models": ()})
    with pytest.raises(BadInput, match="two or more models, there are 0"):
        plans.plan_request(filled, spec)
    with pytest.raises(BadInput, match="request_plan"):
        plans.make_plan(filled, spec)
    with pytest.raises(NotFound):
        plans.plan_request(filled, PlanSpec("p", sampling="information", **SPEC))
    with pytest.raises(BadInput, match="no model has embedded"):
        plan_pages.suggest_references(filled, 2)


def test_suggested_references_stand_for_all_pictures_that_are_no_reference_yet(embedded):
    found = plan_pages.suggest_references(embedded, 3, model="histogram")
    with embedded.database.reading() as session:
        taken = library.reference_ids(session, embedded.project.id)
    assert sum(one.stands_for for one in found) == 14 - len(taken) == 9
    assert not taken & {one.image.id for one in found}
    assert [one.stands_for for one in found] == sorted((o.stands_for for o in found), reverse=True)
    assert sum(one.share for one in found) == pytest.approx(1)
    assert len({one.image.id for one in found}) == 3


def test_the_trial_on_own_answers_pairs_every_rule_with_random(embedded):
    sets = [c.name for c in _clusters(embedded)]
    found = simulating.active_trial(
        embedded, sets, models=SPEC["models"], sizes=(10, 40, 10**6), seeds=4
    )
    assert {(p.rule, p.answers) for p in found} == {
        (rule, n) for rule in ("random", "disagreement", "information") for n in (10, 40)
    }
    assert all(p.gain == 0 for p in found if p.rule == "random")
    assert all(p.gain_low <= p.gain <= p.gain_high for p in found)
    with pytest.raises(BadInput, match="too few"):
        simulating.active_trial(embedded, sets, models=SPEC["models"], sizes=(10**6,))


def _clusters(ws: Workspace):
    with ws.database.reading() as session:
        return library.list_clusters(session, ws.project.id)
