"""`models`: the registry. Lists, cards, comparing two, renaming, putting away, out and in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.cli.models import say_models
from cssim.services import card_text, cards, experiments, transfers
from cssim.services.cards import Accuracy, Card


@click.group(invoke_without_command=True, epilog="Example: python -m cssim models --json")
@click.option("--archived", is_flag=True, help="Also those that were put away.")
@json_option
@click.pass_context
def models(context: click.Context, archived: bool, as_json: bool) -> None:
    """List the models of the project; or one's card, its name, its files."""
    if context.invoked_subcommand is None:
        app = context.find_object(App)
        assert app is not None
        say_models(experiments.list_models(app.ws, archived=archived), as_json)


@models.command(epilog="Example: python -m cssim models show ocean-tiny-clip --markdown > card.md")
@click.argument("name")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a file beside the weights.")
@json_option
@pass_app
def show(app: App, name: str, markdown: bool, as_json: bool) -> None:
    """The card of a model: what, on what, how it did, what it takes, whether it still runs."""
    card = cards.model_card(app.ws, name)
    if as_json:
        say_json(asdict(card))
    elif markdown:
        click.echo(card_text.markdown(card), nl=False)
    else:
        _say(card)


@models.command(epilog="Example: python -m cssim models compare ocean-tiny-clip ocean-rank-8")
@click.argument("one")
@click.argument("other")
@json_option
@pass_app
def compare(app: App, one: str, other: str, as_json: bool) -> None:
    """Where two models differ: settings, data and numbers."""
    left, right = (cards.model_card(app.ws, name) for name in (one, other))
    rows = [{"what": what, one: a, other: b} for what, a, b in cards.differences(left, right)]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ("what", one, other), "they differ in nothing")


@models.command(epilog="Example: python -m cssim models rename ocean-tiny-clip ocean")
@click.argument("name")
@click.argument("new")
@pass_app
def rename(app: App, name: str, new: str) -> None:
    """Give a trained model another name."""
    cards.rename_model(app.ws, name, new)
    click.echo(f"{name} is called {new} now")


@models.command(epilog="Example: python -m cssim models archive ocean-rank-8")
@click.argument("names", nargs=-1, required=True)
@click.option("--back", is_flag=True, help="Bring them back.")
@pass_app
def archive(app: App, names: tuple[str, ...], back: bool) -> None:
    """Put models away: lists and comparisons pass them over, ensembles keep them."""
    cards.archive_models(app.ws, names, back=back)
    click.echo(f"{', '.join(names)}: {'back' if back else 'put away'}")


@models.command(epilog="Example: python -m cssim models export ocean shared/ocean")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_app
def export(app: App, name: str, folder: Path) -> None:
    """Write a trained model to a new FOLDER that transformers and peft read without CS-Sim."""
    click.echo(f"wrote {transfers.export_model(app.ws, name, folder)}; see its README.md")


@models.command("import", epilog="Example: python -m cssim models import shared/ocean")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="What it is called here [default: as it was].")
@pass_app
def import_model(app: App, source: Path, name: str | None) -> None:
    """Take a model in: a folder that `models export` wrote, or the page Train's ZIP file of one."""
    model = transfers.import_model(app.ws, source, name=name)
    click.echo(f"model {model.id}: {model.name}, {model.kind.value}, on {model.backbone}")


def _say(card: Card) -> None:
    model = card.model
    away = ", put away" if card.archived else ""
    click.echo(f"{model.name}: model {model.id}, {model.kind.value}{away}")
    rows: list[tuple[str, Any]] = [
        ("backbone", model.backbone),
        ("trained on", ", ".join(card.trained_on) or None),
        ("data", model.data_fingerprint or None),
        ("weights", model.fingerprint or None),
        *card.facts.items(),
        ("bytes", card.bytes),
        ("made", model.created_at and f"{model.created_at:%Y-%m-%d %H:%M} UTC"),
    ]
    _pairs(rows)
    if model.config:
        click.echo("\nSettings")
        _pairs(list(model.config.items()))
    if card.data:
        click.echo("\nData")
        _pairs([(card_text.DATA.get(name, name), count) for name, count in card.data.items()])
    found = [card.local] * (card.local is not None) + list(card.elsewhere)
    if found:
        click.echo("\nAgreement with people")
        shown = [_accuracy(one) for one in found if one is not None]
        say_table(shown, tuple(shown[0]), "none")
    if card.curve:
        click.echo("\nEpochs")
        columns = (
            "number", "loss", "train_loss", "accuracy", "ranking_accuracy", "lr", "images",
            "seconds",
        )  # fmt: skip
        say_table(card.curve, [c for c in columns if c in card.curve[0]], "none")
    for problem in card.problems:
        click.echo(f"\nProblem: {problem}")


def _pairs(rows: Sequence[tuple[str, Any]]) -> None:
    known = [(name, value) for name, value in rows if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        click.echo(f"  {name.replace('_', ' ').ljust(width)}  {text}")


def _accuracy(one: Accuracy) -> dict[str, Any]:
    span = "-" if one.low is None or one.high is None else f"{one.low:.1%} to {one.high:.1%}"
    return {
        "where": one.where,
        "accuracy": f"{one.value:.1%}",
        "95 % interval": span,
        "triples": one.triples,
        "references": one.references,
        "comparison": one.evaluation,
    }
