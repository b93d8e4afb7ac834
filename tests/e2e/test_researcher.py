"""A researcher trains a model in Chromium, watches it, compares, and sees the table change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cssim.embeddings.backbones import shipped
from cssim.services import comparison_files, evaluation, experiments, jobs, library
from cssim.services.workspace import Workspace
from cssim.types import JobState
from tests.e2e.conftest import PASSWORD
from tests.world import World, make_world

pytestmark = pytest.mark.e2e

PATIENCE = 120_000
"""Milliseconds for a job; it takes seconds on an idle machine."""


@pytest.fixture
def world(ws: Workspace, tmp_path: Path) -> World:
    """Pictures and answers in the app's project: one context set, one to compare on."""
    made = make_world(tmp_path / "world")
    library.add_images(ws, [made.images])
    library.import_labels(ws, made.answers, cluster="likeness", per_reference=1)
    return made


def open_page(page: Page, server: str, name: str) -> None:
    page.goto(f"{server}/{name}")
    expect(page.get_by_role("heading", name=name.title(), exact=True)).to_be_visible()


def choose(page: Page, label: str, text: str) -> None:
    """Pick an option of a select box by typing what it begins with."""
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    box.fill(text)
    page.get_by_role("option").filter(has_text=text).first.click()
    page.keyboard.press("Escape")


def row_of(table: Locator, name: str) -> Locator:
    """The row that begins with that name; the heading may name the anchor too."""
    return table.get_by_role("row", name=re.compile(f"^{re.escape(name)}"))


def compare(page: Page, server: str) -> None:
    open_page(page, server, "compare")
    go = page.get_by_role("button", name="Compare now")
    expect(go.or_(page.get_by_text("Accuracy with its interval")).first).to_be_visible()
    if not go.is_visible():  # a stored comparison is shown; the form waits below it
        page.get_by_text("New comparison").click()
    go.click()


def test_a_person_presses_train_watches_it_and_sees_the_table_change(
    ws: Workspace, world: World, server: str, chromium: Browser
) -> None:
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{server}/train")
    page.fill("#name", "Ada")
    page.fill("#password", PASSWORD)
    page.click("button")

    # A first table with a classical metric alone.
    choose(page, "Backbones and metrics as they are", "hog")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Embedding hog: done")).to_be_visible(timeout=PATIENCE)
    compare(page, server)
    expect(page.get_by_text("How this was computed")).to_be_visible(timeout=PATIENCE)
    table = page.get_by_role("table", name="Comparison of models")
    expect(row_of(table, "hog")).to_be_visible()
    before = table.inner_text()

    open_page(page, server, "train")
    (name,) = [
        one.cluster.name
        for one in library.cluster_summaries(ws)
        if one.cluster.name.startswith("likeness-") and one.cluster.kind == "context"
    ]
    choose(page, "Sets to train on", name)
    page.get_by_text("Head", exact=True).click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    expect(epochs).to_have_value("60")
    epochs.fill("4")
    epochs.press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    model = f"{name}-{shipped()[0]}"
    done = page.get_by_text(f"Training {model}: done")
    expect(done).to_be_visible(timeout=PATIENCE)
    models = page.get_by_role("table", name="Models of the project")
    expect(row_of(models, model)).to_be_visible()
    done.click()
    expect(page.locator(".js-plotly-plot")).to_be_visible()

    compare(page, server)
    expect(row_of(table, model)).to_be_visible(timeout=PATIENCE)
    assert table.inner_text() != before

    (trained,) = [one for one in experiments.list_models(ws) if one.name == model]
    assert (trained.name, trained.metrics["epochs"]) == (model, 4)
    stored = evaluation.latest_comparison(ws)
    assert stored is not None
    row = stored.comparison.row(model)
    assert row.accuracy is not None
    digits = comparison_files.decimals(stored.comparison)
    assert f"{100 * row.accuracy:.{digits}f}" in row_of(table, model).inner_text()
    assert all(job.state is JobState.DONE for job in jobs.list_jobs(ws))
    page.context.close()
