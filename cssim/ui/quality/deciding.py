"""Decide a disputed page, blind: the pictures first, what people said only afterwards."""

from __future__ import annotations

import random
from collections.abc import Sequence

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import consensus
from cssim.services.consensus import UNDECIDED, Dispute, Vote
from cssim.services.workspace import Workspace
from cssim.types import CLASS_NAMES, Answer, JudgementKind, PageMode, Person
from cssim.ui import tables, widgets, words
from cssim.ui.quality import pictures

_LETTERS = "ABCDE"


def draw(ws: Workspace, found: Sequence[Dispute], user: Person) -> None:
    """The next page to decide, or what people said about the one that was decided just now."""
    told = st.session_state.get("decided")
    if told is not None:
        dispute, answer, votes = told
        _aftermath(dispute, answer, votes)
        if st.button("Next page", type="primary", icon=":material/arrow_forward:"):
            del st.session_state["decided"]
            st.rerun()
        return
    dispute = found[0]
    shown = _order(dispute, user)
    st.caption(
        f"Page {dispute.page.id} of {words.plain_markdown(dispute.cluster)}, answered by "
        f"{dispute.people}; what they said is shown after your decision."
    )
    letters = _LETTERS[: len(shown)]
    pictures.row(dispute.page, dispute.images, letters, shown=shown)
    answer = _answer(dispute, shown)
    note = st.text_input("Why (may stay empty)", key=f"decide_note_{dispute.page.id}")
    save, leave = st.columns([1, 1])
    if save.button(
        "Decide", type="primary", icon=":material/gavel:", disabled=answer is None,
        key="decide_save", width="stretch",
    ):  # fmt: skip
        _store(ws, dispute, answer or UNDECIDED, note, user)
    if leave.button(
        "Cannot be decided", icon=":material/block:", key="decide_leave", width="stretch"
    ):
        _store(ws, dispute, UNDECIDED, note, user)


def _store(ws: Workspace, dispute: Dispute, answer: Answer, note: str, user: Person) -> None:
    with widgets.errors():
        votes = consensus.adjudicate(ws, dispute.page.id, answer, note=note, by=user)
        st.session_state["decided"] = (dispute, answer, votes)
        st.rerun()


def _order(dispute: Dispute, user: Person) -> list[int]:
    """Candidates in an order of this person's own, the same after each rerun."""
    n = len(dispute.page.candidates)
    return random.Random(f"{dispute.page.id} {user.id}").sample(range(n), n)


def _answer(dispute: Dispute, shown: Sequence[int]) -> Answer | None:
    page = dispute.page
    letters = list(_LETTERS[: len(shown)])
    if page.mode is PageMode.CHOOSE:
        said = st.segmented_control(
            "Closer to the reference", [*letters, "Both alike"], key=f"decide_{page.id}"
        )
        if said is None:
            return None
        if said == "Both alike":
            return Answer(JudgementKind.TIE)
        first = shown[letters.index(said)]
        return Answer(JudgementKind.ANSWER, order=(first, 1 - first))
    classes: dict[int, int] = {}
    columns = st.columns(len(letters) + 1)[1:]  # the first stands below the reference
    for letter, position, column in zip(letters, shown, columns, strict=True):
        given = column.selectbox(
            letter, list(CLASS_NAMES), index=None, placeholder="Class",
            format_func=lambda k: f"{k} {CLASS_NAMES[k]}", key=f"decide_{page.id}_{position}",
        )  # fmt: skip
        if given is not None:
            classes[position] = int(given)
    if len(classes) < len(letters):
        st.caption("Give each candidate a class; equal ones are ordered next.")
        return None
    ties = {k for k in classes.values() if list(classes.values()).count(k) > 1}
    order = sorted(classes, key=lambda position: (classes[position], shown.index(position)))
    if ties:
        names = [letters[shown.index(position)] for position in order]
        chosen = st.pills(
            "Order from the closest on: click the letters", names, selection_mode="multi",
            key=f"decide_order_{page.id}_{names}",
        )  # fmt: skip
        if len(chosen) < len(names):
            st.caption("Two have the same class: click all letters, the closest first.")
            return None
        st.caption(f"Closest first: {', '.join(chosen)}. Click a letter again to take it out.")
        order = [shown[letters.index(letter)] for letter in chosen]
    answer = Answer(
        JudgementKind.ANSWER,
        order=tuple(order),
        classes=tuple(classes[position] for position in range(len(letters))),
    )
    try:
        answer.check(page)
    except CSSimError as error:
        widgets.problem(error)
        return None
    return answer


def _aftermath(dispute: Dispute, answer: Answer, votes: Sequence[Vote]) -> None:
    st.success(f"Decided: {_text(answer)}. The votes stay as they are:", icon=":material/check:")
    numbers = [str(number) for number, _ in enumerate(dispute.page.candidates, 1)]
    pictures.row(dispute.page, dispute.images, numbers)
    rows = [(vote.person, _text(vote.answer), f"{vote.votes:,}") for vote in votes]
    tables.table(("Person", "Closest first", "Votes"), rows, numbers=("Votes",),
                 caption="What people said")  # fmt: skip


def _text(answer: Answer) -> str:
    """An answer in words; candidates are numbered in the page's order."""
    if answer.kind is JudgementKind.TIE:
        return "both alike"
    if answer.kind is not JudgementKind.ANSWER:
        return "cannot be decided"
    if answer.classes:
        return ", ".join(f"{p + 1} (class {answer.classes[p]})" for p in answer.order)
    return " before ".join(f"{position + 1}" for position in answer.order)
