"""Twenty people at work while the server is killed: a client that obeys the element's rules.

A `Browser` is one person's local storage, shared by their tabs; a `Tab` holds leased pages, puts
each answer into the storage first and sends it from there until it is acknowledged: what
`cssim/ui/labelling/outbox.js` and `supply.js` do, with pauses a hundred times as short.

    python -m tests.e2e.crowd --clients 20 --answers 2000 --kills 6
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import combinations, count, islice
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select, text

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import Workspace, open_workspace
from db.models import ImageRow
from tests.e2e.proxy import Proxy
from tests.e2e.running import RunningApp
from tests.pages import add_pages, add_pictures

AHEAD = 6
PASSING = {429}
"""What sending again later can help with, beside no answer at all and 500 and above."""


@dataclass
class Browser:
    """One person's local storage, and what they know of their answers."""

    name: str
    token: str
    storage: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Unsent answers by key; sorted keys are the order in which they were given."""
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each answer by its client id."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Judgement by client id, from the server's receipt."""
    refused: dict[str, str] = field(default_factory=dict)
    """Set aside and shown: no later try can help."""


@dataclass
class Report:
    """What happened."""

    clients: int = 0
    tabs: int = 0
    given: int = 0
    acknowledged: int = 0
    refused: int = 0
    unsent: int = 0
    stored: int = 0
    lost: int = 0
    """Acknowledged, and not in the database."""
    doubled: int = 0
    foreign: int = 0
    """In the database, and given by nobody."""
    changed: int = 0
    """In the database with another content or another person."""
    lost_at_a_kill: int = 0
    """Acknowledged before a SIGKILL, and not in the database right after it."""
    disagreeing_receipts: int = 0
    over_quota: int = 0
    kills: int = 0
    cut: int = 0
    reloads: int = 0
    repeats: int = 0
    """Receipts that said the answer was stored before."""
    throttled: int = 0
    most_unsent: int = 0
    """Answers that waited in browsers while the server was away."""
    locked: int = 0
    """Times that the server's log says "database is locked"."""
    seconds: float = 0.0

    @property
    def perfect(self) -> bool:
        """Whether every answer is in the database exactly once, as it was given."""
        wrong = (
            self.lost, self.doubled, self.foreign, self.changed, self.lost_at_a_kill,
            self.disagreeing_receipts, self.refused, self.unsent, self.over_quota,
        )  # fmt: skip
        return not any(wrong) and self.given == self.acknowledged == self.stored


class Crowd:
    """Everybody, and how many answers they have still to give."""

    def __init__(self, rng: random.Random, base: str, answers: int) -> None:
        self.rng, self.base, self.left = rng, base, answers
        self.counts: Counter[str] = Counter()
        self._order = count()

    def key(self, client_id: str) -> str:
        """The storage key of an answer given now."""
        return f"{next(self._order):09}.{client_id}"


