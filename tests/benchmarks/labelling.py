"""The labelling page, measured in Chromium with real photos; run it as a module.

    python -m tests.benchmarks.labelling PHOTOS [--write docs/performance.md]

From the key press to the next page painted: the element alone, the element while nine others work,
and the same page made from Streamlit's own widgets, all in one run on one machine; then the server
at 20 answers a second, and what an idle session costs it. PHOTOS is a folder of pictures.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import getloadavg
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from cssim.config import load_settings
from cssim.services import accounts, library
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind, PageMode, Role
from cssim.web.http import COOKIE
from tests.benchmarks.crowd import Crowd
from tests.e2e.conftest import FLAGS, chromium_path
from tests.e2e.labelling import PASSWORD, lab, wait_cover, wait_painted
from tests.e2e.running import RunningApp
from tests.e2e.serving import serve

MARKERS = re.compile(r"(<!-- labelling -->\n).*(<!-- /labelling -->)", flags=re.DOTALL)
VIEW: ViewportSize = {"width": 1400, "height": 900}
ANSWERS = 100
THINKING_MS = 450
"""Between two keys: quicker than people are."""

# Resolves with the milliseconds from the key press to the frame that shows other pictures.
NATIVE = """
() => new Promise((done) => {
  const pictures = () => [...document.querySelectorAll('[data-testid="stImage"] img')];
  const now = () => pictures().map((p) => p.src).join();
  const before = now();
  let pressed = null;
  addEventListener('keydown', (e) => (pressed = e.timeStamp), { capture: true, once: true });
  const watch = () => {
    const all = pictures();
    const there = all.length === 3 && all.every((p) => p.complete && p.naturalWidth);
    if (pressed !== null && there && now() !== before)
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - pressed)));
    else requestAnimationFrame(watch);
  };
  watch();
})
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    values: Sequence[float]
    """Milliseconds."""

    def __str__(self) -> str:
        """Median and 95th percentile."""
        ordered = sorted(self.values)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
        return f"| {self.what} | {statistics.median(ordered):.0f} ms | {p95:.0f} ms |"


def make_home(home: Path, photos: Path) -> Workspace:
    """A project with many pages of the photos to choose on, and a crowd of people."""
    ws = open_workspace(load_settings({}, home=home))
    accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    for name in ("Native", *(f"Person {i}" for i in range(20))):
        accounts.add_person(ws, name, password=PASSWORD)
    library.add_images(ws, [photos])
    library.draw_cluster(
        ws, "speed", ClusterKind.VALIDATION, references=10, pages_per_reference=40,
        candidates=2, mode=PageMode.CHOOSE, wanted=40,
    )  # fmt: skip
    return ws


def signed_in(browser: Browser, ws: Workspace, address: str, name: str) -> BrowserContext:
    """A browser profile of its own in which this person is signed in."""
    context = browser.new_context(viewport=VIEW)
    token = accounts.sign_in(ws, name, PASSWORD)
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    return context


def open_element(context: BrowserContext, address: str) -> Page:
    """The labelling page, ready for the first answer."""
    page = context.new_page()
    page.goto(f"{address}/annotate")
    wait_cover(page, "welcome")
    page.keyboard.press("Enter")
    wait_painted(page)
    return page


def element_latencies(page: Page, answers: int = ANSWERS) -> list[float]:
    """Milliseconds from each key press to the frame with the next page's pictures."""
    found = []
    for i in range(answers):
        before = lab(page)["lease"]
        page.wait_for_timeout(THINKING_MS)
        page.keyboard.press("ArrowLeft" if i % 2 else "ArrowRight")
        wait_painted(page, before)
        found.append(float(lab(page)["latency"]))
    return found


def native_latencies(page: Page, answers: int = ANSWERS) -> list[float]:
    """The same for Streamlit's own widgets."""
    page.wait_for_function("() => document.querySelectorAll('[data-testid=stImage] img').length==3")
    page.wait_for_timeout(1500)
    found = []
    for i in range(answers):
        page.wait_for_timeout(THINKING_MS + 150)
        page.evaluate(f"() => {{ window.measured = ({NATIVE})() }}")
        page.keyboard.press("12"[i % 2])
        found.append(float(page.evaluate("() => window.measured")))
    return found


