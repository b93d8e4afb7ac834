"""The composition root of the web process: the one place that opens the database for it."""

from __future__ import annotations

import threading

from cssim.config import Settings, load_settings
from cssim.services.workspace import Workspace, open_workspace

_LOCK = threading.Lock()
_OPEN: dict[Settings, Workspace] = {}


def workspace() -> Workspace:
    """The workspace that the settings of this process name; opened once, shared by all threads.

    Raises:
        BadSetting, Unavailable, Conflict: the settings or the database cannot be used.
    """
    settings = load_settings()
    found = _OPEN.get(settings)
    if found is not None:
        return found
    with _LOCK:
        if settings not in _OPEN:
            _OPEN[settings] = open_workspace(settings)
        return _OPEN[settings]


def close() -> None:
    """Give all database connections back; the next call of `workspace` opens anew."""
    with _LOCK:
        for opened in _OPEN.values():
            opened.close()
        _OPEN.clear()
