"""In Chromium: R, A and B are chosen and answered; one is uploaded, and a worker answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cssim.config import load_settings
from cssim.services import accounts, answering, experiments, gallery
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Image, Role
from tests.e2e.conftest import PASSWORD
from tests.e2e.serving import serve
from tests.world import World

pytestmark = pytest.mark.e2e

PATIENCE = 120_000
"""Milliseconds for a job; it takes seconds on an idle machine."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, ensembles_home: Path) -> Iterator[Workspace]:
    """A home of its own, with ensembles."""
    home = shutil.copytree(ensembles_home, tmp_path_factory.mktemp("asking") / "home")
    ws = open_workspace(load_settings({}, home=home))
    accounts.add_person(ws, "Ada", role=Role.ADMINISTRATOR, password=PASSWORD)
    yield ws
    ws.close()


def choose(page: Page, button: str, image: Image) -> None:
    """Through the dialog: by name, and by a click on the picture."""
    page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    search = dialog.get_by_label("Name contains")
    search.fill(image.name)
    search.press("Enter")
    expect(dialog.get_by_text("1 picture", exact=True)).to_be_visible()
    dialog.get_by_role("button", name=f"Choose {image.name}").click()
    expect(dialog).to_be_hidden()


def test_three_pictures_are_chosen_and_one_is_uploaded(
    asked: Workspace, world: World, chromium: Browser, tmp_path: Path
) -> None:
    images = gallery.find_pictures(asked).images
    r, a, b = images[1], images[8], images[12]
    shelf = load_shelf(asked)
    info = experiments.list_ensembles(asked)[0]
    expected = answering.answer(shelf, answering.ready(asked, info), r.id, a.id, b.id)
    with serve(asked.settings.home) as served:
        page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.set_default_timeout(30_000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{served.address}/ensembles?ensemble={info.id}")
        page.fill("#name", "Ada")
        page.fill("#password", PASSWORD)
        page.click("button")
        expect(page.get_by_role("heading", name="Ensembles", exact=True)).to_be_visible()
        choose(page, "Choose the reference", r)
        choose(page, "Choose A", a)
        choose(page, "Choose B", b)
        expect(page.get_by_text(f"{info.name} says {expected['choice']} is closer")).to_be_visible()
        to_a, to_b = expected["distances"]
        expect(page.get_by_text(f"{to_a:.3f} to A, {to_b:.3f} to B")).to_be_visible()

        photo = tmp_path / "holiday.png"
        photo.write_bytes(sorted(world.images.iterdir())[3].read_bytes())
        page.get_by_role("button", name="Choose A").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("tab", name="Upload").click()
        dialog.locator("input[type=file]").set_input_files(photo)
        dialog.get_by_role("button", name="Use this picture").click()
        expect(page.get_by_text("holiday.png")).to_be_visible()
        page.get_by_role("button", name="Ask", exact=True).last.click()
        expect(page.get_by_text("What each member says")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("is closer")).to_be_visible()
        assert gallery.find_pictures(asked).total == len(images)
        assert faults == []
        page.context.close()
