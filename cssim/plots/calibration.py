"""Whether confidences mean what they say, and what abstaining would gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim import words
from cssim.plots.style import DASHES, PALETTE, SYMBOLS, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Ensembles = Sequence[Mapping[str, Any]]
"""Of an analysis: `name`, `calibration`, `coverage`; those that state no confidence are skipped."""


def reliability_figure(ensembles: Ensembles, *, dark: bool = False) -> Figure:
    """Stated confidence against the credit earned; calibrated points lie on the diagonal."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for k, one in enumerate(one for one in ensembles if one["calibration"]):
        steps = one["calibration"]["steps"]
        figure.add_trace(
            Scatter(
                name=one["name"],
                x=[100 * step["confidence"] for step in steps],
                y=[100 * step["credit"] for step in steps],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_above(step) for step in steps],
                    "arrayminus": [_below(step) for step in steps],
                    "thickness": 1.2,
                    "width": 3,
                },
                mode="lines+markers",
                line={"color": PALETTE[k % len(PALETTE)], "dash": DASHES[k % len(DASHES)]},
                marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 8},
                hovertext=[
                    f"<b>{one['name']}</b><br>says {100 * step['confidence']:.1f} %, earns "
                    f"{100 * step['credit']:.1f} %<br>{words.count(step['triples'], 'triple')}, "
                    f"{words.count(step['references'], 'reference')}"
                    for step in steps
                ],
                hoverinfo="text",
            )
        )
    figure.add_shape(
        type="line",
        x0=50,
        y0=50,
        x1=100,
        y1=100,
        line={"color": ink(dark), "width": 1, "dash": "dot"},
    )
    figure.update_layout(**layout(dark=dark), height=420)
    figure.update_xaxes(title="Stated confidence (%)", range=[48, 102])
    figure.update_yaxes(title="Credit earned (%)")
    return figure


def _above(step: Mapping[str, Any]) -> float:
    return 0.0 if step["high"] is None else 100 * (step["high"] - step["credit"])


def _below(step: Mapping[str, Any]) -> float:
    return 0.0 if step["low"] is None else 100 * (step["credit"] - step["low"])


def reliability_table(ensembles: Ensembles) -> list[dict[str, Any]]:
    """The numbers behind `reliability_figure`, one row for each ensemble and step; shares 0..1."""
    return [
        {"ensemble": one["name"], **step}
        for one in ensembles
        if one["calibration"]
        for step in one["calibration"]["steps"]
    ]


def coverage_figure(
    ensembles: Ensembles, *, ceiling: float | None = None, dark: bool = False
) -> Figure:
    """Accuracy on the triples of which an ensemble is surest, against the share it answers.

    Args:
        ensembles: see `Ensembles`.
        ceiling: human ceiling 0..1, as a line across.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for k, one in enumerate(one for one in ensembles if one["coverage"]):
        curve, colour = one["coverage"], PALETTE[k % len(PALETTE)]
        x = [100 * share for share in curve["coverage"]]
        if all(end is not None for end in (*curve["low"], *curve["high"])):
            figure.add_trace(
                Scatter(
                    x=[*x, *x[::-1]],
                    y=[100 * v for v in (*curve["high"], *curve["low"][::-1])],
                    fill="toself",
                    fillcolor=_veil(colour),
                    line={"width": 0},
                    mode="lines",
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=one["name"],
                )
            )
        figure.add_trace(
            Scatter(
                name=one["name"],
                legendgroup=one["name"],
                x=x,
                y=[100 * share for share in curve["credit"]],
                mode="lines+markers",
                line={"color": colour, "dash": DASHES[k % len(DASHES)]},
                marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 6},
                hovertemplate=(
                    f"<b>{one['name']}</b><br>answers %{{x:.0f}} %, right %{{y:.1f}} %"
                    "<extra></extra>"
                ),
            )
        )
    if ceiling is not None:
        figure.add_hline(
            100 * ceiling,
            line={"color": ink(dark), "width": 1, "dash": "dash"},
            annotation={"text": "human ceiling", "font": {"size": 12}},
            annotation_position="bottom right",
        )
    figure.update_layout(**layout(dark=dark), height=420)
    figure.update_xaxes(title="Triples answered (%)", range=[0, 102])
    figure.update_yaxes(title="Accuracy on them (%)")
    return figure


def _veil(colour: str) -> str:
    """The colour, nearly transparent, for a band."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def coverage_table(ensembles: Ensembles) -> list[dict[str, Any]]:
    """The numbers behind `coverage_figure`, one row for each ensemble and point; shares 0..1."""
    keys = ("coverage", "threshold", "credit", "low", "high")
    return [
        {"ensemble": one["name"], **dict(zip(keys, values, strict=True))}
        for one in ensembles
        if one["coverage"]
        for values in zip(*(one["coverage"][key] for key in keys), strict=True)
    ]
