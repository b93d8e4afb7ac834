"""A person at the labelling page: what a test sees of the element, and does to it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select, update

from cssim.services.workspace import Workspace
from cssim.types import Judgement, PageMode
from db import annotations as records
from db import library
from db.models import ImageRow, PageRow
from tests.pages import add_pages, add_pictures

PASSWORD = "correct horse battery"
_PROFILES: dict[str, BrowserContext] = {}

LAB = """
[...document.querySelectorAll('*')]
  .map((e) => e.shadowRoot && e.shadowRoot.querySelector('.lab')).find(Boolean)
"""
SETTLE_MS = 200
"""Keys count from 150 ms after a page was painted."""


def open_labelling(chromium: Browser, server: str, name: str = "Ada", **context: Any) -> Page:
    """The labelling page with its first page painted.

    A new tab of the same browser profile where the test run has one of this kind already: it keeps
    the sign-in, what was read, and what was not sent.
    """
    key = f"{server} {name} {sorted(context)}"
    if key not in _PROFILES:
        viewport: dict[str, Any] = {"viewport": {"width": 1200, "height": 800}, **context}
        _PROFILES[key] = chromium.new_context(**viewport)
        page = _PROFILES[key].new_page()
        page.goto(f"{server}/annotate")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("button")
        wait_cover(page, "welcome")
        page.keyboard.press("Enter")
    else:
        page = _PROFILES[key].new_page()
        page.goto(f"{server}/annotate")
    wait_painted(page)
    return page


def wait_cover(page: Page, kind: str) -> None:
    """Wait until this lies over the page; "" for nothing."""
    page.wait_for_function(
        f"(kind) => {{ const cover = ({LAB})?.querySelector('.cover'); "
        "return cover && (kind ? !cover.hidden && cover.dataset.kind === kind : cover.hidden) }",
        arg=kind,
        timeout=20_000,
    )


def lab(page: Page) -> dict[str, str]:
    """The element's `data-` attributes: state, mode, lease, ..."""
    found: dict[str, str] = page.evaluate(f"() => ({{...({LAB}).dataset}})")
    return found


def note(page: Page) -> str:
    """The quiet line that says whether all is saved."""
    text: str = page.evaluate(f"() => ({LAB}).querySelector('.note').textContent")
    return text


def wait_painted(page: Page, before: str = "") -> str:
    """Wait until another page than `before` is painted and keys count: its lease."""
    page.wait_for_function(
        f"(before) => {{ const lease = ({LAB})?.dataset.lease; return lease && lease !== before }}",
        arg=before,
        timeout=20_000,
    )
    page.wait_for_timeout(SETTLE_MS)
    return lab(page)["lease"]


def wait_state(page: Page, state: str) -> None:
    """Wait until the element says that it is in this state."""
    page.wait_for_function(
        f"(state) => ({LAB})?.dataset.state === state", arg=state, timeout=20_000
    )


def wait_saved(page: Page) -> None:
    """Wait until no answer is on its way."""
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('cssim.outbox.'))",
        timeout=20_000,
    )


def shown(page: Page, lease: str) -> list[int]:
    """Positions of the candidates of a held page as they stand on screen."""
    answer = page.evaluate("() => fetch('/api/leases').then((r) => r.json())")
    found = next(one for one in answer["pages"] if one["lease"] == lease)
    return [candidate["position"] for candidate in found["candidates"]]


def point(page: Page, selector: str) -> tuple[float, float]:
    """The middle of something in the element, in the window."""
    x, y = page.evaluate(
        f"(one) => {{ const r = ({LAB}).querySelector(one).getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2] }",
        selector,
    )
    return x, y


def text_of(page: Page, selector: str) -> str:
    """What something in the element says; "" where it is not there."""
    found: str = page.evaluate(f"(one) => ({LAB}).querySelector(one)?.textContent ?? ''", selector)
    return found


def offer_pages(ws: Workspace) -> list[int]:
    """Three pages to rank, then four to choose on; those of an earlier test are closed."""
    with ws.database.writing() as session:
        session.execute(update(PageRow).values(wanted=0))
        images = list(session.scalars(select(ImageRow.id).order_by(ImageRow.id)))
    images = images or add_pictures(ws, 9, side=160)
    rank = [(images[0], tuple(images[i : i + 3])) for i in (1, 3, 5)]
    choose = [(images[0], (images[i], images[i + 1])) for i in (1, 3, 5, 7)]
    return [*add_pages(ws, rank), *add_pages(ws, choose, mode=PageMode.CHOOSE, cluster="two")]


def log(ws: Workspace, pages: list[int]) -> list[Judgement]:
    """All that was said about these pages, in the order in which it came."""
    with ws.database.reading() as session:
        clusters = [cluster.id for cluster in library.list_clusters(session, ws.project.id)]
        every = records.judgements_of(session, clusters)
    return [judgement for judgement in every if judgement.page_id in pages]
