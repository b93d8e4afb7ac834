"""Which stored comparison is shown: the newest, the one in the address, or the one chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.types import EvaluationInfo
from cssim.ui import words
from cssim.ui.compare import runs

PARAMETER = "comparison"
_NEWEST = "compare_newest"


def draw(found: Sequence[EvaluationInfo]) -> int | None:
    """The id of the comparison to show; None where there is none.

    A comparison that is made while the page is open is shown at once, whatever the address says.

    Args:
        found: stored comparisons, newest first.
    """
    if not found:
        return None
    titles = {
        info.id: f"{info.name}, {words.ago(info.created_at)} (no. {info.id})" for info in found
    }
    newest = found[0].id
    if st.session_state.get(_NEWEST, newest) != newest:
        st.query_params.pop(PARAMETER, None)
        st.query_params.pop(runs.PARAMETER, None)
    st.session_state[_NEWEST] = newest
    if len(titles) == 1:
        return newest
    asked = st.query_params.get(PARAMETER, "")
    start = int(asked) if asked.isdigit() and int(asked) in titles else newest
    key = f"compare_shown_{newest}"
    chosen = st.selectbox(
        "Comparison",
        list(titles),
        index=list(titles).index(start),
        format_func=titles.__getitem__,
        key=key,
        on_change=_remember,
        args=(key,),
        width=420,
    )
    return int(chosen)


def _remember(key: str) -> None:
    """Put the choice into the address, for others to open; the run of another one goes."""
    st.query_params[PARAMETER] = str(st.session_state[key])
    st.query_params.pop(runs.PARAMETER, None)
