"""The fingerprint of the code changes with what numbers depend on, and with nothing else."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

import cssim
from cssim.services.code import SOURCES, code_fingerprint, source_digest

PACKAGE = Path(cssim.__file__).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources that count, in a folder of their own."""
    for name in SOURCES:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = PACKAGE / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return tmp_path


def test_it_is_the_version_and_a_digest_of_the_sources(copy: Path) -> None:
    version, digest = code_fingerprint().split("+")
    assert version == cssim.__version__
    assert digest == source_digest(copy)
    assert len(digest) == 12


@pytest.mark.parametrize("name", SOURCES)
def test_any_change_of_what_numbers_depend_on_changes_it(copy: Path, name: str) -> None:
    before = source_digest(copy)
    path = copy / name
    file = sorted(path.rglob("*.py"))[-1] if path.is_dir() else path
    file.write_bytes(file.read_bytes() + b"\n")
    source_digest.cache_clear()
    assert source_digest(copy) != before


def test_whatever_pixels_or_answers_pass_through_counts() -> None:
    """Modules that the runners import, and that calculate; those that draw, store and load do not.

    The demo, plans and drafts make data; what is made of them is another matter.
    """
    others = {
        "cosis.py",
        *(f"services/{name}.py" for name in ("evaluation", "inspection_files", "inspection_types")),
        *(f"services/{name}.py" for name in ("label_drafts", "library", "plain", "vectors")),
    }
    runners = ("analysing", "comparing", "estimating", "inspecting_run", "regime_runs")
    found, todo = set(), [f"cssim.services.{name}" for name in runners]
    while todo:
        path = PACKAGE.parent / f"{todo.pop().replace('.', '/')}.py"
        if path in found or not path.is_file():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("cssim"):
                todo += [str(node.module), *(f"{node.module}.{one.name}" for one in node.names)]
    calculating = {
        path.relative_to(PACKAGE).as_posix()
        for path in found
        if re.search(r"^\s*(import numpy|from PIL)", path.read_text("utf-8"), re.MULTILINE)
    }
    counted = {name for name in calculating if name.split("/")[0] in SOURCES or name in SOURCES}
    made = {name for name in calculating if name.startswith(("demo/", "sampling/"))}
    assert calculating - counted - made <= others


def test_line_ends_and_other_files_do_not_count(copy: Path) -> None:
    before = source_digest(copy)
    source_digest.cache_clear()
    file = copy / "types.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    (copy / "ensembles" / "notes.txt").write_text("nothing that runs")
    assert source_digest(copy) == before
