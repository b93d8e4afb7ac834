"""`analyse`: where models are right, what people agree on, what each member is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from cssim import words
from cssim.cli.base import (
    App,
    detach_option,
    evaluated_options,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
    say_table,
)
from cssim.services import analysing

Row = Mapping[str, Any]


@click.command(epilog="Example: python -m cssim analyse --on held-out --ensemble all")
@evaluated_options
@json_option
@detach_option
@pass_app
def analyse(
    app: App,
    clusters: tuple[str, ...],
    models: tuple[str, ...],
    ensembles: tuple[str, ...],
    credit: str,
    draws: int | None,
    seed: int,
    allow_leakage: bool,
    cross_fit: int,
    shuffles: int | None,
    as_json: bool,
    detach: bool,
) -> None:
    """Break accuracy down, test confidences, and say what each member of an ensemble is worth.

    Cells with fewer than 10 references show no number. Each look at a test set is counted.
    """
    request = analysing.analysis_request(
        app.ws,
        clusters,
        models=models or None,
        ensembles=ensembles or None,
        credit=credit,
        allow_leakage=allow_leakage,
        draws=draws,
        seed=seed,
        cross_fit=cross_fit,
        shuffles=shuffles,
    )
    done = run_or_queue(app, [("analysing", request)], detach=detach, as_json=as_json)
    if detach:
        return
    if as_json:
        say_json({"job": done[0].id, **done[0].result})
    else:
        _say(done[0].result)


def _say(result: Mapping[str, Any]) -> None:
    click.echo(
        f"{', '.join(result['clusters'])}: {words.count(result['triples'], 'triple')} of "
        f"{words.count(result['references'], 'reference')}, {result['credit']} credit in per cent"
    )
    for name, looks in result["looks"].items():
        click.echo(f"The test set {name} was opened {words.count(looks, 'time')}.")
    names = [row["name"] for row in result["rows"]]
    _table("Rows", [{**row, "accuracy": _per_cent(row["accuracy"])} for row in result["rows"]])
    for title, cells in result["breakdown"].items():
        if title == "margin":
            for name, own in cells.items():
                _table(f"By margin of {name}", _cells(own, [name]))
        else:
            _table(f"By {title}", _cells(cells, names))
    if result["matrix"] is not None:
        _matrix(result["matrix"])
    people = result["agreement"]
    _table(
        "Agreement of people",
        [
            {
                "triples with several": people["triples"],
                "ceiling": _per_cent(people["others"]),
                "person to person": _per_cent(people["person"]),
                "bound": _per_cent(people["bound"]),
                "alpha choices": _number(people["alpha_choices"]),
                "alpha classes": _number(people["alpha_classes"]),
            }
        ],
    )
    for part in result["ensembles"]:
        _ensemble(part)
    if result["notes"]:
        click.echo("\n" + "\n".join(result["notes"]))


def _ensemble(part: Mapping[str, Any]) -> None:
    name = part["name"]
    bounds = {title: _per_cent(value) for title, value in part["oracle"].items()}
    _table(f"{name}: bounds by an oracle", [bounds])
    if part["ablation"] is not None:
        rows = [
            {
                "without": row["member"],
                "accuracy": _per_cent(row["accuracy"]),
                "difference": _points(row["difference"]),
                "interval": "-"
                if row["low"] is None
                else f"{_points(row['low'])} to {_points(row['high'])}",
                "p (Holm)": _p(row["p_holm"]),
            }
            for row in part["ablation"]
        ]
        _table(f"{name}: one member left out, the rest fitted again", rows)
    if part["gating_null"] is not None:
        null = part["gating_null"]
        row = {
            f"gain over {null['blind']}": f"{100 * null['gain']:+.2f}",
            "most on shuffled references": f"{100 * (max(null['null'])):+.2f}",
            "shuffles": null["draws"],
            "p": _p(null["p"]),
        }
        _table(f"{name}: looking at the reference, {null['where']}", [row])
    if part["calibration"] is not None:
        found = part["calibration"]
        rows = [
            {
                "triples": step["triples"],
                "references": step["references"],
                "confidence": _per_cent(step["confidence"]),
                "credit": _per_cent(step["credit"]),
                "interval": _range(step["low"], step["high"]),
            }
            for step in found["steps"]
        ]
        _table(f"{name}: are confidences earned?", rows)
        click.echo(
            f"expected calibration error {_per_cent(found['error'])}, Brier {found['brier']:.4f}, "
            f"log loss {found['log_loss']:.4f}"
        )
        _table(f"{name}: answering only where sure", _coverage(part["coverage"]))


def _coverage(curve: Mapping[str, Sequence[float | None]]) -> list[Row]:
    columns = (curve[key] for key in ("coverage", "threshold", "credit", "low", "high"))
    return [
        {
            "answered": _per_cent(coverage),
            "confidence from": _per_cent(threshold),
            "credit": _per_cent(credit),
            "interval": _range(low, high),
        }
        for coverage, threshold, credit, low, high in zip(*columns, strict=True)
    ]


def _cells(cells: Iterable[Row], names: Sequence[str]) -> list[Row]:
    return [
        {"cell": cell["label"], "triples": cell["triples"], "references": cell["references"]}
        | {
            name: "hidden" if cell["hidden"] else f"{_per_cent(value)} ({_range(low, high)})"
            for name, value, low, high in zip(
                names, cell["accuracy"], cell["low"], cell["high"], strict=True
            )
        }
        for cell in cells
    ]


def _matrix(matrix: Mapping[str, Any]) -> None:
    rows = [
        {"model": model}
        | {
            cluster: _per_cent(value) + ("*" if own else "")
            for cluster, value, own in zip(matrix["clusters"], values, owns, strict=True)
        }
        for model, values, owns in zip(
            matrix["models"], matrix["accuracy"], matrix["own"], strict=True
        )
    ]
    _table("Each CS model on each context cluster (* trained on it)", rows)
    click.echo(f"own {_per_cent(matrix['home'])}, others {_per_cent(matrix['away'])}")


def _table(title: str, rows: Sequence[Row]) -> None:
    click.echo(f"\n{title}")
    say_table(rows, tuple(rows[0]) if rows else (), "none")


def _range(low: float | None, high: float | None) -> str:
    return "-" if low is None else f"{_per_cent(low)} to {_per_cent(high)}"


def _per_cent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
