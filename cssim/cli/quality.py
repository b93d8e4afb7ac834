"""`quality`: how people answer, who stands out, what they say together."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cssim import words
from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import consensus as agreed
from cssim.services import overview as live
from cssim.services import quality as use
from cssim.services import remarks as said
from cssim.services.quality import PersonQuality, QualityReport, QualityRules


@click.group()
def quality() -> None:
    """Quality: how people answer, who stands out, and what they say together."""


@quality.command("people", epilog="Example: python -m cssim quality people --on held-out")
@click.option("--on", "clusters", multiple=True, help="A set [default: all].")
@click.option("--fast-ms", type=click.IntRange(0), default=800, show_default=True,
              help="Answers below this are too fast.")  # fmt: skip
@click.option("--warned", is_flag=True, help="Only people who stand out.")
@json_option
@pass_app
def people(app: App, clusters: tuple[str, ...], fast_ms: int, warned: bool, as_json: bool) -> None:
    """Show how each person answers: agreement, gold, repeats, sides, speed, drift, cycles."""
    report = use.quality_report(
        app.ws, clusters=clusters or None, rules=QualityRules(fast_ms=fast_ms)
    )
    found = [person for person in report.people if person.warnings or not warned]
    if as_json:
        say_json({**asdict(report), "people": [asdict(person) for person in found]})
        return
    click.echo(_overall(report))
    columns = ("name", "answers", "agree", "kappa", "gold", "repeats", "left", "p", "median s",
               "fast", "cycles", "stands out")  # fmt: skip
    say_table([_row(person) for person in found], columns, "nobody")


def _overall(report: QualityReport) -> str:
    o = report.overall

    def number(value: float | None) -> str:
        return "unknown" if value is None or math.isnan(value) else f"{value:.3f}"

    left_out = f"; left out: {', '.join(report.excluded)}" if report.excluded else ""
    return (
        f"{words.count(len(report.people), 'person', 'people')}, "
        f"{words.count(report.answers, 'answer')}, {words.count(o.questions, 'question')} of which "
        f"{words.count(o.overlapping, 'has', 'have')} two or more votes: alpha {number(o.alpha)}, "
        f"Fleiss' kappa {number(o.fleiss)}, alpha of classes {number(o.alpha_classes)}, two people "
        f"agree on {number(o.agreement)}{left_out}"
    )


def _row(person: PersonQuality) -> dict[str, Any]:
    def share(value: float) -> str:
        return "-" if math.isnan(value) else f"{100 * value:.0f} %"

    others, sides = person.others, person.sides
    return {
        "name": person.person.name,
        "answers": person.answers,
        "agree": share(others.agreement.share) if others else "-",
        "kappa": f"{others.kappa:.2f}" if others and others.kappa is not None else "-",
        "gold": share(person.gold.share),
        "repeats": share(person.repeats.share),
        "left": share(sides.share.share if sides.side == 0 else 1 - sides.share.share)
        if sides and sides.places == 2
        else "-",
        "p": f"{sides.p:.3f}" if sides else "-",
        "median s": "-"
        if math.isnan(person.pace.median_ms)
        else f"{person.pace.median_ms / 1000:.1f}",
        "fast": share(person.pace.fast.share),
        "cycles": share(person.cycles.share),
        "stands out": "; ".join(person.warnings)
        + (" (paused)" if person.participation.paused else "")
        + (" (excluded)" if person.participation.excluded else ""),
    }


@quality.command("overview", epilog="Example: python -m cssim quality overview")
@json_option
@pass_app
def overview(app: App, as_json: bool) -> None:
    """Show throughput, remaining time and coverage as they are now."""
    found = live.live_overview(app.ws)
    if as_json:
        say_json(asdict(found))
        return
    click.echo(
        f"{found.done:,} of {words.count(found.wanted, 'answer')}; {found.touched:,} of "
        f"{words.count(found.pages, 'page')} have one, {found.finished:,} have all\nlast hour "
        f"{found.last_hour.answers:,} by {found.last_hour.people}, last day "
        f"{found.last_day.answers:,} by {found.last_day.people}\n{found.seconds_left / 3600:.1f} "
        "hours of work left"
        + (
            f", {found.hours_at_this_pace:.1f} hours at the pace of the last day"
            if found.hours_at_this_pace is not None
            else ""
        )
    )


@quality.command(
    "set", epilog='Example: python -m cssim quality set "Ada L." --exclude --reason fast'
)
@click.argument("person")
@click.option("--pause/--resume", "paused", default=None, help="Give them no more pages, or again.")
@click.option("--exclude/--include", "excluded", default=None,
              help="Leave their answers out of analyses, or take them in again.")  # fmt: skip
@click.option("--reason", default="", help="Kept with the change.")
@pass_app
def set_person(
    app: App, person: str, paused: bool | None, excluded: bool | None, reason: str
) -> None:
    """Pause a person, or leave their answers out of analyses; nothing is deleted."""
    found = use.set_participation(app.ws, person, paused=paused, excluded=excluded, reason=reason)
    states = [word for word in ("paused", "excluded") if getattr(found, word)]
    click.echo(f"{person} is {' and '.join(states) or 'taking part'} now")


@quality.command("consensus", epilog="Example: python -m cssim quality consensus held-out "
                 "--out consensus.csv")  # fmt: skip
@click.argument("cluster")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV file.")
@json_option
@pass_app
def consensus(app: App, cluster: str, out: Path | None, as_json: bool) -> None:
    """Show what people say together: majority, Dawid and Skene's model, decisions."""
    view = agreed.consensus_of(app.ws, cluster)
    if out is not None:
        out.write_text(agreed.consensus_csv(app.ws, view), encoding="utf-8")
    if as_json:
        say_json(asdict(view))
        return
    unclear = sum(not question.majority for question in view.questions)
    click.echo(
        f"{cluster}: {words.count(len(view.questions), 'question')}, {unclear:,} without a "
        f"majority, {sum(bool(q.decided) for q in view.questions):,} decided; fitted in "
        f"{words.count(view.rounds, 'round')}"
    )
    rows = [asdict(skill) for skill in view.skills]
    say_table(rows, ("person", "skill", "votes"), "nobody is named")


