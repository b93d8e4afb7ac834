"""Pictures of the pages of a project, for the README and for looking at every page.

    python -m tests.screenshots HOME --project demo                 # refreshes docs/images
    python -m tests.screenshots HOME --project demo --every FOLDER  # all pages, themes and sizes

With `--every`, what `tests/e2e/accessible.js` finds wrong on a page, and whether it must be
scrolled sideways, is said at the end, and the command fails.

It starts the app on the project's home folder, signs an administrator in, and opens the pages in
the system's Chromium. Work on a copy: opening a page counts as a visit.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import open_workspace
from cssim.types import Role
from tests.e2e.conftest import FLAGS, chromium_path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
LARGEST = 250_000
"""Bytes of a picture in the documentation."""
WIDE, PHONE = (1400, 900), (390, 844)
RULES = (Path(__file__).parent / "e2e" / "accessible.js").read_text("utf-8")
RULES = RULES[RULES.index("() =>") :]  # what stands before is a comment
WIDER = """() => { const m = document.querySelector('[data-testid=stMain]');
  return m.scrollWidth - m.clientWidth }"""
"""By how many pixels the page is wider than the window."""
BY = "pictures of pages"
"""Who is signed in while they are taken."""


@dataclass(frozen=True)
class View:
    """A page, or a part of one."""

    name: str
    page: str
    tab: str = ""
    """The tab, or one of the buttons that choose a part."""
    key: str = ""
    """Pressed once the page is there."""
    follow: str = ""
    """The first link whose address begins so is followed."""


DOCUMENTED = (
    View("home", ""),
    View("label", "annotate", key="Enter"),
    View("library", "library"),
    View("plans", "plans"),
    View("quality", "quality"),
    View("data", "data", "Coverage"),
    View("train", "train"),
    View("ensembles", "ensembles"),
    View("compare", "compare"),
    View("breakdowns", "compare", "Where it is right"),
    View("matrix", "compare", "Across clusters"),
    View("regions", "regions?kind=multiples&plane=tsne"),
    View("reference", "reference", follow="/reference?image="),
)
"""Pictures in docs/images."""
EVERY = (
    *DOCUMENTED,
    View("data-sets", "data"),
    View("data-people", "data", "People and days"),
    View("data-between", "data", "Between sets"),
    View("data-near", "data", "Near duplicates"),
    View("compare-ensembles", "compare", "Ensembles"),
    View("compare-curves", "compare", "Learning curves"),
    View("library-images", "library", "Images"),
    View("library-import", "library", "Import"),
    View("library-new", "library", "New set"),
    View("adjudicate", "adjudicate"),
    View("consensus", "quality", "Consensus"),
    View("ensembles-search", "ensembles", "Search"),
    View("ensembles-weights", "ensembles", "Weights"),
    View("ensembles-out", "ensembles", "Take out"),
    View("model-card", "train", "Card"),
    View("models-two", "train", "Two compared"),
    View("people", "people"),
    View("people-invitations", "people", "Invitations"),
    View("people-log", "people", "What was done"),
    View("account", "account"),
    View("regions-one", "regions"),
    View("regions-difference", "regions?kind=difference&overlay=tags"),
)


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path, help="home folder of the project; a copy of it")
    parser.add_argument("--project", default="demo")
    parser.add_argument("--every", type=Path, help="a folder for all pages, themes and sizes")
    parser.add_argument("--only", nargs="*", default=[], help="names of views")
    chosen = parser.parse_args()
    path = chromium_path()
    if path is None:
        sys.exit("needs Chromium (on Debian: apt-get install chromium)")
    every: tuple[View, ...] = EVERY if chosen.every else DOCUMENTED
    views = [view for view in every if not chosen.only or view.name in chosen.only]
    with _served(chosen.home, chosen.project) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        link = _link(chosen.home, chosen.project)
        state = _signed_in(browser, address + link)
        found: list[str] = []
        if chosen.every:
            found = _every(browser, state, address, views, chosen.every)
        else:
            page = _page(browser, state, "light", WIDE)
            for view in views:
                _open(page, address, view)
                (IMAGES / f"{view.name}.png").write_bytes(small(page.screenshot()))
        browser.close()
    if found:
        sys.exit("\n".join(found))


def _every(
    browser: Browser, state: Any, address: str, views: Sequence[View], folder: Path
) -> list[str]:
    """Pictures of the views in both themes and sizes, and a line for each fault."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for theme in ("light", "dark"):
        for size, viewport in (("wide", WIDE), ("phone", PHONE)):
            page = _page(browser, state, theme, viewport)
            for view in views:
                name = f"{view.name}-{theme}-{size}"
                try:
                    (folder / f"{name}.png").write_bytes(_whole(page, address, view, viewport))
                    faults = page.evaluate(RULES)
                    wider = page.evaluate(WIDER)
                except PlaywrightError as error:
                    faults, wider = [str(error).split("\n")[0]], 0
                if wider > 1:
                    faults.append(f"{wider} pixels wider than the window")
                found += [f"{name}: {fault}" for fault in faults]
                print(name, len(faults), flush=True)
            page.context.close()
    return found


