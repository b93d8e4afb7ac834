"""Pictures that are withdrawn: gone for good, shown nowhere, refused; answers are kept."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from cssim import colour
from cssim.embeddings.store import EmbeddingCache
from cssim.ensembles.index import Index
from cssim.errors import BadInput, NotAllowed, NotFound
from cssim.images import pixel_key
from cssim.services import (
    accounts,
    annotating,
    cards,
    health,
    jobs,
    library,
    sweeping,
    uploads,
    withdrawing,
)
from cssim.services.annotating import Reply
from cssim.services.encoding import embeddings_of, frozen_encoder
from cssim.services.jobs import JobRequest
from cssim.services.workspace import Workspace
from cssim.training.activations import ActivationCache
from cssim.types import Answer, ClusterKind, Image, JobState, JudgementKind, ModelKind, Person, Role
from db import annotations as records
from db import library as queries
from db import runs, withdrawals
from db.models import JobRow, PageRow, now
from tests.pages import add_pages
from tests.world import World

ONE = pytest.mark.parametrize("dialect", ["sqlite"])
"""For what the kind of database cannot change."""
REASON = "the person in it asked us to"
GOOD = Answer(JudgementKind.ANSWER, (1, 0), (2, 1))


def image(ws: Workspace, name: str) -> Image:
    return withdrawing.find(ws, [name])[0]


def take_back(ws: Workspace, name: str, **more) -> Image:
    found = image(ws, name)
    withdrawing.withdraw(ws, [found], REASON, **more)
    return found


def clusters(ws: Workspace) -> list[int]:
    with ws.database.reading() as session:
        return [one.id for one in queries.list_clusters(session, ws.project.id)]


def files_with(home: Path, *words: str) -> list[Path]:
    """Files below the home folder whose name or content has one of these words."""
    found = []
    for path in sorted(home.rglob("*")):
        if not path.is_file() or path.name.startswith("cssim.db"):
            continue
        data = path.read_bytes()
        known = [w for w in words if w in path.name or w.encode() in data]
        if known or any(len(w) == 64 and bytes.fromhex(w) in data for w in words):
            found.append(path)
    return found


@pytest.fixture
def boss(filled: Workspace) -> Person:
    return accounts.add_person(filled, "Boss", role=Role.ADMINISTRATOR)


@ONE
def test_nothing_of_a_withdrawn_picture_is_left_on_the_disk(filled: Workspace, world: World):
    ws, name = filled, world.references[0]
    kept = [i.id for i in (image(ws, name), image(ws, world.references[1]))]
    found = image(ws, name)
    sha256 = str(found.sha256)
    uploads.take(ws, (world.images / name).read_bytes(), name)
    uploads.thumbnail(ws, uploads.Asked(name, sha256=sha256))
    for width in (128, 512):
        ws.store.thumbnail(sha256, width)
    older = ws.store.root / "thumbnails" / "256" / sha256[:2] / f"{sha256}.jpg"
    older.parent.mkdir(parents=True)
    older.write_bytes(b"of an earlier version")
    for metric in ("histogram", "hog"):
        before = embeddings_of(ws, frozen_encoder(ws, metric), kept)
    key = pixel_key(sha256, colour.VERSION)  # had its colours been converted
    activations = ActivationCache(ws.settings.activations, max_bytes=10**6)
    for one in (sha256, key):
        activations.put("deep", one, torch.zeros(4))
    left = ws.settings.checkpoints / "job-1-x" / ".features"  # by a run that was killed
    left.parent.mkdir(parents=True)
    left.write_bytes(b"activations")
    index = ws.settings.home / "indexes" / "of a folder.npz"
    Index({"histogram": "h"}, (1,), (sha256,), ("a.png",), np.zeros((1, 1), np.float32)).save(index)
    assert len(files_with(ws.settings.home, sha256, key)) >= 8

    done = withdrawing.withdraw(ws, [found], REASON)

    assert files_with(ws.settings.home, sha256, key) == []
    assert done.deleted >= 10
    assert not index.exists()
    assert not left.exists()
    cache = EmbeddingCache(ws.settings.embeddings)
    hog = frozen_encoder(ws, "hog")
    other = str(image(ws, world.references[1]).sha256)
    assert cache.count(hog.fingerprint, [sha256, other]) == 1
    again = embeddings_of(ws, hog, kept[1:])
    assert np.array_equal(again[0], before[1])


def test_it_is_served_listed_and_named_nowhere(filled: Workspace, world: World):
    ws, name = filled, world.references[0]
    found = take_back(ws, name)
    with pytest.raises(NotFound):
        annotating.picture(ws, str(found.sha256), 256)
    with pytest.raises(NotFound):
        withdrawing.find(ws, [name])
    with ws.database.reading() as session:
        left = queries.list_images(session, ws.project.id)
        stub = queries.images_by_id(session, [found.id])[found.id]
        assert queries.count_images(session, ws.project.id) == len(left)
        assert queries.names_of(session, [found.id]) == {found.id: (f"withdrawn-{found.id}",)}
    assert found.id not in [one.id for one in left]
    assert (stub.name, stub.sha256, stub.tags) == (f"withdrawn-{found.id}", None, ())
    assert stub.withdrawn
    assert not any(one.withdrawn for one in left)
    with pytest.raises(BadInput, match=REASON):
        uploads.take(ws, (world.images / name).read_bytes(), "under another name.png")


def test_answers_about_it_are_kept_and_count_no_more(filled: Workspace, world: World):
    ws = filled
    every = clusters(ws)
    found = image(ws, world.references[0])
    before = library.load_triples(ws, every)
    with ws.database.reading() as session:
        log = records.judgements_of(session, every, everything=True)
    take_back(ws, found.name)
    after = library.load_triples(ws, every)
    naive = [t for t in before.rows() if found.id not in (t.reference, t.a, t.b)]
    assert list(after.rows()) == naive
    assert 0 < len(naive) < len(before)
    with ws.database.reading() as session:
        assert records.judgements_of(session, every, everything=True) == log
        counted = records.judgements_of(session, every)
    assert {j.page_id for j in counted} == {t.page_id for t in naive}
    own = next(c for c in library.cluster_summaries(ws) if c.cluster.id == every[0])
    assert (own.triples, own.pages, own.missing_images) == (0, 0, 0)


@ONE
def test_exports_leave_it_out_and_the_whole_log_tells_its_id_alone(
    filled: Workspace, world: World, tmp_path: Path
):
    ws, name = filled, world.references[0]
    library.export_labels(ws, None, tmp_path / "before.csv")
    library.export_labels(ws, None, tmp_path / "before.jsonl")
    found = take_back(ws, name)
    library.export_labels(ws, None, tmp_path / "after.csv")
    library.export_labels(ws, None, tmp_path / "after.jsonl")
    with_it = [line for line in (tmp_path / "before.csv").read_text().splitlines() if name in line]
    kept = (tmp_path / "after.csv").read_text().splitlines()
    assert with_it
    assert kept == [
        line for line in (tmp_path / "before.csv").read_text().splitlines() if name not in line
    ]
    whole = (tmp_path / "after.jsonl").read_text()
    assert name in (tmp_path / "before.jsonl").read_text()
    assert name not in whole
    rows = [json.loads(line) for line in whole.splitlines()]
    marked = [row for row in rows if row["withdrawn"]]
    assert len(rows) == len((tmp_path / "before.jsonl").read_text().splitlines())
    assert marked
    stub = f"withdrawn-{found.id}"
    assert all(stub in (row["reference"], *row["candidates"]) for row in marked)


def test_open_pages_with_it_are_retired_and_new_ones_never_hold_it(filled: Workspace, world: World):
    ws, ada = filled, accounts.add_person(filled, "Ada")
    ids = [image(ws, name).id for name in sorted(p.name for p in world.images.iterdir())]
    open_pages = add_pages(ws, [(ids[0], (ids[5], ids[6])), (ids[1], (ids[5], ids[7]))], wanted=2)
    held = annotating.next_pages(ws, ada, want=5).pages
    assert [one.page.id for one in held] == open_pages
    take_back(ws, world.references[0])  # ids[0], the reference of the first page
    queue = annotating.next_pages(ws, ada, have=[one.lease_id for one in held], want=5)
    assert queue.kept == (held[1].lease_id,)
    assert [one.page.id for one in annotating.own_leases(ws, ada)] == open_pages[1:]
    bea = accounts.add_person(ws, "Bea")
    assert [one.page.id for one in annotating.next_pages(ws, bea, want=5).pages] == open_pages[1:]
    assert annotating.progress(ws, ada).wanted == 2
    drawn = library.draw_cluster(
        ws, "new", ClusterKind.VALIDATION, references=9, pages_per_reference=2
    )
    with ws.database.reading() as session:
        pages = records.pages_of(session, [drawn.id])
    assert ids[0] not in {i for page in pages for i in (page.reference, *page.candidates)}


def test_an_answer_on_its_way_is_stored_and_does_not_count(filled: Workspace, world: World):
    ws, ada = filled, accounts.add_person(filled, "Ada")
    ids = [image(ws, name).id for name in world.references[:3]]
    (page,) = add_pages(ws, [(ids[0], (ids[1], ids[2]))])
    (held,) = annotating.next_pages(ws, ada, want=1).pages
    take_back(ws, world.references[1])
    receipt = annotating.answer(
        ws, ada, Reply(client_id="an-answer", lease_id=held.lease_id, answer=GOOD)
    )
    assert receipt.late
    assert annotating.history(ws, ada) == []
    with ws.database.reading() as session:
        row = session.get_one(PageRow, page)
        assert (row.done, row.wanted) == (1, 0)
        ocean = queries.get_cluster(session, ws.project.id, "ocean")
    assert len(library.load_triples(ws, [ocean.id])) == 0
    retract = Reply(
        client_id="take-it-back", lease_id=held.lease_id, answer=Answer(JudgementKind.RETRACT)
    )
    annotating.answer(ws, ada, retract)
    assert annotating.next_pages(ws, ada, want=5).pages == ()


def test_the_same_bytes_are_refused_with_the_reason_in_every_project(
    filled: Workspace, world: World, tmp_path: Path
):
    ws, name = filled, world.references[0]
    elsewhere = ws.with_project("elsewhere")
    library.add_images(elsewhere, [world.images])
    found = take_back(ws, name)
    copy = tmp_path / "another name.png"
    copy.write_bytes((world.images / name).read_bytes())
    for place in (ws, elsewhere):
        report = library.add_images(place, [copy, world.images])
        assert [p.reason for p in report.refused] == [f"this picture was withdrawn: {REASON}"] * 2
        assert found.sha256 not in place.store
        with pytest.raises(NotFound):
            annotating.picture(place, str(found.sha256), 256)


@ONE
def test_another_picture_may_take_the_name(filled: Workspace, world: World, tmp_path: Path):
    ws, name = filled, world.references[0]
    found = take_back(ws, name)
    other = tmp_path / name
    other.write_bytes((world.images / world.references[1]).read_bytes() + b" ")
    assert library.add_images(ws, [other]).added == 1
    assert image(ws, name).id != found.id


def test_allowed_again_and_imported_everything_is_as_before(
    filled: Workspace, world: World, tmp_path: Path
):
    ws, name = filled, world.references[0]
    every = clusters(ws)
    before = library.load_triples(ws, every).fingerprint
    ids = [image(ws, one).id for one in world.references[:3]]
    (page,) = add_pages(ws, [(ids[0], (ids[1], ids[2]))], wanted=3)
    first, second = take_back(ws, name), take_back(ws, world.references[1])
    numbers = {w.sha256: w.id for w in withdrawing.list_withdrawals(ws)}
    withdrawing.restore(ws, numbers[str(first.sha256)])
    copy = tmp_path / "came back.png"
    copy.write_bytes((world.images / name).read_bytes())
    report = library.add_images(ws, [copy])
    assert (report.filled, report.added, report.refused) == (1, 0, ())
    assert image(ws, "came back.png").id == first.id
    with ws.database.reading() as session:
        assert session.get_one(PageRow, page).wanted == 0  # the other one is still away
    withdrawing.restore(ws, numbers[str(second.sha256)])
    library.add_images(ws, [world.images])
    assert image(ws, world.references[1]).id == second.id
    assert library.load_triples(ws, every).fingerprint == before
    with ws.database.reading() as session:
        row = session.get_one(PageRow, page)
        assert (row.wanted, row.wanted_before) == (3, None)
    with pytest.raises(NotFound, match="stands"):
        withdrawing.restore(ws, numbers[str(first.sha256)])


@ONE
def test_a_picture_that_came_back_can_be_withdrawn_again(filled: Workspace, world: World):
    ws, name = filled, world.references[0]
    found = take_back(ws, name)
    withdrawing.restore(ws, withdrawing.list_withdrawals(ws)[0].id)
    library.add_images(ws, [world.images])
    take_back(ws, name)
    states = [(w.stands, w.images) for w in withdrawing.list_withdrawals(ws)]
    assert states == [(True, (found.id,)), (False, ())]


@ONE
@pytest.mark.parametrize("role", [Role.ANNOTATOR, Role.RESEARCHER])
def test_only_administrators_may(filled: Workspace, world: World, role: Role):
    person = accounts.add_person(filled, "Cleo", role=role)
    found = image(filled, world.references[0])
    with pytest.raises(NotAllowed, match="administrators"):
        withdrawing.withdraw(filled, [found], REASON, by=person)
    assert found.sha256 in filled.store
    take_back(filled, found.name)
    with pytest.raises(NotAllowed, match="administrators"):
        withdrawing.restore(filled, withdrawing.list_withdrawals(filled)[0].id, by=person)


@ONE
def test_who_did_it_and_why_stands_in_the_audit_log(filled: Workspace, world: World, boss: Person):
    take_back(filled, world.references[0], by=boss)
    withdrawing.restore(filled, withdrawing.list_withdrawals(filled)[0].id, by=boss)
    restored, withdrawn, *_ = accounts.list_audit(filled)
    assert (withdrawn.action, withdrawn.actor) == ("withdraw picture", "Boss")
    assert REASON in str(withdrawn)
    assert (restored.action, restored.actor) == ("restore picture", "Boss")


@ONE
@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_reason_is_asked_for(filled: Workspace, world: World, reason: str):
    found = image(filled, world.references[0])
    with pytest.raises(BadInput, match="reason"):
        withdrawing.withdraw(filled, [found], reason)
    with pytest.raises(BadInput, match="at least one"):
        withdrawing.withdraw(filled, [], REASON)


@ONE
def test_withdrawing_the_same_twice_is_told(filled: Workspace, world: World):
    found = take_back(filled, world.references[0])
    with pytest.raises(NotFound, match="not here any more"):
        withdrawing.withdraw(filled, [found], REASON)


KILLED = """
import os, signal, sys
from pathlib import Path
from cssim.config import load_settings
from cssim.services import sweeping, withdrawing
from cssim.services.workspace import open_workspace
ws = open_workspace(load_settings({}, home=Path(sys.argv[1]), database_url=sys.argv[2]))
sweeping.purge = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
withdrawing.withdraw(ws, withdrawing.find(ws, [sys.argv[3]]), "killed half-way")
"""


@ONE
def test_killed_between_record_and_deletion_it_is_hidden_and_a_worker_ends_it(
    filled: Workspace, world: World
):
    ws, name = filled, world.references[0]
    found = image(ws, name)
    command = [sys.executable, "-c", KILLED, str(ws.settings.home), ws.settings.url, name]
    assert subprocess.run(command, timeout=120).returncode == -9
    assert found.sha256 in ws.store  # the file was not reached
    with pytest.raises(NotFound):
        annotating.picture(ws, str(found.sha256), 256)
    assert library.add_images(ws, [world.images / name]).refused
    (ended,) = jobs.run_worker(ws, limit=1)
    assert (ended.kind, ended.state) == ("sweep", JobState.DONE)
    assert found.sha256 not in ws.store
    assert withdrawing.list_withdrawals(ws)[0].swept_at is not None


def test_the_last_sweep_waits_for_jobs_that_had_begun_before(
    filled: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
):
    """Such a job may have read the picture, and writes its vector after the first sweep."""
    monkeypatch.setattr(sweeping, "WAIT_SECONDS", 0.01)
    ws, embedding = filled, frozen_encoder(filled, "histogram")
    found = image(ws, world.references[0])
    with ws.database.writing() as session:
        before = now() - timedelta(seconds=5)
        older = JobRow(project_id=ws.project.id, kind="embed", state="running", started_at=before,
                       heartbeat_at=now())  # fmt: skip
        session.add(older)
        session.flush()
        number = older.id
    vector = embedding.embed([ws.store.open(str(found.sha256))])
    withdrawing.withdraw(ws, [found], REASON)
    told: list[str] = []
    blank = PillowImage.new("RGB", (1, 1))

    def listen(_share: float, message: str) -> None:
        told.append(message)
        if len(told) == 2:  # now the older job writes, and ends
            EmbeddingCache(ws.settings.embeddings).get_or_compute(
                embedding.fingerprint, [str(found.sha256)], lambda _: blank, lambda _: vector
            )
            with ws.database.writing() as session:
                session.get_one(JobRow, number).state = "done"

    assert jobs.run_here(ws, JobRequest("sweep"), listener=listen).state is JobState.DONE
    assert told[0] == f"waits for job {number}, which had begun before"
    cache = EmbeddingCache(ws.settings.embeddings)
    assert cache.count(embedding.fingerprint, [str(found.sha256)]) == 0


@ONE
def test_an_import_that_ran_meanwhile_does_not_bring_it_back(
    filled: Workspace, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its bytes went into the store just before the picture was withdrawn elsewhere."""
    ws = filled
    data = (world.images / world.references[0]).read_bytes() + b" "
    other = ws.with_project("elsewhere")
    (tmp_path / "new.png").write_bytes(data)
    library.add_images(other, [tmp_path / "new.png"])
    true = withdrawals.standing
    asked: list[object] = []

    def late(session, hashes=None):
        if not asked:
            asked.append(hashes)
            return {}  # what stood when the import began
        return true(session, hashes)

    withdrawing.withdraw(other, withdrawing.find(other, ["new.png"]), REASON)
    monkeypatch.setattr(withdrawals, "standing", late)
    report = library.add_images(ws, [tmp_path / "new.png"])
    assert [p.reason for p in report.refused] == [f"this picture was withdrawn: {REASON}"]
    assert hashlib.sha256(data).hexdigest() not in ws.store


