"""`compare` refuses what has seen the answers, marks it where that is allowed, and writes HTML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from cssim.cli import main
from tests.world import make_world


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def _trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was trained on the cluster w."""
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    world = make_world(tmp_path)
    run("images", "add", world.images)
    run("labels", "import", world.answers, "--cluster", "w", "--kind", "validation")
    run("embed", world.network)
    run("train", "w", "--backbone", world.network, "--name", "cs", "--set", "adapter=head",
        "--set", "epochs=1")  # fmt: skip


def test_a_model_is_not_judged_on_what_it_was_trained_on_unless_asked_for() -> None:
    refused = run("compare", "--on", "w", "--draws", "200", code=1)
    assert "cs trained on pages of the evaluated set" in refused.stderr
    assert json.loads(run("jobs", "list", "--json").stdout)[0]["kind"] == "train"  # none was queued
    table = run("compare", "--on", "w", "--draws", "200", "--allow-leakage").stdout
    assert "trained on this set" in table
    assert "Trained on this set, and evaluated on request: cs." in table


def test_html_goes_to_a_file(tmp_path: Path) -> None:
    words = ("compare", "--on", "w", "--draws", "200", "--allow-leakage", "--name", "my <table>")
    page = run(*words, "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "<h1>my &lt;table&gt;</h1>" in page
    assert ">model 2, job 2</a>" in page  # what is stored, and the job that trained it
