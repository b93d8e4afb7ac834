"""The forest plot of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim import words
from cssim.plots.style import KINDS, PALETTE, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def forest_plot(comparison: Mapping[str, Any], *, dark: bool = False) -> Figure:
    """Accuracy and interval of each row of a comparison, best known lines across.

    One trace per kind of row; filled markers belong to the leader's tie group. Vertical lines stand
    at chance, at the anchor, at the human ceiling and at the truth behind simulated answers. Rows
    without a number keep their place and say so; oracles are left out. Each point's `customdata` is
    the row's name.

    Args:
        comparison: `Comparison.to_dict()`.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    rows = [row for row in comparison["rows"] if row["kind"] in KINDS]
    figure = Figure()
    for kind, colour in zip(KINDS, PALETTE, strict=False):
        own = [row for row in rows if row["kind"] == kind and row["accuracy"] is not None]
        if own:
            figure.add_trace(Scatter(name=KINDS[kind], **_points(own, colour)))
    lines = _lines(comparison)
    for share, text, dash in lines:
        figure.add_vline(
            100 * share,
            line={"color": ink(dark), "width": 1, "dash": dash},
            annotation={"text": text, "font": {"size": 12}, "textangle": -90, "xanchor": "right"},
            annotation_position="bottom left",
        )
    names = [row["name"] for row in rows]
    figure.update_layout(**layout(dark=dark), height=140 + 34 * len(rows))
    figure.update_xaxes(
        title="Accuracy (%), interval by reference", range=_range(rows, [x for x, _, _ in lines])
    )
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


def _range(rows: Sequence[Mapping[str, Any]], lines: Sequence[float]) -> list[float] | None:
    """Ends of the axis in per cent, so that no line stands at its very edge; None: no numbers."""
    ends = [row[name] for row in rows for name in ("accuracy", "low", "high")]
    known = [100 * share for share in (*ends, *lines) if share is not None]
    if not known:
        return None
    room = max(1.0, 0.08 * (max(known) - min(known)))
    return [min(known) - room, max(known) + room]


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
    lines.append(
        f"{words.count(row['triples'], 'triple')}, {words.count(row['references'], 'reference')}"
    )
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
        elif row["kind"] == "truth":
            found.append((row["accuracy"], "known truth", "solid"))
        elif row["name"] == anchor:
            found.append((row["accuracy"], "anchor", "dashdot"))
    return found
