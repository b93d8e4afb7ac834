"""Bring a model or an ensemble in from a file: upload it, watch the job, be led to what came."""

from __future__ import annotations

import streamlit as st

from cssim.services import jobs, uploaded_packages
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import widgets, words
from cssim.ui.ensembles import watching

_WORDS = {
    "model": (
        "A ZIP file that **Export** gave on a model's card, here or elsewhere. The model embeds as "
        "it did where it came from; its backbone is in the file.",
        "exported model",
    ),
    "ensemble": (
        "A ZIP file that **Take out** gave, here or elsewhere. Members that this project lacks "
        "come with it; backbones must be on this machine.",
        "ensemble",
    ),
}
"""By kind: what to upload, and what it is."""


def draw(ws: Workspace, user: Person, kind: str) -> None:
    """The form, and what became of the file that was uploaded last.

    Args:
        ws: the workspace.
        user: who uploads.
        kind: `model` or `ensemble`, as words go; the file itself decides.
    """
    job, round_ = f"{kind}_import_job", f"{kind}_import_round"
    about, what = _WORDS[kind]
    st.caption(about)
    if job in st.session_state:
        _outcome(ws, st.session_state[job], kind, job)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Another key after each file: what was uploaded leaves the memory.
        number = st.session_state.setdefault(round_, 0)
        file = st.file_uploader(
            f"ZIP file of an {what}",
            type="zip",
            key=f"{kind}_import_file_{number}",
            max_upload_size=ws.settings.max_model_mb,
            width=420,
        )
        name = st.text_input(
            "Its name here",
            key=f"{kind}_import_name_{number}",
            placeholder="as it was called there",
            width=260,
        )
        go = st.button(
            "Import",
            key=f"{kind}_import",
            type="primary",
            icon=":material/upload_file:",
            disabled=file is None,
        )
    if go and file is not None:
        with widgets.errors():
            asked = uploaded_packages.request_import(ws, file, file.name, name=name, by=user.id)
            st.session_state[job] = asked
            st.session_state[round_] = number + 1
            jobs.ensure_worker(ws.settings)
            st.rerun()


def _outcome(ws: Workspace, job_id: int, kind: str, slot: str) -> None:
    done = watching.finished(
        ws, job_id, key=f"{kind}_import", forget=lambda: st.session_state.pop(slot, None)
    )
    if done is None:
        return
    found = done.result
    name = words.plain_markdown(str(found["name"]))
    st.success(
        f"**{name}** is {_article(found['kind'])} of this project now.", icon=":material/check:"
    )
    number = str(found["id"])
    if found["kind"] == "ensemble" == kind:
        st.caption("It is the one that is looked at above.")
    elif found["kind"] == "ensemble":
        address = {"ensemble": number}
        widgets.page_link("ensembles", "Look at it", icon=":material/hub:", address=address)
    elif kind == "model":
        icon = ":material/model_training:"
        st.button("Its card", key="model_import_card", icon=icon, on_click=_to_card, args=(number,))
    else:
        address = {"model": number}
        widgets.page_link("train", "Its card", icon=":material/model_training:", address=address)


def _to_card(model: str) -> None:
    """A link to the page that one is on would change nothing."""
    st.query_params["model"] = model
    st.session_state["models_view"] = "Card"


def _article(kind: str) -> str:
    return "an ensemble" if kind == "ensemble" else "a model"
