"""What `pip install` of the sources gives: all files, the right metadata, commands that run."""

import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import cssim
from tests.conftest import ROOT
from tests.once import once

PARTS = ("cssim", "db")
FILES = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-ray.txt")


def _build(folder: Path) -> None:
    """The wheel, built in a copy (for building writes beside the sources), and unpacked."""
    for name in PARTS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / "sources" / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / "sources")
    code = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    subprocess.run(
        [sys.executable, "-c", code], cwd=folder / "sources", check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    shutil.rmtree(folder / "sources")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages with nothing but CS-Sim in it."""
    pytest.importorskip("setuptools", minversion="77")
    return once(tmp_path_factory, "wheel", _build) / "installed"


@pytest.fixture
def metadata(installed: Path) -> Message:
    (file,) = installed.glob("*.dist-info/METADATA")
    return Parser().parsestr(file.read_text(encoding="utf-8"))


def test_every_file_of_the_package_is_in_it(installed: Path) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {path.relative_to(installed).as_posix() for path in installed.rglob("*")}
    assert wanted - found == set()


def test_nothing_else_is_installed(installed: Path) -> None:
    top = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert top == set(PARTS)


def test_it_says_what_it_is_and_needs(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("cs-sim", cssim.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line for line in lines if line and not line.startswith("#")}
    needed = metadata.get_all("Requires-Dist") or []
    assert {line for line in needed if "extra ==" not in line} == pinned
    assert [line.split(";")[0] for line in needed if "extra ==" in line] == ["ray==2.60.0"]


def test_its_commands_run_anywhere_and_name_what_is_not_installed(
    installed: Path, tmp_path: Path
) -> None:
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "cssim = cssim.__main__:main" in entry.read_text(encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        code = "from cssim.__main__ import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    listed = call("--home", "home", "backbones", "show", "tiny-clip")
    assert listed.returncode == 0, listed.stderr
    assert str(installed) in listed.stdout
    assert call("--home", "home", "projects").returncode == 0  # migrates a fresh database
    refused = call("--home", "home", "app")
    assert refused.returncode == 1
    assert "in a folder with all its sources" in refused.stderr
