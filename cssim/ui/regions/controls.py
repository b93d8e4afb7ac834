"""What to show: kind of map, models, plane, the map's grid and window, overlays, filters."""

from __future__ import annotations

import streamlit as st

from cssim.services import regions
from cssim.services.inspecting import Inspection
from cssim.types import Image
from cssim.ui.regions.state import GRIDS, WINDOWS, key

_KINDS = {
    "model": "One model",
    "multiples": "All CS models",
    "difference": "Difference",
    "agreement": "Agreement",
}
_PLANES = {"pca": "PCA", "tsne": "t-SNE"}
_OVERLAYS = {
    "none": "Nothing",
    "clusters": "CS clusters",
    "tags": "Tags (contexts)",
    "leakage": "Seen in training",
}


def draw(inspection: Inspection, images: tuple[Image, ...]) -> None:
    """Put the controls on the page; their values are read by `state.view`."""
    names = list(inspection.info.names)
    kind = str(st.session_state[key("kind")])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Show",
            regions.KINDS,
            format_func=_KINDS.__getitem__,
            key=key("kind"),
            required=True,
            width="content",
        )
        st.selectbox("Model", names, key=key("row"), width=180)
        if kind == "difference":
            st.selectbox("minus", names, key=key("other"), width=180)
        st.segmented_control(
            "Plane",
            regions.planes(inspection),
            format_func=_PLANES.__getitem__,
            key=key("plane"),
            required=True,
            width="content",
        )
        st.selectbox(
            "Mark",
            regions.OVERLAYS,
            format_func=_OVERLAYS.__getitem__,
            key=key("overlay"),
            width=150,
        )
        with st.popover("Filters", icon=":material/filter_alt:"):
            _filters(inspection, images)


def draw_map_controls() -> None:
    """The sliders of the competence map; every move draws the map anew."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.toggle("Competence map", key=key("surface"), width=170)
        st.slider("Grid", *GRIDS, step=10, key=key("grid"), help=_GRID, width=220)
        st.slider("Window", *WINDOWS, key=key("window"), help=_WINDOW, width=220)


_GRID = "Cells along each side of the map; the paper uses 200."
_WINDOW = (
    "Each cell shows the mean accuracy of the references in a window of so many cells along each "
    "side. The paper uses 10; the default is wider where references are few."
)


def _filters(inspection: Inspection, images: tuple[Image, ...]) -> None:
    tags = sorted({tag for image in images for tag in image.tags})
    st.multiselect("Only references with a tag", tags, key=key("tags"), placeholder="All tags")
    most = int(inspection.counts.max())
    if most > 1:
        st.slider("Only references with so many triples", 1, most, key=key("least"))
