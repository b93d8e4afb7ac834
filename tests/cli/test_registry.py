"""The registry by command line: list, show, compare, rename, put away, out and in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cssim.cli import main
from tests.world import make_world

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A project with a frozen network and two heads on it; commands must succeed."""
    folder = tmp_path_factory.mktemp("registry")
    world = make_world(folder / "world")
    home = str(folder / "home")

    def command(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["--home", home, *words], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.output

    command("images", "add", str(world.images))
    command("labels", "import", str(world.answers), "--cluster", "w", "--per-reference", "1")
    command("embed", str(world.network))
    cluster = json.loads(command("labels", "list", "--json"))[0]["cluster"]["name"]
    for name, rank in (("one", "1"), ("two", "2")):
        command(
            "train", cluster, "--backbone", str(world.network), "--name", name,
            "--set", "adapter=head", "--set", "epochs=1", "--set", f"rank={rank}",
        )  # fmt: skip
    return command


def test_without_a_subcommand_models_are_listed(run: Run) -> None:
    assert [model["name"] for model in json.loads(run("models", "--json"))] == [
        "tiny",
        "one",
        "two",
    ]
    assert "held-out" in run("models").splitlines()[0]


def test_a_card_is_shown_and_two_are_compared(run: Run) -> None:
    shown = run("models", "show", "one")
    assert "one: model 2, cs" in shown
    assert "held-out pages of its own clusters" in shown
    assert "Problem" not in shown
    assert "pairs without classes" in shown  # what its data is made of
    text = run("models", "show", "one", "--markdown")
    assert text.startswith("## Card of one\n")
    assert "| Epoch |" in text
    card = json.loads(run("models", "show", "one", "--json"))
    assert card["model"]["name"] == "one"
    rows = {
        row["what"]: row for row in json.loads(run("models", "compare", "one", "two", "--json"))
    }
    assert (rows["setting rank"]["one"], rows["setting rank"]["two"]) == (1, 2)
    assert "they differ in nothing" in run("models", "compare", "one", "one")


def test_a_model_is_renamed_put_away_and_brought_back(run: Run) -> None:
    assert run("models", "rename", "two", "other") == "two is called other now\n"
    run("models", "archive", "other")
    assert "other" not in run("models")
    assert "other" in run("models", "--archived")
    run("models", "archive", "other", "--back")
    assert "other" in run("models")
    assert "no model 'two'" in run("models", "show", "two", code=1)
    run("models", "rename", "other", "two")


def test_a_model_goes_out_and_comes_in(run: Run, tmp_path: Path) -> None:
    said = run("models", "export", "one", str(tmp_path / "out"))
    assert "README.md" in said
    assert (tmp_path / "out" / "backbone" / "config.json").is_file()
    assert "three, cs" in run("models", "import", str(tmp_path / "out"), "--name", "three")
    rows = json.loads(run("models", "compare", "one", "three", "--json"))
    assert {row["what"] for row in rows} <= {"job", "bytes"}
