"""Screenshots of the labelling page in each of its states, to be looked at.

    python -m tests.e2e.pictures PHOTOS OUT [STATE ...]

Wide and narrow, light and dark; made from a folder of photos in a home folder of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, sync_playwright
from sqlalchemy import update

from cssim.config import load_settings
from cssim.services import accounts, gold, library, projects
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, ClusterKind, JudgementKind, PageMode, Role
from db.models import PageRow
from tests.e2e.conftest import FLAGS, PASSWORD, chromium_path
from tests.e2e.labelling import LAB, lab, wait_cover, wait_painted, wait_saved, wait_state
from tests.e2e.serving import serve

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"},
    "wide-dark": {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    "phone-dark": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "dark",
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}
CRITERION = "Which is closer to the reference in what it shows?"
INSTRUCTIONS = """Imagine that you asked for a picture **like the reference**. Which candidate
would you rather be given?

- What is shown counts more than colours.
- Ignore watermarks and frames.
- *Trust your first impression.* You can always go back.
"""
Shot = Callable[[str], None]


def make_home(home: Path, photos: Path) -> Workspace:
    """A project with pages to rank, a practice round and instructions."""
    ws = open_workspace(load_settings({}, home=home))
    accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    library.add_images(ws, [photos])
    projects.set_instructions(ws, criterion=CRITERION, instructions=INSTRUCTIONS)
    for mode, count in ((PageMode.RANK, 3), (PageMode.CHOOSE, 2)):
        library.draw_cluster(
            ws, mode.value, ClusterKind.VALIDATION, references=30, pages_per_reference=5,
            candidates=count, mode=mode, wanted=9, seed=count,
        )  # fmt: skip
    ids = [image.id for image in projects.list_images(ws, limit=4)]
    known = Answer(JudgementKind.ANSWER, (1, 0, 2), (3, 1, 5))
    note = "The second shows the same kind of place."
    page = GoldPage(ids[0], tuple(ids[1:]), KnownAnswer(known, note))
    gold.make_gold(ws, "practice", [page])
    return ws


def offer(ws: Workspace, mode: PageMode | None) -> None:
    """Hand out the pages of one mode only, or none."""
    with ws.database.writing() as session:
        session.execute(update(PageRow).values(wanted=0))
        if mode:
            session.execute(update(PageRow).where(PageRow.mode == mode.value).values(wanted=9))


def type_keys(page: Page, keys: str) -> None:
    """Keys one after the other, then the next page."""
    before = lab(page)["lease"]
    for key in keys:
        page.keyboard.press(key)
    wait_painted(page, before)


def evaluate(page: Page, what: str) -> None:
    """Run a statement on `lab`, the element's root."""
    page.evaluate(f"() => {{ const lab = ({LAB}); {what} }}")


def rank_states(page: Page, shot: Shot) -> None:
    """From the first visit to the history, in the mode for ranking."""
    wait_cover(page, "welcome")
    page.wait_for_timeout(500)
    shot("welcome")
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    shot("practice")
    for key in "425":
        page.keyboard.press(key)
    wait_cover(page, "feedback")
    shot("practice-feedback")
    practice = lab(page)["lease"]
    page.keyboard.press("Enter")
    wait_painted(page, practice)
    shot("rank-fresh")
    page.keyboard.press("2")
    shot("rank-half")
    page.keyboard.press("2")
    page.keyboard.press("4")
    page.wait_for_timeout(150)
    shot("rank-tie")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(700)
    for keys in ("134", "213", "523", "341"):
        type_keys(page, keys)
    page.keyboard.press("s")
    page.wait_for_timeout(500)
    wait_saved(page)
    page.keyboard.press("h")
    page.wait_for_timeout(900)
    shot("history")
    page.keyboard.press("h")
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    shot("revisit")
    page.keyboard.press("Escape")
    page.wait_for_timeout(400)
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    shot("help")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.wait_for_timeout(200)
    shot("flag")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    page.wait_for_timeout(500)
    shot("zoom")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.wait_for_timeout(200)
    shot("break")
    page.keyboard.press("Escape")
    drag(page, shot)


