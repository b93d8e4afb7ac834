"""Take an ensemble out: its folder as a file, and the lines that use it."""

from __future__ import annotations

import json

import streamlit as st

from cssim.services import answering, taking_out
from cssim.services.answering import Ready
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.types import ModelKind
from cssim.ui import widgets, words


def draw(ws: Workspace, shelf: Shelf, ensemble: Ready) -> None:
    """The download, what is in it, and how to ask it from Python and from the shell."""
    info = ensemble.info
    size = taking_out.size_of(ws, info)
    name = taking_out.folder_name(info)
    st.markdown(
        "The folder holds everything that the ensemble knows: trained members, weights, and what "
        "validation showed of them. No database is needed to use it."
    )
    widgets.download(
        f"Download {name}.zip ({_size(size)})",
        f"/api/ensembles/{info.id}/files",
        key="ensembles_zip",
        primary=True,
    )
    frozen = [
        shelf.models[i].name
        for i in info.member_ids
        if i in shelf.models and shelf.models[i].kind in (ModelKind.FROZEN, ModelKind.METRIC)
    ]
    if frozen:
        st.caption(
            f"Frozen members are named in it, not copied: {', '.join(frozen)}. Where it is used, "
            "their weights must be reachable, and they are checked to be the same."
        )
    known = [shelf.models[i] for i in info.member_ids if i in shelf.models]
    folders = taking_out.folders_needed(ws, known)
    if folders:
        names = ", ".join(f"`{name}`" for name in folders)
        st.caption(
            f"Not in it: the pretrained weights of {names}, a folder in `{ws.settings.models}` on "
            "this server. Copy it into a folder `backbones` where the ensemble is used; the shell "
            "looks there with `CSSIM_MODELS=backbones`."
        )
    st.markdown("**From Python**, where CS-Sim is installed and the file is unpacked:")
    st.code(taking_out.usage(info, folders), language="python")
    st.markdown("**From the shell**:")
    st.code(f"python -m cssim ask {json.dumps(name)} reference.jpg a.jpg b.jpg", language="shell")
    with st.expander("Its card"):
        st.json({k: v for k, v in info.config.items() if k != "fitted"}, expanded=True)
        members = ", ".join(map(words.plain_markdown, answering.member_names(shelf, ensemble)))
        st.caption(f"Members, in order: {members}")


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number < 1e9 else f"{number / 1e9:.1f} GB"
