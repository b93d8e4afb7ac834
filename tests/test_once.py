"""What is made once for a session: by one process, wholly, and never twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.once import once


def test_it_is_made_once_and_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []
    folders = {once(tmp_path_factory, "counted", made.append) for _ in range(3)}
    assert folders == set(made)
    assert len(made) == 1


def test_what_failed_halfway_is_not_handed_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("the power fails here")

    with pytest.raises(RuntimeError, match="power"):
        once(tmp_path_factory, "fragile", fail)
    again = once(tmp_path_factory, "fragile", lambda folder: (folder / "whole").touch())
    assert {path.name for path in again.iterdir()} == {"whole", ".ready"}


SUITE = """
import os, time
from tests.once import once

def slow(folder):
    (folder / os.environ["PYTEST_XDIST_WORKER"]).touch()
    time.sleep(0.5)
    (folder / "done").touch()

def seen(tmp_path_factory):
    folder = once(tmp_path_factory, "shared", slow)
    assert (folder / "done").exists()
    (makers,) = [path.name for path in folder.iterdir() if path.name.startswith("gw")]
    with open(os.environ["SEEN"], "a") as out:
        print(os.environ["PYTEST_XDIST_WORKER"], folder, makers, file=out)

def test_one(tmp_path_factory): seen(tmp_path_factory)
def test_two(tmp_path_factory): seen(tmp_path_factory)
"""


def test_two_processes_of_one_session_get_the_same_folder(tmp_path: Path) -> None:
    suite, seen = tmp_path / "test_shared.py", tmp_path / "seen.txt"
    suite.write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "each", str(suite)]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", "/dev/null"]
    ran = subprocess.run(
        [*command, "--basetemp", str(tmp_path / "base")], cwd=ROOT, text=True, check=False,
        capture_output=True, env={"PATH": "", "PYTHONPATH": str(ROOT), "SEEN": str(seen)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = [line.split() for line in seen.read_text().splitlines()]
    assert len(rows) == 4
    assert {worker for worker, _, _ in rows} == {"gw0", "gw1"}
    assert len({folder for _, folder, _ in rows}) == 1
    assert len({maker for _, _, maker in rows}) == 1
