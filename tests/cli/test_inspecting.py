"""`inspect` says what each map is worth; `selections` lists and writes what was picked."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cssim.cli import main
from cssim.config import load_settings
from cssim.services import inspecting, selections
from cssim.services.workspace import Workspace, open_workspace
from tests.pages import add_pictures
from tests.world import make_world


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def ws() -> Iterator[Workspace]:
    opened = open_workspace(load_settings())
    yield opened
    opened.close()


def test_an_inspection_is_made_and_said_and_kept(tmp_path: Path, ws: Workspace) -> None:
    world = make_world(tmp_path)
    run("images", "add", world.images)
    run("labels", "import", world.answers, "--cluster", "w", "--kind", "validation")
    run("embed", "histogram", world.network)
    found = json.loads(run("inspect", "--on", "w", "--json").stdout)
    (kept,) = inspecting.list_inspections(ws)
    inspection = inspecting.load_inspection(ws, kept.id)
    assert found["inspection"] == kept.id
    assert found["references"] == len(world.references)
    assert [row["name"] for row in found["rows"]] == ["histogram", "tiny"]
    for row, accuracy in zip(found["rows"], inspection.overall, strict=True):
        assert row["accuracy"] == pytest.approx(accuracy)
        assert 0 < row["p"] <= 1
    table = run("inspect", "--on", "w", "--model", "tiny", "--no-tsne").stdout
    assert "explained" in table
    assert "histogram" not in table
    assert "nowhere" in run("inspect", "--on", "nowhere", code=1).stderr


def test_selections_are_listed_and_exported(tmp_path: Path, ws: Workspace) -> None:
    assert "no selections yet" in run("selections", "list").stdout
    images = add_pictures(ws, 3)
    made = selections.save(ws, "dark", images[:2], note="corners")
    (listed,) = json.loads(run("selections", "list", "--json").stdout)
    assert (listed["id"], listed["name"], listed["references"]) == (made.id, "dark", 2)
    target = tmp_path / "dark.csv"
    assert "2 references" in run("selections", "export", made.id, "--to", target).stdout
    with target.open(newline="") as file:
        assert [int(row["image"]) for row in csv.DictReader(file)] == images[:2]
    assert run("selections", "export", made.id).stdout == target.read_text()
    whole = json.loads(run("selections", "export", made.id, "--json").stdout)
    assert whole["references"] == images[:2]
    run("selections", "export", 99, code=1)
