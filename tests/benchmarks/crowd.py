"""People at the labelling routes without a browser: pages, pictures, answers at a steady pace."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from cssim.web.http import COOKIE

HEADERS = {"x-cssim": "1", "accept": "application/json"}


@dataclass
class Crowd:
    """People who answer once every `every` seconds each, until `stop`."""

    address: str
    tokens: list[str]
    every: float = 1.0
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"answer": [], "pages": [], "picture": []}
    )
    """How long each request took."""
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Crowd:
        """All begin, spread over the first `every` seconds."""
        for i, token in enumerate(self.tokens):
            late = self.every * i / len(self.tokens)
            self._threads.append(threading.Thread(target=self._work, args=(token, late)))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        """All stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _work(self, token: str, late: float) -> None:
        with httpx.Client(base_url=self.address, cookies={COOKIE: token}, timeout=30) as client:
            queue: list[dict[str, Any]] = []
            seen: set[str] = set()
            due = time.monotonic() + late
            while not self._stop.is_set():
                if len(queue) < 4:
                    have = [page["lease"] for page in queue]
                    told = self._timed(client, "pages", have)
                    queue += told.json()["pages"]
                    for page in queue:
                        self._pictures(client, page, seen)
                if not queue:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                due = max(due + self.every, time.monotonic())
                self._timed(client, "answer", queue.pop(0))

    def _timed(self, client: httpx.Client, what: str, about: Any) -> httpx.Response:
        began = time.perf_counter()
        if what == "pages":
            told = client.post("/api/leases", json={"have": about, "want": 4}, headers=HEADERS)
        elif what == "picture":
            told = client.get(f"/images/{about}?w=1024")
        else:
            told = client.post("/api/answers", json=_answer(about), headers=HEADERS)
        self.seconds[what].append(time.perf_counter() - began)
        if told.status_code != 200:
            self.failures.append(f"{what}: {told.status_code} {told.text[:200]}")
        return told

    def _pictures(self, client: httpx.Client, page: dict[str, Any], seen: set[str]) -> None:
        for picture in (page["reference"], *page["candidates"]):
            if picture["sha256"] not in seen:
                seen.add(picture["sha256"])
                self._timed(client, "picture", picture["sha256"])


def _answer(page: dict[str, Any]) -> dict[str, Any]:
    places = [candidate["position"] for candidate in page["candidates"]]
    rank = page["mode"] == "rank"
    return {
        "client_id": uuid.uuid4().hex,
        "lease": page["lease"],
        "kind": "answer",
        "order": sorted(places),
        "classes": [1 + i for i in range(len(places))] if rank else [],
        "response_ms": 900,
    }
