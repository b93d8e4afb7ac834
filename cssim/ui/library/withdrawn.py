"""Taking pictures back for good, and those that were taken back: for administrators."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import jobs, withdrawing
from cssim.services.withdrawing import Places, Withdrawal
from cssim.services.workspace import Workspace
from cssim.types import Image, Person
from cssim.ui import tables, widgets, words

SHOWN = 100
"""Withdrawals that are listed; all stand."""
_COLUMNS = ("No.", "Withdrawn", "By", "Reason", "Bytes (SHA-256)", "State")


def form(ws: Workspace, user: Person, images: Sequence[Image]) -> None:
    """Which of the pictures at hand to withdraw, why, what that touches, and the button.

    Args:
        ws: the workspace.
        user: an administrator.
        images: those that the page shows at this moment.
    """
    done = st.session_state.pop("library_withdrawn", None)
    if done:
        st.success(done, icon=":material/check_circle:")
    by_id = {image.id: image for image in images if image.available}
    if not by_id:
        return
    with st.expander("Withdraw pictures", icon=":material/delete_forever:"):
        st.caption(
            "For copyright or privacy. Bytes, thumbnails and embeddings are deleted for good in "
            "every project, pages that show the picture are taken out of the queue, and the same "
            "bytes are refused from then on. Answers about it are kept and not counted."
        )
        chosen = st.multiselect(
            "Pictures",
            list(by_id),
            format_func=lambda id_: by_id[id_].name,
            key="library_withdraw_pictures",
            placeholder="Choose among those shown above; search by name to find others",
        )
        reason = st.text_input(
            "Reason",
            key="library_withdraw_reason",
            max_chars=withdrawing.MAX_REASON,
            placeholder="e.g. the photographer asked us to",
            help="Shown to whoever tries to bring the same file in again.",
        )
        some = [by_id[id_] for id_ in chosen]
        if some:
            tables.grid(some)
            _touched(ws, some)
        sure = st.checkbox(
            f"Delete {words.count(len(some), 'picture') if some else 'them'} for good",
            key="library_withdraw_sure",
            disabled=not some,
        )
        if st.button(
            "Withdraw",
            type="primary",
            key="library_withdraw",
            disabled=not (some and sure and reason.strip()),
        ):
            with widgets.errors(), st.spinner("Deleting …"):
                _withdraw(ws, user, some, reason)


def _withdraw(ws: Workspace, user: Person, some: Sequence[Image], reason: str) -> None:
    found = withdrawing.withdraw(ws, some, reason, by=user)
    jobs.ensure_worker(ws.settings)
    st.session_state["library_withdrawn"] = (
        f"{words.count(len(found.images), 'picture')} withdrawn; "
        f"{words.count(found.deleted, 'file or vector', 'files and vectors')} deleted."
    )
    for key in ("pictures", "reason", "sure"):
        st.session_state.pop(f"library_withdraw_{key}", None)
    st.rerun()


def _touched(ws: Workspace, some: Sequence[Image]) -> None:
    found: Places = withdrawing.places(ws, some)
    parts = [
        words.count(found.open_pages, "open page"),
        words.count(found.answered_pages, "answered page"),
        words.count(found.judgements, "judgement"),
    ]
    st.markdown(f"Touched: {', '.join(parts)}.")
    if found.models:
        names = ", ".join(words.plain_markdown(name) for name in found.models[:8])
        more = f" and {len(found.models) - 8} more" if len(found.models) > 8 else ""
        st.markdown(f"Trained on them: {names}{more}. Their cards will say so.")
    elsewhere = [name for name in found.projects if name != ws.project.name]
    if elsewhere:
        names = ", ".join(words.plain_markdown(name) for name in elsewhere)
        st.markdown(f"Also in: {names}.")


def listing(ws: Workspace, user: Person) -> None:
    """What was withdrawn, and the way to allow it again."""
    found = withdrawing.list_withdrawals(ws)
    if not found:
        widgets.empty(
            "Nothing withdrawn",
            "A picture that must go, for copyright or privacy, is withdrawn under **Images**.",
            icon=":material/delete_forever:",
        )
        return
    rows = [
        [
            str(one.id),
            words.ago(one.at),
            one.by or "command line",
            one.reason,
            one.sha256[:12],
            _state(one),
        ]
        for one in found[:SHOWN]
    ]
    tables.table(_COLUMNS, rows, caption="Withdrawn pictures")
    standing = {one.id: one for one in found if one.stands}
    if not standing:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Allow again",
            list(standing),
            format_func=lambda id_: f"No. {id_}: {standing[id_].reason}",
            key="library_restore_number",
            width=420,
            help="The file is not here any more: import it again, and its answers count again.",
        )
        if st.button("Allow", key="library_restore") and number is not None:
            with widgets.errors():
                withdrawing.restore(ws, number, by=user)
                st.rerun()


def _state(one: Withdrawal) -> str:
    if not one.stands:
        return "allowed again; import its file" if one.images else "allowed again"
    return "gone for good" if one.swept_at else "being deleted"
