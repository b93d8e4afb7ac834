"""A person at the labelling page: what a test sees of the element, and does to it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from tests.e2e.conftest import PASSWORD

LAB = """
[...document.querySelectorAll('*')]
  .map((e) => e.shadowRoot && e.shadowRoot.querySelector('.lab')).find(Boolean)
"""
SETTLE_MS = 200
"""Keys count from 150 ms after a page was painted."""


def open_labelling(chromium: Browser, server: str, name: str = "Ada", **context: Any) -> Page:
    """The labelling page with its first page painted, in a new browser profile."""
    page = chromium.new_context(
        **{"viewport": {"width": 1200, "height": 800}, **context}
    ).new_page()
    page.goto(f"{server}/annotate")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button")
    wait_cover(page, "welcome")
    page.keyboard.press("Enter")
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