@ONE
def test_what_a_backup_brought_back_is_deleted_again(filled: Workspace, world: World):
    ws, name = filled, world.references[0]
    found = take_back(ws, name)
    file = ws.store.root / str(found.sha256)[:2] / str(found.sha256)
    file.write_bytes((world.images / name).read_bytes())
    other = str(image(ws, world.references[1]).sha256)
    old = ws.store.root / "thumbnails" / "256" / other[:2] / f"{other}.jpg"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"of an earlier version")
    now_shown = ws.store.thumbnail(other, 256)
    assert sweeping.sweep_again(ws) == 2
    assert not file.exists()
    assert not old.exists()
    assert ws.store.thumbnail(other, 256) == now_shown
    assert withdrawing.list_withdrawals(ws)[0].swept_at is not None


@ONE
def test_the_doctor_tells_of_a_sweep_that_was_stopped(
    filled: Workspace, world: World, monkeypatch: pytest.MonkeyPatch
):
    take_back(filled, world.references[0])
    told = "1 withdrawn picture may still have files here"
    assert told not in str(health.examine(filled)["problems"])
    monkeypatch.setattr(health, "now", lambda: now() + timedelta(hours=2))
    assert told in str(health.examine(filled)["problems"])
    sweeping.sweep_again(filled)
    assert told not in str(health.examine(filled)["problems"])


