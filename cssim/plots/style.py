"""Colours and layout that all figures share; they match the theme in `.streamlit/config.toml`.

Text stands out at least 4.5 : 1 from the page, marks at least 3 : 1, on the light and on the dark
page alike (WCAG 2.2, 1.4.3 and 1.4.11); a test computes it.
"""

from __future__ import annotations

from typing import Any

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B87F00", "#3F93CF", "#8A8A8A")
"""Okabe and Ito's colours, the strongest first; their pale ones darkened so that they stand out on
white, and grey instead of yellow."""

KINDS = {
    "metric": "Metric",
    "frozen": "Frozen backbone",
    "cs": "CS model",
    "global": "Global model",
    "ensemble": "Ensemble",
}
"""Kinds of rows as legends name them; each keeps its colour in all figures."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")
"""A second sign beside colour, for those who do not see it and for prints in black."""

CLEAR = "rgba(0,0,0,0)"

SCALE = "Cividis"
"""Of shares on heat maps: rises in lightness, the same for all colour vision."""
DIVERGING = "PuOr"
"""Of differences: orange below, violet above, pale at nothing."""

_INKS = {False: "#1b2330", True: "#e8ebf1"}
_QUIET = {False: "#5a6272", True: "#a3abba"}
_PAPERS = {False: "#ffffff", True: "#14171c"}
_BORDERS = {False: "#d7dce5", True: "#353c48"}
_GRIDS = {False: "rgba(0,0,0,0.12)", True: "rgba(255,255,255,0.15)"}


def ink(dark: bool) -> str:
    """Colour of text and lines: that of the page's text, light or dark."""
    return _INKS[dark]


def quiet_ink(dark: bool) -> str:
    """Colour of text in the background, e.g. of a remark in a figure."""
    return _QUIET[dark]


def paper(dark: bool) -> str:
    """The page's background, for what must hide what lies below it."""
    return _PAPERS[dark]


def for_print() -> dict[str, str]:
    """What stands on white for each colour of the dark page: saved pictures are for papers."""
    pairs = (_INKS, _QUIET, _PAPERS, _BORDERS, _GRIDS)
    return {pair[True]: pair[False] for pair in pairs}


def layout(*, dark: bool = False) -> dict[str, Any]:
    """What all figures have in common, for `Figure.update_layout`."""
    grid = _GRIDS[dark]
    axis = {
        "gridcolor": grid,
        "zeroline": False,
        "linecolor": grid,
        "automargin": True,
        "ticks": "",
        "title": {"font": {"size": 13}},
    }
    return {
        "template": {
            "layout": {
                "paper_bgcolor": CLEAR,
                "plot_bgcolor": CLEAR,
                "colorway": list(PALETTE),
                "font": {
                    "color": ink(dark),
                    "size": 14,
                    "family": '"Source Sans", "Source Sans Pro", sans-serif',
                },
                "xaxis": axis,
                "yaxis": axis,
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
                "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
                "hoverlabel": {"font": {"size": 13}},
                # On a page of no colour of its own plotly takes black; on touch screens it stays.
                "modebar": {
                    "bgcolor": CLEAR,
                    "color": quiet_ink(dark),
                    "activecolor": ink(dark),
                },
            }
        },
        # A redraw with new numbers keeps the zoom that the person has chosen.
        "uirevision": "keep",
    }


def text_on(scale_position: float) -> str:
    """Ink for a number on a cell of `SCALE`: white on its dark half, near black on the light one.

    Args:
        scale_position: 0..1 along the scale.
    """
    return "#ffffff" if scale_position < 0.46 else "#000000"
