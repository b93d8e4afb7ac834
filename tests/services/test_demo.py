"""The demo project, small, built once through the services: the whole loop on a known world."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cssim.cli import main as cli
from cssim.config import load_settings
from cssim.demo.annotators import PEOPLE, reason, true_answer, true_distance
from cssim.demo.scenes import CONTEXTS
from cssim.demo.world import FULL, SMALL, scene_of, true_distances
from cssim.embeddings.backbones import shipped
from cssim.ensembles.strategies import STRATEGIES
from cssim.errors import BadInput, Cancelled, Conflict
from cssim.services import (
    accounts,
    analyses,
    annotating,
    demo,
    evaluation,
    experiments,
    gold,
    inspecting,
    plans,
    surveys,
)
from cssim.services.library import cluster_summaries, load_triples
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ModelKind, PageMode, Role
from db import annotations as log
from db import library, whole_log
from tests.demo_home import SHARES, report_of


@pytest.fixture(scope="module")
def built(
    demo_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, demo.DemoReport, list[float]]]:
    home = Path(shutil.copytree(demo_home, tmp_path_factory.mktemp("demo"), dirs_exist_ok=True))
    ws = open_workspace(load_settings({}, home=home, project="demo", threads=1))
    yield ws, report_of(home), json.loads((home / SHARES).read_text())
    ws.close()


def test_every_kind_of_model_is_there(built):
    ws, report, _ = built
    assert report.images == 8 * (SMALL.per_context + SMALL.test_per_context)
    kinds = [model.kind for model in experiments.list_models(ws)]
    assert kinds.count(ModelKind.CS) == 8
    assert kinds.count(ModelKind.METRIC) == 3
    assert kinds.count(ModelKind.GLOBAL) == 2
    assert kinds.count(ModelKind.FROZEN) == len(shipped())


def test_every_strategy_that_the_size_names_is_there(built):
    ws, _, _ = built
    found = {ensemble.strategy for ensemble in experiments.list_ensembles(ws)}
    assert found == set(SMALL.strategies) < set(STRATEGIES)
    assert FULL.strategies == ()


def test_no_page_of_the_app_is_empty(built):
    ws, report, _ = built
    stored = evaluation.latest_comparison(ws)
    assert stored is not None
    assert report.evaluation == stored.info.id
    assert analyses.find_analysis(ws, stored.info) is not None
    (inspection,) = inspecting.list_inspections(ws)
    loaded = inspecting.load_inspection(ws, inspection.id)
    rows = len(experiments.list_models(ws)) + len(experiments.list_ensembles(ws))
    assert len(loaded.distances) == rows
    assert surveys.latest_survey(ws) is not None
    assert {plan.name for plan in plans.list_plans(ws)} == {"for you to choose", "for you to rank"}


def test_nothing_that_was_built_is_stale(built):
    ws, report, _ = built
    stored = evaluation.get_comparison(ws, report.evaluation)
    assert stored.stale == ""
    analysis = analyses.find_analysis(ws, stored.info)
    assert analysis is not None
    assert analysis.stale == ""


def test_the_newcomer_practises_on_clear_cases_and_then_gets_pages(built):
    ws, _, _ = built
    people = {person.name: person for person in accounts.list_people(ws)}
    annotator = people[demo.ANNOTATOR]
    assert annotator.role is Role.ANNOTATOR
    pages = gold.training_pages(ws, annotator)
    assert [page.page.mode for page in pages] == [PageMode.CHOOSE] * 3 + [PageMode.RANK] * 3
    scenes = {i: scene_of(image.name) for one in pages for i, image in one.images.items()}
    for one in pages:
        reference, *others = (scenes[i] for i in (one.page.reference, *one.page.candidates))
        known = true_answer(reference, others, one.page.mode)
        feedback = gold.check_training(ws, annotator, one.page.id, known)
        assert feedback.right
        assert reason(reference.context) in feedback.message
        distances = sorted(true_distance(reference, other) for other in others)
        assert min(far - near for near, far in pairwise(distances)) > 0.2
    assert annotating.next_pages(ws, annotator, want=2).pages
    assert "drawn by a program" in ws.project.instructions


def test_progress_never_falls_and_ends_at_the_end(built):
    _, _, shares = built
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(shares))
    assert 0.95 <= shares[-1] <= 1.0


def test_a_second_build_has_nothing_to_do(built):
    ws, first, _ = built
    again = demo.build_demo(ws, size=SMALL)
    assert again.steps == {}
    assert replace(again, seconds=0, steps={}) == replace(first, seconds=0, steps={})


def test_clusters_have_the_pages_that_the_size_says(built):
    ws, _, _ = built
    by_name = {summary.cluster.name: summary for summary in cluster_summaries(ws)}
    for context in CONTEXTS:
        assert by_name[context].references == 1
        assert by_name[context].triples == 3 * SMALL.cluster_pages
    test = by_name["test"]
    assert test.references == SMALL.test_references
    assert test.votes == SMALL.test_references * SMALL.pages_per_reference * SMALL.voters
    for mode in ("choose", "rank"):
        assert by_name[f"for you to {mode}"].open_pages == SMALL.own_pages


def test_test_pictures_are_used_nowhere_else(built):
    ws, _, _ = built
    with ws.database.reading() as session:
        clusters = {c.name: c.id for c in library.list_clusters(session, ws.project.id)}
    test = set(load_triples(ws, [clusters.pop("test")]).images.tolist())
    with ws.database.reading() as session:
        pages = log.pages_of(session, list(clusters.values()))
    assert not test & {image for page in pages for image in (page.reference, *page.candidates)}


def test_everything_simulated_is_marked(built):
    ws, _, _ = built
    people = {person.name: person for person in accounts.list_people(ws)}
    assert all(people[person.name].simulated for person in PEOPLE)
    assert not people[demo.NEWCOMER].simulated
    with ws.database.reading() as session:
        clusters = [c.id for c in library.list_clusters(session, ws.project.id)]
        rows = whole_log.log_of(session, clusters)
    assert rows
    assert all(row.simulated for row in rows)


def test_the_ceiling_is_the_credit_of_the_truth(built):
    ws, report, _ = built
    with ws.database.reading() as session:
        test = library.get_cluster(session, ws.project.id, "test")
        images = library.list_images(session, ws.project.id)
    triples = load_triples(ws, [test.id])
    scenes = {image.id: scene_of(image.name) for image in images}
    distances = true_distances(triples.reference, triples.a, triples.b, scenes)
    credit = []
    for (to_a, to_b), votes_a, votes_b in zip(
        distances, triples.votes_a, triples.votes_b, strict=True
    ):
        agreeing = votes_a if to_a < to_b else votes_b
        credit.append(agreeing / (votes_a + votes_b))
    assert report.ceiling == pytest.approx(np.mean(credit))
    assert 0.75 < report.ceiling < 1.0


def test_the_frozen_backbone_is_better_than_chance(built):
    ws, report, _ = built
    comparison = evaluation.get_comparison(ws, report.evaluation).comparison
    row = next(row for row in comparison.rows if row.name == "tiny-clip")
    assert row.low is not None
    assert row.low > 0.5


def test_a_stopped_build_keeps_what_it_has(tmp_path):
    ws = open_workspace(load_settings({}, home=tmp_path / "home", project="demo"))
    stop = threading.Event()

    def watch(_share: float, message: str) -> None:
        if message.startswith("pictures: 25 of"):
            stop.set()

    with pytest.raises(Cancelled, match="goes on from here"):
        demo.build_demo(ws, size=SMALL, progress=watch, stop=stop)
    with ws.database.reading() as session:
        names = [image.name for image in library.list_images(session, ws.project.id)]
    ws.close()
    assert len(names) == 2 * SMALL.per_context
    assert {name.partition("/")[0] for name in names} == set(CONTEXTS[:2])


def test_a_foreign_folder_is_not_deleted(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(Conflict, match="holds no demo"):
        demo.reset_demo(load_settings({}, home=tmp_path))
    assert (tmp_path / "precious.txt").exists()


def test_a_folder_with_another_project_is_not_deleted(tmp_path):
    settings = load_settings({}, home=tmp_path / "home", project="demo")
    ws = open_workspace(settings)
    (settings.home / demo.MARKER).write_text("{}")
    ws.with_project("thesis")
    ws.close()
    with pytest.raises(Conflict, match="also holds thesis"):
        demo.reset_demo(settings)
    assert settings.home.exists()


def test_a_demo_elsewhere_is_not_deleted(tmp_path):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with pytest.raises(Conflict, match="CSSIM_DATABASE_URL"):
        demo.reset_demo(load_settings({}, home=tmp_path, database_url=url))


def test_reset_deletes_the_demo(tmp_path):
    home: Path = tmp_path / "home"
    settings = load_settings({}, home=home, project="demo")
    open_workspace(settings).close()
    (home / demo.MARKER).write_text("{}")
    result = CliRunner().invoke(cli, ["--home", str(home), "demo", "--reset"])
    assert result.exit_code == 0, result.output
    assert not home.exists()


def test_names_that_are_no_demo_picture_are_refused():
    with pytest.raises(BadInput, match="expected the name of a demo picture"):
        scene_of("holiday.jpg")
