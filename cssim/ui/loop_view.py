"""The steps from pictures to a trusted ensemble: what is there, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st

from cssim.services import evaluation, experiments, gallery
from cssim.services.workspace import Workspace
from cssim.types import ModelKind
from cssim.ui import cached, widgets, words


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the loop as it stands."""

    title: str
    icon: str
    value: str
    """The number that says how far this is; empty where there is nothing yet."""
    detail: str
    todo: str
    """What to do where there is nothing yet."""
    page: str
    link: str


def steps(ws: Workspace) -> list[Step]:
    """The four steps with the project's present numbers."""
    sets = cached.summaries(ws)
    pictures = gallery.find_pictures(ws, limit=1).total
    answers, triples = sum(s.judgements for s in sets), sum(s.triples for s in sets)
    models = experiments.list_models(ws)
    trained = sum(model.kind in (ModelKind.CS, ModelKind.GLOBAL) for model in models)
    ensembles = len(experiments.list_ensembles(ws))
    latest = evaluation.list_comparisons(ws, limit=1)
    return [
        Step(
            "Images",
            ":material/photo_library:",
            f"{pictures:,}" if pictures else "",
            "pictures in the project",
            "Add the pictures to be compared.",
            "library",
            "Library",
        ),
        Step(
            "Answers",
            ":material/touch_app:",
            f"{answers:,}" if answers else "",
            f"{words.count(triples, 'triple')} in {words.count(len(sets), 'set')}",
            "Make a plan of pages and have them labelled, or import answers in the library.",
            "library" if answers else "plans",
            "Sets and labels" if answers else "Plans",
        ),
        Step(
            "Models",
            ":material/model_training:",
            f"{trained:,}" if trained else "",
            f"trained, and {words.count(ensembles, 'ensemble')}",
            "Train one CS model for each context.",
            "train",
            "Train",
        ),
        Step(
            "Comparison",
            ":material/leaderboard:",
            f"{latest[0].created_at:%-d %b}" if latest and latest[0].created_at else "",
            f"latest: {words.plain_markdown(latest[0].name)}" if latest else "",
            "See which model is right, where, and how surely.",
            "compare",
            "Compare",
        ),
    ]


def draw(found: list[Step]) -> None:
    """One card a step; the first that is still empty is the one to do next."""
    following = next((step.title for step in found if not step.value), None)
    for column, step in zip(st.columns(len(found)), found, strict=True):
        with column.container(border=True, height="stretch"):
            done, title = bool(step.value), f"{step.icon} **{step.title}**"
            st.markdown(f"{title} :blue-badge[next]" if step.title == following else title)
            st.html(f'<div class="cs-number">{escape(step.value) or "–"}</div>')
            st.caption(step.detail if done else step.todo)
            widgets.page_link(step.page, step.link, icon=":material/arrow_forward:")
