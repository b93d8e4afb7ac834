"""The first visit on the pages: a panel on Home, one line on the page that a step leads to.

Pages say what they have shown (`saw`); everything else is read from what the person did.
"""

from __future__ import annotations

import streamlit as st

from cssim.services import first_visit
from cssim.services.first_visit import Visit
from cssim.services.tours import Step
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import widgets

PARAMETER = "visit"
"""Names, in an address, the step that leads there."""
_STEP, _OPEN = "first_visit_step", "first_visit_open"
_WATCH = 3.0
"""Seconds after which a page looks again whether its step was done."""
_UNHINTED = ("home", "annotate")
"""Pages without the line: the panel itself, and the one that needs the whole window."""
_STYLE = """<style>
.st-key-first_visit [data-testid="stCaptionContainer"] { max-width: 70ch; }
.st-key-first_visit [data-testid="stPageLink-NavLink"] { min-height: 2rem; }
@media (max-width: 640px) { .st-key-first_visit [data-testid="stPageLink-NavLink"] {
  min-height: 2.75rem; } }
[class*="st-key-visit_next"] [data-testid="stPageLink-NavLink"] :is(p, span) {
  color: light-dark(#2a4bb3, #9db5ff); }
[class*="st-key-visit_text"] { padding-left: 2rem; }
.st-key-visit_hint { padding: .55rem .9rem .3rem;
  background: color-mix(in srgb, #2a4bb3 7%, transparent); }
</style>"""


def saw(ws: Workspace, person: Person, sight: str) -> None:
    """Note what this page has just shown, see `services.tours.SIGHTS`; once a session."""
    key = f"first_visit_saw_{ws.project.id}_{sight}"
    if key not in st.session_state:
        first_visit.saw(ws, person, sight)
        st.session_state[key] = True


def panel(ws: Workspace, person: Person, found: Visit) -> None:
    """The tours on Home: open in the demo while something is left, one line elsewhere."""
    st.html(_STYLE)
    if found.demo and not found.finished:
        with st.container(border=True, key="first_visit"):
            _tours(ws, person, found)
        return
    title = "First visit: all done" if found.finished else "New here? Two short tours"
    if len(found.tours) == 1 and not found.finished:
        title = "New here? A short tour"
    with (
        st.container(key="first_visit"),
        st.expander(title, icon=":material/explore:", key=_OPEN, on_change="rerun") as opened,
    ):
        if opened.open:
            _tours(ws, person, found)


def recall(ws: Workspace, person: Person) -> None:
    """The way back to tours that were put away."""
    st.button(
        "Show the first visit",
        key="first_visit_recall",
        type="tertiary",
        icon=":material/explore:",
        on_click=first_visit.put_away,
        args=(ws, person),
        kwargs={"away": False},
    )


def _tours(ws: Workspace, person: Person, found: Visit) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header("First visit", anchor=False, width="stretch")
        st.button(
            "Put away",
            key="first_visit_away",
            type="tertiary",
            icon=":material/close:",
            help="A button at the end of this page brings it back",
            on_click=first_visit.put_away,
            args=(ws, person),
            kwargs={"away": True},
        )
    if found.demo:
        st.caption(
            "Everything here is **simulated**: the pictures are drawn, and the people who answered "
            "them are programs. Only what you do is real, and it ticks the steps off."
        )
    else:
        st.caption("What you really do ticks the steps off.")
    for column, tour in zip(st.columns(len(found.tours), gap="large"), found.tours, strict=True):
        with column, st.container(gap=None):
            st.markdown(f"**{tour.title}** · {tour.done} of {len(tour.steps)}")
            for step in tour.steps:
                _step(step, following=step == tour.following)


def _step(step: Step, *, following: bool) -> None:
    """One line; only the next one also says what to do."""
    if step.done:
        icon, label = ":material/check_circle:", f"{step.title} · done"
    elif following:
        icon, label = ":material/arrow_circle_right:", f"**{step.title}**"
    else:
        icon, label = ":material/circle:", step.title
    if step.amount and not step.done:
        label += f" · {step.amount}"
    with st.container(key=f"visit_{'next' if following else 'step'}_{step.key}", gap=None):
        _link(step, label, icon)
        if following:
            with st.container(key=f"visit_text_{step.key}"):
                st.caption(step.text)


def _link(step: Step, label: str, icon: str) -> None:
    widgets.page_link(step.page, label, icon=icon, address={**step.address, PARAMETER: step.key})


def hint(ws: Workspace, person: Person, page: str) -> None:
    """One line above the page that a step led to: what to do there, and what comes next."""
    asked = st.query_params.get(PARAMETER)
    if asked:
        st.session_state[_STEP] = asked
    key = st.session_state.get(_STEP)
    if key is None or page in _UNHINTED:
        return
    found = first_visit.visit(ws, person).step(str(key))
    if found is None or found[1].page != page:
        return
    done = found[1].done
    st.fragment(_hint, run_every=None if done else _WATCH)(ws, person, str(key))


def _hint(ws: Workspace, person: Person, key: str) -> None:
    found = first_visit.visit(ws, person).step(key)
    if found is None:
        return
    tour, step = found
    st.html(_STYLE)
    icon, state = (":material/check_circle:", ", done") if step.done else (":material/explore:", "")
    with st.container(border=True, gap=None, key="visit_hint"):
        st.markdown(f"{icon} **{step.title}{state}.** {step.text}")
        with st.container(horizontal=True, gap="small"):
            following = tour.following
            if step.done and following is not None:
                _link(following, f"Next: **{following.title}**", ":material/arrow_forward:")
            widgets.page_link("home", "All steps", icon=":material/explore:")
