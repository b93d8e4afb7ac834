"""The job that inspects: numbers against their own computation, folds, leaks, staleness, files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cssim.config import load_settings
from cssim.ensembles.competence import competence_map
from cssim.ensembles.maps import MapWeights
from cssim.ensembles.projection import fit_projection
from cssim.ensembles.strategies import cross_fit
from cssim.errors import BadInput, NotFound
from cssim.services import experiments, inspecting, jobs
from cssim.services import library as library_service
from cssim.services.comparing import fitted_of
from cssim.services.encoding import embeddings_of, encoder_of, register_frozen
from cssim.services.executors import run_worker
from cssim.services.inspecting import SHOWN, TRAINED, UNSEEN, Inspection
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, ClusterKind, JobState, JudgementKind
from db import annotations as records
from db import library, runs
from db.annotations import NewJudgement
from tests.typed import present
from tests.world import World

VALIDATION, TEST = "w-validation", "w-test"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    """With a metric, a frozen network, a CS model, and ensembles fitted on all other answers."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("inspected") / "home"
    ws = open_workspace(load_settings({}, home=folder))
    library_service.add_images(ws, [world.images])
    library_service.import_labels(
        ws, world.answers, cluster="w", per_reference=list(world.references[:2])
    )
    register_frozen(ws, "histogram")
    register_frozen(ws, str(world.network))
    config = {"adapter": "head", "epochs": 1, "rank": 1}
    first, second = contexts(ws)
    experiments.request_training(ws, [first], str(world.network), config=config, names=["cs"])
    run_worker(ws, limit=1)
    members = ["histogram", "tiny", "cs"]
    known = [second, VALIDATION]
    experiments.request_ensemble(ws, "sum", members[:2])
    experiments.request_ensemble(ws, "stack", members, strategy="stacking", fit_on=known)
    experiments.request_ensemble(ws, "map", members, strategy="map-thres", fit_on=known)
    run_worker(ws, limit=3)
    assert len(experiments.list_ensembles(ws)) == 3
    ws.close()
    return folder


