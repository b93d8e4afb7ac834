"""The next page, the answer, undo: the labelling element over the whole window."""

from __future__ import annotations

from cssim.services import annotating
from cssim.ui import labelling, runtime, session, widgets

user = session.require("annotator")

ws = runtime.workspace()
widgets.use_whole_window()
with widgets.errors():
    labelling.labelling(
        user,
        ws.project,
        annotating.progress(ws, user),
        lease_seconds=ws.settings.lease_minutes * 60,
    )
