"""`train`: models from people's answers, one or many."""

from __future__ import annotations

import click

from cssim import words
from cssim.cli.base import (
    App,
    detach_option,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
)
from cssim.cli.models import say_models, setting, trained
from cssim.errors import BadInput
from cssim.services import batches, executors, experiments, training_plans
from cssim.services.jobs import JobRequest


@click.command(
    epilog="Example: python -m cssim train ocean city --backbone tiny-clip --seeds 3 --detach"
)
@click.argument("clusters", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All sets with answers but tests and gold.")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    required=True,
    help="A name of `backbones`, a Hub name or a folder; several give a model for each.",
)
@click.option("--name", "names", multiple=True, help="Name of the model; one for each cluster.")
@click.option("--together", is_flag=True, help="One model on all of these clusters.")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A field of the TrainConfig."
)
@click.option(
    "--recipe",
    default="default",
    show_default=True,
    help="Settings to begin with: default, paper (as published), global (a strong global model).",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, training_plans.MAX_SEEDS),
    default=1,
    show_default=True,
    help="Train each model with so many seeds.",
)
@detach_option
@json_option
@pass_app
def train(
    app: App,
    clusters: tuple[str, ...],
    every: bool,
    backbones: tuple[str, ...],
    names: tuple[str, ...],
    together: bool,
    settings: tuple[str, ...],
    recipe: str,
    seeds: int,
    detach: bool,
    as_json: bool,
) -> None:
    """Train one CS model for each cluster (a job of its own), on its people's answers.

    Ctrl-C stops after the step at hand; `jobs retry` goes on from the last epoch. With --detach,
    several models are one batch: `jobs batches` shows how far it is. `--all --together` makes one
    global model of everything that people answered, but for sets that models are measured on.
    """
    config: dict[str, object] = {"recipe": recipe} | dict(setting(text) for text in settings)
    if every == bool(clusters):
        raise click.UsageError("name clusters, or give --all")
    if every:
        clusters = tuple(training_plans.sets_to_train(app.ws))
    requests = _requests(app, clusters, backbones, names, together, config, seeds)
    if detach and len(requests) > 1:
        _queue_batch(app, requests, as_json)
        return
    labelled = [(f"training {request.params['name']}", request) for request in requests]
    done = run_or_queue(app, labelled, detach=detach, as_json=as_json)
    if not detach:
        say_models(trained(app, done), as_json)


def _requests(
    app: App,
    clusters: tuple[str, ...],
    backbones: tuple[str, ...],
    names: tuple[str, ...],
    together: bool,
    config: dict[str, object],
    seeds: int,
) -> list[JobRequest]:
    if len(backbones) == 1 and seeds == 1:
        return experiments.training_requests(
            app.ws, clusters, backbones[0], config=config, names=names or None, together=together
        )
    if names:
        raise BadInput("--name is for one backbone and one seed; plans name their models")
    return training_plans.training_plan(
        app.ws, clusters, backbones, config=config, seeds=seeds, together=together
    )


def _queue_batch(app: App, requests: list[JobRequest], as_json: bool) -> None:
    batch_id = batches.enqueue_batch(app.ws, words.count(len(requests), "training"), requests)
    if as_json:
        say_json({"batch": batch_id, "jobs": len(requests)})
    else:
        click.echo(
            f"queued batch {batch_id} of {words.count(len(requests), 'training')}; see `jobs "
            "batches`"
        )
    if not executors.live_workers(app.ws.database, app.settings):
        click.echo("no worker is alive: start one with `python -m cssim worker`", err=True)