class Tab:
    """One tab of a browser."""

    def __init__(self, crowd: Crowd, browser: Browser) -> None:
        self.crowd, self.browser, self.rng = crowd, browser, crowd.rng
        self.pages: list[dict[str, Any]] = []
        self.flushing: asyncio.Task[None] | None = None
        self.http = httpx.AsyncClient(
            base_url=crowd.base,
            cookies={"cssim_session": browser.token},
            headers={"X-CSSim": "1"},
            timeout=5,
        )

    async def work(self) -> None:
        """Answer pages as long as the crowd has answers to give."""
        while self.crowd.left > 0:
            if not self.pages:
                await self.top()
                continue
            self.crowd.left -= 1
            self.answer(self.pages.pop(0))
            if self.rng.random() < 0.02:
                await self.reload()
            await asyncio.sleep(self.rng.uniform(0, 0.06))

    async def top(self) -> None:
        """Ask for more pages; those on their way back are not handed out again."""
        waiting = [reply["lease"] for reply in self.browser.storage.values()]
        have = [*(page["lease"] for page in self.pages), *waiting][:300]
        answer = await self.call("/api/leases", {"have": have, "want": AHEAD - len(self.pages)})
        if isinstance(answer, dict):
            known = set(have)
            self.pages += [page for page in answer["pages"] if page["lease"] not in known]
        if not self.pages:
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))

    def answer(self, page: dict[str, Any]) -> None:
        """Into the storage first, then on its way."""
        client_id = uuid.UUID(int=self.rng.getrandbits(128)).hex
        classes = sorted(self.rng.choices(range(1, 6), k=3))
        order = self.rng.sample(range(3), 3)
        by_position = [classes[order.index(position)] for position in range(3)]
        reply = {
            "client_id": client_id,
            "lease": page["lease"],
            "kind": "answer",
            "order": order,
            "classes": by_position,
            "response_ms": self.rng.randrange(400, 9000),
        }
        self.browser.given[client_id] = {**reply, "page": page["page"]}
        self.browser.storage[self.crowd.key(client_id)] = reply
        self.flush()

    def flush(self) -> None:
        """Send what waits, unless this tab does so already."""
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        failures = 0
        while self.browser.storage:
            keys = sorted(self.browser.storage)
            key = keys[0] if self.rng.random() < 0.8 else self.rng.choice(keys)
            reply = self.browser.storage[key]
            twice = 2 if self.rng.random() < 0.1 else 1
            results = await asyncio.gather(*(self.send(reply) for _ in range(twice)))
            if "later" in results:
                failures += 1
                await asyncio.sleep(min(0.3, 0.01 * 2**failures))
                continue
            failures = 0
            self.browser.storage.pop(key, None)

    async def send(self, reply: dict[str, Any]) -> str:
        """Whether it is done with, or to be sent again later."""
        client_id = reply["client_id"]
        receipt = await self.call("/api/answers", reply)
        if receipt is None:
            return "later"
        if isinstance(receipt, str):
            self.browser.refused[client_id] = receipt
            return "done"
        before = self.browser.acknowledged.setdefault(client_id, receipt["judgement"])
        if before != receipt["judgement"]:
            self.crowd.counts["disagreeing_receipts"] += 1
        self.crowd.counts["repeats"] += receipt["repeated"]
        return "done"

    async def call(self, path: str, body: dict[str, Any]) -> dict[str, Any] | str | None:
        """The JSON that came back; a text for a refusal; None where trying again can help."""
        try:
            answer = await self.http.post(path, json=body)
            status = answer.status_code
            if status in PASSING or status >= 500:
                self.crowd.counts["throttled"] += status == 429
                return None
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, json.JSONDecodeError):
            return None
        return found if status == 200 else f"{status}: {found.get('error')}"

    async def reload(self) -> None:
        """The tab is closed in the middle of whatever it sends, and opened again."""
        self.crowd.counts["reloads"] += 1
        await self.stop()
        self.__init__(self.crowd, self.browser)  # type: ignore[misc]
        self.flush()

    async def stop(self) -> None:
        """Close the tab."""
        if self.flushing is not None:
            self.flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.flushing
        await self.http.aclose()

    async def drain(self) -> None:
        """Wait until nothing is unsent."""
        while self.browser.storage:
            self.flush()
            await asyncio.sleep(0.05)


# --- the world and the run --------------------------------------------------------------------


def prepare(ws: Workspace, clients: int, answers: int) -> list[Browser]:
    """Pages enough for everybody, and people who are signed in."""
    images = pictures(ws)
    wanted = answers + clients * 4 * AHEAD
    triples = ((a, (b, c, d)) for a, b, c, d in combinations(images, 4))
    pages = list(islice(triples, wanted))
    assert len(pages) == wanted, "more pictures are needed for so many pages"
    add_pages(ws, pages)
    names = [f"Person {i + 1}" for i in range(clients)]
    for name in names:
        accounts.add_person(ws, name)
    return [Browser(name, accounts.enter(ws, accounts.make_link(ws, name))) for name in names]


def pictures(ws: Workspace) -> list[int]:
    """The ids of 24 small pictures, made where there are none."""
    with ws.database.reading() as session:
        found = list(session.scalars(select(ImageRow.id).order_by(ImageRow.id).limit(24)))
    return found if len(found) == 24 else add_pictures(ws, 24, side=32)


async def run(
    ws: Workspace, app: RunningApp, *, clients: int, answers: int, kills: int, seed: int = 0
) -> Report:
    """Let the crowd work while the server is killed and connections drop: what became of it."""
    rng = random.Random(seed)
    browsers = await asyncio.to_thread(prepare, ws, clients, answers)
    begin = time.monotonic()
    report = Report(clients=clients)
    async with Proxy(lambda: app.port, rng) as proxy:
        crowd = Crowd(rng, f"http://127.0.0.1:{proxy.port}", answers)
        # Every fourth person works in two tabs at once.
        owners = [b for i, b in enumerate(browsers) for _ in range(2 if i % 4 == 0 else 1)]
        tabs = [Tab(crowd, browser) for browser in owners]
        report.tabs = len(tabs)
        work = [asyncio.create_task(tab.work()) for tab in tabs]
        await _kill_at_times(ws, app, proxy, crowd, browsers, report, answers, kills)
        await asyncio.wait_for(asyncio.gather(*work), 600)
        await asyncio.wait_for(asyncio.gather(*(tab.drain() for tab in tabs)), 120)
        for tab in tabs:
            await tab.stop()
        report.cut = proxy.cut
    report.seconds = round(time.monotonic() - begin, 1)
    for name, value in crowd.counts.items():
        setattr(report, name, value)
    report.locked = (app.home / "server.log").read_text().count("database is locked")
    judge(ws, browsers, report)
    return report