def small(picture: bytes, largest: int = LARGEST) -> bytes:
    """The same picture as a PNG of at most `largest` bytes, with fewer colours or pixels at need.

    All colours are kept where they fit: those of a legend must stay apart.
    """
    image = Image.open(BytesIO(picture)).convert("RGB")
    for side in (1400, 1100, 900, 700):
        smaller = image.copy()
        smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
        for colours in (0, 256):
            out = BytesIO()
            few = (
                smaller.quantize(colours, kmeans=1, dither=Image.Dither.NONE)
                if colours
                else smaller
            )
            few.save(out, "PNG", optimize=True)
            if out.tell() <= largest:
                return out.getvalue()
    raise ValueError(f"a picture of {image.size} does not fit into {largest} bytes")


def _page(browser: Browser, state: Any, theme: Any, viewport: tuple[int, int]) -> Page:
    context = browser.new_context(
        storage_state=state,
        color_scheme=theme,
        viewport={"width": viewport[0], "height": viewport[1]},
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def _open(page: Page, address: str, view: View) -> None:
    page.goto(f"{address}/{view.page}")
    page.wait_for_selector("h1, h2")
    settle(page)
    if view.follow:
        link = page.get_attribute(f'a[href^="{view.follow}"]', "href")
        page.goto(f"{address}{link}")
        page.wait_for_selector("h1, h2")
        settle(page)
    if view.tab:
        part = page.get_by_role("tab", name=view.tab, exact=True)
        part.or_(page.get_by_role("radio", name=view.tab, exact=True)).first.click()
        settle(page)
    if view.key:
        page.keyboard.press(view.key)
        settle(page)


def settle(page: Page) -> None:
    """Wait until the script has run and figures have been painted."""
    page.wait_for_timeout(300)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== "
        "'running' && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"
    )
    page.wait_for_timeout(900)


def _whole(page: Page, address: str, view: View, viewport: tuple[int, int]) -> bytes:
    """The page in its whole height, at most 6,000 pixels of it."""
    _open(page, address, view)
    height = int(page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight"))
    page.set_viewport_size(
        {"width": viewport[0], "height": min(6000, max(viewport[1], height + 20))}
    )
    page.wait_for_timeout(600)
    picture = page.screenshot()
    page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
    return picture


def _signed_in(browser: Browser, link: str) -> object:
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.locator("button").first.click()
    page.wait_for_url(lambda url: "/enter/" not in url)
    state = context.storage_state()
    context.close()
    return state


def _link(home: Path, project: str) -> str:
    ws = open_workspace(load_settings({}, home=home, project=project))
    people = {person.name: person for person in accounts.list_people(ws)}
    admins = [p.name for p in people.values() if p.role is Role.ADMINISTRATOR and p.active]
    if not admins:
        accounts.add_person(ws, BY, role=Role.ADMINISTRATOR)
        admins = [BY]
    token = accounts.make_link(ws, admins[0])
    ws.close()
    return f"/enter/{token}"


@contextmanager
def _served(home: Path, project: str) -> Iterator[str]:
    """The app on the project's home folder, at the address it gives."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environ = {
        **os.environ,
        "CSSIM_HOME": str(home.resolve()),
        "CSSIM_PROJECT": project,
        "CSSIM_PORT": str(port),
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    process = subprocess.Popen(
        [*command, "--server.address", "127.0.0.1"], cwd=ROOT, env=environ,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 90
        while not _answers(address + "/health"):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("the app did not start: run `python -m cssim doctor`")
            time.sleep(0.2)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
