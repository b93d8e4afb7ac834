"""The comparison page: empty, with a table, out of date, and what can be asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cssim.services import comparison_files, evaluation, experiments, jobs, library
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import JobState, ModelKind, Role
from cssim.ui import comparison_view, runtime
from db import annotations as records
from db import runs
from db.annotations import NewJudgement
from db.runs import NewModel
from tests.ui.looking import look, said, sign_in, tables
from tests.world import World


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """No worker but the test itself."""
    monkeypatch.setenv("CSSIM_THREADS", "1")
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


@pytest.fixture
def filled(ws: Workspace, world: World) -> Workspace:
    """Answers on all references, and two metrics to compare."""
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=2)
    done = jobs.run_here(ws, experiments.embedding_request(ws, ["histogram", "hog"]))
    assert done.state is JobState.DONE
    return ws


def compare(ws: Workspace, cluster: str = "w-test", **options: Any) -> StoredComparison:
    request = evaluation.comparison_request(ws, [cluster], **options)
    done = jobs.run_here(ws, request)
    assert done.state is JobState.DONE, done.error
    return evaluation.get_comparison(ws, done.result["evaluation"])


def test_without_models_the_page_says_what_to_do(ws: Workspace) -> None:
    words = said(look("compare"))
    assert "Nothing compared yet" in words
    assert "a set with answers and pictures, and models" in words


def test_a_comparison_is_asked_for_run_and_shown(filled: Workspace) -> None:
    ws = filled
    app = look("compare")
    assert app.multiselect(key="compare_sets").value == ["w-validation"]
    app.multiselect(key="compare_sets").set_value(["w-test"]).run()
    assert "This opens a test set" in said(app)
    (anchor,) = [one for one in app.selectbox if str(one.key).startswith("compare_anchor")]
    anchor.select("hog").run()
    app.button(key="compare_go").click().run()
    (job,) = jobs.list_jobs(ws, states=[JobState.QUEUED])
    assert job.params["settings"]["anchor"] == "hog"
    jobs.run_worker(ws, limit=1)
    app = app.run()
    stored = evaluation.latest_comparison(ws)
    assert stored is not None
    shown = tables(app)[0]
    digits = comparison_files.decimals(stored.comparison)
    for row in stored.comparison.rows:
        assert row.accuracy is not None
        assert f"{row.name} " in shown
        assert f" {100 * row.accuracy:.{digits}f} " in shown + " "
    assert "test set, " in said(app)
    assert "opened once" in said(app)
    assert len(app.get("download_button")) == 6  # five forms of the table, the figure's numbers


def test_a_second_look_at_a_test_set_is_said(filled: Workspace) -> None:
    compare(filled)
    compare(filled)
    words = said(look("compare"))
    assert "opened twice" in words
    assert "a little too good" in words


def test_earlier_comparisons_can_be_chosen_and_a_new_one_comes_first(filled: Workspace) -> None:
    ws = filled
    first = compare(ws, "w-test")
    second = compare(ws, "w-validation")
    app = look("compare")
    assert "**w\\-validation** (validation set" in said(app)
    (shown,) = [one for one in app.selectbox if str(one.key).startswith("compare_shown")]
    assert shown.value == second.info.id
    shown.select(first.info.id).run()
    assert "**w\\-test** (test set" in said(app)
    compare(ws, "w-validation")
    assert "**w\\-validation** (validation set" in said(app.run())


def test_a_table_that_no_longer_holds_says_why(filled: Workspace) -> None:
    ws = filled
    compare(ws)
    app = look("compare")
    assert not app.warning
    (test_set,) = [s for s in library.cluster_summaries(ws) if s.cluster.name == "w-test"]
    with ws.database.writing() as session:
        page = records.pages_of(session, [test_set.cluster.id])[0]
        (old, *_) = [
            j for j in records.judgements_of(session, [test_set.cluster.id]) if j.page_id == page.id
        ]
        records.add_judgements(session, [NewJudgement(page_id=page.id, answer=old.answer)])
    (warning,) = app.run().warning
    assert "the answers have changed" in warning.value


def test_a_row_that_cannot_be_computed_has_a_reason_and_no_number(
    filled: Workspace, tmp_path: Path
) -> None:
    ws, folder = filled, str(tmp_path / "deleted")
    with ws.database.writing() as session:
        runs.save_model(
            session,
            ws.project.id,
            NewModel("gone", ModelKind.FROZEN, folder),
        )
    compare(ws, anchor="hog")
    app = look("compare")
    line = tables(app)[0].split("gone ")[1].split(" Human ceiling ")[0]
    assert "not available" in line
    assert not re.search(r"\d\d\.\d", line)
    assert any("**gone** has no number" in info.value for info in app.info)


def test_a_model_trained_on_the_set_is_refused_until_leakage_is_allowed(filled: Workspace) -> None:
    ws = filled
    (validation,) = [s for s in library.cluster_summaries(ws) if s.cluster.name == "w-validation"]
    with ws.database.writing() as session:
        seen = NewModel("seen", ModelKind.GLOBAL, "hog", cluster_ids=(validation.cluster.id,))
        runs.save_model(session, ws.project.id, seen)
    app = look("compare")
    app.button(key="compare_go").click().run()
    assert "seen trained on pages of the evaluated set" in " ".join(e.value for e in app.error)
    assert not jobs.list_jobs(ws, states=[JobState.QUEUED])
    app.checkbox(key="compare_leakage").check().run()
    app.button(key="compare_go").click().run()
    assert not app.error
    jobs.run_worker(ws, limit=1)
    shown = tables(app.run())[0]
    assert "trained on this set" in shown


def test_names_are_never_read_as_html(filled: Workspace) -> None:
    ws = filled
    name = "<img src=x>"
    with ws.database.writing() as session:
        runs.save_model(session, ws.project.id, NewModel(name, ModelKind.METRIC, "hog"))
    compare(ws, anchor="hog")
    app = look("compare")
    assert "<img" not in "".join(part.proto.body for part in app.get("html"))
    assert name in tables(app)[0]


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.0004, "< .001"), (0.012, ".012"), (1.0, "1.000")]
)
def test_p_values_are_written_with_three_digits(value: float | None, text: str) -> None:
    assert comparison_view.p_value(value) == text


def test_the_files_hold_the_whole_comparison(filled: Workspace) -> None:
    stored = compare(filled)
    files = {
        file.suffix: file.text for file in comparison_files.comparison_files(stored.comparison)
    }
    assert json.loads(files[".json"]) == stored.comparison.to_dict()
    assert len(files[".csv"].splitlines()) == 1 + len(stored.comparison.rows)
    assert files[".md"].startswith("| model |")
    assert r"\begin{tabular}" in files[".tex"]
