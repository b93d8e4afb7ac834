"""Learning curves: accuracy of designs against the number of labels, and where they cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import TYPE_CHECKING, Any

from cssim.plots.style import DASHES, PALETTE, SYMBOLS, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FEW = 3
"""Designs between which crossings are marked."""


def curves_figure(
    axis: Mapping[str, Any],
    designs: Sequence[str],
    *,
    human: float | None = None,
    dark: bool = False,
) -> Figure:
    """Accuracy and interval of each design at growing numbers of labels, on a log scale.

    With `FEW` designs or fewer, a dotted vertical line stands where one overtakes another, with its
    interval as a band; more would hide the curves. Each point's `customdata` is (clusters, share of
    each cluster's pages).

    Args:
        axis: one of `axes` of `regimes.get_curves`.
        designs: names of the curves to draw.
        human: human ceiling 0..1, as a line across.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    sizes = axis["sizes"]
    labels = [size["labels"] for size in sizes]
    for k, name in enumerate(designs):
        curve, colour = axis["curves"][name], PALETTE[k % len(PALETTE)]
        known = [i for i, share in enumerate(curve["accuracy"]) if share is not None]
        figure.add_trace(
            Scatter(
                name=name,
                x=[labels[i] for i in known],
                y=[100 * curve["accuracy"][i] for i in known],
                error_y=_whiskers(curve, known),
                customdata=[[sizes[i]["clusters"], sizes[i]["share"]] for i in known],
                mode="lines+markers",
                line={"color": colour, "dash": DASHES[k % len(DASHES)]},
                marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 9},
                hovertemplate=(
                    f"<b>{name}</b><br>%{{x:,.0f}} labels, %{{customdata[0]}} clusters<br>"
                    "%{y:.1f} %<extra></extra>"
                ),
            )
        )
    for crossing in axis["crossings"] if len(designs) <= FEW else ():
        at = crossing["labels"]
        inside = at is not None and labels[0] < at <= labels[-1]
        if inside and {crossing["one"], crossing["other"]} <= set(designs):
            _mark(figure, crossing, dark)
    if human is not None:
        figure.add_hline(
            100 * human,
            line={"color": ink(dark), "width": 1, "dash": "dash"},
            annotation={"text": "human ceiling", "font": {"size": 12}},
            annotation_position="bottom right",
        )
    figure.update_layout(**layout(dark=dark), height=460)
    figure.update_xaxes(
        title=f"Labels ({axis['fixed']})" if axis.get("fixed") else "Labels",
        type="log",
        tickvals=labels,
        ticktext=[f"{value:,.0f}" for value in labels],
    )
    figure.update_yaxes(title="Accuracy (%)")
    return figure


def _whiskers(curve: Mapping[str, Any], known: Sequence[int]) -> dict[str, Any]:
    def reach(i: int, end: str) -> float:
        share = curve[end][i]
        return 0.0 if share is None else 100 * abs(share - curve["accuracy"][i])

    return {
        "type": "data",
        "symmetric": False,
        "array": [reach(i, "high") for i in known],
        "arrayminus": [reach(i, "low") for i in known],
        "thickness": 1.2,
        "width": 3,
    }


def _mark(figure: Figure, crossing: Mapping[str, Any], dark: bool) -> None:
    if crossing["low"] is not None and crossing["high"] is not None:
        figure.add_vrect(
            crossing["low"], crossing["high"], fillcolor=ink(dark), opacity=0.06, line_width=0
        )
    figure.add_vline(crossing["labels"], line={"color": ink(dark), "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=log10(crossing["labels"]),  # unlike shapes, annotations speak of the exponent
        y=0,
        yref="paper",
        yanchor="bottom",
        xanchor="right",
        text=f"{crossing['other']} overtakes {crossing['one']}",
        textangle=-90,
        showarrow=False,
        font={"size": 12},
    )


def curves_table(axis: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers behind the figure, of all designs; shares 0..1."""
    return [
        {
            "design": name,
            "labels": size["labels"],
            "clusters": size["clusters"],
            "share of pages": size["share"],
            "accuracy": curve["accuracy"][i],
            "low": curve["low"][i],
            "high": curve["high"][i],
        }
        for name, curve in axis["curves"].items()
        for i, size in enumerate(axis["sizes"])
    ]
