"""Models, ensembles and evaluations in the database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from cssim.errors import Conflict, NotFound
from cssim.types import ClusterKind, ModelKind
from db import jobs, library, runs
from db.engine import Database
from db.runs import NewModel

FROZEN = NewModel("plain", ModelKind.FROZEN, "tiny", fingerprint="f1")


@pytest.fixture
def project(database: Database) -> int:
    with database.writing() as session:
        return library.ensure_project(session, "p").id


@pytest.fixture
def clusters(database: Database, project: int) -> list[int]:
    with database.writing() as session:
        return [
            library.add_cluster(session, project, name, ClusterKind.TEST).id for name in ("x", "y")
        ]


def _job(database: Database, project: int) -> int:
    with database.writing() as session:
        return jobs.add_job(session, project, "train", {})


def _save(database: Database, project: int, model: NewModel, job_id: int | None = None) -> int:
    with database.writing() as session:
        return runs.save_model(session, project, model, job_id=job_id)


def test_a_model_comes_back_as_it_was_saved(
    database: Database, project: int, clusters: list[int]
) -> None:
    model = NewModel(
        name="ocean",
        kind=ModelKind.CS,
        backbone="tiny",
        cluster_ids=tuple(clusters),
        path="models/1",
        config={"epochs": 3},
        metrics={"local": 0.75},
        fingerprint="w",
        data_fingerprint="d",
        trained_references=(4, 9),
    )
    model_id = _save(database, project, model, _job(database, project))
    with database.reading() as session:
        found = runs.get_model(session, project, "ocean")
        assert runs.models_by_id(session, [model_id, 999]) == {model_id: found}
    for name in NewModel.__slots__:
        assert getattr(found, name) == getattr(model, name)


def test_a_frozen_model_is_brought_up_to_date_in_place(database: Database, project: int) -> None:
    first = _save(database, project, FROZEN)
    assert _save(database, project, replace(FROZEN, fingerprint="f2")) == first
    with database.reading() as session:
        assert [m.fingerprint for m in runs.list_models(session, project)] == ["f2"]


def test_a_trained_model_is_replaced_by_its_own_job_only(
    database: Database, project: int, clusters: list[int]
) -> None:
    job, other = _job(database, project), _job(database, project)
    trained = NewModel("cs", ModelKind.CS, "tiny", cluster_ids=(clusters[0],))
    first = _save(database, project, trained, job)
    assert _save(database, project, replace(trained, cluster_ids=(clusters[1],)), job) == first
    with database.reading() as session:
        assert runs.get_model(session, project, "cs").cluster_ids == (clusters[1],)
    for clash in (trained, replace(FROZEN, name="cs")):
        with pytest.raises(Conflict, match="already"):
            _save(database, project, clash, other)
        with pytest.raises(Conflict, match="already"):
            _save(database, project, clash)


def test_an_unknown_model_is_not_found_and_the_message_lists_the_known(
    database: Database, project: int
) -> None:
    _save(database, project, FROZEN)
    with database.reading() as session, pytest.raises(NotFound, match="has: plain"):
        runs.get_model(session, project, "fancy")


def test_members_keep_their_order(database: Database, project: int) -> None:
    ids = [_save(database, project, replace(FROZEN, name=n)) for n in ("a", "b", "c")]
    with database.writing() as session:
        runs.add_ensemble(
            session, project, "all", "uniform", ids[::-1], config={"fit": 1}, path="ensembles/all"
        )
    with database.reading() as session:
        found = runs.get_ensemble(session, project, "all")
        assert found.member_ids == tuple(ids[::-1])
        assert (found.strategy, found.config, found.path) == (
            "uniform",
            {"fit": 1},
            "ensembles/all",
        )
        with pytest.raises(NotFound, match="has: all"):
            runs.get_ensemble(session, project, "none")
    with database.writing() as session, pytest.raises(Conflict, match="already"):
        runs.add_ensemble(session, project, "all", "vote", ids, config={}, path="x")


def test_an_ensemble_is_replaced_by_its_own_job(database: Database, project: int) -> None:
    ids = [_save(database, project, replace(FROZEN, name=n)) for n in ("a", "b")]
    job = _job(database, project)
    for members in (ids, ids[1:]):
        with database.writing() as session:
            runs.add_ensemble(
                session, project, "e", "uniform", members, config={}, path="e", job_id=job
            )
    with database.reading() as session:
        assert [e.member_ids for e in runs.list_ensembles(session, project)] == [(ids[1],)]


def test_a_list_of_evaluations_takes_as_many_queries_as_one_of_them(
    database: Database, project: int, clusters: list[int]
) -> None:
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: asked.append(str(told[2])))
    counts = []
    for _ in range(2):
        with database.writing() as session:
            for name in "ab":
                runs.add_evaluation(
                    session, project, name, clusters, settings={}, result={}, fingerprint=""
                )
        asked.clear()
        with database.reading() as session:
            assert {one.cluster_ids for one in runs.list_evaluations(session, project)} == {
                tuple(clusters)
            }
        counts.append(len([one for one in asked if one.startswith("SELECT")]))
    assert counts == [2, 2]


def test_each_evaluation_is_a_look_at_its_clusters(
    database: Database, project: int, clusters: list[int]
) -> None:
    x, y = clusters
    for looked in ([x, y], [x]):
        with database.writing() as session:
            last = runs.add_evaluation(
                session,
                project,
                "table",
                looked,
                settings={"draws": 10},
                result={"rows": []},
                fingerprint="abc",
            )
    with database.reading() as session:
        assert runs.count_looks(session, [x, y]) == {x: 2, y: 1}
        newest, oldest = runs.list_evaluations(session, project)
        assert (newest.id, newest.cluster_ids) == (last, (x,))
        assert oldest.cluster_ids == (x, y)
        assert runs.get_evaluation(session, project, last) == newest
        assert (newest.settings, newest.result, newest.fingerprint) == (
            {"draws": 10},
            {"rows": []},
            "abc",
        )
        with pytest.raises(NotFound, match="no comparison"):
            runs.get_evaluation(session, project + 1, last)
