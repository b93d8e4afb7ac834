"""All plans with what they got so far, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import gold, overview, plans
from cssim.services.plans import PlanInfo
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ClusterKind
from cssim.ui import widgets, words

_KINDS = {"pages": "", "more": "more people", "repeat": "the same people again"}
_SAMPLING = {
    "random": "",
    "stratified": "evenly over tags",
    "disagreement": "where models disagree",
    "information": "where answers tell most",
}
SHOWN = 20
"""Finished plans beyond so many are left out."""


@st.fragment(run_every=10)
def live(ws: Workspace) -> None:
    """Throughput, what is left and coverage; looks anew every ten seconds."""
    now = overview.live_overview(ws)
    if not now.pages:
        return
    with st.container(horizontal=True, key="plans_live"):
        st.metric("Answers", f"{now.done:,} of {now.wanted:,}")
        st.metric(
            "Pages with an answer",
            words.percent(now.touched / now.pages, 0),
            help=f"{now.touched:,} of {now.pages:,}; {now.finished:,} have all they want",
        )
        st.metric("Last hour", f"{now.last_hour.answers:,}", help="answers")
        st.metric("Working now", f"{now.working}", help="people in the last quarter of an hour")
        st.metric("Work left", words.duration(now.seconds_left), help="of one person")
        if now.hours_at_this_pace is not None and now.seconds_left:
            st.metric(
                "Done in",
                words.duration(3600 * now.hours_at_this_pace),
                help="at the pace of the last day, or of the time since the first answer",
            )


@st.fragment(run_every=15)
def draw(ws: Workspace) -> None:
    """The plans, newest first; the list looks anew every 15 seconds."""
    found = plans.list_plans(ws)
    if not found:
        widgets.empty(
            "No plans yet",
            "A plan says which pages people are to answer and how many people each. Fill in the "
            "form, look at what it costs, and start it.",
            icon=":material/event_note:",
        )
        return
    open_, ended = [p for p in found if not p.finished], [p for p in found if p.finished]
    for plan in sorted(open_, key=lambda p: (-p.priority, -p.id)):
        _card(ws, plan)
    if ended:
        with st.expander(f"Finished ({len(ended)})", expanded=not open_):
            for plan in ended[:SHOWN]:
                st.markdown(f"**{words.plain_markdown(plan.name)}**  \n{_line(plan)}")


def _card(ws: Workspace, plan: PlanInfo) -> None:
    counts = plan.counts
    with st.container(border=True, key=f"plan_card_{plan.id}"):
        title, action = st.columns([4, 1], vertical_alignment="center")
        with title:
            state = " :gray-badge[paused]" if plan.paused else ""
            kind = _KINDS[plan.kind]
            st.markdown(
                f"**{words.plain_markdown(plan.name)}**"
                + (f" :blue-badge[{kind}]" if kind else "")
                + state
            )
        word, icon = ("Resume", "play_arrow") if plan.paused else ("Pause", "pause")
        if action.button(
            word, icon=f":material/{icon}:", key=f"plan_pause_{plan.id}", width="stretch"
        ):
            with widgets.errors():
                plans.pause(ws, plan.id, not plan.paused)
                st.rerun(scope="fragment")
        if counts.wanted:
            st.progress(
                min(1.0, counts.done / counts.wanted),
                f"{counts.done:,} of {words.count(counts.wanted, 'answer')}, "
                f"{counts.finished:,} of {words.count(counts.pages, 'page')} finished",
            )
        elif counts.repeats:
            st.progress(
                counts.repeats_done / counts.repeats,
                f"{counts.repeats_done:,} of {words.count(counts.repeats, 'repeat')} answered",
            )
        about, priority = st.columns([4, 1], vertical_alignment="center")
        about.caption(_line(plan))
        value = priority.number_input(
            "Priority", -100, 100, plan.priority, key=f"plan_priority_{plan.id}_{plan.priority}",
            help="Plans with a higher number are handed out first; equals take turns.",
        )  # fmt: skip
        if value != plan.priority:
            with widgets.errors():
                plans.set_priority(ws, plan.id, int(value))
                st.rerun(scope="fragment")


def _line(plan: PlanInfo) -> str:
    """A plan in one line: sets, how pages were chosen, overlap, checks, work left."""
    settings, counts = plan.settings, plan.counts
    people = settings.get("people", 1)
    parts = [
        ", ".join(words.plain_markdown(name) for name in plan.clusters[:3])
        if plan.clusters != (plan.name,)
        else "",
        _SAMPLING.get(str(settings.get("sampling", "random")), ""),
        f"{words.count(int(people), 'person', 'people')} a page"
        + (", more where unsure" if plan.adaptive else "")
        if plan.kind == "pages"
        else "",
        f"{plan.gold_rate:.0%} gold" if plan.gold_rate else "",
        f"{plan.repeat_rate:.0%} repeats ({counts.repeats_done:,} answered)"
        if plan.repeat_rate
        else "",
        f"{words.duration(plan.seconds_left)} of work left" if not plan.finished else "finished",
        f"made {words.ago(plan.created_at)}",
    ]
    return " · ".join(part for part in parts if part)


def gold_maker(ws: Workspace, clusters: Sequence[Cluster], gold_sets: Sequence[Cluster]) -> None:
    """Make a gold set of pages on which people agree wholly."""
    with st.expander(f"Gold sets ({len(gold_sets)})", icon=":material/verified:"):
        st.caption(
            "Gold pages have known answers. Plans mix them in to check people, and newcomers train "
            "on them. Here they are made of pages on which several people agree wholly."
        )
        for cluster in gold_sets:
            st.markdown(f"- {words.plain_markdown(cluster.name)}")
        sources = [c.name for c in clusters if c.kind is not ClusterKind.GOLD]
        if not sources:
            st.caption("There is no set with answers yet.")
            return
        source = st.selectbox("From the set", sources, key="gold_source")
        left, middle = st.columns(2)
        pages = left.number_input("Gold pages", 1, 1000, 20, key="gold_pages")
        votes = middle.number_input("People who agree, at least", 2, 50, 3, key="gold_votes")
        name = st.text_input("Name", value=f"{source} gold", key=f"gold_name_{source}")
        if st.button("Make the gold set", icon=":material/verified:", key="gold_make"):
            with widgets.errors():
                gold.gold_from_votes(ws, name, source, pages=int(pages), least_votes=int(votes))
                st.session_state["plans_said"] = f"{name}: {words.count(int(pages), 'gold page')}."
                st.rerun()
