"""What people see when a page breaks: plain words and a reference, never a traceback.

`app.py` hands `report` to Streamlit, which calls it for whatever a page, a fragment or a callback
lets through. The traceback goes to the server's log under the same reference.
"""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from cssim.errors import CSSimError
from cssim.ui import widgets

_LOG = logging.getLogger(__name__)
_SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""None that are mistaken for one another when read out."""


def report(error: Exception) -> bool:
    """Say on the page that something went wrong, and log it; True: Streamlit shows nothing else.

    An error that CS-Sim raised on purpose is shown in its own words.
    """
    if isinstance(error, CSSimError):
        _LOG.info("shown to the person: %s", error)
        widgets.problem(error)
        return True
    reference = new_reference()
    _LOG.error("error %s: %s", reference, error, exc_info=error)
    st.error(
        "**This page could not be drawn.** What was stored before is safe. Load the page again; if "
        f"it happens again, tell whoever runs this server the reference **{reference}**: the log "
        "says under it what went wrong.",
        icon=":material/error:",
    )
    return True


def new_reference() -> str:
    """A short word to find an error in the log by, e.g. `K7PM-3XQA`."""
    signs = "".join(secrets.choice(_SIGNS) for _ in range(8))
    return f"{signs[:4]}-{signs[4:]}"
