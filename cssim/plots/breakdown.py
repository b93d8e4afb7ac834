"""Where models are right: accuracy by context, class gap, margin, agreement or distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim import words
from cssim.plots.heat import heat
from cssim.plots.style import DASHES, PALETTE, SYMBOLS, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Cells = Sequence[Mapping[str, Any]]
"""Of an analysis: `label`, `triples`, `references`, `hidden`, and `accuracy`, `low`, `high` with a
number or None for each row."""


def by_row(breakdown: Mapping[str, Any], rows: Sequence[str], kind: str) -> dict[str, Cells]:
    """The cells of each row of a breakdown, with one number each.

    Margins differ from row to row, so that each row has cells of its own there; other kinds share
    their cells.

    Args:
        breakdown: `breakdown` of an analysis.
        rows: names, in the order of the analysis.
        kind: e.g. `context` or `margin`.
    """
    if kind == "margin":
        return {
            name: [_one(cell, 0) for cell in breakdown["margin"].get(name, ())] for name in rows
        }
    return {name: [_one(cell, i) for cell in breakdown[kind]] for i, name in enumerate(rows)}


def _one(cell: Mapping[str, Any], i: int) -> dict[str, Any]:
    numbers = {key: cell[key][i] for key in ("accuracy", "low", "high")}
    return {**{k: cell[k] for k in ("label", "triples", "references", "hidden")}, **numbers}


def breakdown_heat(found: Mapping[str, Cells], *, dark: bool = False) -> Figure:
    """Rows against cells; in brackets stands how many references a cell has.

    Args:
        found: `by_row`; rows may have different labels in the same place, as margins do.
        dark: for a dark page.
    """
    names = list(found)
    width = max((len(cells) for cells in found.values()), default=0)
    columns = [_column(found, j) for j in range(width)]
    padded = [[*found[name], *[None] * (width - len(found[name]))] for name in names]
    shares = [[None if c is None else c["accuracy"] for c in row] for row in padded]
    hover = [
        ["" if cell is None else _hover(name, cell) for cell in row]
        for name, row in zip(names, padded, strict=True)
    ]
    return heat(names, columns, shares, hover, dark=dark)


def _column(found: Mapping[str, Cells], j: int) -> str:
    """What all rows call the cell, with its references; its number where they call it otherwise.

    One line each: on a phone they stand upright.
    """
    here = [cells[j] for cells in found.values() if j < len(cells)]
    if len({cell["label"] for cell in here}) == 1:
        return f"{_short(here[0]['label'])} ({here[0]['references']:,})"
    return f"step {j + 1}"


def _short(label: str) -> str:
    """`1: 0.0602 to 0.452` without its number, which says no more than its place."""
    return label.split(": ", 1)[-1] if " to " in label else label


def _hover(name: str, cell: Mapping[str, Any]) -> str:
    counts = (
        f"{words.count(cell['triples'], 'triple')}, {words.count(cell['references'], 'reference')}"
    )
    if cell["accuracy"] is None:
        why = "too few references for a number" if cell["hidden"] else "no triple counts"
        return f"<b>{name}</b>, {cell['label']}: {why}<br>{counts}"
    return (
        f"<b>{name}</b>, {cell['label']}: {100 * cell['accuracy']:.1f} %<br>"
        f"interval {100 * cell['low']:.1f} to {100 * cell['high']:.1f}<br>{counts}"
    )


def breakdown_lines(
    found: Mapping[str, Cells],
    *,
    ordered: bool = True,
    ceiling: float | None = None,
    dark: bool = False,
) -> Figure:
    """Accuracy and interval of a few rows, cell by cell; lines where the cells have an order.

    Args:
        found: `by_row` of the rows to draw, at most seven.
        ordered: whether neighbouring cells have to do with each other, as contexts do not.
        ceiling: human ceiling 0..1 over all triples, as a line across.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for k, (name, cells) in enumerate(found.items()):
        shown = [cell for cell in cells if cell["accuracy"] is not None]
        places = [j for j, cell in enumerate(cells) if cell["accuracy"] is not None]
        figure.add_trace(
            Scatter(
                name=name,
                x=[place + (k - (len(found) - 1) / 2) * 0.08 for place in places],
                y=[100 * cell["accuracy"] for cell in shown],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (cell["high"] - cell["accuracy"]) for cell in shown],
                    "arrayminus": [100 * (cell["accuracy"] - cell["low"]) for cell in shown],
                    "thickness": 1.5,
                    "width": 3,
                },
                mode="lines+markers" if ordered else "markers",
                line={
                    "color": PALETTE[k % len(PALETTE)],
                    "dash": DASHES[k % len(DASHES)],
                    "width": 1.5,
                },
                marker={
                    "symbol": SYMBOLS[k % len(SYMBOLS)],
                    "size": 9,
                    "color": PALETTE[k % len(PALETTE)],
                },
                hovertext=[_hover(name, cell) for cell in shown],
                hoverinfo="text",
            )
        )
    width = max((len(cells) for cells in found.values()), default=0)
    figure.update_layout(**layout(dark=dark), height=380)
    figure.update_xaxes(
        tickvals=list(range(width)), ticktext=[_column(found, j) for j in range(width)]
    )
    figure.update_yaxes(title="Accuracy (%)")
    if ceiling is not None:
        figure.add_hline(
            100 * ceiling,
            line={"color": ink(dark), "width": 1, "dash": "dash"},
            annotation={"text": "human ceiling, all triples", "font": {"size": 12}},
            annotation_position="top left",
        )
    return figure


def breakdown_table(found: Mapping[str, Cells]) -> list[dict[str, Any]]:
    """The numbers behind both figures, one row for each row and cell; shares 0..1."""
    return [{"row": name, **cell} for name, cells in found.items() for cell in cells]
