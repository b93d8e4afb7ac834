"""`ask` and `search`: a saved ensemble put to work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cssim import words
from cssim.cli.base import App, counting_bar, json_option, pass_app, say_json, say_table
from cssim.services import asking

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog="Example: python -m cssim ask all photo.jpg left.jpg right.jpg")
@click.argument("ensemble")
@click.argument("reference", type=_file)
@click.argument("a", type=_file)
@click.argument("b", type=_file)
@click.option("--explain", is_flag=True, help="Also weights, and how members did on similar ones.")
@json_option
@pass_app
def ask(
    app: App, ensemble: str, reference: Path, a: Path, b: Path, explain: bool, as_json: bool
) -> None:
    """Which of two pictures is closer to the reference, by ENSEMBLE (a name or a folder)."""
    answer = asking.ask(app.ws, ensemble, reference, a, b, explain=explain)
    if as_json:
        say_json(answer)
        return
    choice = answer["choice"]
    sure = "" if answer["confidence"] is None else f" (confidence {answer['confidence']:.0%})"
    click.echo("both are equally close" if choice is None else f"{choice} is closer{sure}")
    for name, vote in answer["votes"].items():
        to_a, to_b = answer["member_distances"][name]
        click.echo(f"  {name}: {vote or 'tie'} ({to_a:.4f} to A, {to_b:.4f} to B)")
    if explain:
        _say_explanation(answer["explanation"])


@click.command(epilog="Example: python -m cssim search all photo.jpg photos/ --top 5")
@click.argument("ensemble")
@click.argument("reference", type=_file)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@click.option(
    "--index",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the embeddings for the next search; made and brought up to date.",
)
@json_option
@pass_app
def search(
    app: App,
    ensemble: str,
    reference: Path,
    folder: Path,
    top: int,
    index: Path | None,
    as_json: bool,
) -> None:
    """Find the pictures below FOLDER that are closest to the reference, by ENSEMBLE."""
    bar, progress = counting_bar("searching")
    with bar:
        result = asking.search(
            app.ws, ensemble, reference, folder, top=top, index=index, progress=progress
        )
    if as_json:
        say_json(result)
    else:
        rows = [one | {"distance": f"{one['distance']:z.4f}"} for one in result["found"]]
        say_table(rows, ("distance", "path"), f"no pictures in {folder}")
    for reason in result["refused"]:
        click.echo(f"left out: {reason}", err=True)


def _say_explanation(why: Mapping[str, Any]) -> None:
    depend = "depend on the reference" if why["by_reference"] else "are the same for all references"
    click.echo(f"\nWeights ({why['strategy']}; they {depend})")
    rows = [
        {"member": name, "weight": f"{weight:.3f}"}
        | {"here": _share((why["competence"] or {}).get(name))}
        | {"overall": _share((why["overall"] or {}).get(name))}
        for name, weight in why["weights"].items()
    ]
    columns = ["member", "weight", *["here"] * (why["competence"] is not None)]
    say_table(rows, [*columns, *["overall"] * (why["overall"] is not None)], "none")
    if why["references"] is not None:
        click.echo(
            f"estimated from {words.count(why['references'], 'validation reference')} with "
            f"{words.count(why['triples'], 'triple')}"
        )
    if not why["nearest"]:
        click.echo("Built without validation answers, so there are no references to compare with.")
        return
    click.echo(f"\nNearest validation references, as {why['encoder']} sees them")
    near = [
        {"reference": one["name"], "distance": f"{one['distance']:.3f}", "triples": one["triples"]}
        | {name: _share(value) for name, value in one["accuracy"].items()}
        for one in why["nearest"]
    ]
    say_table(near, ["reference", "distance", "triples", *why["weights"]], "none")


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
