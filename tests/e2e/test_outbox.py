"""Answers on their way, in Chromium without a server: order, receipts that are none, storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from cssim.ui import labelling
from tests.typed import present

pytestmark = pytest.mark.e2e
FOLDER = Path(labelling.__file__).parent
HERE = "http://outbox.test/"
ADD = """
([client_id, lease]) => (window.outbox ??= new Outbox(callerFor(7), 7, () => {}))
  .add({ client_id, lease, kind: 'skip' })
"""

Answer = Callable[[dict[str, Any], Route], None]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with an outbox of person 7 and a storage of its own; `served` routes its requests."""
    context = chromium.new_context()
    opened = context.new_page()
    opened.route(f"{HERE}**", lambda route: route.fulfill(content_type="text/html", body="here"))
    opened.clock.install()
    opened.goto(HERE)
    load(opened)
    yield opened
    context.close()


def load(page: Page) -> None:
    for name in ("net", "outbox"):
        page.add_script_tag(content=(FOLDER / f"{name}.js").read_text("utf-8"))


def served(page: Page, answer: Answer | None = None) -> list[str]:
    """The client ids that reach the server, as they come; `answer` says what it does with one."""
    arrived: list[str] = []

    def serve(route: Route) -> None:
        reply: dict[str, Any] = present(route.request.post_data_json)
        assert route.request.headers["x-cssim-person"] == "7"
        arrived.append(reply["client_id"])
        (answer or receipt)(reply, route)

    page.unroute("**/api/answers")
    page.route("**/api/answers", serve)
    return arrived


def receipt(_reply: dict[str, Any], route: Route) -> None:
    route.fulfill(json={"judgement": 1, "late": False, "repeated": False})


def away(_reply: dict[str, Any], route: Route) -> None:
    route.abort()


def add(page: Page, client_id: str, lease: str = "one") -> None:
    page.evaluate(ADD, [client_id, lease])


def waiting(page: Page) -> list[str]:
    """Client ids of what waits, once nothing is being sent."""
    page.evaluate("() => outbox.sending")
    found: list[str] = page.evaluate(
        "() => outbox.shelf.entries().map(([, reply]) => reply.client_id)"
    )
    return found


def flush(page: Page) -> list[str]:
    page.evaluate("() => outbox.flush()")
    return waiting(page)


def test_a_correction_goes_out_behind_what_it_corrects_though_the_clock_was_set_back(
    page: Page,
) -> None:
    served(page, away)
    add(page, "first")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() - 3_600_000 }")
    add(page, "corrected")
    assert waiting(page) == ["first", "corrected"]
    arrived = served(page)
    assert flush(page) == []
    assert arrived == ["first", "corrected"]


def test_a_page_of_some_network_is_no_receipt(page: Page) -> None:
    served(page, lambda _, route: route.fulfill(content_type="text/html", body="Accept our terms"))
    add(page, "first")
    assert waiting(page) == ["first"]
    served(page, lambda _, route: route.fulfill(json={"welcome": True}))
    assert flush(page) == ["first"]
    assert page.evaluate("() => [outbox.problem.status, outbox.refused.length]") == [0, 0]
    served(page)
    assert flush(page) == []


def test_an_answer_over_which_the_server_stumbles_holds_up_no_other_page(page: Page) -> None:
    served(page, away)
    for client_id, lease in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c")):
        add(page, client_id, lease)
    waiting(page)

    def stumble(reply: dict[str, Any], route: Route) -> None:
        if reply["client_id"] == "a1":
            route.fulfill(status=500, body="Internal Server Error")
        else:
            receipt(reply, route)

    arrived = served(page, stumble)
    assert flush(page) == ["a1", "a2"]  # what was said later about the same page waits behind it
    assert arrived == ["a1", "b1", "c1"]
    served(page)
    assert flush(page) == []


@pytest.mark.parametrize("status", [401, 412])
def test_who_is_not_signed_in_keeps_everything(page: Page, status: int) -> None:
    arrived = served(page, lambda _, route: route.fulfill(status=status, json={"error": "no"}))
    add(page, "first")
    add(page, "second", "two")
    assert waiting(page) == ["first", "second"]
    assert set(arrived) == {"first"}
    assert page.evaluate("() => [outbox.problem.signedOut, outbox.refused.length]") == [True, 0]


def test_a_server_that_never_answers_is_given_up_after_half_a_minute(page: Page) -> None:
    served(page, lambda _reply, _route: None)
    add(page, "first")
    page.clock.fast_forward(31_000)
    assert waiting(page) == ["first"]
    served(page)
    assert flush(page) == []


def test_where_storage_is_forbidden_answers_outlive_the_element_and_are_shown_when_refused(
    page: Page,
) -> None:
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('forbidden') } }")
    served(page, away)
    add(page, "first")
    add(page, "second", "two")
    waiting(page)
    page.evaluate("() => { outbox.close(); window.outbox = undefined }")
    page.evaluate("() => { window.outbox = new Outbox(callerFor(7), 7, () => {}) }")
    assert waiting(page) == ["first", "second"]

    def refuse(reply: dict[str, Any], route: Route) -> None:
        if reply["client_id"] == "first":
            route.fulfill(status=404, json={"error": "there is no lease"})
        else:
            receipt(reply, route)

    served(page, refuse)
    assert flush(page) == []
    refused = page.evaluate("() => outbox.refused.map((r) => [r.client_id, r.status, r.error])")
    assert refused == [["first", 404, "there is no lease"]]
    served(page)
    page.evaluate("() => outbox.retry(outbox.refused[0])")
    assert waiting(page) == []
    assert page.evaluate("() => outbox.refused") == []
