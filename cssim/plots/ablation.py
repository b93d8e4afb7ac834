"""What each member of an ensemble is worth, and how far the ensemble is from its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim.plots.style import PALETTE, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BOUNDS = {
    "best member": "best single member",
    "ensemble": "the ensemble",
    "best by reference": "best member of each reference",
    "best by triple": "best member of each triple",
}
"""The bounds of an analysis, from the lowest that is fair to the highest that nobody reaches."""


def left_out_figure(
    members: Sequence[Mapping[str, Any]], *, alpha: float = 0.05, dark: bool = False
) -> Figure:
    """Change of accuracy, in points, when each member is left out and the rest is fitted again.

    Filled marks: the change is more than chance (Holm p below `alpha`). To the left of the line the
    ensemble is worse without the member.

    Args:
        members: `member`, `difference`, `low`, `high` (shares; None without interval), `p_holm`.
        alpha: level of the tests.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    rows = sorted(members, key=lambda one: one["difference"])
    x = [100 * one["difference"] for one in rows]
    ends = [
        (at, at) if one["low"] is None else (100 * one["low"], 100 * one["high"])
        for at, one in zip(x, rows, strict=True)
    ]
    sure = [one["p_holm"] is not None and one["p_holm"] < alpha for one in rows]
    figure = Figure(
        Scatter(
            x=x,
            y=[one["member"] for one in rows],
            mode="markers",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - at for at, (_, high) in zip(x, ends, strict=True)],
                "arrayminus": [at - low for at, (low, _) in zip(x, ends, strict=True)],
                "thickness": 1.5,
            },
            marker={
                "color": PALETTE[0],
                "size": 10,
                "symbol": ["circle" if one else "circle-open" for one in sure],
            },
            hovertext=[_hover(one) for one in rows],
            hoverinfo="text",
        )
    )
    figure.add_vline(0, line={"color": ink(dark), "width": 1})
    figure.update_layout(**layout(dark=dark), height=110 + 32 * len(rows), margin_t=10)
    figure.update_xaxes(title="Change without it (points)")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def _hover(one: Mapping[str, Any]) -> str:
    parts = [f"<b>without {one['member']}</b>: {100 * one['accuracy']:.2f} %"]
    parts.append(f"change {100 * one['difference']:+.2f} points")
    if one["low"] is not None:
        parts.append(f"interval {100 * one['low']:+.2f} to {100 * one['high']:+.2f}")
    if one["p_holm"] is not None:
        parts.append(f"Holm p {one['p_holm']:.3f}")
    return "<br>".join(parts)


def bounds_figure(ensembles: Sequence[Mapping[str, Any]], *, dark: bool = False) -> Figure:
    """Each ensemble between its best member and the bounds that no weighting can pass.

    Args:
        ensembles: `name` and `oracle` of each, as an analysis gives them.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    names = [one["name"] for one in ensembles]
    signs = ("circle-open", "circle", "line-ns-open", "line-ns-open")
    for k, (key, title) in enumerate(BOUNDS.items()):
        figure.add_trace(
            Scatter(
                name=title,
                x=[100 * one["oracle"][key] for one in ensembles],
                y=names,
                mode="markers",
                marker={
                    "symbol": signs[k],
                    "size": 12 if k < 2 else 16,
                    "color": PALETTE[k],
                    "line": {"width": 3 if k > 1 else 1.5, "color": PALETTE[k]},
                },
                hovertemplate=f"%{{y}}<br>{title}: %{{x:.1f}} %<extra></extra>",
            )
        )
    figure.update_layout(**layout(dark=dark), height=150 + 36 * len(names))
    figure.update_layout(margin_t=70)
    figure.update_xaxes(title="Accuracy (%)")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def bounds_table(ensembles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The numbers behind `bounds_figure`; shares 0..1."""
    return [{"ensemble": one["name"], **one["oracle"]} for one in ensembles]
