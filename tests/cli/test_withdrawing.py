"""Taking pictures back by command line: asked first, listed, allowed again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cssim.cli import main
from tests.pages import picture


@pytest.fixture
def run(tmp_path: Path):
    def command(*words: str, code: int = 0, typed: str | None = None) -> str:
        done = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), *words], input=typed)
        assert done.exit_code == code, done.output
        return done.output

    (tmp_path / "photos").mkdir()
    for i in range(3):
        (tmp_path / "photos" / f"{i}.jpg").write_bytes(picture(i))
    command("images", "add", str(tmp_path / "photos"))
    return command


def names(run) -> list[str]:
    return [image["name"] for image in json.loads(run("images", "list", "--json"))]


def test_it_asks_before_it_deletes(run) -> None:
    told = run("images", "withdraw", "1.jpg", "--reason", "copyright", code=1, typed="n\n")
    assert "1.jpg: on 0 open pages and 0 answered pages with 0 judgements" in told
    assert names(run) == ["0.jpg", "1.jpg", "2.jpg"]
    assert "deleted 1 file" in run("images", "withdraw", "1.jpg", "--reason", "a", typed="y\n")
    assert names(run) == ["0.jpg", "2.jpg"]


def test_what_was_withdrawn_is_refused_listed_and_allowed_again(run, tmp_path: Path) -> None:
    run("images", "withdraw", "1", "2.jpg", "--reason", "copyright", "--yes")  # an id and a name
    assert json.loads(run("jobs", "list", "--json"))[0]["state"] == "done"
    again = run("images", "add", str(tmp_path / "photos"))
    assert "refused 0.jpg: this picture was withdrawn: copyright" in again
    found = json.loads(run("images", "withdrawn", "--json"))
    told = [(one["id"], one["by"], one["images"]) for one in found]
    assert told == [(2, None, [3]), (1, None, [1])]
    assert "copyright" in run("images", "withdrawn")
    run("images", "restore", "1")
    assert "pixels for known names 1" in run("images", "add", str(tmp_path / "photos"))
    assert names(run) == ["0.jpg", "1.jpg"]
    assert "allowed again" in run("images", "withdrawn")


def test_what_came_back_is_swept(run, tmp_path: Path) -> None:
    run("images", "withdraw", "1.jpg", "--reason", "copyright", "--yes")
    assert run("images", "sweep") == "deleted 0 files and vectors\n"


def test_what_is_not_here_is_named(run) -> None:
    told = run("images", "withdraw", "nothing.jpg", "--reason", "a", "--yes", code=1)
    assert "no picture 'nothing.jpg'" in told
    assert "no withdrawal 7 stands" in run("images", "restore", "7", code=1)
