"""Tables in the docs that are written from the code: `python -m tests.doc_tables` (`make docs`)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import click

from cssim import config
from cssim.cli import main as cli
from cssim.config import Settings, variable
from tests.doc_api import api_sections

ROOT = Path(__file__).resolve().parent.parent


def commands(group: click.Group = cli, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, with its words, sorted."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield prefix + name, command
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def commands_table() -> str:
    """Every command with its first sentence."""
    rows = ["| command | what it does |", "|---|---|"]
    for words, command in commands():
        arguments = " ".join(
            p.make_metavar(click.Context(command))
            for p in command.params
            if isinstance(p, click.Argument)
        )
        first = " ".join((command.help or "").split("\n\n")[0].replace("\b", "").split())
        rows.append(f"| `{words}{' ' + arguments if arguments else ''}` | {_cell(first)} |")
    return "\n".join(rows)


def settings_table() -> str:
    """Every setting with its default and its line in the code."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    meanings = field_docs()
    for field in fields(Settings):
        default = "" if field.default is None else str(field.default)
        shown = f"`{default}`" if default else "(empty)"
        rows.append(f"| `{variable(field.name)}` | {shown} | {_cell(meanings[field.name])} |")
    return "\n".join(rows)


def field_docs() -> dict[str, str]:
    """The text under each field of `Settings`."""
    tree = ast.parse(inspect.getsource(config))
    body = next(
        n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == "Settings"
    )
    found = {}
    for line, below in pairwise(body):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[line.target.id] = " ".join(str(below.value.value).split())
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


TABLES = {
    "docs/cli.md": ("commands", commands_table),
    "docs/operations.md": ("settings", settings_table),
    "docs/api.md": ("routes", api_sections),
}


def written(path: str) -> str:
    """The document with its table as the code says it now."""
    marker, table = TABLES[path]
    text = (ROOT / path).read_text(encoding="utf-8")
    pattern = rf"(<!-- {marker} -->\n).*(<!-- /{marker} -->)"
    return re.sub(pattern, lambda m: f"{m[1]}{table()}\n{m[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    for document in TABLES:
        new = written(document)
        (ROOT / document).write_text(new, encoding="utf-8")
