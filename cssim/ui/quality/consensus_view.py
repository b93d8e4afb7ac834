"""What people say together: questions in numbers, reliability by Dawid and Skene, a file."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import consensus
from cssim.services.consensus import ConsensusView
from cssim.services.quality import quality_state
from cssim.services.workspace import Workspace
from cssim.ui import tables, widgets, words

_SHOWN = 15


def draw(ws: Workspace, names: Sequence[str]) -> None:
    """Choose a set, see how clear its answers are, and take the consensus away."""
    st.caption(
        "Votes stay votes: training takes their shares as they are. Consensus is a view on them, "
        "for those who need one answer to each question."
    )
    name = st.selectbox("Set", list(names), key="consensus_set", index=0 if names else None)
    if name is None:
        return
    with widgets.errors():
        view = _view(ws, ws.settings.url, ws.project.id, name, quality_state(ws))
        questions = view.questions
        with st.container(horizontal=True, key="consensus_numbers"):
            st.metric("Questions", f"{len(questions):,}")
            several = [q for q in questions if q.votes_a + q.votes_b + q.ties > 1]
            st.metric("With two or more votes", f"{len(several):,}")
            even = sum(not q.majority for q in questions)
            st.metric("Without a majority", f"{even:,}")
            other = sum(
                q.majority in ("A", "B") and (q.probability_a > 0.5) != (q.majority == "A")
                for q in questions
            )
            st.metric("Model against majority", f"{other:,}")
            st.metric("Decided", f"{sum(bool(q.decided) for q in questions):,}")
        skills = view.skills
        if len(skills) > 1:
            tables.section("How reliable the model takes people to be")
            chosen = skills if len(skills) <= _SHOWN else (*skills[:5], *skills[-10:])
            if len(skills) > _SHOWN:
                st.caption(f"The best 5 and the last 10 of {len(skills):,}.")
            tables.table(
                ("Person", "Says the truth", "Votes"),
                [(s.person, words.percent(s.skill), f"{s.votes:,}") for s in chosen],
                numbers=("Says the truth", "Votes"),
                caption="Reliability of people",
            )
        st.download_button(
            "Consensus as CSV",
            lambda: consensus.consensus_csv(ws, view),
            file_name=f"{name} consensus.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


@st.cache_resource(max_entries=8, show_spinner="Fitting …")
def _view(_ws: Workspace, url: str, project: int, name: str, state: object) -> ConsensusView:
    return consensus.consensus_of(_ws, name)
