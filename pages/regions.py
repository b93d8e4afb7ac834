"""Where in image space each model is right: the map, its null, the very images, and what to do."""

from __future__ import annotations

from cssim.ui import runtime, session
from cssim.ui.regions import page

user = session.require("researcher")

ws = runtime.workspace()
page.draw(ws, user)