def resident(served: RunningApp) -> float:
    """Memory of the server's process, in MB."""
    assert served.process is not None
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def session_memory(browser: Browser, photos: Path, sessions: int = 10) -> float:
    """MB that each further idle session on the labelling page costs the server.

    On a server of its own with a dozen pictures, so that its cache of thumbnails does not grow.
    """
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "photos"
        few.mkdir()
        for path in sorted(photos.rglob("*.jpg"))[:12]:
            (few / path.name).write_bytes(path.read_bytes())
        ws = make_home(Path(folder), few)
        contexts = []
        with serve(Path(folder)) as served:
            before = 0.0
            for i in range(sessions + 2):
                contexts.append(signed_in(browser, ws, served.address, f"Person {i}"))
                open_element(contexts[-1], served.address)
                if i == 1:
                    time.sleep(3)
                    before = resident(served)
            time.sleep(3)
            grown = (resident(served) - before) / sessions
            for context in contexts:
                context.close()
        ws.close()
    return grown


def measure(photos: Path) -> str:
    """All figures of one run, as a Markdown table."""
    load = [f"{getloadavg()[0]:.1f}"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        ws = make_home(home, photos)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        rows: list[Row] = []
        with serve(home, script="tests/benchmarks/native_page.py") as native:
            page = browser.new_context(viewport=VIEW).new_page()
            page.goto(native.address)
            rows.append(Row("Streamlit's own widgets, alone", native_latencies(page)))
            page.close()
        with serve(home) as served:
            page = open_element(signed_in(browser, ws, served.address, "Ada"), served.address)
            rows.append(Row("the element, alone", element_latencies(page)))
            tokens = [accounts.sign_in(ws, f"Person {i}", PASSWORD) for i in range(20)]
            with Crowd(served.address, tokens[:9]) as others:
                time.sleep(5)  # their first pictures
                rows.append(Row("the element, nine others at work", element_latencies(page)))
            page.close()
            with Crowd(served.address, tokens) as crowd:
                time.sleep(5)
                for kept in crowd.seconds.values():
                    kept.clear()
                time.sleep(60)
            rate = len(crowd.seconds["answer"]) / 60
            took = [1000 * one for one in crowd.seconds["answer"]]
            rows.append(Row(f"the server storing an answer, {rate:.1f} a second", took))
            pages = [1000 * one for one in crowd.seconds["pages"]]
            rows.append(Row("the server handing out pages meanwhile", pages))
            failed = [*others.failures, *crowd.failures]
        memory = session_memory(browser, photos)
        browser.close()
        ws.close()
    load.append(f"{getloadavg()[0]:.1f}")
    ratio = statistics.median(rows[0].values) / statistics.median(rows[1].values)
    return "\n".join(
        [
            "| from key press to next page painted | median | 95th percentile |",
            "|---|---|---|",
            *map(str, rows),
            "",
            f"The element is **{ratio:.1f}x** faster than the same page of Streamlit's own widgets "
            f"({ANSWERS} answers each, one every {THINKING_MS / 1000:.2f} s and more; in one run). "
            f"{len(failed)} requests failed. A further idle session costs the server "
            f"**{memory:.1f} MB**. Load of the machine at the beginning and the end: "
            f"{' and '.join(load)}.",
            *(f"- {one}" for one in failed[:5]),
        ]
    )


def main() -> None:
    """Measure, print, and write the table where it is asked for."""
    parser = argparse.ArgumentParser(description="Measure the labelling page.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--write", type=Path, help="document with the markers of the table")
    chosen = parser.parse_args()
    table = measure(chosen.photos)
    print(table)
    if chosen.write:
        text = chosen.write.read_text("utf-8")
        chosen.write.write_text(MARKERS.sub(lambda m: f"{m[1]}{table}\n{m[2]}", text), "utf-8")


if __name__ == "__main__":
    main()
