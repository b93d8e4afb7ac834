"""The map of references in the browser: hover shows the image, click, lasso and box select.

Streamlit's own chart cannot show a picture under the pointer and sends its figure back and forth,
and many thousand dots are slow where WebGL is done in software. This element paints the figure of
`cssim.plots.regions` on a canvas of its own; plotly.js (that of the plotly package, served by
`cssim.web.vendor`) is loaded to save the same figure as PNG or SVG. See docs/decisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent
SCRIPTS = ("figure", "paint", "furniture", "gestures", "card", "save", "view", "map")
"""The files of the script, without the ending, in the order in which they are joined: reading the
figure, dots and maps as pixels, titles and legend, the pointer, what it shows, files to save, the
section of the plane that is seen, and all of it together."""

_element = st.components.v2.component(
    "cssim_regions",
    html=(_FOLDER / "map.html").read_text("utf-8"),
    css=(_FOLDER / "map.css").read_text("utf-8"),
    js="\n".join((_FOLDER / f"{name}.js").read_text("utf-8") for name in SCRIPTS),
    # plotly writes its style sheet into the page's head, where a shadow root cannot see it.
    isolate_styles=False,
)


def region_map(
    figure: str,
    narrow: str,
    *,
    selected: Sequence[int],
    key: str,
    alt: str,
    stem: str,
    points: bool,
    on_pick: Callable[[], None],
) -> None:
    """Put the map on the page.

    Args:
        figure: of `cssim.plots.regions`, as `wire` packs it.
        narrow: its layout for a phone, as JSON.
        selected: image ids that are picked now.
        key: in the session's state `picked` holds what a person picked, within `on_pick`.
        alt: the figure in words.
        stem: of the files that are saved.
        points: whether values are differences, in percentage points.
        on_pick: called before the rerun that a pick causes.
    """
    _element(
        key=key,
        data={
            "figure": figure,
            "narrow": narrow,
            "version": hashlib.sha256(figure.encode()).hexdigest()[:16],
            "selected": list(selected),
            "alt": alt,
            "stem": stem,
            "points": points,
            "script": f"/vendor/plotly.js?v={version('plotly')}",
        },
        on_picked_change=on_pick,
    )
