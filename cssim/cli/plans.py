"""`plans`: which pages people are to answer; `gold`: pages with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from cssim import words
from cssim.cli.base import (
    App,
    detach_option,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
    say_table,
)
from cssim.services import gold, plan_pages, simulating
from cssim.services import plans as use
from cssim.services.plan_specs import REFERENCES, SAMPLINGS, PlanSpec
from cssim.services.plans import Cost, PlanInfo


@click.group()
def plans() -> None:
    """Plans: which pages people are to answer, and how many people each."""


_MADE = (
    click.argument("name"),
    click.option("--kind", type=click.Choice(["context", "validation", "test"]), default="context",
                 show_default=True, help="What the set is for."),
    click.option("--reference", "names", multiple=True, help="Name of a reference image."),
    click.option("--references", "reference_count", type=click.IntRange(1), default=1,
                 show_default=True, help="How many to choose where none are named."),
    click.option("--choose", "choose_references", type=click.Choice(list(REFERENCES)),
                 default="random", show_default=True, help="How references are chosen."),
    click.option("--pages", "pages_per_reference", type=click.IntRange(1), default=334,
                 show_default=True, help="For each reference."),
    click.option("--candidates", type=click.IntRange(2, 5), default=3, show_default=True),
    click.option("--mode", type=click.Choice(["rank", "choose"]), default="rank",
                 show_default=True),
    click.option("--sampling", type=click.Choice(list(SAMPLINGS)), default="random",
                 show_default=True, help="How candidates are chosen."),
    click.option("--tag", help="References among the images with this tag."),
    click.option("--from-tag", "tags", multiple=True, help="Stratified: a tag to draw from."),
    click.option("--model", "models", multiple=True, help="Active: a model that may disagree."),
    click.option("--holdout", type=float, default=0.15, show_default=True,
                 help="Active: share of random pages."),
    click.option("--people", type=click.IntRange(1, 50), default=1, show_default=True,
                 help="How many people answer a page."),
    click.option("--overlap-share", type=float, default=1.0, show_default=True,
                 help="Share of the pages that so many people answer."),
    click.option("--adaptive", is_flag=True, help="Add people while the majority is unsure."),
    click.option("--cap", type=click.IntRange(2, 50), default=6, show_default=True,
                 help="Adaptive: at most so many people."),
    click.option("--gold", help="Gold set whose pages are mixed in."),
    click.option("--gold-rate", type=float, default=0.0, show_default=True),
    click.option("--repeat-rate", type=float, default=0.0, show_default=True),
    click.option("--repeat-gap", type=click.IntRange(1), default=30, show_default=True,
                 help="Other answers between a page and its repeat."),
    click.option("--priority", type=click.IntRange(-100, 100), default=0, show_default=True),
    click.option("--context", help="What the references show."),
    click.option("--seed", type=int, default=0, show_default=True),
)  # fmt: skip


def _made(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a plan is to be."""
    for option in reversed(_MADE):
        command = option(command)
    return command


@plans.command(epilog="Example: python -m cssim plans make ocean --reference val/254 --pages 334")
@_made
@click.option("--cost", "only_cost", is_flag=True, help="Only say what it costs.")
@json_option
@detach_option
@pass_app
def make(
    app: App,
    /,
    only_cost: bool,
    as_json: bool,
    detach: bool,
    names: tuple[str, ...],
    **options: Any,
) -> None:
    """Make a plan, after saying what it costs; its pages are handed out at once."""
    spec = PlanSpec(references=tuple(plan_pages.named_images(app.ws, names)), **options)
    cost = use.cost_of(app.ws, spec)
    if only_cost:
        if as_json:
            say_json({**asdict(cost), "seconds": cost.seconds})
        else:
            click.echo(_cost(cost))
        return
    if not as_json:
        click.echo(_cost(cost))
    if spec.needs_job:
        request = use.plan_request(app.ws, spec)
        done = run_or_queue(app, [(spec.name, request)], detach=detach, as_json=as_json)
        if detach:
            return
        plan = use.get_plan(app.ws, done[0].result["plan"])
    else:
        plan = use.make_plan(app.ws, spec)
    _said(plan, as_json)


def _cost(cost: Cost) -> str:
    base = (
        f"measured on {words.count(cost.measured_on, 'answer')}"
        if cost.measured_on
        else "a guess so far"
    )
    answers = words.count(cost.most_answers, "answer")
    if cost.most_answers > cost.answers:
        answers = f"{cost.answers:,} to {answers}"
    checks = f", {cost.checks:,} gold and repeats" if cost.checks else ""
    hours = f"{cost.seconds / 3600:.1f}"
    if cost.most_answers > cost.answers:
        hours += f" to {cost.most_seconds / 3600:.1f}"
    return (
        f"{words.count(cost.pages, 'page')}, {words.count(cost.triples, 'triple')}, "
        f"{answers}{checks}: {hours} hours of work at {cost.seconds_per_page:.1f} s a page ({base})"
    )


def _said(plan: PlanInfo, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(plan), "finished": plan.finished})
        return
    counts = plan.counts
    click.echo(
        f"plan {plan.id} {plan.name!r}: {counts.done:,} of {words.count(counts.wanted, 'answer')} "
        f"on {words.count(counts.pages, 'page')}, priority "
        f"{plan.priority}{', paused' if plan.paused else ''}"
    )


