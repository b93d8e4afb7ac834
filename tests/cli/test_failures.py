"""What the machine fails at is one message with what to do, never a traceback."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from cssim.cli import main
from cssim.config import load_settings
from cssim.services.failing import told


def failure(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), "a traceback"
    return result.stderr


def test_a_home_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.touch()
    monkeypatch.setenv("CSSIM_HOME", str(home))
    assert f"CSSIM_HOME must be a folder that is there or can be made, got {home}" in failure(
        "projects"
    )
    assert "can be made" in failure("--home", home / "below", "projects")


def test_the_folder_of_a_database_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CSSIM_DATABASE_URL", f"sqlite:///{tmp_path}/file/some.db")
    assert "CSSIM_DATABASE_URL must name a file in a folder that can be made" in failure("projects")


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "cssim.db").write_bytes(b"no database" * 200)
    assert "cssim.db is damaged" in failure("--home", tmp_path, "projects")


def test_a_folder_of_the_home_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    home, photo = tmp_path / "home", tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    home.mkdir()
    (home / "images").touch()
    assert f"{home / 'images'}" in failure("--home", home, "images", "add", photo)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(13, "may read and write there"), (28, "Make room"), (30, "may read and write there")],
)
def test_the_remedy_follows_the_reason(number: int, remedy: str) -> None:
    text = str(told(OSError(number, os.strerror(number), "x.csv"), load_settings()))
    assert text.startswith(f"x.csv: {os.strerror(number)}. ")
    assert remedy in text


def test_a_pipe_that_nobody_reads_and_defects_are_not_told() -> None:
    assert told(BrokenPipeError(32, "Broken pipe"), load_settings()) is None
    assert told(KeyError("x"), load_settings()) is None
