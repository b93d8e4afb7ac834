"""Where a comparison has no analysis yet, or an old one: say what it would tell, and ask for it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cssim.services import analyses
from cssim.services.analyses import StoredAnalysis
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Person
from cssim.ui import jobs_view, widgets, words
from cssim.ui.compare import kept


def analysis(
    ws: Workspace, user: Person, stored: StoredComparison, *, key: str, tells: str
) -> StoredAnalysis | None:
    """The analysis of a comparison; where there is none, how to get it, and None.

    Args:
        ws: the workspace.
        user: who asks.
        stored: the comparison.
        key: put before the keys of widgets.
        tells: what the part of the page would show, e.g. `where each model is right`.
    """
    found = kept.analysis(ws, stored.info)
    pending = analyses.pending_analysis(ws, stored.info)
    if pending is not None:
        st.info(
            "The analysis of this comparison is on its way: its progress stands at the end of the "
            "page, and the figures appear here when it is done.",
            icon=":material/hourglass_top:",
        )
        return found
    if found is None:
        widgets.empty(
            "Not analysed yet",
            f"An analysis of this comparison's sets and rows tells {tells}.{_look(stored)}",
            icon=":material/query_stats:",
        )
        _button(ws, user, stored, key, "Analyse this comparison", primary=True)
        return None
    if found.stale:
        st.warning(
            f"Out of date: {words.plain_markdown(found.stale)}. The figures show the analysis of "
            f"{words.ago(found.job.finished_at)}.",
            icon=":material/update:",
        )
        _button(ws, user, stored, key, "Analyse again", primary=False)
    return found


def _look(stored: StoredComparison) -> str:
    tests = [one.name for one in stored.comparison.sets if one.kind == ClusterKind.TEST]
    if not tests:
        return ""
    return f" It opens {words.plain_markdown(', '.join(tests))} once more, which is counted."


def _button(
    ws: Workspace, user: Person, stored: StoredComparison, key: str, label: str, *, primary: bool
) -> None:
    if st.button(
        label,
        key=f"{key}_analyse",
        type="primary" if primary else "secondary",
        icon=":material/query_stats:",
    ):
        jobs_view.start(
            ws,
            lambda: analyses.request_analysis_of(ws, stored.info, by=user.id),
            "The analysis is queued.",
        )


def footnotes(found: StoredAnalysis, about: Callable[[str], bool]) -> None:
    """What the analysis says of one part of the page, and when and by which job it was made.

    Args:
        found: the analysis.
        about: which of its notes belong to the part.
    """
    for note in filter(about, found.result["notes"]):
        st.caption(words.plain_markdown(note))
    looks = found.result["looks"]
    opened = ", ".join(f"{name} opened {words.count(n, 'time')}" for name, n in looks.items())
    st.caption(
        f"Analysis by job {found.job.id}, {words.ago(found.job.finished_at)}; "
        f"{words.count(found.result['triples'], 'triple')}, "
        f"{words.count(found.result['references'], 'reference')}"
        f"{'; ' + words.plain_markdown(opened) if opened else ''}."
    )
