"""The map of references in the browser: hover shows the image, click, lasso and box select.

Streamlit's own chart cannot show a picture under the pointer and sends its figure back and forth,
and many thousand dots are slow where WebGL is done in software. This element paints the figure of
`cssim.plots.regions` on a canvas of its own, and saves it as PNG or SVG. See docs/decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from cssim.plots.regions import region_print

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
    isolate_styles=False,  # some of its rules are for what stands around it on the page
)
_bring = st.components.v2.component(
    "cssim_regions_bring",
    html="<span></span>",
    js=(_FOLDER / "bring.js").read_text("utf-8"),
    isolate_styles=False,
)
"""Brings the map what it shows. Streamlit sends an element again, script and all, when anything in
it has changed, so the figure and the picked references, which change most often, travel alone."""


def region_map(
    figure: str,
    narrow: str,
    version: str,
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
        version: changes whenever these do.
        selected: image ids that are picked now.
        key: in the session's state `picked` holds what a person picked, within `on_pick`.
        alt: the figure in words.
        stem: of the files that are saved.
        points: whether values are differences, in percentage points.
        on_pick: called before the rerun that a pick causes.
    """
    with st.container(gap=None):
        with st.container(key=f"{key}_brought"):  # takes no room
            shown = {"figure": figure, "narrow": narrow, "version": version}
            _bring(key=f"{key}_figure", data={"what": "shown", "value": shown})
            _bring(key=f"{key}_selected", data={"what": "selected", "value": list(selected)})
        _element(
            key=key,
            data={
                "version": version,
                "alt": alt,
                "stem": stem,
                "points": points,
                "print": region_print(),
            },
            on_picked_change=on_pick,
        )