@pytest.fixture
def ws(home: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy for each test: training takes longer than copying."""
    shutil.copytree(home, tmp_path / "home")
    opened = open_workspace(load_settings({}, home=tmp_path / "home"))
    yield opened
    opened.close()


def contexts(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        found = library.list_clusters(session, ws.project.id)
    return [cluster.name for cluster in found if cluster.kind == "context"]


def inspect(ws: Workspace, *sets: str, **options: Any) -> Inspection:
    done = jobs.run_here(ws, inspecting.inspection_request(ws, sets, **options))
    assert done.state is JobState.DONE, done.error
    return inspecting.load_inspection(ws, done.result["inspection"])


def test_everything_is_computed_once_and_is_what_it_says(ws: Workspace) -> None:
    sets = (*contexts(ws), VALIDATION)
    inspection = inspect(ws, *sets)
    info = inspection.info
    assert info.names == ("histogram", "tiny", "cs", "sum", "stack", "map")
    with ws.database.reading() as session:
        ids = [library.get_cluster(session, ws.project.id, name).id for name in sets]
        models = {m.name: m for m in runs.list_models(session, ws.project.id)}
    triples = load_triples(ws, ids)
    assert inspection.triples.fingerprint == load_triples(ws, ids).fingerprint
    assert set(inspection.cluster.tolist()) == set(ids)

    # Distances: one minus the cosine, from embeddings asked for again.
    encoder = encoder_of(ws, models["tiny"])
    images = triples.images
    vectors = embeddings_of(ws, encoder, images).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    at = [np.searchsorted(images, column) for column in (triples.reference, triples.a, triples.b)]
    slow = [1 - np.sum(vectors[at[0]] * vectors[at[k]], axis=1) for k in (1, 2)]
    np.testing.assert_allclose(inspection.distances[1], np.stack(slow, axis=1), atol=1e-6)

    # Credits by reference, by a loop.
    for row in range(6):
        for place, id_ in enumerate(inspection.reference.tolist()):
            own = np.flatnonzero(triples.reference == id_)
            credit = [
                triples.share_a[t] if a < b else 1 - triples.share_a[t] if b < a else 0.5
                for t, (a, b) in zip(own, inspection.distances[row, own].tolist(), strict=True)
            ]
            assert inspection.sums[row, place] == pytest.approx(sum(credit))
            assert inspection.counts[place] == len(own)
    np.testing.assert_allclose(inspection.overall, inspection.credit.mean(axis=1))

    # The plane of the map is that of the ensemble; landmarks lie in it, too.
    assert info.pca_of == "as the ensemble map uses it"
    fitted = fitted_of(ws, experiments.list_ensembles(ws)[2])
    looks = embeddings_of(ws, encoder, inspection.reference)
    weighting, pca = fitted.weighting, present(inspection.pca)
    assert isinstance(weighting, MapWeights)
    np.testing.assert_allclose(pca, weighting.projection(looks), atol=1e-5)
    assert [mark.cluster for mark in info.landmarks] == contexts(ws)
    for mark in info.landmarks:
        place = inspection.reference.tolist().index(mark.reference)
        assert mark.pca == pytest.approx(tuple(pca[place]))
    assert inspection.tsne is None  # too few references
    assert info.notes == ("No t-SNE: it needs 5 references.",)
    variance = looks.astype(float).var(axis=0).sum()
    assert info.explained == pytest.approx(pca.var(axis=0) / variance)
    assert competence_map(pca, inspection.accuracy).accuracy.shape[0] == 6


def test_ensembles_answer_what_they_were_fitted_on_out_of_fold(ws: Workspace) -> None:
    inspection = inspect(ws, VALIDATION, TEST)
    rows = {row.name: row for row in inspection.info.rows}
    assert [n for n, row in rows.items() if row.cross_fitted] == ["stack", "map"]
    assert rows["stack"].leakage == "trained on this set"
    assert rows["stack"].members == ("histogram", "tiny", "cs")

    second = contexts(ws)[1]
    with ws.database.reading() as session:
        known = [library.get_cluster(session, ws.project.id, n).id for n in (second, VALIDATION)]
    triples = load_triples(ws, known)
    whole = inspect(ws, second, VALIDATION)
    members = np.asarray(whole.distances[:3])
    folds = min(5, len(np.unique(triples.reference)))
    slow = cross_fit("stacking", members, triples.share_a, triples.reference, folds=folds)
    np.testing.assert_allclose(whole.distances[4], slow)
    # The same triples, looked at with others: the folds are those of the fit, not of the view.
    n = int(np.sum(inspection.cluster == known[1]))
    np.testing.assert_allclose(inspection.distances[4, :n], slow[-n:])
    # On the set that it has not seen the ensemble is itself.
    fitted = fitted_of(ws, experiments.list_ensembles(ws)[1])
    rest = inspection.cluster != known[1]
    np.testing.assert_allclose(
        inspection.distances[4, rest], fitted.combine(np.asarray(inspection.distances[:3, rest]))
    )


def test_what_a_row_has_seen_of_a_reference_is_marked(ws: Workspace) -> None:
    first, second = contexts(ws)
    inspection = inspect(ws, first, second, VALIDATION, TEST)
    with ws.database.reading() as session:
        cluster = library.get_cluster(session, ws.project.id, first)
    training = load_triples(ws, [cluster.id])
    for place, id_ in enumerate(inspection.reference.tolist()):
        trained = id_ in training.reference
        shown = id_ in training.images
        wanted = TRAINED if trained else SHOWN if shown else UNSEEN
        assert inspection.seen[inspection.row("cs"), place] == wanted
        assert inspection.seen[inspection.row("map"), place] == wanted  # through its member
        assert inspection.seen[inspection.row("sum"), place] == UNSEEN
    assert (inspection.seen == TRAINED).any()


def test_without_a_map_ensemble_the_plane_is_that_of_these_references(ws: Workspace) -> None:
    inspection = inspect(ws, VALIDATION, TEST, models=["tiny", "histogram"], ensembles=[])
    assert inspection.info.projector == "tiny"
    with ws.database.reading() as session:
        tiny = runs.get_model(session, ws.project.id, "tiny")
    looks = embeddings_of(ws, encoder_of(ws, tiny), inspection.reference)
    np.testing.assert_allclose(present(inspection.pca), fit_projection(looks, 2)(looks), atol=1e-9)


def test_an_inspection_says_when_it_is_out_of_date(ws: Workspace) -> None:
    inspection = inspect(ws, VALIDATION, tsne=False)
    assert inspecting.stale(ws, inspection.info) == ""
    with ws.database.writing() as session:
        cs = runs.get_model(session, ws.project.id, "cs")
        runs.set_fingerprint(session, cs.id, "other weights")
    changed = inspecting.stale(ws, inspection.info)
    assert "model cs has changed" in changed
    assert "ensemble map has changed" in changed
    assert "ensemble sum" not in changed
    page = int(inspection.triples.page[0])
    with ws.database.writing() as session:
        answer = Answer(JudgementKind.ANSWER, (1, 0))
        records.add_judgement(session, NewJudgement(page_id=page, answer=answer, votes=9))
    assert "the answers have changed" in inspecting.stale(ws, inspection.info)


@pytest.mark.parametrize("sets", [(VALIDATION, TEST), (TEST, VALIDATION)])
def test_sets_may_be_asked_for_in_any_order(ws: Workspace, sets: tuple[str, str]) -> None:
    inspection = inspect(ws, *sets, models=["histogram"], ensembles=[], tsne=False)
    assert tuple(name for _, name in inspection.info.clusters) == sets
    assert inspecting.stale(ws, inspection.info) == ""


def test_lists_show_what_is_whole_and_of_this_project(ws: Workspace) -> None:
    first, second = inspect(ws, TEST, tsne=False), inspect(ws, VALIDATION, tsne=False)
    assert [one.id for one in inspecting.list_inspections(ws)] == [second.info.id, first.info.id]
    assert inspecting.list_inspections(ws)[0] == second.info
    assert second.info.title == VALIDATION
    assert not inspecting.list_inspections(ws.with_project("other"))
    with pytest.raises(NotFound):
        inspecting.load_inspection(ws.with_project("other"), first.info.id)
    with pytest.raises(NotFound):
        inspecting.load_inspection(ws, 10_000)
    folder = inspecting.folder_of(ws, first.info.id)
    (folder / "sums.npy").write_bytes(b"not an array")
    with pytest.raises(NotFound, match="damaged"):
        inspecting.load_inspection(ws, first.info.id)
    facts = json.loads((folder / "facts.json").read_text())
    (folder / "facts.json").write_text(json.dumps(facts | {"format": 0}))
    assert [one.id for one in inspecting.list_inspections(ws)] == [second.info.id]
    shutil.rmtree(folder.parent)
    assert inspecting.list_inspections(ws) == []
    with pytest.raises(ValueError, match="read-only"):
        second.sums[0, 0] = 1


def test_looks_at_a_test_set_are_counted(ws: Workspace) -> None:
    with ws.database.reading() as session:
        test = library.get_cluster(session, ws.project.id, TEST).id
        before = runs.count_looks(session, [test])[test]
    inspect(ws, TEST, tsne=False)
    with ws.database.reading() as session:
        assert runs.count_looks(session, [test])[test] == before + 1


def test_what_cannot_be_inspected_is_refused_with_the_reason(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="at least one set"):
        inspecting.inspection_request(ws, [])
    with pytest.raises(NotFound):
        inspecting.inspection_request(ws, ["nowhere"])
    with pytest.raises(NotFound):
        inspecting.inspection_request(ws, [TEST], models=["nobody"])
    with pytest.raises(BadInput, match="no model"):
        inspecting.inspection_request(ws, [TEST], models=[], ensembles=[])
    with ws.database.writing() as session:
        library.add_cluster(session, ws.project.id, "empty", ClusterKind.TEST)
    with pytest.raises(BadInput, match="no answers yet"):
        inspecting.inspection_request(ws, ["empty"])


def test_a_row_that_cannot_be_loaded_is_left_out_with_the_reason(ws: Workspace) -> None:
    with ws.database.reading() as session:
        cs = runs.get_model(session, ws.project.id, "cs")
    shutil.rmtree(ws.settings.home / str(cs.path))
    inspection = inspect(ws, VALIDATION, tsne=False)
    assert inspection.info.names == ("histogram", "tiny", "sum")
    notes = " ".join(inspection.info.notes)
    assert "cs: the checkpoint of cs is gone" in notes
    assert "map: cs:" in notes
    job = inspecting.request_inspection(ws, [VALIDATION], models=["cs"], ensembles=[], by=None)
    run_worker(ws, limit=1)
    failed = jobs.get_job(ws, job)
    assert failed.state is JobState.FAILED
    assert "checkpoint of cs is gone" in failed.error
