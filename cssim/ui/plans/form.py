"""The form of a new plan: what to ask, how many people, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import experiments, gallery, plan_pages, plans
from cssim.services.jobs import ensure_worker
from cssim.services.plan_specs import ACTIVE, PlanSpec
from cssim.services.workspace import Workspace
from cssim.types import MIN_CANDIDATES, Cluster, ModelKind, PageMode, Person
from cssim.ui import tables, widgets, words

_KINDS = {
    "context": "CS cluster",
    "validation": "Validation set",
    "test": "Test set",
}
_KIND_NOTES = {
    "context": "One reference, many pages: a CS model learns this context.",
    "validation": "Many references: competence is estimated, and weights are fitted, on it.",
    "test": "Many references, looked at only to report.",
}
_MODES = {"rank": "Rank", "choose": "Choose"}
_SAMPLING = {
    "random": "At random",
    "stratified": "Evenly over tags",
    "disagreement": "Where models disagree",
    "information": "Where an answer tells models apart",
}
_CHOICE = {
    "named": "By name",
    "medoids": "Typical ones",
    "random": "At random",
    "uncertainty": "Where the competence map is uncertain",
}
_MOST_NAMES = 3000
"""Pictures offered by name."""


@st.fragment
def draw(ws: Workspace, user: Person, gold: Sequence[Cluster]) -> None:
    """The whole form; says what the plan costs while it is filled in, and starts it."""
    if gallery.find_pictures(ws, available=True, limit=1).total <= MIN_CANDIDATES:
        widgets.empty(
            "Too few images",
            "A plan asks about the project's images, and a page needs at least three.",
            icon=":material/add_photo_alternate:",
        )
        widgets.page_link("library", "Add pictures in the library", icon=":material/photo_library:")
        return
    kind = st.segmented_control(
        "What the set is for",
        list(_KINDS),
        format_func=_KINDS.__getitem__,
        default="context",
        required=True,
        key="plan_kind",
    )
    st.caption(_KIND_NOTES[str(kind)])
    name = st.text_input(
        "Name of the plan and its set", key="plan_name", max_chars=150, placeholder="ocean"
    )
    values: dict[str, Any] = {"kind": kind, "name": name.strip() or "plan"}
    references = _references(ws, str(kind))
    values |= references or {}
    values |= _pages(ws, str(kind))
    values |= _people(gold)
    try:
        spec = PlanSpec(**values)
    except CSSimError as error:
        widgets.problem(error)
        return
    _cost(ws, spec)
    lacking = ["Give the plan a name."] * (not name.strip())
    lacking += ["Choose a picture as reference."] * (references is None)
    if st.button(
        "Start the plan",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(lacking),
        key="plan_start",
    ):
        _start(ws, spec, user)
    if lacking:
        st.caption(" ".join(lacking))


def _references(ws: Workspace, kind: str) -> dict[str, Any] | None:
    """What the spec says about references; None as long as none of those to be named is."""
    many = kind != "context"
    tags = gallery.tag_counts(ws)
    how = st.selectbox(
        "References" if many else "Reference",
        [*_CHOICE],
        index=2 if many else 0,
        format_func=_CHOICE.__getitem__,
        key=f"plan_choose_{kind}",
    )
    tag = None
    if tags:
        tag = st.selectbox(
            "Among the pictures tagged",
            [None, *tags],
            format_func=lambda t: "any" if t is None else f"{t} ({tags[t]:,})",
            key="plan_tag",
        )
    if how == "named":
        found = gallery.find_pictures(ws, tag=tag, available=True, limit=_MOST_NAMES)
        names = {image.id: image.name for image in found.images}
        if found.total > _MOST_NAMES:
            st.caption(
                f"The first {_MOST_NAMES:,} of {words.count(found.total, 'picture')}; choose a tag."
            )
        if many:
            chosen = st.multiselect(
                "Pictures", list(names), format_func=names.__getitem__, key=f"plan_names_{tag}"
            )
        else:
            one = st.selectbox(
                "Picture", list(names), index=None, format_func=names.__getitem__,
                placeholder="Choose a picture", key=f"plan_one_{tag}",
            )  # fmt: skip
            chosen = [] if one is None else [one]
        images = {image.id: image for image in found.images}
        tables.grid([images[i] for i in chosen[:12]])
        named = {"references": tuple(chosen), "tag": tag, "context": None if many else tag}
        return named if chosen else None
    count = 1
    if many:
        count = int(st.number_input("How many references", 1, 20_000, 20, key="plan_count"))
    if how == "medoids":
        _suggestions(ws, count, tag)
    context = None if many else tag
    return {"reference_count": count, "choose_references": how, "tag": tag, "context": context}


def _suggestions(ws: Workspace, count: int, tag: str | None) -> None:
    """The typical pictures themselves, before anything starts."""
    try:
        found = plan_pages.suggest_references(ws, count, tag=tag)
    except CSSimError as error:
        widgets.problem(error)
        return
    st.caption("By k-medoids of the embeddings: each stands for the pictures most like it.")
    tables.grid([suggestion.image for suggestion in found[:12]])
    if len(found) > 12:
        st.caption(f"and {words.count(len(found) - 12, 'more', 'more')}")


def _pages(ws: Workspace, kind: str) -> dict[str, Any]:
    left, middle, right = st.columns(3)
    mode = left.selectbox(
        "Pages are", list(_MODES), format_func=_MODES.__getitem__, key="plan_mode"
    )
    candidates = 2
    if mode == "rank":
        candidates = int(middle.number_input("Candidates", 2, 5, 3, key="plan_candidates"))
    else:
        middle.number_input("Candidates", 2, 2, 2, disabled=True, key="plan_two")
    pages = right.number_input(
        "Pages per reference" if kind != "context" else "Pages",
        1,
        20_000,
        334 if kind == "context" else 9,
        key=f"plan_pages_{kind}",
    )
    sampling = st.selectbox(
        "Candidates come", list(_SAMPLING), format_func=_SAMPLING.__getitem__, key="plan_sampling"
    )
    found: dict[str, Any] = {
        "mode": PageMode(mode),
        "candidates": candidates,
        "pages_per_reference": int(pages),
        "sampling": sampling,
    }
    if sampling in ACTIVE:
        models = [m.name for m in experiments.list_models(ws) if m.kind is not ModelKind.METRIC]
        found["models"] = tuple(
            st.multiselect(
                "Models that may disagree", models, key="plan_models",
                placeholder=f"All {len(models)} of the project",
            )
        )  # fmt: skip
        share = st.slider("Share of random pages, %", 0, 50, 15, key="plan_holdout")
        found["holdout"] = share / 100
        st.caption(
            "Random pages go into a set of their own: what was chosen because it is hard says "
            "nothing about how often a model is right. Active sampling does not always pay; see "
            "docs/methods.md."
        )
    return found


def _people(gold: Sequence[Cluster]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with st.expander("People and checks", icon=":material/groups:"):
        left, right = st.columns(2)
        found["people"] = int(left.number_input("People per page", 1, 50, 1, key="plan_people"))
        if found["people"] > 1:
            share = right.slider("On this share of the pages, %", 0, 100, 100, key="plan_share")
            found["overlap_share"] = share / 100
        found["adaptive"] = st.checkbox(
            "Add people while they are not sure",
            key="plan_adaptive",
            help="A page on which the first people disagree is given to more, up to the limit.",
        )
        if found["adaptive"]:
            least = max(2, found["people"])
            found["cap"] = int(st.number_input("At most", least, 50, max(6, least)))
        found["repeat_rate"] = st.slider("Repeats, %", 0, 20, 5, key="plan_repeats") / 100
        found["priority"] = int(right.number_input("Priority", -100, 100, 0, key="plan_priority"))
        names = [cluster.name for cluster in gold]
        if names:
            found["gold"] = left.selectbox("Gold set", [None, *names], key="plan_gold",
                                           format_func=lambda n: n or "none")  # fmt: skip
            if found["gold"]:
                found["gold_rate"] = right.slider("Gold, %", 1, 20, 5, key="plan_gold_rate") / 100
        else:
            st.caption("There is no gold set yet: make one below from pages on which people agree.")
    return found


def _cost(ws: Workspace, spec: PlanSpec) -> None:
    cost = plans.cost_of(ws, spec)
    with st.container(border=True):
        pages, answers, hours = st.columns(3)
        pages.metric("Pages", f"{cost.pages:,}", help=words.count(cost.triples, "triple"))
        many = f"{cost.answers:,}"
        if cost.most_answers > cost.answers:
            many += f" to {cost.most_answers:,}"
        answers.metric("Answers", many)
        time = words.duration(cost.seconds)
        if cost.most_answers > cost.answers:
            time += f" to {words.duration(cost.most_seconds)}"
        hours.metric("Work", time)
        basis = (
            f"measured on the latest {words.count(cost.measured_on, 'answer')}"
            if cost.measured_on
            else "a guess until people have answered"
        )
        checks = f", {cost.checks:,} gold and repeated pages included" if cost.checks else ""
        st.caption(f"{cost.seconds_per_page:.1f} s a page, {basis}{checks}.")


def _start(ws: Workspace, spec: PlanSpec, user: Person) -> None:
    with widgets.errors():
        if spec.needs_job:
            plans.request_plan(ws, spec, by=user.id)
            ensure_worker(ws.settings)
            st.session_state["plans_said"] = f"{spec.name} is being prepared as a job."
        else:
            made = plans.make_plan(ws, spec, by=user.id)
            st.session_state["plans_said"] = (
                f"{made.name}: {words.count(made.counts.pages, 'page is', 'pages are')} handed out "
                "now."
            )
        st.rerun(scope="app")
