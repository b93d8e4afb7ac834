"""`backbones`: what models can be made from, and how to get what is not here."""

from __future__ import annotations

from pathlib import Path

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import health
from cssim.services.backbone_import import import_backbone

_COLUMNS = (
    "name", "family", "pooling", "input_size", "parameters", "targets", "licence", "reachable",
)  # fmt: skip


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  python -m cssim backbones\n"
    "  python -m cssim backbones import vgg-16 vgg16-397923af.pth",
)
@json_option
@click.pass_context
def backbones(context: click.Context, as_json: bool) -> None:
    """List backbones and metrics: what is reachable here, and how to get the rest.

    Any Hub name and any local Hugging Face folder work as well. Parameters are in millions; targets
    are the layers that LoRA adapts unless told otherwise.
    """
    if context.invoked_subcommand is not None:
        return
    rows = health.backbone_rows(context.find_object(App).settings)  # type: ignore[union-attr]
    if as_json:
        say_json(rows)
        return
    say_table(rows, _COLUMNS, "none")
    absent = [row for row in rows if not row["reachable"]]
    if absent:
        click.echo(f"\nFor example {absent[0]['name']}: {absent[0]['where']}")


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