def test_models_that_saw_it_say_so_and_those_trained_later_do_not(filled: Workspace, world: World):
    ws = filled
    every = clusters(ws)

    def model(name: str) -> None:
        new = runs.NewModel(name=name, kind=ModelKind.GLOBAL, backbone="histogram",
                            cluster_ids=tuple(every))  # fmt: skip
        with ws.database.writing() as session:
            runs.save_model(session, ws.project.id, new)

    model("before")
    found = image(ws, world.references[0])
    assert withdrawing.places(ws, [found]).models == ("before",)
    withdrawing.withdraw(ws, [found, image(ws, world.references[1])], REASON)
    model("after")
    saw = "2 pictures that it was trained on have been withdrawn since; train it again without them"
    assert saw in cards.model_card(ws, "before").problems
    assert saw not in cards.model_card(ws, "after").problems


def test_what_would_be_touched_is_counted(filled: Workspace, world: World):
    ws = filled
    found = image(ws, world.references[0])
    ids = [image(ws, one).id for one in world.references[1:3]]
    add_pages(ws, [(found.id, tuple(ids)), (ids[0], (ids[1], found.id))])
    every = clusters(ws)
    with ws.database.reading() as session:
        pages = records.pages_of(session, every)
        log = records.judgements_of(session, every, everything=True)
    mine = {p.id for p in pages if found.id in (p.reference, *p.candidates)}
    told = withdrawing.places(ws, [found])
    assert told.open_pages == 2
    assert told.answered_pages == len(mine) - 2
    assert told.judgements == sum(j.page_id in mine for j in log)
    assert told.projects == (ws.project.name,)
