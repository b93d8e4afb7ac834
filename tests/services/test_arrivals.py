"""Models and ensembles that come from another home, and stay usable when their home is moved."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cssim.config import load_settings
from cssim.embeddings.weights import beside
from cssim.errors import BadInput, Conflict, CSSimError, NotFound, Unavailable
from cssim.services import (
    answering,
    asking,
    cards,
    ensemble_import,
    experiments,
    jobs,
    leaks,
    library,
    offers,
    taking_out,
    transfers,
    uploaded_packages,
)
from cssim.services.chosen import Chosen
from cssim.services.encoding import embeddings_of, encoder_of, register_frozen
from cssim.services.jobs import JobRequest
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind, JobState
from db import library as rows
from tests.world import World

SET = "w-validation"
UNTIED = ("clusters that it was trained on are not in this project",)
"""All that is amiss with a model whose answers are elsewhere."""


@pytest.fixture(autouse=True, scope="module")
def _offline() -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        yield


def do(ws: Workspace, *requests: JobRequest) -> None:
    for request in requests:
        done = jobs.run_here(ws, request)
        assert done.state is JobState.DONE, done.error


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Workspace]:
    """The home of a head on a network that only this machine has, and of two ensembles with it."""
    place = tmp_path_factory.mktemp("there")
    network = Path(shutil.copytree(world.network, place / "networks" / "small-vit"))
    ws = open_workspace(load_settings({}, home=place / "home"))
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=list(world.references[:2]))
    register_frozen(ws, str(network))
    do(ws, experiments.embedding_request(ws, ["histogram"]))
    found = library.cluster_summaries(ws)
    context = next(c.cluster.name for c in found if c.cluster.kind is ClusterKind.CONTEXT)
    config = {"adapter": "head", "epochs": 1}
    request = experiments.training_requests(
        ws, [context], str(network), names=["head"], config=config
    )
    do(ws, *request)
    do(
        ws,
        *(
            experiments.ensemble_request(
                ws, strategy, members, strategy=strategy, fit_on=[SET], features="histogram"
            )
            for strategy, members in (("knn", ["head", "histogram"]), ("uniform", ["head"]))
        ),
    )
    yield ws
    ws.close()


@pytest.fixture(scope="module")
def exported(there: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transfers.export_model(there, "head", tmp_path_factory.mktemp("out") / "head")


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy" / "head"))


@pytest.fixture
def here(tmp_path: Path, world: World) -> Iterator[Workspace]:
    """Another home with the same pictures, and no answers."""
    ws = open_workspace(load_settings({}, home=tmp_path / "home"))
    library.add_images(ws, [world.images])
    yield ws
    ws.close()


@pytest.fixture
def alone(there: Workspace) -> Iterator[None]:
    """The network lies no more where it lay."""
    network = there.settings.home.parent / "networks"
    away = network.rename(network.with_name("away"))
    yield
    away.rename(network)


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def vectors(ws: Workspace, name: str) -> np.ndarray:
    with ws.database.reading() as session:
        images = sorted(rows.list_images(session, ws.project.id), key=lambda image: image.name)
    model = cards.model_card(ws, name).model
    return embeddings_of(ws, encoder_of(ws, model), [image.id for image in images])


def moved(ws: Workspace) -> Workspace:
    """The same, after its home was moved; what was embedded is computed anew."""
    ws.close()
    home = ws.settings.home.rename(ws.settings.home.with_name("moved"))
    shutil.rmtree(home / "embeddings", ignore_errors=True)
    return open_workspace(load_settings({}, home=home))


@pytest.mark.usefixtures("alone")
def test_an_imported_model_finds_its_backbone_in_a_home_that_was_moved(
    there: Workspace, here: Workspace, exported: Path
) -> None:
    taken = transfers.import_model(here, zipped(exported))
    assert taken.backbone == "./small-vit"
    before = vectors(here, "head")
    again = moved(here)
    card = cards.model_card(again, "head")
    assert card.problems == UNTIED
    assert np.array_equal(vectors(again, "head"), before)
    own = str(again.settings.home.resolve() / str(card.model.path) / "small-vit")
    offered = {offer.name: offer for offer in offers.backbone_offers(again)}
    assert offered[own].reachable
    do(again, experiments.ensemble_request(again, "alone", ["head"]))
    (group,) = experiments.list_ensembles(again)
    folder = again.settings.home / str(group.path) / "members" / "0"
    assert (folder / "small-vit" / "config.json").is_file()  # so that it can be taken elsewhere
    out = transfers.export_model(again, "head", again.settings.home.parent / "out")
    assert json.loads((out / "model" / "model.json").read_text())["backbone"] == "./small-vit"
    twin = transfers.import_model(again, out, name="twin")
    assert (twin.fingerprint, twin.backbone) == (taken.fingerprint, "./small-vit")
    again.close()


@pytest.mark.usefixtures("alone")
def test_a_model_that_an_earlier_version_imported_works_in_a_moved_home(
    here: Workspace, exported: Path
) -> None:
    taken = transfers.import_model(here, exported)
    folder = here.settings.home.resolve() / str(taken.path)
    old = str((folder / "small-vit").rename(folder / "backbone"))
    card = json.loads((folder / "model.json").read_text()) | {"backbone": old}
    (folder / "model.json").write_text(json.dumps(card))
    with here.database.writing() as session:
        from db.models import ModelRow

        session.get_one(ModelRow, taken.id).backbone = old
    before = vectors(here, "head")
    again = moved(here)
    assert cards.model_card(again, "head").problems == UNTIED
    assert np.array_equal(vectors(again, "head"), before)
    again.close()


def test_a_backbone_is_looked_for_beside_its_model_only_where_its_path_is_gone(
    tmp_path: Path, world: World
) -> None:
    folder = tmp_path / "models" / "one"
    own = shutil.copytree(world.network, tmp_path / "models" / "other" / "vit")
    assert beside(folder, "./vit") == str(folder / "vit")
    assert beside(folder, "tiny-clip") == "tiny-clip"
    assert beside(folder, str(world.network)) == str(world.network)
    assert beside(folder, "/gone/models/other/vit") == str(own)
    assert beside(folder, "/gone/vit") == "/gone/vit"


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: shutil.rmtree(f / "backbone"), Unavailable, "did not come with it"),
        (
            lambda f: (f / "backbone" / "model.safetensors").rename(
                f / "backbone" / "pytorch_model.bin"
            ),
            Unavailable,
            "came as a pickle, which is never read",
        ),
        (lambda f: (f / "backbone" / "code.py").write_text("1"), BadInput, r"holds .*code\.py"),
        (lambda f: edit(f / "model" / "model.json", backbone="x/.."), BadInput, ""),
        (lambda f: edit(f / "model" / "model.json", backbone=7), BadInput, "damaged"),
        (lambda f: edit(f / "model" / "model.json", tensors_sha256=""), BadInput, "damaged"),
        (lambda f: edit(f / "card.json", clusters=[["a"]]), BadInput, "incomplete"),
        (lambda f: edit(f / "card.json", kind="frozen"), BadInput, "no trained model"),
        (lambda f: edit(f / "backbone" / "config.json", hidden_size=7), BadInput, "other weights"),
        (
            lambda f: (f / "model" / "model.safetensors").write_bytes(b""),
            BadInput,
            "its card names",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_of_it_is_left(
    here: Workspace, copy: Path, change: Any, error: type[Exception], message: str
) -> None:
    change(copy)
    file = zipped(copy)
    if message:
        with pytest.raises(error, match=message):
            transfers.import_model(here, file)
        with pytest.raises(error, match=message):
            transfers.import_model(here, copy)
        assert experiments.list_models(here) == []
    else:  # a name that leads upwards names a folder of its own all the same
        assert transfers.import_model(here, file).backbone == "./backbone"
    left = [path for path in here.settings.checkpoints.glob("*")]
    assert len(left) == len(experiments.list_models(here))
    assert not list((here.settings.home / "imports").glob("*"))


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.usefixtures("alone")
def test_an_uploaded_file_becomes_a_model_by_a_job(here: Workspace, exported: Path) -> None:
    with zipped(exported).open("rb") as file:
        uploaded_packages.request_import(here, file, "head.zip", name=" mine ")
    (done,) = jobs.run_worker(here, limit=1)
    assert done.state is JobState.DONE, done.error
    (model,) = experiments.list_models(here)
    assert done.result == {"kind": "model", "id": model.id, "name": "mine"}
    assert not list((here.settings.home / "imports").iterdir())
    with zipped(exported).open("rb") as file:
        uploaded_packages.request_import(here, file, "head.zip", name="mine")
    (failed,) = jobs.run_worker(here, limit=1)
    assert "there is a model 'mine' already" in failed.error


def test_what_is_neither_model_nor_ensemble_is_refused(here: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="x is no ZIP file"):
        uploaded_packages.request_import(here, io.BytesIO(b"PK"), "x")
    file = tmp_path / "other.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.md", "hello")
    with file.open("rb") as opened:
        uploaded_packages.request_import(here, opened, "other.zip")
    (failed,) = jobs.run_worker(here, limit=1)
    assert "other.zip holds neither card.json" in failed.error
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.json", "{}")
    with file.open("rb") as opened:
        uploaded_packages.request_import(here, opened, "../../evil one.zip")
    (failed,) = jobs.run_worker(here, limit=1)
    assert "evil-one.zip holds a file with the path '../evil.json'" in failed.error


def pictures(ws: Workspace, *numbers: int) -> list[Path]:
    with ws.database.reading() as session:
        images = sorted(rows.list_images(session, ws.project.id), key=lambda image: image.name)
    return [ws.store.path(str(images[i].sha256)) for i in numbers]


def test_an_ensemble_goes_to_another_project_and_answers_as_before(
    there: Workspace, here: Workspace, tmp_path: Path
) -> None:
    file = taking_out.export_ensemble(there, "knn", tmp_path / "knn.zip")
    with pytest.raises(Conflict, match="exists already"):
        taking_out.export_ensemble(there, "knn", file)
    taken = ensemble_import.import_ensemble(here, file)
    assert (taken.name, taken.strategy) == ("knn", "knn")
    asked = pictures(there, 0, 7, 11)
    expected = asking.ask(there, "knn", *asked, explain=True)
    found = asking.ask(here, "knn", *asked, explain=True)
    for part in ("choice", "confidence", "distances", "votes"):
        assert found[part] == expected[part]
    names = [one["name"] for one in found["explanation"]["nearest"]]
    assert names == [one["name"] for one in expected["explanation"]["nearest"]]
    with here.database.reading() as session:  # its references are this project's pictures
        ids = [one["image_id"] for one in found["explanation"]["nearest"]]
        known = rows.images_by_id(session, ids)
        models = {m.name: m for m in experiments.list_models(here)}
        clusters = rows.list_clusters(session, here.project.id)
    assert [known[i].name for i in ids] == names
    assert set(models) == {"head", "histogram"}
    assert models["head"].fingerprint == cards.model_card(there, "head").model.fingerprint
    assert (clusters, taken.config["fit_on"]) == ([], [])
    again = ensemble_import.import_ensemble(here, file, name="twice")
    assert again.member_ids == taken.member_ids  # the same models
    with pytest.raises(Conflict, match="'knn' already"):
        ensemble_import.import_ensemble(here, file)


def test_an_ensemble_that_comes_home_is_fitted_on_the_sets_of_its_home(
    there: Workspace, tmp_path: Path
) -> None:
    file = taking_out.export_ensemble(there, "knn", tmp_path / "knn.zip")
    before = next(one for one in experiments.list_ensembles(there) if one.name == "knn")
    taken = ensemble_import.import_ensemble(there, file, name="back")
    assert taken.member_ids == before.member_ids
    for key in ("fit_on", "fit_data", "features", "fitted"):
        assert taken.config[key] == before.config[key]
    one, other = answering.ready(there, taken), answering.ready(there, before)
    assert one.looking == other.looking is not None
    assert one.record is not None
    assert other.record is not None
    assert np.array_equal(one.record.evidence.reference, other.record.evidence.reference)


def test_what_an_imported_ensemble_was_fitted_on_counts_as_seen(
    there: Workspace, here: Workspace, world: World, tmp_path: Path
) -> None:
    taken = ensemble_import.import_ensemble(
        here, taking_out.export_ensemble(there, "knn", tmp_path / "knn.zip")
    )
    library.import_labels(here, world.answers, cluster="z", kind=ClusterKind.VALIDATION)
    found = library.cluster_summaries(here)
    triples = library.load_triples(here, [one.cluster.id for one in found])
    chosen = Chosen([], [taken], {m.id: m for m in experiments.list_models(here)})
    leak = leaks.leaks_of(chosen, [one.cluster for one in found], triples)["knn"]
    assert "none" not in str(leak)


@pytest.mark.usefixtures("alone")
def test_an_ensemble_whose_backbone_is_not_here_is_refused_with_nothing_taken_in(
    there: Workspace, here: Workspace, tmp_path: Path
) -> None:
    file = taking_out.export_ensemble(there, "uniform", tmp_path / "u.zip")
    with pytest.raises(Unavailable, match=r"member 'head': its backbone .*small-vit did not come"):
        ensemble_import.import_ensemble(here, file)
    assert experiments.list_models(here, archived=True) == []
    assert experiments.list_ensembles(here, archived=True) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda f: (f / "ensemble.json").unlink(), NotFound),
        (lambda f: edit(f / "ensemble.json", members=[{"name": 1}]), BadInput),
        (lambda f: edit(f / "origin.json", format=2), BadInput),
        (lambda f: (f / "origin.json").write_text("{"), BadInput),
        (lambda f: (f / "members" / "0" / "model.safetensors").write_bytes(b"x"), BadInput),
        (lambda f: (f / "members" / "0" / "model.json").write_text("{}"), CSSimError),
    ],
)
def test_a_damaged_ensemble_is_refused_with_nothing_taken_in(
    there: Workspace, here: Workspace, tmp_path: Path, change: Any, error: type[Exception]
) -> None:
    file = taking_out.export_ensemble(there, "uniform", tmp_path / "u.zip")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "out")
    change(tmp_path / "out" / "uniform")
    with pytest.raises(error):
        ensemble_import.import_ensemble(here, tmp_path / "out" / "uniform")
    assert experiments.list_models(here, archived=True) == []
    assert not list(here.settings.ensembles.glob("*"))
