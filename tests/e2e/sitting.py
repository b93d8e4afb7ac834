"""A whole sitting: hundreds of answers by keyboard in Chromium, then out, in again, and compared.

    python -m tests.e2e.sitting PHOTOS [--answers 200]

Half of the pages are ranked, half are chosen on, with pauses as people make them. The rankings go
out as CoSIS text and as CSV of triples, the choices as CSV; each file goes into a second project
with the same pictures, comes out of it again, and must be the same to the byte.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from cssim.config import load_settings
from cssim.services import accounts, library
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind, Judgement, PageMode, Role
from db.models import ImageNameRow, ImageRow
from tests.e2e.conftest import FLAGS, chromium_path
from tests.e2e.labelling import (
    PASSWORD,
    lab,
    log,
    note,
    shown,
    wait_cover,
    wait_painted,
    wait_saved,
)
from tests.e2e.serving import serve

Meant = dict[str, "tuple[int, ...] | None"]
"""`order` (None where only its classes are known) and `classes` in the page's positions."""


def take_pictures(ws: Workspace, photos: Path) -> None:
    """The photos, each also under a number as CoSIS files name them."""
    library.add_images(ws, [photos])
    with ws.database.writing() as session:
        query = select(ImageRow.id).where(ImageRow.project_id == ws.project.id)
        ids = session.scalars(query.order_by(ImageRow.name)).all()
        session.add_all(
            ImageNameRow(project_id=ws.project.id, image_id=id_, name=f"val/{i}")
            for i, id_ in enumerate(ids)
        )


def classes_like_cosis(rng: random.Random) -> list[int]:
    """Three classes as they stand on screen; nine in ten pages have three different ones."""
    if rng.random() < 0.9:
        return rng.sample(range(1, 6), 3)
    return rng.choices(range(1, 6), k=3)


def answer_pages(page: Page, count: int, rng: random.Random) -> tuple[list[Meant], int]:
    """Answer `count` pages with pauses of 0.15 to 0.9 s a key: what was meant, and keys pressed."""
    meant: list[Meant] = []
    keys = 0
    for _ in range(count):
        lease = lab(page)["lease"]
        places = shown(page, lease)
        if lab(page)["mode"] == "choose":
            side = rng.randrange(2)
            plan = [["ArrowLeft", "ArrowRight"][side]]
            meant.append({"order": (places[side], places[1 - side]), "classes": ()})
        else:
            classes = classes_like_cosis(rng)
            plan = [str(value) for value in classes]
            by_position = dict(zip(places, classes, strict=True))
            wanted = tuple(by_position[i] for i in range(3))
            meant.append({"order": None, "classes": wanted})
        while True:
            key = plan.pop(0) if plan else rng.choice(["ArrowLeft", "ArrowRight"])
            page.wait_for_timeout(rng.uniform(150, 900))
            page.keyboard.press(key)
            keys += 1
            page.wait_for_timeout(60)
            if not plan and lab(page)["lease"] != lease:
                break
            assert keys < 6 * count, "the page never ends"
        wait_painted(page, lease)
    return meant, keys


def check(stored: Sequence[Judgement], meant: Sequence[Meant]) -> None:
    """What is in the database is what was meant, page by page."""
    assert len(stored) == len(meant), (len(stored), len(meant))
    for judgement, wanted in zip(stored, meant, strict=True):
        assert judgement.answer.classes == wanted["classes"]
        if wanted["order"] is not None:
            assert judgement.answer.order == wanted["order"]
        assert judgement.response_ms is not None
        assert judgement.shown


def round_trip(ws: Workspace, other: Workspace, cluster: str, suffix: str, folder: Path) -> str:
    """A cluster goes out, into the other project, and out again."""
    out, back = folder / f"{cluster}{suffix}", folder / f"{cluster}-again{suffix}"
    exported = library.export_labels(ws, cluster, out)
    name = f"{cluster}{suffix}"
    kind = ClusterKind.VALIDATION
    library.import_labels(other, out, cluster=name, kind=kind)
    library.export_labels(other, name, back)
    assert out.read_bytes() == back.read_bytes(), f"{out} and {back} differ"
    return f"{cluster}{suffix}: {exported.rows} rows, {out.stat().st_size} bytes, identical"


def main(photos: Path, answers: int, folder: Path) -> None:
    """Label, export, import, compare; prints what happened."""
    ws = open_workspace(load_settings({}, home=folder))
    accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    take_pictures(ws, photos)
    half = answers // 2
    for mode, count, first in ((PageMode.RANK, 3, half), (PageMode.CHOOSE, 2, answers - half)):
        library.draw_cluster(
            ws, mode.value, ClusterKind.VALIDATION, references=first, pages_per_reference=1,
            candidates=count, mode=mode, seed=count,
        )  # fmt: skip
    rng = random.Random(5)
    with serve(folder) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{served.address}/annotate")
        page.fill("#name", "Ada")
        page.fill("#password", PASSWORD)
        page.click("button")
        wait_cover(page, "welcome")
        page.keyboard.press("Enter")
        wait_painted(page)
        began = time.monotonic()
        ranked, rank_keys = answer_pages(page, half, rng)
        chosen, _ = answer_pages(page, answers - half - 1, rng)
        took = time.monotonic() - began
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(500)
        wait_saved(page)
        print(f"{answers} answers in {took:.0f} s; the element says: {note(page)}")
        print(f"{rank_keys / half:.2f} keys a ranked page")
        browser.close()
    stored = log(ws, list(range(1, 10 * answers)))
    check(stored[:-1], [*ranked, *chosen])
    times = [judgement.response_ms or 0 for judgement in stored]
    print(
        f"{len(stored)} in the database; response {statistics.median(times):.0f} ms in the median"
    )
    other = ws.with_project("copy")
    take_pictures(other, photos)
    for cluster, suffix in (("rank", ".txt"), ("rank", ".csv"), ("choose", ".csv")):
        print(round_trip(ws, other, cluster, suffix, folder))
    ws.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A whole sitting in Chromium.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--answers", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        main(given.photos, given.answers, Path(home))
