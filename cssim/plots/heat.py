"""A table of shares as coloured cells with their numbers in them; the base of two figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cssim.plots.style import CLEAR, SCALE, layout, quiet_ink, text_on

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Table = Sequence[Sequence[float | None]]


def heat(
    rows: Sequence[str],
    columns: Sequence[str],
    shares: Table,
    hover: Sequence[Sequence[str]],
    *,
    dark: bool = False,
    absent: str = "few",
    digits: int = 0,
) -> Figure:
    """Shares as colours, with each number in its cell; what is hidden says so and has no colour.

    `customdata` of each cell is (row, column) by name.

    Args:
        rows: names, from the top.
        columns: names, from the left.
        shares: (rows, columns) 0..1, None where there is no number.
        hover: (rows, columns) what a cell says when it is pointed at.
        dark: for a dark page.
        absent: what stands in a cell without a number.
        digits: of the numbers in per cent.
    """
    from plotly.graph_objects import Figure, Heatmap

    seen = [100 * value for row in shares for value in row if value is not None]
    low, high = (min(seen), max(seen)) if seen else (0.0, 100.0)
    high = high if high > low else low + 1
    figure = Figure(
        Heatmap(
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            z=[[None if value is None else 100 * value for value in row] for row in shares],
            zmin=low,
            zmax=high,
            colorscale=SCALE,
            xgap=2,
            ygap=2,
            customdata=[[[row, column] for column in columns] for row in rows],
            hovertext=[list(row) for row in hover],
            hoverinfo="text",
            showscale=False,
        )
    )
    for i, row in enumerate(shares):
        for j, value in enumerate(row):
            at = 0.0 if value is None else (100 * value - low) / (high - low)
            figure.add_annotation(
                x=j,
                y=i,
                text=absent if value is None else f"{100 * value:.{digits}f}",
                showarrow=False,
                bgcolor=CLEAR,
                font={
                    "size": 11 if value is None else 13,
                    "color": quiet_ink(dark) if value is None else text_on(at),
                },
            )
    figure.update_layout(**layout(dark=dark), height=110 + 30 * max(1, len(rows)))
    figure.update_layout(margin_t=10)
    figure.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=list(columns), side="top", showgrid=False
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=list(rows), autorange="reversed", showgrid=False
    )
    return figure
