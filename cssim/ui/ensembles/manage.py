"""What can be done with an ensemble: another name, away with it and back."""

from __future__ import annotations

from functools import partial

import streamlit as st

from cssim.services import ensemble_names
from cssim.services.workspace import Workspace
from cssim.ui import widgets
from cssim.ui.ensembles.listing import Facts


def draw(ws: Workspace, one: Facts) -> None:
    """The buttons below what it is."""
    name = one.info.name
    with st.container(horizontal=True, vertical_alignment="center"):
        if one.archived:
            st.badge("archived", color="gray")
        with st.popover("Rename", icon=":material/edit:"):
            new = st.text_input("New name", name, key=f"ensembles_name_{one.info.id}")
            if st.button("Rename it", key="ensembles_rename", type="primary"):
                with widgets.errors():
                    ensemble_names.rename_ensemble(ws, name, new.strip())
                    st.rerun()
        st.button(
            "Bring back" if one.archived else "Archive",
            key="ensembles_archive",
            on_click=partial(ensemble_names.archive_ensembles, ws, [name], back=one.archived),
            icon=":material/unarchive:" if one.archived else ":material/archive:",
            help="Lists and new comparisons pass over what is archived; those that were made "
            "with it keep it.",
        )
