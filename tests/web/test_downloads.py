"""Models and ensembles over HTTP: who gets them, and that no file is held in memory."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile

import pytest
from starlette.testclient import TestClient

from cssim.services import accounts, ensemble_names, taking_out
from cssim.services.workspace import Workspace
from cssim.types import JobState, ModelKind, Role
from cssim.web.http import COOKIE
from db import jobs, library, runs
from db.models import now
from db.runs import NewModel
from tests.web.conftest import PASSWORD, browser

BYTES = 24 << 20
"""Of the large file: far more than any piece that is sent."""


@pytest.fixture
def model(ws: Workspace) -> int:
    """A trained model that a job has packed."""
    packed = ws.settings.home / "exports" / "job-1" / "near.zip"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(bytes(range(256)) * (BYTES // 256))
    with ws.database.writing() as session:
        row = NewModel("near", ModelKind.CS, "tiny", path="models/x", fingerprint="f")
        made = runs.save_model(session, ws.project.id, row)
        params = {"name": "near", "model": made, "fingerprint": "f"}
        jobs.add_job(session, ws.project.id, "export", params)
        job = jobs.claim(session, worker="w", moment=now(), silent_since=now(), kinds=["export"])
        assert job is not None
        path = packed.relative_to(ws.settings.home).as_posix()
        result = {"path": path, "name": "near"}
        jobs.finish(session, job, JobState.DONE, moment=now(), result=result)
    return made


@pytest.fixture
def ensemble(ws: Workspace) -> int:
    folder = ws.settings.ensembles / "job-1-1"
    (folder / "members" / "0").mkdir(parents=True)
    (folder / "ensemble.json").write_text("{}")
    with (folder / "members" / "0" / "model.safetensors").open("wb") as file:
        file.truncate(BYTES)
    with ws.database.writing() as session:
        path = folder.relative_to(ws.settings.home).as_posix()
        return runs.add_ensemble(
            session, ws.project.id, "näher dran", "uniform", [], config={}, path=path
        )


def test_a_packed_model_is_sent_as_it_lies_on_disk(client: TestClient, model: int) -> None:
    answer = client.get(f"/api/models/{model}/files")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="near.zip"'
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == BYTES == len(answer.content)
    part = client.get(f"/api/models/{model}/files", headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content) == (206, bytes([3, 4, 5]))


def test_an_ensemble_is_packed_while_it_is_sent(client: TestClient, ensemble: int) -> None:
    answer = client.get(f"/api/ensembles/{ensemble}/files")
    assert answer.status_code == 200
    assert "n%C3%A4her-dran.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        sizes = {one.filename: one.file_size for one in archive.infolist()}
        origin = json.loads(archive.read("näher-dran/origin.json"))
    assert (origin["name"], sizes.pop("näher-dran/origin.json") > 0) == ("näher dran", True)
    assert sizes == {
        "näher-dran/ensemble.json": 2,
        "näher-dran/members/0/model.safetensors": BYTES,
    }
    assert client.head(f"/api/ensembles/{ensemble}/files").content == b""


def test_no_more_than_a_few_pieces_are_in_memory(ws: Workspace, ensemble: int) -> None:
    tracemalloc.start()
    size = sum(len(piece) for piece in taking_out.as_zip(ws, taking_out.find(ws, ensemble)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > BYTES
    assert peak < 6 * taking_out.PIECE < BYTES


@pytest.mark.parametrize("address", ["/api/models/{}/files", "/api/ensembles/{}/files"])
def test_annotators_and_strangers_get_no_files(
    ws: Workspace, anybody: TestClient, model: int, ensemble: int, address: str
) -> None:
    path = address.format(model if "models" in address else ensemble)
    anybody.headers["accept"] = "application/json"
    assert anybody.get(path).status_code == 401
    accounts.add_person(ws, "Ann", role=Role.ANNOTATOR, password=PASSWORD)
    theirs = browser(ws)
    theirs.cookies.set(COOKIE, accounts.sign_in(ws, "Ann", PASSWORD))
    assert theirs.get(path).status_code == 403


def test_what_is_not_there_is_said(
    ws: Workspace, client: TestClient, model: int, ensemble: int
) -> None:
    assert "no ensemble 99" in client.get("/api/ensembles/99/files").json()["error"]
    assert client.get("/api/models/one/files").status_code == 400
    (ws.settings.home / "exports" / "job-1" / "near.zip").unlink()
    assert "export it anew" in client.get(f"/api/models/{model}/files").json()["error"]
    with ws.database.writing() as session:
        other = library.ensure_project(session, "other").id
        row = NewModel("far", ModelKind.CS, "tiny", path="models/x", fingerprint="f")
        foreign = runs.save_model(session, other, row)
    assert client.get(f"/api/models/{foreign}/files").status_code == 404
    ensemble_names.archive_ensembles(ws, ["näher dran"])
    assert client.get(f"/api/ensembles/{ensemble}/files").status_code == 200
    folder = ws.settings.home / str(taking_out.find(ws, ensemble).path)
    folder.rename(folder.with_name("elsewhere"))
    assert "gone" in client.get(f"/api/ensembles/{ensemble}/files").json()["error"]
