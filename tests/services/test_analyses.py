"""Which analysis belongs to a comparison, when it is stale and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cssim.errors import NotFound
from cssim.services import analyses, evaluation, experiments, jobs, library
from cssim.services.comparing import contexts_of
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState
from db import annotations as records
from db import library as sets
from db.annotations import NewJudgement
from tests.world import World

TEST, VALIDATION = "w-test", "w-validation"


@pytest.fixture
def ws(filled: Workspace) -> Workspace:
    done = jobs.run_here(filled, experiments.embedding_request(filled, ["histogram", "hog"]))
    assert done.state is JobState.DONE
    return filled


def compare(ws: Workspace, *clusters: str, **options: Any) -> StoredComparison:
    request = evaluation.comparison_request(ws, clusters or [TEST], **{"draws": 200} | options)
    done = jobs.run_here(ws, request)
    assert done.state is JobState.DONE, done.error
    return evaluation.get_comparison(ws, done.result["evaluation"])


def analyse(ws: Workspace, stored: StoredComparison) -> int:
    done = jobs.run_here(ws, analyses.analysis_request_of(ws, stored.info))
    assert done.state is JobState.DONE, done.error
    return done.id


def answer_again(ws: Workspace, cluster: str) -> None:
    with ws.database.writing() as session:
        found = sets.get_cluster(session, ws.project.id, cluster)
        page = records.pages_of(session, [found.id])[0]
        (old, *_) = [j for j in records.judgements_of(session, [found.id]) if j.page_id == page.id]
        records.add_judgements(session, [NewJudgement(page_id=page.id, answer=old.answer)])


def test_an_analysis_belongs_to_the_comparison_of_the_same_sets_and_rows(ws: Workspace) -> None:
    one = compare(ws)
    fewer = compare(ws, models=["hog"])
    elsewhere = compare(ws, VALIDATION)
    assert analyses.find_analysis(ws, one.info) is None
    job = analyse(ws, one)
    found = analyses.find_analysis(ws, one.info)
    assert found is not None
    assert (found.job.id, found.stale) == (job, "")
    again = compare(ws)
    assert analyses.newest_analysis(ws, again.info) == job
    for other in (fewer, elsewhere):
        assert analyses.find_analysis(ws, other.info) is None


def test_rows_of_the_analysis_have_the_accuracies_of_the_comparison(ws: Workspace) -> None:
    stored = compare(ws)
    analyse(ws, stored)
    found = analyses.find_analysis(ws, stored.info)
    assert found is not None
    for row in found.result["rows"]:
        assert row["accuracy"] == pytest.approx(stored.comparison.row(row["name"]).accuracy)


def test_only_one_analysis_of_a_comparison_is_asked_for(ws: Workspace) -> None:
    stored = compare(ws)
    first = analyses.request_analysis_of(ws, stored.info)
    assert analyses.request_analysis_of(ws, stored.info) == first
    pending = analyses.pending_analysis(ws, stored.info)
    assert pending is not None
    assert pending.id == first
    jobs.run_worker(ws, limit=1)
    assert analyses.pending_analysis(ws, stored.info) is None


def test_new_answers_make_an_analysis_stale_and_the_comparison_names_the_set(
    ws: Workspace,
) -> None:
    stored = compare(ws, TEST, VALIDATION)
    analyse(ws, stored)
    answer_again(ws, VALIDATION)
    found = analyses.find_analysis(ws, stored.info)
    assert found is not None
    assert found.stale == "the answers have changed"
    stale = evaluation.get_comparison(ws, stored.info.id).stale
    assert stale == f"the answers of {VALIDATION} have changed"


def test_an_analysis_of_what_is_gone_is_refused(ws: Workspace) -> None:
    stored = compare(ws)
    params = {**stored.info.settings, "models": [999]}
    info = type(stored.info)(**{**_fields(stored.info), "settings": params})
    with pytest.raises(NotFound, match="compare again first"):
        analyses.request_analysis_of(ws, info)


def _fields(info: Any) -> dict[str, Any]:
    return {name: getattr(info, name) for name in info.__dataclass_fields__}


def test_a_references_context_is_the_tag_that_a_context_cluster_names(
    ws: Workspace, world: World, tmp_path: Path
) -> None:
    library.add_images(ws, [world.images], tags=["sea", "mine"])
    with ws.database.reading() as session:
        found = sets.get_cluster(session, ws.project.id, TEST)
    triples = library.load_triples(ws, [found.id])
    assert contexts_of(ws, triples) is None
    with ws.database.writing() as session:
        sets.add_cluster(session, ws.project.id, "c", ClusterKind.CONTEXT, context="sea", source={})
    contexts = contexts_of(ws, triples)
    assert contexts is not None
    assert set(contexts) == {"sea"}