@quality.command("disputes", epilog="Example: python -m cssim quality disputes --on held-out")
@click.option("--on", "clusters", multiple=True, help="A set [default: all].")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@pass_app
def disputes(app: App, clusters: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the pages on which people disagree most and nobody has decided."""
    found = agreed.disputes(app.ws, clusters=clusters or None, limit=limit)
    rows = [
        {
            "page": dispute.page.id,
            "set": dispute.cluster,
            "reference": dispute.images[dispute.page.reference].name,
            "people": dispute.people,
            "certainty": dispute.certainty,
        }
        for dispute in found
    ]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ("page", "set", "reference", "people", "certainty"), "no disputes")


@quality.command("remarks", epilog="Example: python -m cssim quality remarks --open")
@click.option("--open", "only_open", is_flag=True, help="Only pages that wait for answers.")
@click.option("--limit", type=click.IntRange(1, said.MOST), default=50, show_default=True)
@json_option
@pass_app
def remarks(app: App, only_open: bool, limit: int, as_json: bool) -> None:
    """List the pages that annotators flagged, or that several skipped, with their remarks."""
    rows = [
        {
            "page": found.page.id,
            "set": found.cluster,
            "reference": found.images[found.page.reference].name,
            "open": found.is_open,
            "person": one.person,
            "did": one.kind.value,
            "remark": one.text,
            "at": f"{one.at:%Y-%m-%d %H:%M}",
        }
        for found in said.remarked_pages(app.ws, only_open=only_open, limit=limit)
        for one in found.remarks
    ]
    if as_json:
        say_json(rows)
    else:
        columns = ("page", "set", "reference", "open", "person", "did", "remark", "at")
        say_table(rows, columns, "no remarks")
