"""`curves`: which design to prefer with so many labels, and what the next labels would buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from cssim.cli.models import setting
from cssim.errors import BadInput
from cssim.services import regimes

Row = Mapping[str, Any]


@click.command(epilog="Example: python -m cssim curves triplets --backbone tiny-clip --splits 3")
@click.argument("clusters", nargs=-1)
@click.option("--backbone", "backbones", multiple=True, help="A frozen model [default: all].")
@click.option(
    "--validation", multiple=True, help="A cluster to choose on [default: held-out references]."
)
@click.option("--test", multiple=True, help="A cluster to judge on [default: held-out references].")
@click.option(
    "--size", "sizes", type=click.IntRange(1), multiple=True, help="A number of CS clusters."
)
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    default=regimes.SHARES,
    show_default=True,
    help="A part of each cluster's labels, at the most clusters.",
)
@click.option("--splits", default=5, show_default=True, help="Divisions of the references.")
@click.option("--seeds", default=1, show_default=True, help="Trainings of each division.")
@click.option(
    "--validation-references",
    type=click.IntRange(1),
    help="References held out to choose on [default: a third of those not trained on].",
)
@click.option(
    "--credit", type=click.Choice(["soft", "strict"]), default="soft", show_default=True,
    help="Share of the voters who agree, or agreement with the majority.",
)  # fmt: skip
@click.option("--all-strategies", is_flag=True, help="Every strategy in the tables; takes longer.")
@click.option("--more", default=500, show_default=True, help="How many more labels to speak of.")
@click.option("--draws", type=click.IntRange(100), help="Bootstrap samples of references.")
@click.option("--seed", default=0, show_default=True, help="Of splits, trainings and draws.")
@click.option("--name", default="", help="What it is called.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A TrainConfig field of CS heads.",
)
@click.option(
    "--global-set",
    "global_settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of global heads' settings.",
)
@click.option("--join", is_flag=True, help="Also a global model on all backbones side by side.")
@click.option("--tuned", is_flag=True, help="Also CS models that start from the global ones.")
@click.option(
    "--rotate/--no-rotate",
    default=True,
    show_default=True,
    help="Turn embeddings into the span of few images: much faster.",
)
@click.option("--keep", is_flag=True, help="Keep trained heads for later calls.")
@click.option("--show", type=int, metavar="JOB", help="Only print what an earlier job found.")
@json_option
@detach_option
@pass_app
def curves(
    app: App,
    /,
    clusters: tuple[str, ...],
    settings: tuple[str, ...],
    global_settings: tuple[str, ...],
    show: int | None,
    as_json: bool,
    detach: bool,
    **options: Any,
) -> None:
    """Say whether CS models or a global model should be preferred, with so many labels.

    Heads are trained on cached embeddings, one CS model for each reference of CLUSTERS, over
    several splits; all designs are judged on references that nobody trained on. Ctrl-C stops;
    `jobs retry` goes on after the last head.
    """
    if show is None:
        if not clusters:
            raise BadInput("name at least one cluster whose references are to be trained on")
        many = ("backbones", "sizes")
        options |= {key: options[key] or None for key in many}
        request = regimes.curves_request(
            app.ws,
            clusters,
            settings=dict(setting(text) for text in settings),
            global_settings=dict(setting(text) for text in global_settings),
            **options,
        )
        done = run_or_queue(app, [("curves", request)], detach=detach, as_json=as_json)
        if detach:
            return
        show = done[0].id
    found = regimes.get_curves(app.ws, show)
    if as_json:
        say_json(found)
    elif found["state"] != "done":
        click.echo(f"job {show} is {found['state']}: {found['error'] or found['message']}")
    else:
        _say(found)


def _say(found: Row) -> None:
    data = found["data"]
    click.echo(
        f"{', '.join(data['clusters'])}: {words.count(data['splits'], 'split')}, "
        f"{words.count(data['references'], 'held-out reference')}, {data['credit']} credit in per "
        f"cent, {words.count(found['runs'] + found['reused'], 'head')} in {found['seconds']:.0f} s"
    )
    if found["stale"]:
        click.echo(f"It no longer speaks of the present: {found['stale']}.")
    for name, looks in data["looks"].items():
        click.echo(f"The test set {name} was opened {words.count(looks, 'time')}.")
    click.echo("\n" + "\n".join(found["verdict"]["text"]))
    for axis in found["axes"]:
        _axis(axis)
    _budgets(found["budgets"])
    _ablations(found["ablations"], max(cell["clusters"] for cell in found["cells"]))
    for clusters in map(int, found["tables"]):
        click.echo(
            f"\nTable at {words.count(clusters, 'cluster')}\n{regimes.table_text(found, clusters)}"
        )
    click.echo("\n" + "\n".join([*data["leakage"], *found["notes"]]))


def _axis(axis: Row) -> None:
    heads = [
        words.count(size["clusters"], "cluster")
        if axis["key"] == "clusters"
        else f"{size['share']:.0%}"
        for size in axis["sizes"]
    ]
    labels = {h: f"{round(size['labels']):,}" for h, size in zip(heads, axis["sizes"], strict=True)}
    rows: list[Row] = [{"design": "labels"} | labels]
    for name, curve in axis["curves"].items():
        cells = zip(heads, curve["accuracy"], curve["low"], curve["high"], strict=True)
        gain = axis["next"][name]
        rows.append(
            {"design": name}
            | {
                head: f"{_share(a)} ({_share(low)} to {_share(high)})"
                for head, a, low, high in cells
            }
            | {f"next {gain['labels']:g}": _points(gain["gain"])}
        )
    columns = [*rows[-1]]
    _table(f"{axis['title']} ({axis['fixed']})", rows, columns)
    rows = [
        {"design": row["design"], "against": row["anchor"]}
        | {
            head: f"{_points(d)} ({_points(low)} to {_points(high)})"
            for head, d, low, high in zip(
                heads, row["difference"], row["low"], row["high"], strict=True
            )
        }
        for row in axis["differences"]
    ]
    _table("Paired differences, in points", rows)
    click.echo("")
    for crossing in axis["crossings"]:
        click.echo(crossing["text"])


def _budgets(found: Sequence[Row]) -> None:
    for text in dict.fromkeys(row["text"] for row in found):
        rows = [
            {
                "design": row["design"],
                "many minus few": _points(row["difference"]),
                "interval": f"{_points(row['low'])} to {_points(row['high'])}",
            }
            for row in found
            if row["text"] == text
        ]
        _table(f"The same budget: {text}", rows)


def _ablations(found: Row, clusters: int) -> None:
    rows = [
        {
            "models": f"{row['group']} ({row['members']})",
            "by distance": _share(row["distance"]),
            "by ranking block": _share(row["ranking"]),
            "difference": _points(row["difference"]),
            "interval": f"{_points(row['low'])} to {_points(row['high'])}",
        }
        for row in found["ranking"]
    ]
    _table(f"Ranking block or embedding, at {words.count(clusters, 'cluster')}", rows)
    rows = [
        {
            "without": row["member"],
            "accuracy": _share(row["accuracy"]),
            "difference": _points(row["difference"]),
            "interval": f"{_points(row['low'])} to {_points(row['high'])}",
            "p (Holm)": "<0.001" if row["p_holm"] < 0.001 else f"{row['p_holm']:.3f}",
        }
        for row in found["members"]
    ]
    _table(f"All stacked without one kind of members, at {words.count(clusters, 'cluster')}", rows)


def _table(title: str, rows: Sequence[Row], columns: Sequence[str] = ()) -> None:
    click.echo(f"\n{title}")
    say_table(rows, columns or (tuple(rows[0]) if rows else ()), "none")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.2f}"
