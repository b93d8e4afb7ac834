"""The next page, the answer, undo: the labelling element over the whole window."""

from __future__ import annotations

import streamlit as st

from cssim.services import annotating, projects
from cssim.types import Role
from cssim.ui import first_visit, labelling, runtime, session, widgets
from cssim.ui.labelling.instructions import edit_instructions

user = session.require("annotator")

ws = runtime.workspace()
if st.query_params.get("instructions") == "edit" and user.role.may(Role.RESEARCHER):
    edit_instructions(ws)
else:
    widgets.use_whole_window()
    with widgets.errors():
        labelling.labelling(
            user,
            projects.current(ws),
            annotating.progress(ws, user),
            lease_seconds=ws.settings.lease_minutes * 60,
            show=st.query_params.get("show", ""),
        )
        first_visit.saw(ws, user, "pages")
