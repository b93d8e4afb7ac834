"""Names of models and ensembles: each once, whoever is quicker."""

from __future__ import annotations

import threading

import pytest

from cssim.errors import Conflict
from cssim.types import ModelKind
from db import library, registry, runs
from db.engine import Database
from db.runs import NewModel


def test_of_two_who_give_the_same_name_at_once_one_is_told(database: Database) -> None:
    with database.writing() as session:
        project = library.ensure_project(session, "p").id
        ids = [
            runs.save_model(session, project, NewModel(name, ModelKind.CS, "tiny"))
            for name in ("one", "other")
        ]
    ready, told = threading.Barrier(2, timeout=10), list[str]()

    def rename(model_id: int) -> None:
        ready.wait()
        try:
            with database.writing() as session:
                registry.rename_model(session, project, model_id, "same")
        except Conflict as error:
            told.append(str(error))

    both = [threading.Thread(target=rename, args=(model_id,)) for model_id in ids]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(told) == 1
    assert "already; choose another name" in told[0]
    with database.reading() as session:
        names = sorted(model.name for model in runs.list_models(session, project))
    assert "same" in names
    assert names != ["same", "same"]


def test_a_name_that_is_taken_between_the_look_and_the_change_is_a_conflict(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as session:
        project = library.ensure_project(session, "p").id
        one, _ = (
            runs.save_model(session, project, NewModel(name, ModelKind.CS, "tiny"))
            for name in ("one", "other")
        )
    with database.writing() as session:
        monkeypatch.setattr(session, "scalar", lambda query: None)  # it was free a moment ago
        with pytest.raises(Conflict, match="is taken already"):
            registry.rename_model(session, project, one, "other")
        session.rollback()
