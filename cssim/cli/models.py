"""`embed`, `ensemble`: from images to embeddings, and from models to ensembles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cssim import words
from cssim.cli.base import (
    SHUFFLES,
    App,
    detach_option,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
    say_table,
)
from cssim.errors import BadInput, CSSimError
from cssim.services import ensemble_import, ensemble_names, experiments, taking_out
from cssim.types import JobInfo, ModelInfo


@click.command(epilog="Example: python -m cssim embed histogram tiny-clip")
@click.argument("names", nargs=-1, required=True)
@click.option("--cluster", "clusters", multiple=True, help="Only images of this cluster.")
@detach_option
@json_option
@pass_app
def embed(
    app: App, names: tuple[str, ...], clusters: tuple[str, ...], detach: bool, as_json: bool
) -> None:
    """Embed the images with backbones, metrics or models; what is known already is not redone.

    Backbones and metrics become models of the project, to be compared with others.
    """
    request = experiments.embedding_request(app.ws, names, clusters=clusters or None)
    done = run_or_queue(app, [("embedding", request)], detach=detach, as_json=as_json)
    if detach:
        return
    result = done[0].result
    if as_json:
        say_json(result)
    else:
        click.echo(
            f"{words.count(result['images'], 'image')} embedded with {', '.join(result['models'])}"
        )
    for name, reason in result["unavailable"].items():
        click.echo(f"not available: {name}: {reason}", err=True)


@click.group()
def ensemble() -> None:
    """Ensembles: several models that answer together."""


@ensemble.command(epilog="Example: python -m cssim ensemble build all --fit-on validation")
@click.argument("name")
@click.option("--member", "members", multiple=True, help="A model [default: all CS models].")
@click.option(
    "--strategy",
    default="uniform",
    show_default=True,
    help="How they are combined; `all` builds one ensemble for each, called NAME and the strategy.",
)
@click.option(
    "--fit-on",
    multiple=True,
    help="A validation cluster for weights and confidence; may be repeated.",
)
@click.option(
    "--features",
    help="The frozen model that looks at references, for weights that depend on them "
    "[default: the first one].",
)
@SHUFFLES
@detach_option
@json_option
@pass_app
def build(
    app: App,
    name: str,
    members: tuple[str, ...],
    strategy: str,
    fit_on: tuple[str, ...],
    features: str | None,
    shuffles: int | None,
    detach: bool,
    as_json: bool,
) -> None:
    """Fit and save an ensemble; its folder can be used without the database."""
    wanted = {name: strategy}
    if strategy == "all":
        wanted = {f"{name} {one}": one for one in experiments.strategy_names()}
    requests = [
        experiments.ensemble_request(
            app.ws,
            title,
            members or experiments.cs_models(app.ws),
            strategy=one,
            fit_on=fit_on,
            features=features,
            shuffles=shuffles,
        )
        for title, one in wanted.items()
    ]
    labelled = [(f"building {request.params['name']}", request) for request in requests]
    done = run_or_queue(app, labelled, detach=detach, as_json=as_json)
    if detach:
        return
    if as_json:
        say_json(done[0].result if strategy != "all" else [job.result for job in done])
        return
    for title, job in zip(wanted, done, strict=True):
        click.echo(f"saved {title} in {job.result['path']}")


@ensemble.command("list", epilog="Example: python -m cssim ensemble list")
@click.option("--archived", is_flag=True, help="Also those that were put away.")
@json_option
@pass_app
def list_ensembles(app: App, archived: bool, as_json: bool) -> None:
    """List the ensembles of the project."""
    found = experiments.list_ensembles(app.ws, archived=archived)
    if as_json:
        say_json([asdict(one) for one in found])
        return
    names = {model.id: model.name for model in experiments.list_models(app.ws, archived=True)}
    rows = [asdict(one) | {"members": [names[i] for i in one.member_ids]} for one in found]
    say_table(rows, ("id", "name", "strategy", "members", "path"), "no ensembles yet")


@ensemble.command(epilog="Example: python -m cssim ensemble rename 'all stack' everybody")
@click.argument("name")
@click.argument("new")
@pass_app
def rename(app: App, name: str, new: str) -> None:
    """Give an ensemble another name; what was compared with it stays current."""
    ensemble_names.rename_ensemble(app.ws, name, new)
    click.echo(f"{name} is called {new} now")


@ensemble.command(epilog="Example: python -m cssim ensemble archive 'all vote' 'all best'")
@click.argument("names", nargs=-1, required=True)
@click.option("--back", is_flag=True, help="Bring them back.")
@pass_app
def archive(app: App, names: tuple[str, ...], back: bool) -> None:
    """Put ensembles away: lists and comparisons pass them over, what was compared keeps them."""
    ensemble_names.archive_ensembles(app.ws, names, back=back)
    click.echo(f"{', '.join(names)}: {'back' if back else 'put away'}")


@ensemble.command(epilog="Example: python -m cssim ensemble export everybody everybody.zip")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@pass_app
def export(app: App, name: str, file: Path) -> None:
    """Write an ensemble to a new ZIP FILE; unpacked it is what `load_ensemble` reads."""
    click.echo(f"wrote {taking_out.export_ensemble(app.ws, name, file)}")


@ensemble.command("import", epilog="Example: python -m cssim ensemble import everybody.zip")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="What it is called here [default: as it was].")
@pass_app
def import_ensemble(app: App, source: Path, name: str | None) -> None:
    """Take an ensemble in: a ZIP file of `ensemble export`, or a folder that it was built in."""
    found = ensemble_import.import_ensemble(app.ws, source, name=name)
    click.echo(f"ensemble {found.id}: {found.name}, {found.strategy} of {len(found.member_ids)}")


def setting(text: str) -> tuple[str, Any]:
    """The field and value of FIELD=VALUE; a value that is no JSON is text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--set expects FIELD=VALUE, such as rank=8, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def trained(app: App, done: list[JobInfo]) -> list[ModelInfo]:
    """The models that finished training jobs have made."""
    wanted = {job.result["model"] for job in done}
    found = [m for m in experiments.list_models(app.ws, archived=True) if m.id in wanted]
    if len(found) != len(wanted):
        raise CSSimError("a model that was just trained is gone; see `jobs list`")
    return found


def say_models(found: list[ModelInfo], as_json: bool) -> None:
    """Print models with their training numbers."""
    if as_json:
        say_json([asdict(model) for model in found])
        return
    rows = [
        asdict(model)
        | {
            "before": model.metrics.get("accuracy_untrained"),
            "held-out": model.metrics.get("accuracy"),
            "n": model.metrics.get("held_triples"),
            "seconds": model.metrics.get("seconds"),
        }
        for model in found
    ]
    columns = ("id", "name", "kind", "backbone", "before", "held-out", "n", "seconds")
    say_table(rows, columns, "no models yet: run `embed` or `train`")
