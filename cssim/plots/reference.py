"""Figures of one reference: its place among the others, and the weights that strategies give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cssim.plots.style import DIVERGING, KINDS, PALETTE, SCALE, ink, layout, quiet_ink

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]


def weights_table(
    weights: Floats,
    strategies: Sequence[str],
    members: Sequence[str],
    *,
    dark: bool = False,
) -> Figure:
    """Weights of the members by each strategy as a heat map with the numbers in its cells.

    Args:
        weights: (strategies, members), shares; negative ones make the scale diverging.
        strategies: titles, from top to bottom.
        members: names, from left to right.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Heatmap

    top = float(np.abs(weights).max()) or 1.0
    signed = bool((weights < -1e-9).any())
    words = [
        [f"{value:.2f}".replace("-", "−") if abs(value) >= 0.005 else "·" for value in row]
        for row in weights.tolist()
    ]
    figure = Figure(
        Heatmap(
            z=weights,
            x=list(members),
            y=list(strategies),
            colorscale=DIVERGING if signed else SCALE,
            zmin=-top if signed else 0,
            zmax=top,
            zmid=0 if signed else None,
            xgap=2,
            ygap=2,
            showscale=False,
            text=words,
            texttemplate="%{text}",  # plotly chooses the ink that stands out from the cell
            textfont={"size": 12},
            hovertemplate="<b>%{y}</b><br>%{x}: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_layout(**layout(dark=dark), height=90 + 30 * len(strategies))
    figure.update_layout(margin={"t": 10})
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False, tickangle=-35)
    return figure


def place_on_map(
    points: Floats,
    accuracy: Floats,
    names: Sequence[str],
    here: Floats,
    nearest: Sequence[int],
    *,
    title: str = "mean accuracy of the members",
    dark: bool = False,
) -> Figure:
    """Where a reference lies among the validation references.

    Args:
        points: (g, 2) of the validation references in the plane.
        accuracy: (g,) 0..1, the colour of each.
        names: (g,) for hovering; `customdata` is the position.
        here: (2,) of the reference in question, drawn as a star.
        nearest: positions of the references that are nearest by full embedding, ringed.
        title: of the colour scale.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter, Scattergl

    ring = np.zeros(len(points), dtype=bool)
    ring[list(nearest)] = True
    figure = Figure(
        Scattergl(
            name="validation references",
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            customdata=list(range(len(points))),
            marker={
                "color": 100 * accuracy,
                "colorscale": SCALE,
                "size": 8,
                "opacity": 0.85,
                "line": {"width": 0.5, "color": quiet_ink(dark)},
                "colorbar": {"title": {"text": f"{title}, %", "side": "right"}, "thickness": 12},
            },
            hovertext=[
                f"<b>{name}</b><br>{100 * share:.0f} % right"
                for name, share in zip(names, accuracy, strict=True)
            ],
            hoverinfo="text",
        )
    )
    figure.add_trace(
        Scatter(
            name="nearest by embedding",
            x=points[ring, 0],
            y=points[ring, 1],
            mode="markers",
            marker={
                "symbol": "circle-open",
                "size": 17,
                "line": {"width": 2.5},
                "color": PALETTE[1],
            },
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        Scatter(
            name="this reference",
            x=[here[0]],
            y=[here[1]],
            mode="markers",
            marker={
                "symbol": "star",
                "size": 18,
                "color": PALETTE[1],
                "line": {"width": 1.5, "color": ink(dark)},
            },
            hoverinfo="name",
        )
    )
    figure.update_layout(**layout(dark=dark), height=430)
    figure.update_xaxes(showticklabels=False, title="first principal component")
    figure.update_yaxes(showticklabels=False, title="second")
    return figure


def accuracy_here(
    rows: Sequence[tuple[str, str, float, float, float, float]], *, dark: bool = False
) -> Figure:
    """Accuracy of each model on one reference with its interval, and overall as an open mark.

    Args:
        rows: (name, kind, accuracy here, low, high, accuracy overall), shares 0..1; NaN leaves a
            mark out. Kinds are those of `KINDS`.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    names = [name for name, *_ in rows]
    figure.add_trace(
        Scatter(
            name="overall",
            x=[100 * overall for *_, overall in rows],
            y=names,
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 17, "color": ink(dark),
                    "line": {"width": 2.5}},
            hovertext=[f"<b>{row[0]}</b> overall: {100 * row[5]:.1f} %" for row in rows],
            hoverinfo="text",
        )
    )  # fmt: skip
    for kind, colour in zip(KINDS, PALETTE, strict=False):
        own = [row for row in rows if row[1] == kind]
        if not own:
            continue
        figure.add_trace(
            Scatter(
                name=KINDS[kind],
                x=[100 * here for _, _, here, *_ in own],
                y=[name for name, *_ in own],
                customdata=[name for name, *_ in own],
                mode="markers",
                marker={"color": colour, "size": 10},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (high - here) for _, _, here, _, high, _ in own],
                    "arrayminus": [100 * (here - low) for _, _, here, low, _, _ in own],
                    "thickness": 1.4,
                },
                hovertext=[
                    f"<b>{name}</b> here: {100 * here:.1f} %<br>{100 * low:.0f} to "
                    f"{100 * high:.0f}, overall {100 * overall:.1f}"
                    for name, _, here, low, high, overall in own
                ],
                hoverinfo="text",
            )
        )
    figure.update_layout(**layout(dark=dark), height=110 + 25 * len(names))
    figure.update_xaxes(range=[-2, 102], title="Accuracy, %")
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        range=[len(names) - 0.5, -0.5],
    )
    return figure
