"""The docs say what the code does: commands, settings, links, and what must never stand in them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cssim.cli import main as cli
from cssim.ensembles.strategies import STRATEGIES
from tests.doc_tables import ROOT, TABLES, commands, written

DOCS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("cssim/demo/weights/*/README.md")]
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shell_lines(text: str) -> list[str]:
    """The lines of all blocks marked `sh`, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def cssim_lines() -> list[tuple[str, str]]:
    found = []
    for path in DOCS:
        text = path.read_text(encoding="utf-8")
        lines = [*shell_lines(text), *re.findall(r"`(python -m cssim [^`\n]+)`", text)]
        found += [(path.name, line) for line in lines if line.startswith("python -m cssim ")]
    return found


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and its arguments."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"no command {name!r} in {' '.join(words)}"
        command = command.commands[name]
    return command, rest


@pytest.mark.parametrize("path", TABLES)
def test_tables_in_the_docs_are_those_of_the_code(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text == written(path), "run `make docs`"


def test_tables_are_not_empty():
    assert "| `images add SOURCES...` |" in written("docs/cli.md")
    assert "| `CSSIM_PORT` | `8501` |" in written("docs/operations.md")


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_command_has_help(words):
    result = CliRunner().invoke(cli, [*words.split(), "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    command, _ = resolve(words.split())
    assert command.help


@pytest.mark.parametrize(("document", "line"), cssim_lines())
def test_commands_in_the_docs_exist_and_take_these_arguments(document, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the files lie that the examples name
    Path("photos").mkdir()
    for name in ("triplets.csv", "reference.jpg", "a.jpg", "b.jpg"):
        Path(name).touch()
    words = shlex.split(line)[3:]
    if words[0] in ("COMMAND", "--home"):
        words = words[2:] if words[0] == "--home" else ["doctor", *words[1:]]
    command, rest = resolve(words)
    if rest and not isinstance(command, click.Group):
        # Parsing checks options, choices and the number of arguments without running anything.
        given = [word for word in rest if word not in ("--help", "--json")]
        command.make_context(words[0], given, resilient_parsing=False)


@pytest.mark.parametrize(
    "line", ["python -m cssim doctor", "python -m cssim users add Ada --role administrator"]
)
def test_cheap_commands_of_the_readme_run(line):
    assert line in shell_lines(README)
    done = subprocess.run(
        [sys.executable, *shlex.split(line)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [line for line in shell_lines(README) if line.startswith("make ")])
def test_make_targets_of_the_readme_exist(line):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(line.split()[1])}:.*## ", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_the_docs_lead_somewhere(path: Path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_the_docs_name_exist(path: Path):
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:cssim|db|tests|docs|pages)/[\w/.-]+\.(?:py|md))`", text):
        assert (ROOT / name).exists(), name


def test_every_strategy_is_explained():
    methods = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in methods for name in STRATEGIES)


def test_decisions_are_numbered_without_gaps():
    names = sorted(path.name for path in ROOT.glob("docs/decisions/*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_docs_name_no_registry_and_no_machine(path: Path):
    text = path.read_text(encoding="utf-8")
    hosts = ("pyp" + "i.org", "python" + "hosted", "npmjs", "deb.deb" + "ian")
    folders = re.findall(r"(?<![\w.~/])/(?:home|root|work|Users|tmp|mnt)/\S+", text)
    assert not [host for host in hosts if host in text]
    assert not folders


def test_the_changelog_has_a_place_for_the_next_change():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_python_in_the_readme_imports_what_exists():
    block = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert block is not None
    compile(block[1], "README.md", "exec")
    imports = [line for line in block[1].splitlines() if line.startswith(("from", "import"))]
    exec("\n".join(imports), {})
