"""Plain values in, plotly figures out: data and layout, no state, no pixels.

All figures share one template: a transparent background, so that the page's own theme shows
through, and colours of Okabe and Ito (2008), which people of all colour vision can tell apart.
Shares come in as 0..1 and are drawn in per cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Okabe and Ito's colours without black, the strongest first."""

KINDS = {
    "metric": "Metric",
    "frozen": "Frozen backbone",
    "cs": "CS model",
    "global": "Global model",
    "ensemble": "Ensemble",
}
"""Kinds of rows as legends name them; each keeps its colour in all figures."""

CLEAR = "rgba(0,0,0,0)"


def ink(dark: bool) -> str:
    """Colour of text and lines: readable on the page's background, light or dark."""
    return "#E6E6E6" if dark else "#262730"


def layout(*, dark: bool = False) -> dict[str, Any]:
    """What all figures have in common, for `Figure.update_layout`."""
    grid = "rgba(255,255,255,0.15)" if dark else "rgba(0,0,0,0.12)"
    axis = {"gridcolor": grid, "zeroline": False, "linecolor": grid, "automargin": True}
    return {
        "template": {
            "layout": {
                "paper_bgcolor": CLEAR,
                "plot_bgcolor": CLEAR,
                "colorway": list(PALETTE),
                "font": {"color": ink(dark), "size": 14},
                "xaxis": axis,
                "yaxis": axis,
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
                "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
                "hoverlabel": {"font": {"size": 13}},
            }
        },
        # A redraw with new numbers keeps the zoom that the person has chosen.
        "uirevision": "keep",
    }


def forest_plot(comparison: Mapping[str, Any], *, dark: bool = False) -> Figure:
    """Accuracy and interval of each row of a comparison, best known lines across.

    One trace per kind of row; filled markers belong to the leader's tie group. Vertical lines stand
    at chance, at the anchor and at the human ceiling. Rows without a number keep their place and
    say so. Each point's `customdata` is the row's name.

    Args:
        comparison: `Comparison.to_dict()`.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    rows = [row for row in comparison["rows"] if row["kind"] not in ("chance", "ceiling")]
    figure = Figure()
    for kind, colour in zip(KINDS, PALETTE, strict=False):
        own = [row for row in rows if row["kind"] == kind and row["accuracy"] is not None]
        if own:
            figure.add_trace(Scatter(name=KINDS[kind], **_points(own, colour)))
    for share, words, dash in _lines(comparison):
        figure.add_vline(
            100 * share,
            line={"color": ink(dark), "width": 1, "dash": dash},
            annotation={"text": words, "font": {"size": 12}, "textangle": -90, "xanchor": "right"},
            annotation_position="bottom left",
        )
    names = [row["name"] for row in rows]
    figure.update_layout(**layout(dark=dark), height=140 + 34 * len(rows))
    figure.update_xaxes(title="Accuracy (%), interval by reference")
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        range=[len(names) - 0.5, -0.5],
        tickmode="array",
        tickvals=names,
        ticktext=[r["name"] + (" (not available)" if r["reason"] else "") for r in rows],
    )
    return figure


def training_curves(epochs: Sequence[Mapping[str, Any]], *, dark: bool = False) -> Figure:
    """Loss, local accuracy and learning rate of one training run, epoch by epoch.

    A ring marks the epoch that is kept. Values that an epoch does not have are gaps.

    Args:
        epochs: `Epoch.to_dict()` of each, in order; none give empty axes.
        dark: for a dark page.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.4, 0.4, 0.2]
    )
    number = [epoch["number"] for epoch in epochs]
    kept = max((i for i, epoch in enumerate(epochs) if epoch["best"]), default=None)
    lines = (
        (1, "train_loss", "Loss, training", 1, 0, "dot"),
        (1, "loss", "Loss, held out", 1, 0, "solid"),
        (2, "ranking_accuracy", "Accuracy, ranking block", 100, 1, "dot"),
        (2, "accuracy", "Accuracy, distance", 100, 1, "solid"),
        (3, "lr", "Learning rate", 1, 2, "solid"),
    )
    for row, key, name, factor, colour, dash in lines:
        values = [None if e[key] is None else factor * e[key] for e in epochs]
        ring = [i == kept and key in ("loss", "accuracy") for i in range(len(number))]
        marker = {
            "size": [12 if ringed else 4 for ringed in ring],
            "symbol": ["circle-open" if ringed else "circle" for ringed in ring],
        }
        line = {"color": PALETTE[colour], "dash": dash}
        curve = Scatter(
            x=number, y=values, name=name, mode="lines+markers", line=line, marker=marker
        )
        figure.add_trace(curve, row=row, col=1)
    figure.update_layout(**layout(dark=dark), height=560)
    for row, title in enumerate(("Loss", "Local accuracy (%)", "Learning rate"), start=1):
        figure.update_yaxes(title=title, row=row, col=1)
    figure.update_xaxes(title="Epoch", row=3, col=1)
    return figure


def _points(rows: Sequence[Mapping[str, Any]], colour: str) -> dict[str, Any]:
    """Markers with asymmetric whiskers for the rows of one kind."""
    x = [100 * row["accuracy"] for row in rows]
    ends = [(row["low"], row["high"]) for row in rows]
    whiskers = [
        (0.0, 0.0) if low is None else (100 * high - at, at - 100 * low)
        for at, (low, high) in zip(x, ends, strict=True)
    ]
    return {
        "mode": "markers",
        "x": x,
        "y": [row["name"] for row in rows],
        "customdata": [row["name"] for row in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [up for up, _ in whiskers],
            "arrayminus": [down for _, down in whiskers],
            "thickness": 1.5,
        },
        "marker": {
            "color": colour,
            "size": 10,
            "symbol": ["circle" if row["tied"] else "circle-open" for row in rows],
        },
        "hovertext": [_hover(row) for row in rows],
        "hoverinfo": "text",
    }


def _hover(row: Mapping[str, Any]) -> str:
    lines = [f"<b>{row['name']}</b>: {100 * row['accuracy']:.2f} %"]
    if row["low"] is not None:
        lines.append(f"interval {100 * row['low']:.2f} to {100 * row['high']:.2f}")
    if row["difference"] is not None:
        lines.append(f"{100 * row['difference']:+.2f} to the anchor, Holm p {row['p_holm']:.3f}")
    lines.append(f"{row['triples']:,} triples, {row['references']:,} references")
    return "<br>".join(lines)


def _lines(comparison: Mapping[str, Any]) -> list[tuple[float, str, str]]:
    """(share, words, dash) of the vertical lines there is a number for."""
    anchor = comparison["settings"]["anchor"]
    found = []
    for row in comparison["rows"]:
        if row["accuracy"] is None:
            continue
        if row["kind"] == "chance":
            found.append((row["accuracy"], "chance", "dot"))
        elif row["kind"] == "ceiling":
            found.append((row["accuracy"], "human ceiling", "dash"))
        elif row["name"] == anchor:
            found.append((row["accuracy"], "anchor", "dashdot"))
    return found
