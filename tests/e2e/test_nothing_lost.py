"""The server is killed while people answer: every answer is in the database exactly once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import update

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import Workspace, open_workspace
from db.models import PageRow
from tests.e2e.conftest import PASSWORD
from tests.e2e.crowd import Browser as Storage
from tests.e2e.crowd import Report, judge, pictures, run, stored
from tests.e2e.labelling import lab, note, open_labelling, wait_painted, wait_saved
from tests.e2e.running import ROOT, RunningApp
from tests.pages import add_pages

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace of these tests alone, as its server is killed; one for all, as starts cost."""
    opened = open_workspace(load_settings({}, home=tmp_path_factory.mktemp("killed") / "home"))
    yield opened
    opened.close()


@pytest.fixture
def own(place: Workspace) -> Workspace:
    """The same, without open pages of an earlier test."""
    with place.database.writing() as session:
        session.execute(update(PageRow).values(wanted=0))
    return place


@pytest.fixture(scope="module")
def app(place: Workspace) -> Iterator[RunningApp]:
    running = RunningApp(place.settings.home)
    running.start()
    running.wait()
    yield running
    running.stop()


def three_and(ws: Workspace, n: int) -> list[tuple[int, tuple[int, ...]]]:
    """A reference and three candidates for each of `n` pages."""
    images = pictures(ws)
    return [(images[i], tuple(images[i + 1 : i + 4])) for i in range(n)]


def answers_of(ws: Workspace, name: str) -> list[dict[str, Any]]:
    rows = [row for row in stored(ws) if row["person"] == name]
    return sorted(rows, key=lambda row: int(row["page"]))


def crowd_at(ws: Workspace, app: RunningApp) -> Report:
    return asyncio.run(run(ws, app, clients=6, answers=200, kills=2))


def test_six_people_lose_nothing_while_the_server_is_killed_twice(
    own: Workspace, app: RunningApp
) -> None:
    # In a thread: where a browser is driven in this process, its loop runs in this one.
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(crowd_at, own, app).result()
    assert report.perfect, report
    # The test has teeth: all that can go wrong did happen.
    assert (report.stored, report.kills) == (200, 2)
    assert app.starts >= 3
    assert report.locked == 0
    assert report.cut > 0
    assert report.repeats > 0
    assert report.most_unsent > 0


def test_the_judge_sees_what_is_lost_doubled_changed_or_foreign(own: Workspace) -> None:
    from cssim.services import annotating
    from cssim.types import Answer, JudgementKind

    add_pages(own, three_and(own, 3))
    ben = accounts.add_person(own, "Ben")
    told = Storage("Ben", "")
    for handout in annotating.next_pages(own, ben, want=3).pages:
        client_id = f"client-id-{handout.page.id}"
        answer = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))
        reply = annotating.Reply(client_id, handout.lease_id, answer, response_ms=900)
        told.acknowledged[client_id] = annotating.answer(own, ben, reply).judgement_id
        told.given[client_id] = {
            "page": handout.page.id, "order": [0, 1, 2], "classes": [1, 2, 3], "response_ms": 900,
        }  # fmt: skip

    def verdict() -> Report:
        report = Report()
        judge(own, [told], report)
        return report

    assert verdict().perfect
    first, second, third = sorted(told.given)
    told.given[first]["classes"] = [1, 1, 1]
    del told.given[second]
    told.given["never-arrived"] = {}
    told.acknowledged["never-arrived"] = 7
    told.storage["key"] = {}
    told.refused[third] = "404"
    found = verdict()
    assert (found.changed, found.foreign, found.lost, found.unsent, found.refused) == (1,) * 5
    assert not found.perfect


def test_answers_given_while_the_server_is_dead_arrive_when_it_is_back(
    own: Workspace, app: RunningApp, chromium: Browser
) -> None:
    pages = add_pages(own, three_and(own, 8))
    accounts.add_person(own, "Ada", password=PASSWORD)
    page = open_labelling(chromium, app.address)

    def rank() -> None:
        lease = lab(page)["lease"]
        for key in "135":
            page.keyboard.press(key)
        wait_painted(page, lease)

    rank()
    wait_saved(page)
    app.kill()
    for _ in range(3):  # the pages ahead are on the client, their images decoded
        rank()
    assert note(page) == "3 answers not sent yet, kept here"
    assert len(answers_of(own, "Ada")) == 1
    app.start()
    app.wait()
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('cssim.outbox.'))",
        timeout=40_000,
    )
    rows = answers_of(own, "Ada")
    assert [row["page"] for row in rows] == pages[:4]
    assert all(sorted(row["classes"]) == [1, 3, 5] for row in rows)
    rank()  # and work goes on without a reload
    wait_saved(page)
    assert len(answers_of(own, "Ada")) == 5
    page.context.close()


def test_the_program_in_the_documentation_labels_pages(own: Workspace, app: RunningApp) -> None:
    add_pages(own, three_and(own, 3))
    accounts.add_person(own, "Ada L.", password=PASSWORD)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None
    program = found[1].replace("http://127.0.0.1:8501", app.address)
    exec(program.replace("a few unrelated words", PASSWORD), {})
    assert len(answers_of(own, "Ada L.")) == 3
