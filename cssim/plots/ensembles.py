"""Figures of ensembles: who speaks where, who pulls which way, what an estimate promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.plots.style import DIVERGING, PALETTE, SCALE, ink, layout, paper, quiet_ink

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

COLUMNS = 4
"""Small multiples beside each other."""


def weights_map(
    points: Floats,
    weights: Floats,
    members: Sequence[str],
    names: Sequence[str],
    *,
    field: Floats | None = None,
    edges: Floats | None = None,
    columns: int = COLUMNS,
    dark: bool = False,
) -> Figure:
    """The weight of each member over image space, a panel for each, on one colour scale.

    Dots are validation references; their `customdata` is their position. Negative weights make the
    scale diverging, around 0.

    Args:
        points: (g, 2) of the references in the plane.
        weights: (g, members) at the references.
        members: names, in order.
        names: (g,) of the references, for hovering.
        field: (members, cells, cells) weights over the whole plane, rows along the second
            dimension, drawn under the dots; None where weights are no function of the plane.
        edges: (2, cells + 1) of the field's cells.
        columns: panels in a row.
        dark: for a dark page.
    """
    from plotly.graph_objects import Heatmap, Scattergl
    from plotly.subplots import make_subplots

    rows = -(-len(members) // columns)
    figure: Figure = make_subplots(
        rows,
        min(columns, len(members)),
        subplot_titles=list(members),
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.02,
        vertical_spacing=min(0.14, 0.4 / max(1, rows)),
    )
    for i, member in enumerate(members):
        row, column = divmod(i, columns)
        at = {"row": row + 1, "col": column + 1}
        if field is not None and edges is not None:
            middle = (edges[:, 1:] + edges[:, :-1]) / 2
            figure.add_trace(
                Heatmap(
                    x=middle[0], y=middle[1], z=field[i], coloraxis="coloraxis", opacity=0.9,
                    hoverinfo="skip",
                ),
                **at,
            )  # fmt: skip
        figure.add_trace(
            Scattergl(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                marker={
                    "color": weights[:, i],
                    "coloraxis": "coloraxis",
                    "size": 7,
                    "line": {"width": 0.6, "color": paper(dark)},
                }
                if field is None
                else {"color": quiet_ink(dark), "size": 2.5, "opacity": 0.7},
                customdata=list(range(len(points))),
                hovertext=[
                    f"<b>{name}</b><br>{member}: weight {weight:.3f}"
                    for name, weight in zip(names, weights[:, i], strict=True)
                ],
                hoverinfo="text",
                showlegend=False,
            ),
            **at,
        )
    figure.update_layout(**layout(dark=dark), height=70 + 190 * rows, coloraxis=_scale(weights))
    figure.update_layout(margin={"t": 50})
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(showticklabels=False, showgrid=False)
    figure.update_annotations(font_size=13)
    return figure


def _scale(weights: Floats) -> dict[str, Any]:
    """From 0 to the largest weight; around 0 where some are negative."""
    top = float(np.max(np.abs(weights))) if weights.size else 1.0
    low = float(np.min(weights)) if weights.size else 0.0
    bar = {"title": {"text": "weight"}, "thickness": 12}
    if low < -1e-9:
        return {"colorscale": DIVERGING, "cmin": -top, "cmax": top, "cmid": 0, "colorbar": bar}
    return {"colorscale": SCALE, "cmin": 0, "cmax": top, "colorbar": bar}


def pulls(pull: Mapping[str, float], *, dark: bool = False) -> Figure:
    """How strongly each member pulls towards A (left) and B (right).

    Args:
        pull: member -> its share of the ensemble's D(A) - D(B): below 0 towards A.
        dark: for a dark page.
    """
    from plotly.graph_objects import Bar, Figure

    names = list(pull)
    values = [pull[name] for name in names]
    figure = Figure(
        Bar(
            x=values,
            y=names,
            orientation="h",
            marker={"color": [PALETTE[0] if value < 0 else PALETTE[1] for value in values]},
            customdata=names,
            hovertext=[
                f"<b>{name}</b> pulls towards {_side(value)} by {abs(value):.3f}"
                for name, value in pull.items()
            ],
            hoverinfo="text",
        )
    )
    reach = max([abs(value) for value in values] or [1.0]) * 1.1 or 1.0
    figure.update_layout(**layout(dark=dark), height=110 + 26 * len(names), bargap=0.35)
    figure.update_layout(margin={"t": 34})
    figure.update_xaxes(
        range=[-reach, reach], title="weighted difference of distances", tickformat=".2f"
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.add_vline(0, line={"color": ink(dark), "width": 1})
    for x, words, side in ((0, "← towards A", "left"), (1, "towards B →", "right")):
        figure.add_annotation(
            x=x, y=1, xref="paper", yref="paper", text=words, showarrow=False, xanchor=side,
            yanchor="bottom",
        )  # fmt: skip
    return figure


def _side(value: float) -> str:
    return "nobody" if value == 0 else "A" if value < 0 else "B"


def score_plot(
    scores: Sequence[tuple[str, float, float, float]], *, first: str, dark: bool = False
) -> Figure:
    """Accuracies with their intervals, one row each, the ensemble's filled and on top.

    Args:
        scores: (name, accuracy, low, high), shares 0..1.
        first: name of the row that the others are compared with; a line stands at it.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    names = [name for name, *_ in scores]
    at = [100 * accuracy for _, accuracy, _, _ in scores]
    figure = Figure(
        Scatter(
            x=at,
            y=names,
            mode="markers",
            customdata=names,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - a) for _, a, _, high in scores],
                "arrayminus": [100 * (a - low) for _, a, low, _ in scores],
                "thickness": 1.5,
                "color": quiet_ink(dark),
            },
            marker={
                "size": 10,
                "color": [PALETTE[1] if name == first else PALETTE[0] for name in names],
                "symbol": ["diamond" if name == first else "circle" for name in names],
            },
            hovertext=[
                f"<b>{name}</b>: {100 * a:.1f} %<br>{100 * low:.1f} to {100 * high:.1f}"
                for name, a, low, high in scores
            ],
            hoverinfo="text",
            showlegend=False,
        )
    )
    figure.update_layout(**layout(dark=dark), height=90 + 28 * len(names))
    figure.update_layout(margin={"t": 14})
    figure.update_xaxes(title="Accuracy, %")
    figure.update_yaxes(type="category", autorange="reversed")
    for name, accuracy, _, _ in scores:
        if name == first:
            figure.add_vline(100 * accuracy, line={"color": PALETTE[1], "width": 1, "dash": "dot"})
    return figure
