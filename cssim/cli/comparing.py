"""`compare` and `leakage`: who agrees with people how often, and what two sets share."""

from __future__ import annotations

from dataclasses import asdict

import click

from cssim.cli.base import (
    App,
    counting_bar,
    detach_option,
    evaluated_options,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
    say_table,
)
from cssim.services import evaluation, leaks


@click.command(epilog="Example: python -m cssim compare --on held-out --format markdown")
@evaluated_options
@click.option("--anchor", help="The row that others are compared with [default: first frozen].")
@click.option("--name", default="", help="What the comparison is called.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*evaluation.FORMATS, "json"]),
    default="text",
    show_default=True,
)
@detach_option
@pass_app
def compare(
    app: App,
    clusters: tuple[str, ...],
    models: tuple[str, ...],
    ensembles: tuple[str, ...],
    anchor: str | None,
    credit: str,
    draws: int | None,
    seed: int,
    name: str,
    allow_leakage: bool,
    cross_fit: int,
    shuffles: int | None,
    form: str,
    detach: bool,
) -> None:
    """Compare models and ensembles with people's answers, with intervals by reference.

    The comparison is stored, and each look at a test set is counted.
    """
    request = evaluation.comparison_request(
        app.ws,
        clusters,
        models=models or None,
        ensembles=ensembles or None,
        anchor=anchor,
        credit=credit,
        allow_leakage=allow_leakage,
        draws=draws,
        seed=seed,
        cross_fit=cross_fit,
        shuffles=shuffles,
        name=name,
    )
    done = run_or_queue(app, [("comparing", request)], detach=detach, as_json=form == "json")
    if detach:
        return
    stored = evaluation.get_comparison(app.ws, done[0].result["evaluation"])
    if form == "json":
        say_json({"id": stored.info.id, **stored.comparison.to_dict()})
    else:
        text = evaluation.as_text(stored.comparison, form, title=stored.info.name)
        click.echo(text.rstrip("\n"))


@click.command(epilog="Example: python -m cssim leakage triplets-1 triplets-test")
@click.argument("left")
@click.argument("right")
@click.option("--model", help="Also compare by the embeddings of this frozen model.")
@json_option
@pass_app
def leakage(app: App, left: str, right: str, model: str | None, as_json: bool) -> None:
    """Say what cluster RIGHT shares with cluster LEFT: images, references, near duplicates."""
    bar, progress = counting_bar("looking")
    with bar:
        found = leaks.between(app.ws, left, right, model=model, progress=progress)
    if as_json:
        say_json(asdict(found))
        return
    click.echo(f"{found}.")
    pairs = [{"of " + left: one, "of " + right: other} for one, other in found.near_pairs]
    if pairs:
        click.echo("")
        say_table(pairs, tuple(pairs[0]), "none")
