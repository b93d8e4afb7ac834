"""The start page: work for annotators, the steps of the loop for researchers."""

from __future__ import annotations

import streamlit as st

from cssim.services import annotating
from cssim.ui import runtime, session, widgets

user = session.require("annotator")

ws = runtime.workspace()
own = annotating.progress(ws, user)
widgets.header(f"Hello, {user.name}")
st.metric("Today", own.own_today)
widgets.page_link("annotate", "Start labelling", icon=":material/touch_app:")