def drag(page: Page, shot: Shot) -> None:
    """A picture on its way to a class."""
    boxes = page.evaluate(
        f"() => ['[data-place=\"0\"] .frame', '.answers [data-key=\"2\"]'].map((one) => {{"
        f" const r = ({LAB}).querySelector(one).getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2] })"
    )
    (x, y), (to_x, to_y) = boxes
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 20)
    page.mouse.move(to_x, to_y, steps=4)
    page.wait_for_timeout(150)
    shot("dragging")
    page.mouse.move(x, y, steps=2)
    page.mouse.up()


def choose_states(page: Page, shot: Shot) -> None:
    """Choosing, and a picture that is gone."""
    page.wait_for_timeout(900)
    page.reload()
    wait_painted(page)
    shot("choose-fresh")
    before = lab(page)["lease"]
    page.keyboard.press("ArrowLeft")
    wait_painted(page, before)
    wait_saved(page)
    page.keyboard.press("u")
    page.wait_for_timeout(600)
    shot("choose-revisit")
    page.keyboard.press("Escape")
    page.route(
        "**/images/*",
        lambda route: (
            route.fulfill(status=404, json={"error": "this project has no such picture"})
            if "w=" in route.request.url and hash(route.request.url) % 3 == 0
            else route.continue_()
        ),
    )
    page.reload()
    wait_painted(page)
    shot("choose-gone")
    page.unroute("**/images/*")


def every_third_is_gone(route: Route) -> None:
    """Answer a request for a picture, sometimes as if its file were lost."""
    if sum(route.request.url.encode()) % 3:
        route.continue_()
    else:
        route.fulfill(status=404, json={"error": "the file of this picture is gone"})


def unsent_states(page: Page, shot: Shot) -> None:
    """Answers that wait in the browser."""
    page.reload()
    wait_painted(page)
    page.context.set_offline(True)
    before = lab(page)["lease"]
    page.keyboard.press("ArrowLeft")
    wait_painted(page, before)
    page.wait_for_timeout(700)
    shot("unsent")
    page.keyboard.press("h")
    page.wait_for_timeout(400)
    shot("unsent-history")
    page.keyboard.press("h")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(220)
    page.wait_for_timeout(500)
    shot("offline")
    page.context.set_offline(False)
    wait_saved(page)


def open_page(browser: Browser, address: str, look: str) -> Page:
    page = browser.new_context(**LOOKS[look]).new_page()
    page.goto(f"{address}/annotate")
    page.fill("#name", f"Ada {look}")
    page.fill("#password", PASSWORD)
    page.click("button")
    return page


def main(photos: Path, out: Path) -> None:
    """Make all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        ws = make_home(home, photos)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        with serve(home) as served:
            pages = {}
            for look in LOOKS:
                accounts.add_person(ws, f"Ada {look}", role=Role.RESEARCHER, password=PASSWORD)
                offer(ws, PageMode.RANK)
                pages[look] = page = open_page(browser, served.address, look)

                def shot(name: str, look: str = look, page: Page = page) -> None:
                    page.screenshot(path=out / f"{name}-{look}.png")

                rank_states(page, shot)
                offer(ws, PageMode.CHOOSE)
                choose_states(page, shot)
                unsent_states(page, shot)
                offer(ws, None)
                page.reload()
                wait_state(page, "finished")
                page.wait_for_timeout(400)
                shot("finished")
                offer(ws, PageMode.CHOOSE)
                page.reload()
                wait_painted(page)
            served.stop()
            for look, page in pages.items():
                page.keyboard.press("ArrowLeft")
                page.wait_for_timeout(6000)
                page.screenshot(path=out / f"server-gone-{look}.png")
        ws.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
