"""`analyse`: tables for people, JSON for scripts, refusal of what has seen the answers."""

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
    """A frozen network, a CS model of the first cluster, and a stack of both."""
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    world = make_world(tmp_path)
    run("images", "add", world.images)
    words = ("labels", "import", world.answers, "--cluster", "w", "--per-reference", "2")
    run(*words)
    run("embed", world.network)
    run("train", "w-picture 02", "--backbone", world.network, "--name", "cs",
        "--set", "adapter=head", "--set", "epochs=1")  # fmt: skip
    run("ensemble", "build", "stack", "--member", "tiny", "--member", "cs",
        "--strategy", "stacking", "--fit-on", "w-validation")  # fmt: skip


def test_tables_hold_the_numbers_of_the_json() -> None:
    words = ("analyse", "--on", "w-test", "--draws", "200")
    found = json.loads(run(*words, "--json").stdout)
    text = run(*words).stdout
    assert text.startswith(f"w-test: {found['triples']} triples of ")
    assert "The test set w-test was opened 2 times." in text
    assert found["looks"] == {"w-test": 1}
    for row in found["rows"]:
        assert f"{row['name']:<5}  {100 * row['accuracy']:.1f}" in text
    (stack,) = found["ensembles"]
    for row in stack["ablation"]:
        assert f"{100 * row['difference']:+.1f}" in text
        assert row["p_holm"] >= 0.001
        assert f"{row['p_holm']:.3f}" in text
    own, other = found["matrix"]["accuracy"][0]
    assert f"{100 * own:.1f}*" in text
    assert f"own {100 * own:.1f}, others {100 * other:.1f}" in text
    assert f"expected calibration error {100 * stack['calibration']['error']:.1f}" in text
    assert "hidden" in text  # cells of few references
    assert f"{found['agreement']['alpha_choices']:.3f}" in text


def test_one_model_is_analysed_without_ensembles() -> None:
    text = run("analyse", "--on", "w-test", "--model", "tiny", "--draws", "200").stdout
    assert "left out" not in text
    assert "No cross-validation matrix" in text


def test_what_was_trained_on_the_set_is_refused() -> None:
    refused = run("analyse", "--on", "w-picture 02", code=1)
    assert "cs trained on pages of the evaluated set" in refused.stderr
    run("analyse", code=2)


def test_it_may_be_left_to_a_worker() -> None:
    text = run("analyse", "--on", "w-test", "--draws", "200", "--detach").stdout
    assert text.strip().endswith("(analyse)")