async def _kill_at_times(
    ws: Workspace,
    app: RunningApp,
    proxy: Proxy,
    crowd: Crowd,
    browsers: list[Browser],
    report: Report,
    answers: int,
    kills: int,
) -> None:
    """Kill the server each time when so many answers were acknowledged; and look what is kept."""
    for number in range(1, kills + 1):
        goal = answers * number // (kills + 1)
        while sum(len(b.acknowledged) for b in browsers) < goal:
            await asyncio.sleep(0.01)
        if number % 2 == 0:
            proxy.drop_all()
        told = {(b.name, client_id) for b in browsers for client_id in b.acknowledged}
        app.kill()
        report.kills += 1
        kept = {(row["person"], row["client_id"]) for row in stored(ws)}
        report.lost_at_a_kill += len(told - kept)
        await asyncio.sleep(0.4)
        unsent = sum(len(b.storage) for b in browsers)
        report.most_unsent = max(report.most_unsent, unsent)
        app.start()
        await asyncio.to_thread(app.wait)


def judge(ws: Workspace, browsers: list[Browser], report: Report) -> None:
    """Hold what these people gave against what the database has of them."""
    names = {browser.name for browser in browsers}
    rows = [row for row in stored(ws) if row["person"] in names]
    given = {cid: (b.name, reply) for b in browsers for cid, reply in b.given.items()}
    told = {cid for b in browsers for cid in b.acknowledged}
    times = Counter(row["client_id"] for row in rows)
    report.given, report.acknowledged, report.stored = len(given), len(told), len(times)
    report.refused = sum(len(b.refused) for b in browsers)
    report.unsent = sum(len(b.storage) for b in browsers)
    report.lost = len(told - set(times))
    report.doubled = sum(n - 1 for n in times.values())
    report.foreign = len(set(times) - set(given))
    for row in rows:
        name, reply = given.get(row["client_id"], (None, None))
        same = reply is not None and (
            name == row["person"]
            and row["page"] == reply["page"]
            and row["order"] == reply["order"]
            and row["classes"] == reply["classes"]
            and row["response_ms"] == reply["response_ms"]
        )
        report.changed += reply is not None and not same
    standing = Counter(row["page"] for row in rows if row["stands"])
    report.over_quota = sum(n - 1 for n in standing.values() if n > 1)


def stored(ws: Workspace) -> Iterator[dict[str, Any]]:
    """The answers that the database holds, read beside the layers, straight from the table."""
    with ws.database.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select j.client_id, j.page_id, j.ranking, j.classes, j.response_ms, p.name, "
                "not exists (select 1 from judgements n where n.supersedes_id = j.id) as stands "
                "from judgements j join people p on p.id = j.person_id"
            )
        ).all()
    for client_id, page, order, classes, response_ms, person, stands in rows:
        yield {
            "client_id": client_id,
            "page": page,
            "order": [int(digit) for digit in order],
            "classes": [int(digit) for digit in classes],
            "response_ms": response_ms,
            "person": person,
            "stands": bool(stands),
        }


def main() -> None:
    """Run it and print the report as JSON; exit code 1 where anything is not as it must be."""
    import argparse
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--database-url", default="", help="An empty database; SQLite by default.")
    parser.add_argument("--rate-person", type=int, default=20, help="CSSIM_RATE_PERSON.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ws = open_workspace(load_settings({}, home=home, database_url=given.database_url or None))
        app = RunningApp(home, database_url=given.database_url, rate_person=given.rate_person)
        app.start()
        try:
            app.wait()
            report = asyncio.run(
                run(
                    ws,
                    app,
                    clients=given.clients,
                    answers=given.answers,
                    kills=given.kills,
                    seed=given.seed,
                )
            )
        finally:
            app.stop()
            ws.close()
    print(json.dumps({**asdict(report), "perfect": report.perfect}, indent=2))
    raise SystemExit(0 if report.perfect else 1)


if __name__ == "__main__":
    main()
