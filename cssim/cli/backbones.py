"""`backbones`: what models can be made from, and how to get what is not here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import health
from cssim.services.backbone_import import import_backbone

_WIDE = 110
"""Columns of the terminal in which a row holds everything."""
_NARROW = ("name", "family", "pixels", "millions", "licence", "here")
_BY_FAMILY = ("family", "embedding", "LoRA on")


@click.group(invoke_without_command=True, epilog="Example: python -m cssim backbones --json")
@json_option
@click.pass_context
def backbones(context: click.Context, as_json: bool) -> None:
    """List backbones and metrics: what is reachable here, and how to get the rest.

    Any Hub name and any local Hugging Face folder work as well. `pixels` is the side of the input,
    `millions` counts parameters, `LoRA on` names the layers that it adapts unless told otherwise.
    """
    if context.invoked_subcommand is not None:
        return
    rows = health.backbone_rows(context.find_object(App).settings)  # type: ignore[union-attr]
    if as_json:
        say_json(rows)
        return
    width = shutil.get_terminal_size(fallback=(_WIDE, 24)).columns
    _say_rows([_shown(row) for row in rows], wide=width >= _WIDE)
    absent = [row for row in rows if not row["reachable"]]
    if absent:
        text = (
            f"{len(absent)} of {len(rows)} are not on this machine; `python -m cssim backbones "
            f"show NAME` says how to get one. For example {absent[0]['name']}: {absent[0]['where']}"
        )
        click.echo(f"\n{_wrapped(text, width)}")


def _wrapped(text: str, width: int) -> str:
    """The text in lines; what stands between backticks is there to be copied, and stays whole."""
    parts = text.split("`")
    whole = "`".join(part.replace(" ", "\xa0") if i % 2 else part for i, part in enumerate(parts))
    return click.wrap_text(whole, min(width, 100)).replace("\xa0", " ")


def _say_rows(rows: list[dict[str, Any]], *, wide: bool) -> None:
    """Everything in one table, or what follows from the family in one of its own."""
    if wide:
        columns = (*_NARROW[:2], *_BY_FAMILY[1:], *_NARROW[2:])
        say_table(rows, columns, "none")
        return
    say_table(rows, _NARROW, "none")
    families = {row["family"]: row for row in rows if row["LoRA on"]}
    click.echo()
    say_table(families.values(), _BY_FAMILY, "none")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "pixels": row["input_size"],
        "millions": row["parameters"],
        "embedding": row["pooling"],
        "LoRA on": row["targets"],
        "here": "yes" if row["reachable"] else "no",
    }


@backbones.command(epilog="Example: python -m cssim backbones show dinov2-base")
@click.argument("name")
@json_option
@pass_app
def show(app: App, name: str, as_json: bool) -> None:
    """All that is known of the backbone NAME, and where it lies or how to get it.

    NAME may also be a Hub name or a folder.
    """
    row = health.backbone_row(app.settings, name)
    if as_json:
        say_json(row)
        return
    shown = _shown(row)
    for label in (*_NARROW[:2], *_BY_FAMILY[1:], *_NARROW[2:]):
        if shown[label] is not None:
            click.echo(f"{label:10} {shown[label]}")
    width = shutil.get_terminal_size(fallback=(100, 24)).columns
    click.echo(f"\n{_wrapped(row['where'], width)}")


@backbones.command("import", epilog="Example: python -m cssim backbones import vgg-16 vgg16.pth")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@pass_app
def import_(app: App, name: str, file: Path, as_json: bool) -> None:
    """Make a published checkpoint FILE into the backbone NAME, which is then loaded by that name.

    For networks that are published as bare files of tensors: VGG, ResNet, Places365, CVNet. Nothing
    in the file is executed. The folder is CSSIM_MODELS, or `backbones` in the home folder.
    """
    folder = import_backbone(app.settings, name, file)
    if as_json:
        say_json({"name": name, "folder": str(folder)})
    else:
        click.echo(f"{name} is in {folder}")
