"""What can be done with a model: another name, away with it and back, out as files."""

from __future__ import annotations

from functools import partial

import streamlit as st

from cssim.services import card_text, cards, model_files
from cssim.services.cards import TRAINED, Card
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import jobs_view, widgets


def draw(ws: Workspace, user: Person, card: Card) -> None:
    """The buttons below a card."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if card.model.kind in TRAINED:
            _rename(ws, card)
        st.button(
            "Bring back" if card.archived else "Archive",
            key="models_archive",
            on_click=partial(cards.archive_models, ws, [card.model.name], back=card.archived),
            icon=":material/unarchive:" if card.archived else ":material/archive:",
            help="Lists and comparisons pass over what is archived; ensembles keep it.",
        )
        if card.model.kind in TRAINED:
            _export(ws, user, card)
        st.download_button(
            "Card as Markdown",
            card_text.markdown(card),
            file_name=f"{model_files.file_name(card.model.name)}.md",
            mime="text/markdown",
            key="models_markdown",
            on_click="ignore",
            icon=":material/description:",
        )


def _rename(ws: Workspace, card: Card) -> None:
    with st.popover("Rename", icon=":material/edit:"):
        new = st.text_input("New name", card.model.name, key=f"models_name_{card.model.id}")
        go = st.button("Rename it", key="models_rename", type="primary")
        if go:
            with widgets.errors():
                cards.rename_model(ws, card.model.name, new.strip())
                st.rerun()


def _export(ws: Workspace, user: Person, card: Card) -> None:
    """Ask for the files, or take them."""
    ready = model_files.exported(ws, card.model)
    if ready is not None:
        widgets.download(
            f"Download {ready.name} ({ready.stat().st_size / 1e6:,.1f} MB)",
            f"/api/models/{card.model.id}/files",
            key="models_download",
        )
        return
    waits = model_files.is_exporting(ws, card.model)
    asked = st.button(
        "Being packed" if waits else "Export",
        key="models_export",
        disabled=waits,
        icon=":material/output:",
        help="A folder that transformers and peft read without CS-Sim, as a ZIP file.",
    )
    if asked:
        ask = partial(model_files.request_export, ws, card.model.name, by=user.id)
        jobs_view.start(ws, ask, "The model is being packed.")
