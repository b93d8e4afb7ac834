"""Embedding, training and ensembles as jobs, on a tiny network."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cssim import load_ensemble
from cssim.config import child_environment
from cssim.errors import BadInput, BadSetting, Conflict, NotFound
from cssim.services import experiments, jobs, running
from cssim.services.encoding import encoder_of, register_frozen
from cssim.services.executors import run_worker
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.training.data import split
from cssim.triples import Triples
from cssim.types import Choice, ClusterKind, JobInfo, JobState, ModelInfo, ModelKind
from db import library as rows
from tests.conftest import ROOT
from tests.world import IMAGES, REFERENCES, World

QUICK = {"epochs": 3, "batch_pages": 8, "rank": 2, "last_blocks": 1, "lr": 0.01}


@pytest.fixture(autouse=True)
def _one_thread_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def _clusters(ws: Workspace) -> list[str]:
    with ws.database.reading() as session:
        return [c.name for c in rows.list_clusters(session, ws.project.id)]


def _contexts(ws: Workspace) -> list[str]:
    return _clusters(ws)[:2]


def _run(ws: Workspace, job_id: int) -> JobInfo:
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, jobs.job_log(ws, job_id)
    return job


def _train(ws: Workspace, world: World, name: str = "first", **config: Any) -> ModelInfo:
    (job_id,) = experiments.request_training(
        ws, _contexts(ws)[:1], str(world.network), config=QUICK | config, names=[name]
    )
    _run(ws, job_id)
    return _model(ws, name)


def _model(ws: Workspace, name: str) -> ModelInfo:
    return next(model for model in experiments.list_models(ws) if model.name == name)


def _agreement(ws: Workspace, model: ModelInfo, triples: Triples) -> float:
    """The obvious way: embed each picture by itself, compare cosines one by one."""
    encoder = encoder_of(ws, model)
    with ws.database.reading() as session:
        images = rows.images_by_id(session, triples.images.tolist())
    vectors = {
        i: encoder.embed([ws.store.open(str(image.sha256))])[0].astype(float)
        for i, image in images.items()
    }

    def cosine(i: int, j: int) -> float:
        x, y = vectors[i], vectors[j]
        return float(x @ y / np.sqrt(x @ x) / np.sqrt(y @ y))

    right = [
        (cosine(t.reference, t.a) > cosine(t.reference, t.b)) == (t.choice is Choice.A)
        for t in triples.rows()
        if t.choice is not None
    ]
    return float(np.mean(right))


def test_embedding_makes_frozen_models_and_names_what_is_not_available(
    filled: Workspace, world: World
) -> None:
    names = ["histogram", str(world.network), "dino-vitb16"]
    job = _run(filled, experiments.request_embedding(filled, names))
    assert job.result["models"] == ["histogram", "tiny"]
    assert job.result["images"] == IMAGES
    assert "hf download facebook/dino-vitb16" in job.result["unavailable"]["dino-vitb16"]
    models = experiments.list_models(filled)
    assert [(m.name, m.kind) for m in models] == [
        ("histogram", ModelKind.METRIC),
        ("tiny", ModelKind.FROZEN),
    ]
    assert models[1].backbone == str(world.network.resolve())
    assert models[1].fingerprint == encoder_of(filled, models[1]).fingerprint


def test_embedding_twice_computes_nothing_anew(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(filled, experiments.request_embedding(filled, ["histogram"]))
    monkeypatch.setattr(type(filled.store), "open", lambda *_: pytest.fail("an image was read"))
    job = _run(filled, experiments.request_embedding(filled, ["histogram"]))
    assert job.result["images"] == IMAGES


def test_embedding_can_be_limited_to_a_cluster(filled: Workspace) -> None:
    request = experiments.request_embedding(filled, ["hog"], clusters=_contexts(filled)[:1])
    assert _run(filled, request).result["images"] == 1 + IMAGES - REFERENCES


def test_embedding_with_nothing_reachable_fails_with_the_way_to_get_it(filled: Workspace) -> None:
    job_id = experiments.request_embedding(filled, ["dino-vitb16"])
    run_worker(filled, limit=1)
    job = jobs.get_job(filled, job_id)
    assert job.state is JobState.FAILED
    assert "hf download facebook/dino-vitb16" in job.error


def test_two_folders_of_one_name_become_two_models(
    filled: Workspace, world: World, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "tiny"
    copy.mkdir(parents=True)
    for file in world.network.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    first, _ = register_frozen(filled, str(world.network))
    second, _ = register_frozen(filled, str(copy))
    assert (first.name, second.name) == ("tiny", str(copy.resolve()))
    assert register_frozen(filled, str(world.network))[0].id == first.id


def test_training_makes_a_cs_model_whose_numbers_hold(filled: Workspace, world: World) -> None:
    model = _train(filled, world)
    frozen, _ = register_frozen(filled, str(world.network))
    with filled.database.reading() as session:
        cluster = rows.get_cluster(session, filled.project.id, _contexts(filled)[0])
    triples = load_triples(filled, [cluster.id])
    _, held = split(triples, 0.2, by="page", seed=0)
    metrics = model.metrics
    assert (model.kind, model.cluster_ids) == (ModelKind.CS, (cluster.id,))
    assert model.data_fingerprint == triples.fingerprint
    assert model.trained_references == (int(triples.reference[0]),)
    assert (metrics["held_triples"], metrics["triples"]) == (len(held), world.triples)
    assert metrics["accuracy_untrained"] == pytest.approx(_agreement(filled, frozen, held))
    assert metrics["accuracy"] == pytest.approx(_agreement(filled, model, held))
    assert metrics["triples_per_second"] == pytest.approx(
        metrics["train_triples"] * metrics["epochs"] / metrics["seconds"]
    )
    assert model.fingerprint == encoder_of(filled, model).fingerprint
    assert (filled.settings.home / str(model.path) / "model.json").is_file()


def test_each_epoch_is_an_event_and_the_curve_is_kept(filled: Workspace, world: World) -> None:
    model = _train(filled, world)
    job = jobs.list_jobs(filled)[0]
    events = jobs.job_events(filled, job.id)
    assert [event["number"] for event in events] == [0, 1, 2, 3]
    assert [{k: v for k, v in e.items() if k != "seq"} for e in events] == model.metrics["curve"]


def test_several_clusters_together_make_a_global_model(filled: Workspace, world: World) -> None:
    (job_id,) = experiments.request_training(
        filled, _contexts(filled), str(world.network), config=QUICK, together=True
    )
    _run(filled, job_id)
    (model,) = experiments.list_models(filled)
    assert (model.kind, len(model.cluster_ids)) == (ModelKind.GLOBAL, 2)
    assert model.metrics["triples"] == 2 * world.triples


def test_each_cluster_gets_a_job_of_its_own(filled: Workspace, world: World) -> None:
    ids = experiments.request_training(filled, _contexts(filled), str(world.network))
    names = [jobs.get_job(filled, i).params["name"] for i in ids]
    assert names == [f"{cluster}-tiny" for cluster in _contexts(filled)]


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    filled: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"epochs": 12, "patience": 100, "batch_pages": 2}
    (job_id,) = experiments.request_training(
        filled, _contexts(filled)[:1], str(world.network), config=QUICK | config, names=["killed"]
    )
    environment = child_environment(filled.settings) | {"CSSIM_THREADS": "1"}
    worker = subprocess.Popen([sys.executable, "-m", "cssim", "worker"], env=environment, cwd=ROOT)
    end = time.monotonic() + 60
    while len(jobs.job_events(filled, job_id)) < 3:
        assert time.monotonic() < end, "the worker did not get on"
        assert worker.poll() is None
        time.sleep(0.02)
    worker.kill()
    assert worker.wait(15) == -signal.SIGKILL
    killed = jobs.get_job(filled, job_id)
    reached = len(jobs.job_events(filled, job_id))
    assert (killed.state, killed.attempt) == (JobState.RUNNING, 1)
    assert 3 <= reached < 13
    monkeypatch.setattr(running, "SILENT_PERIODS", 0)
    assert _run(filled, job_id).attempt == 2
    resumed = _model(filled, "killed")
    numbers = [event["number"] for event in jobs.job_events(filled, job_id)]
    assert sorted(numbers) == list(range(13))
    whole = _train(filled, world, "whole", **config)
    assert resumed.fingerprint == whole.fingerprint
    assert _without_times(resumed) == _without_times(whole)


def _without_times(model: ModelInfo) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "seconds"} for e in model.metrics["curve"]]


def test_training_that_cannot_be_is_refused_at_once(filled: Workspace, world: World) -> None:
    clusters, network = _contexts(filled)[:1], str(world.network)
    with pytest.raises(BadInput, match="metric without weights"):
        experiments.training_requests(filled, clusters, "hog")
    with pytest.raises(NotFound, match="no backbone is called"):
        experiments.training_requests(filled, clusters, "nonsense")
    with pytest.raises(NotFound, match="no cluster 'x'"):
        experiments.training_requests(filled, ["x"], network)
    with pytest.raises(BadSetting, match="unknown training setting"):
        experiments.training_requests(filled, clusters, network, config={"speed": 3})
    with pytest.raises(BadInput, match="1 model needs as many names, got 2"):
        experiments.training_requests(filled, clusters, network, names=["a", "b"])
    with filled.database.writing() as session:
        rows.add_cluster(session, filled.project.id, "empty", ClusterKind.CONTEXT)
    with pytest.raises(BadInput, match="no answers yet"):
        experiments.training_requests(filled, ["empty"], network)
    register_frozen(filled, network)
    with pytest.raises(Conflict, match="'tiny' already"):
        experiments.training_requests(filled, clusters, network, names=["tiny"])


def test_training_on_images_without_pixels_is_refused(
    filled: Workspace, world: World, tmp_path: Path
) -> None:
    from cssim.services.library import import_labels

    path = tmp_path / "names.csv"
    path.write_text("ref,a,b,answer\nr.jpg,x.jpg,y.jpg,A\n")
    import_labels(filled, path, kind="context")
    with pytest.raises(BadInput, match="no pixels here"):
        experiments.training_requests(filled, ["names"], str(world.network))


def test_a_saved_ensemble_answers_as_its_members_do_together(
    filled: Workspace, world: World
) -> None:
    _run(filled, experiments.request_embedding(filled, ["histogram", str(world.network)]))
    _train(filled, world)
    members = ["first", "histogram", "tiny"]
    validation = [name for name in _clusters(filled) if name.endswith("validation")]
    job_id = experiments.request_ensemble(filled, "all", members, fit_on=validation)
    result = _run(filled, job_id).result
    stored = experiments.list_ensembles(filled)[0]
    assert [_model(filled, name).id for name in members] == list(stored.member_ids)
    pictures = sorted(world.images.iterdir())[:3]
    answer = load_ensemble(result["path"]).closer(*pictures)
    expected = np.zeros(2)
    for name in members:
        r, a, b = (
            encoder_of(filled, _model(filled, name)).embed([_open(path)])[0].astype(float)
            for path in pictures
        )
        for i, x in enumerate((a, b)):
            expected[i] += (1 - r @ x / np.linalg.norm(r) / np.linalg.norm(x)) / 3
    assert answer.distances == pytest.approx(tuple(expected), abs=1e-6)
    assert answer.confidence is not None


def _open(path: Path) -> Any:
    from PIL import Image

    return Image.open(path).convert("RGB")


def test_features_of_references_come_from_a_frozen_model(filled: Workspace, world: World) -> None:
    register_frozen(filled, "histogram")
    validation = [name for name in _clusters(filled) if name.endswith("validation")]
    options: dict[str, Any] = {"strategy": "knn", "fit_on": validation}
    with pytest.raises(BadInput, match="run `embed`"):
        experiments.ensemble_request(filled, "e", ["histogram"], **options)
    _train(filled, world)
    with pytest.raises(BadInput, match="trained on answers"):
        experiments.ensemble_request(filled, "e", ["first"], features="first", **options)
    register_frozen(filled, str(world.network))
    for given, expected in ((None, "tiny"), ("histogram", "histogram")):
        found = experiments.ensemble_request(filled, "e", ["first"], features=given, **options)
        assert found.params["features"] == _model(filled, expected).id
    plain = experiments.ensemble_request(filled, "e", ["first"])
    assert plain.params["features"] is None


def test_an_ensemble_that_cannot_be_is_refused_at_once(filled: Workspace, world: World) -> None:
    register_frozen(filled, str(world.network))
    test_set = next(name for name in _clusters(filled) if name.endswith("test"))
    cases: list[tuple[type[Exception], str, tuple[Any, ...], dict[str, Any]]] = [
        (BadInput, "is a test set", ("e", ["tiny"]), {"fit_on": [test_set]}),
        (BadInput, "fitted on answers", ("e", ["tiny"]), {"strategy": "stacking"}),
        (BadInput, "none twice", ("e", ["tiny", "tiny"]), {}),
        (BadInput, "name has 1 to 100", ("../e", ["tiny"]), {}),
        (NotFound, "no model 'x'", ("e", ["x"]), {}),
        (NotFound, "no strategy", ("e", ["tiny"]), {"strategy": "magic"}),
    ]
    for error, message, arguments, options in cases:
        with pytest.raises(error, match=message):
            experiments.ensemble_request(filled, *arguments, **options)
    with pytest.raises(BadInput, match="no CS model yet"):
        experiments.cs_models(filled)
