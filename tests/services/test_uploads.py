"""Uploads that are asked about: decoded first, apart from the project, forgotten; jobs on them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cssim
from cssim.errors import BadImage, BadInput, NotFound
from cssim.services import answer_jobs, experiments, gallery, jobs, uploads
from cssim.services.uploads import Asked
from cssim.services.workspace import Workspace
from cssim.types import JobState
from tests.world import World


@pytest.fixture(scope="module")
def ws(embedded: Workspace) -> Workspace:
    return embedded


def picture(world: World, number: int) -> tuple[bytes, str]:
    path = sorted(world.images.iterdir())[number]
    return path.read_bytes(), path.name


def in_project(ws: Workspace, number: int) -> Asked:
    image = gallery.find_pictures(ws).images[number]
    return Asked(image.name, image_id=image.id)


def run(ws: Workspace, job_id: int) -> Mapping[str, Any]:
    jobs.run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, job.error
    return job.result


def test_an_upload_is_kept_apart_from_the_project(ws: Workspace, world: World) -> None:
    before = gallery.find_pictures(ws).total
    taken = uploads.take(ws, b"P6 2 2 255\n" + bytes(range(12)), "small.ppm")
    assert taken.image_id is None
    assert taken.sha256 not in ws.store
    assert gallery.find_pictures(ws).total == before
    assert uploads.thumbnail(ws, taken)[:2] == b"\xff\xd8"
    assert uploads.file_of(ws, taken).read_bytes().startswith(b"P6")


def test_a_picture_of_another_project_is_not_shown(ws: Workspace) -> None:
    asked = in_project(ws, 0)
    other = replace(ws, project=replace(ws.project, id=ws.project.id + 1))
    for look in (uploads.file_of, uploads.thumbnail):
        with pytest.raises(NotFound, match="no pixels here"):
            look(other, asked)


def test_what_is_no_picture_is_refused_and_leaves_nothing(ws: Workspace) -> None:
    store = uploads.store_of(ws)
    before = sorted(store.root.rglob("*"))
    with pytest.raises(BadImage, match="not an image"):
        uploads.take(ws, b"<script>alert(1)</script>", "evil.jpg")
    assert sorted(store.root.rglob("*")) == before


def test_old_uploads_are_forgotten_and_new_ones_kept(ws: Workspace, world: World) -> None:
    old = uploads.take(ws, *picture(world, 0))
    path = uploads.file_of(ws, old)
    long_ago = time.time() - (uploads.KEPT_DAYS + 1) * 86_400
    os.utime(path, (long_ago, long_ago))
    new = uploads.take(ws, *picture(world, 1))
    assert uploads.file_of(ws, new).is_file()
    with pytest.raises(NotFound):
        uploads.file_of(ws, old)
    again = uploads.take(ws, *picture(world, 0))
    assert uploads.file_of(ws, again).is_file()


def test_a_worker_answers_about_uploads_as_the_library_does(ws: Workspace, world: World) -> None:
    asked = [uploads.take(ws, *picture(world, 0)), in_project(ws, 7), in_project(ws, 9)]
    result = run(ws, answer_jobs.request_ask(ws, "near", *asked))
    info = next(one for one in experiments.list_ensembles(ws) if one.name == "near")
    library = cssim.load_ensemble(ws.settings.home / str(info.path))
    expected = library.closer(*(uploads.file_of(ws, one) for one in asked))
    assert result["choice"] == expected.choice
    assert tuple(result["distances"]) == pytest.approx(expected.distances, abs=1e-5)
    assert set(result["explanation"]["weights"]) == set(library.encoders)


def test_a_worker_searches_the_library_for_an_upload(ws: Workspace, world: World) -> None:
    asked = uploads.take(ws, *picture(world, 3))
    result = run(ws, answer_jobs.request_search(ws, "near", asked, top=4))
    images = {image.id: image for image in gallery.find_pictures(ws).images}
    assert result["pictures"] == len(images)
    first = result["found"][0]
    assert images[first["image_id"]].name == asked.name
    assert first["distance"] == pytest.approx(0, abs=1e-5)
    distances = [one["distance"] for one in result["found"]]
    assert distances == sorted(distances)


def test_a_worker_searches_a_folder_and_keeps_its_index(
    ws: Workspace, world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (2, 5, 6):
        data, name = picture(world, number)
        (folder / name).write_bytes(data)
    (folder / "broken.jpg").write_bytes(b"nothing")
    asked = in_project(ws, 5)
    result = run(ws, answer_jobs.request_search(ws, "both", asked, folder=str(folder), top=2))
    assert (result["pictures"], len(result["found"]), len(result["refused"])) == (3, 2, 1)
    assert Path(result["found"][0]["path"]).name == asked.name
    assert result["found"][0]["jpeg"]
    assert len(list((ws.settings.home / "indexes").glob("*.npz"))) == 1
    again = run(ws, answer_jobs.request_search(ws, "both", asked, folder=str(folder), top=2))
    assert again == result


def test_what_cannot_be_searched_is_said_before_anything_is_queued(ws: Workspace) -> None:
    asked = in_project(ws, 0)
    before = len(jobs.list_jobs(ws))
    with pytest.raises(NotFound, match="nobody"):
        answer_jobs.request_search(ws, "nobody", asked)
    with pytest.raises(BadInput, match="no folder"):
        answer_jobs.request_search(ws, "both", asked, folder="/nowhere/at/all")
    with pytest.raises(BadInput, match="1 to 200"):
        answer_jobs.request_search(ws, "both", asked, top=0)
    with pytest.raises(NotFound):
        answer_jobs.request_ask(ws, "both", Asked("gone", sha256="0" * 64), asked, asked)
    assert len(jobs.list_jobs(ws)) == before