@plans.command("list", epilog="Example: python -m cssim plans list")
@json_option
@pass_app
def list_plans(app: App, as_json: bool) -> None:
    """List plans with what they got so far."""
    found = use.list_plans(app.ws)
    if as_json:
        say_json([{**asdict(plan), "finished": plan.finished} for plan in found])
        return
    rows = [
        {
            "id": plan.id,
            "name": plan.name,
            "pages": plan.counts.pages,
            "finished": plan.counts.finished,
            "answers": f"{plan.counts.done} of {plan.counts.wanted}",
            "repeats": plan.counts.repeats_done,
            "hours left": round(plan.seconds_left / 3600, 2),
            "priority": plan.priority,
            "state": "paused" if plan.paused else "finished" if plan.finished else "open",
        }
        for plan in found
    ]
    columns = ("id", "name", "pages", "finished", "answers", "repeats", "hours left", "priority",
               "state")  # fmt: skip
    say_table(rows, columns, "no plans yet: make one with `plans make`")


@plans.command(epilog="Example: python -m cssim plans pause ocean")
@click.argument("plan")
@pass_app
def pause(app: App, plan: str) -> None:
    """Stop handing a plan's pages out."""
    _said(use.pause(app.ws, plan), False)


@plans.command(epilog="Example: python -m cssim plans resume ocean")
@click.argument("plan")
@pass_app
def resume(app: App, plan: str) -> None:
    """Hand a plan's pages out again."""
    _said(use.pause(app.ws, plan, False), False)


@plans.command(epilog="Example: python -m cssim plans priority ocean 5")
@click.argument("plan")
@click.argument("priority", type=click.IntRange(-100, 100))
@pass_app
def priority(app: App, plan: str, priority: int) -> None:
    """Hand a plan's pages out before (higher) or after those of others."""
    _said(use.set_priority(app.ws, plan, priority), False)


@plans.command("send-back", epilog="Example: python -m cssim plans send-back again --how repeat "
               "--reference val/254")  # fmt: skip
@click.argument("name")
@click.option("--how", type=click.Choice(use.HOW), required=True,
              help="Same people again, more people, or new pages.")  # fmt: skip
@click.option("--reference", "names", multiple=True, required=True, help="Name of a reference.")
@click.option("--people", type=click.IntRange(1, 50), default=1, show_default=True)
@click.option("--pages", type=click.IntRange(1), default=10, show_default=True,
              help="New pages for each reference.")  # fmt: skip
@json_option
@pass_app
def send_back(
    app: App, name: str, how: str, names: tuple[str, ...], people: int, pages: int, as_json: bool
) -> None:
    """Ask again about some references."""
    found = plan_pages.named_images(app.ws, names)
    plan = use.send_back(app.ws, found, how, people=people, per_reference=pages, name=name)
    _said(plan, as_json)


@plans.command(epilog="Example: python -m cssim plans suggest 8 --tag ocean")
@click.argument("count", type=click.IntRange(1))
@click.option("--tag", help="Among the images with this tag.")
@click.option("--model", help="Whose embeddings to use.")
@json_option
@pass_app
def suggest(app: App, count: int, tag: str | None, model: str | None, as_json: bool) -> None:
    """Suggest typical images as references, by k-medoids on cached embeddings."""
    found = plan_pages.suggest_references(app.ws, count, tag=tag, model=model)
    rows = [{"image": s.image.name, "stands for": s.stands_for, "share": s.share} for s in found]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ("image", "stands for", "share"), "no images")


@plans.command(epilog="Example: python -m cssim plans simulate --on held-out")
@click.option("--on", "clusters", multiple=True, required=True, help="A set with answers.")
@click.option("--model", "models", multiple=True, help="A model [default: all].")
@click.option("--size", "sizes", multiple=True, type=click.IntRange(2), help="Answers to use.")
@click.option("--seeds", type=click.IntRange(2), default=20, show_default=True)
@json_option
@pass_app
def simulate(
    app: App,
    clusters: tuple[str, ...],
    models: tuple[str, ...],
    sizes: tuple[int, ...],
    seeds: int,
    as_json: bool,
) -> None:
    """Say whether active sampling would have paid, on answers that are there."""
    points = simulating.active_trial(
        app.ws, clusters, models=models, sizes=sorted(sizes) or simulating.SIZES, seeds=seeds
    )
    if as_json:
        say_json([asdict(point) for point in points])
        return
    rows = [
        {
            "rule": p.rule,
            "answers": p.answers,
            "accuracy": f"{100 * p.accuracy:.1f} [{100 * p.low:.1f}, {100 * p.high:.1f}]",
            "against random": ""
            if p.rule == "random"
            else f"{100 * p.gain:+.1f} [{100 * p.gain_low:+.1f}, {100 * p.gain_high:+.1f}]",
        }
        for p in points
    ]
    say_table(rows, ("rule", "answers", "accuracy", "against random"), "nothing")


@plans.command("gold", epilog="Example: python -m cssim plans gold checks --from ocean --pages 20")
@click.argument("name")
@click.option("--from", "source", required=True, help="Set whose unanimous pages are taken.")
@click.option("--pages", type=click.IntRange(1), default=20, show_default=True)
@click.option("--votes", type=click.IntRange(2), default=3, show_default=True,
              help="Least number of people who agree.")  # fmt: skip
@pass_app
def make_gold(app: App, name: str, source: str, pages: int, votes: int) -> None:
    """Make a gold set of pages on which people agree wholly."""
    cluster = gold.gold_from_votes(app.ws, name, source, pages=pages, least_votes=votes)
    click.echo(f"gold set {cluster.name!r} with {words.count(pages, 'page')}")
