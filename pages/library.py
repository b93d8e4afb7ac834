"""Sets, images, import and new sets."""

from __future__ import annotations

import streamlit as st

from cssim.types import Role
from cssim.ui import runtime, session, widgets
from cssim.ui.library import images, new_set, sets, taking_in, withdrawn

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Library", "Images, and the sets of pages that people judge or have judged.")
PARTS = {
    "Sets": lambda: sets.draw(ws),
    "Images": lambda: images.draw(ws, user),
    "Import": lambda: taking_in.draw(ws, user),
    "New set": lambda: new_set.draw(ws),
}
if user.role.may(Role.ADMINISTRATOR):
    PARTS["Withdrawn"] = lambda: withdrawn.listing(ws, user)
# Only the open part is computed and drawn.
for tab, part in zip(
    st.tabs(list(PARTS), key="library_part", on_change="rerun"), PARTS, strict=True
):
    if tab.open:
        with tab, widgets.errors():
            PARTS[part]()
