"""`curves`: the verdict first, tables for people, JSON for scripts, an earlier result again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from cssim.cli import main
from cssim.config import load_settings
from cssim.services.workspace import open_workspace
from tests.services.colour_world import Rule, build

QUICK = (
    "--backbone", "histogram", "--size", "2", "--size", "4", "--share", "0.5", "--splits", "1",
    "--draws", "100", "--set", "epochs=1", "--global-set", "epochs=1",
)  # fmt: skip


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def _answered(tmp_path: Path) -> None:
    """Six references to train on, two to choose on, four to judge on."""
    torch.set_num_threads(1)
    ws = open_workspace(load_settings())
    rule = Rule(slice(0, 4), pages=8)
    build(ws, tmp_path, rule, references={"train": 6, "validation": 2, "test": 4}, colours=8)
    ws.close()


def test_the_verdict_comes_first_and_tables_hold_the_numbers_of_the_json() -> None:
    sets = ("train", "--validation", "validation", "--test", "test")
    found = json.loads(run("curves", *sets, *QUICK, "--json").stdout)
    text = run("curves", "--show", found["id"]).stdout
    assert text.startswith("train: 1 split, 4 held-out references, soft credit in per cent, ")
    assert "The test set test was opened 1 time." in text
    places = [text.index(sentence) for sentence in found["verdict"]["text"]]
    assert places == sorted(places)
    assert places[0] < text.index("Number of clusters (all labels of each cluster)")
    for axis in found["axes"]:
        for curve in axis["curves"].values():
            for value in curve["accuracy"]:
                assert f"{100 * value:.1f} (" in text
        for crossing in axis["crossings"]:
            assert crossing["text"] in text
    assert "Labels of each cluster (4 clusters)" in text
    assert "The same budget: 2 clusters with all their labels, or 4 with 50% of them" in text
    for row in found["ablations"]["members"]:
        assert f"{100 * row['difference']:+.2f}" in text
    assert "Table at 2 clusters" in text
    again = json.loads(run("curves", "--show", found["id"], "--json").stdout)
    assert again == found


def test_leaks_and_nonsense_are_refused_with_one_sentence() -> None:
    refused = run("curves", "train", "--validation", "train", *QUICK, code=1)
    assert "cannot serve to train on and to choose on" in refused.stderr
    assert "name at least one cluster" in run("curves", code=1).stderr
    run("curves", "train", "--share", "0", code=2)
    missing = run("curves", "--show", "99", code=1)
    assert "99" in missing.stderr


def test_it_may_be_left_to_a_worker_and_asked_for_later() -> None:
    queued = json.loads(run("curves", "train", *QUICK, "--detach", "--json").stdout)
    assert queued[0]["kind"] == "curves"
    text = run("curves", "--show", queued[0]["id"]).stdout
    assert text.startswith(f"job {queued[0]['id']} is queued")
