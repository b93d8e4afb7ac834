"""Colours and layout that all figures share."""

from __future__ import annotations

from typing import Any

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
