"""Search by example: the pictures that an ensemble finds closest to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import streamlit as st

from cssim.services import answer_jobs, answering, jobs
from cssim.services.answering import Ready
from cssim.services.uploads import Asked
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import chooser, figures, tables, widgets, words
from cssim.ui.ensembles import watching

KEY = "search"
_JOB = "search_job"


def draw(ws: Workspace, user: Person, shelf: Shelf, ensemble: Ready) -> None:
    """What to look for, where, and what was found."""
    if ensemble.fitted.votes:
        st.info(
            "A majority vote compares two candidates and has no distance of its own, so it cannot "
            "rank pictures. Choose an ensemble that adds distances.",
            icon=":material/info:",
        )
        return
    asked = chooser.taken(KEY) or _first(shelf)
    if asked is None:
        widgets.empty("No pictures yet", "Import some on the page **Library** first.")
        return
    left, right = st.columns([1, 3], gap="large")
    with left:
        with widgets.errors():
            st.html(chooser.figure(ws, asked))
        st.caption(words.plain_markdown(asked.name))
        if st.button("Choose another", key=f"{KEY}_choose", icon=":material/add_photo_alternate:"):
            chooser.choose(ws, KEY, "Pictures that are close to this one are looked for.")
        folder = _folder(user)
    with right, widgets.errors():
        _results(ws, user, shelf, ensemble, asked, folder)


def _first(shelf: Shelf) -> Asked | None:
    image = shelf.best_known()
    return None if image is None else Asked(image.name, image_id=image.id)


def _folder(user: Person) -> str:
    """Where to search; only administrators may name a folder, as when pictures are taken in."""
    if not user.role.may(Role.ADMINISTRATOR):
        return ""
    return st.text_input(
        "Search a folder on the server instead of the library",
        key=f"{KEY}_folder",
        placeholder="/data/photos",
        help="With its sub-folders. Its pictures are not added to the project; their embeddings "
        "are kept, so that a second search is quick.",
    ).strip()


def _results(
    ws: Workspace, user: Person, shelf: Shelf, ensemble: Ready, asked: Asked, folder: str
) -> None:
    if not folder and asked.image_id is not None:
        if not answering.lacking(shelf, ensemble, [asked.image_id]):
            _from_cache(shelf, ensemble, asked.image_id)
            return
        st.caption("Some members have not embedded this picture yet; a worker does that.")
    about = (ensemble.info.id, asked, folder)
    job_id, before = st.session_state.get(_JOB, (None, None))
    if job_id is not None and before == about:
        job = watching.finished(ws, job_id, key=KEY, forget=_forget)
        if job is not None:
            _from_job(shelf, job.result, asked)
        return
    where = folder or "the library"
    if st.button(
        f"Search {words.plain_markdown(where)}", key=f"{KEY}_go", type="primary",
        icon=":material/search:",
    ):  # fmt: skip
        job_id = answer_jobs.request_search(
            ws, ensemble.info.name, asked, folder=folder, by=user.id
        )
        st.session_state[_JOB] = (job_id, about)
        jobs.ensure_worker(ws.settings)
        st.rerun()


def _forget() -> None:
    st.session_state.pop(_JOB, None)


def _from_cache(shelf: Shelf, ensemble: Ready, image_id: int) -> None:
    found = answering.search(shelf, ensemble, image_id, top=answer_jobs.TOP)
    searched = shelf.known_by_all(ensemble.info.member_ids)
    left_out = len(shelf.images) - searched
    st.caption(
        f"The nearest of {words.count(searched, 'picture')} of the library"
        + (f"; {left_out:,} are not embedded by all members and left out." if left_out else ".")
    )
    _grid(
        [
            {"name": one.image.name, "image_id": one.image.id, "src": tables.source(one.image),
             "distance": one.distance}
            for one in found
        ],
        shelf.image(image_id).name,
    )  # fmt: skip


def _from_job(shelf: Shelf, result: Mapping[str, Any], asked: Asked) -> None:
    st.caption(f"The nearest of {words.count(int(result['pictures']), 'picture')}.")
    shown = []
    for one in result["found"]:
        if "image_id" in one:
            image = shelf.image(int(one["image_id"]))
            name, src = image.name, tables.source(image)
        else:
            name, src = one["path"], f"data:image/jpeg;base64,{one['jpeg']}" if one["jpeg"] else ""
        shown.append(
            {"name": name, "src": src, "distance": one["distance"], "image_id": one.get("image_id")}
        )
    _grid(shown, asked.name)
    if result["refused"]:
        with st.expander(f"{words.count(len(result['refused']), 'file')} could not be read"):
            for reason in result["refused"]:
                st.caption(words.plain_markdown(reason))


def _grid(found: Sequence[Mapping[str, Any]], name: str) -> None:
    """Ranked pictures with their distances; those of the project lead to their own page."""
    tables.style()
    st.html(
        f'<div class="cs-grid">{"".join(_cell(i, one) for i, one in enumerate(found, 1))}</div>'
    )
    st.download_button(
        "List as CSV",
        lambda: figures.rows_csv(
            [
                {"rank": i, "name": one["name"], "image_id": one["image_id"],
                 "distance": one["distance"]}
                for i, one in enumerate(found, 1)
            ]
        ),
        file_name=f"{figures.file_stem(f'near {name}')}.csv",
        mime="text/csv",
        key=f"{KEY}_csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )  # fmt: skip


def _cell(rank: int, one: Mapping[str, Any]) -> str:
    title = tables.markup(str(one["name"]))
    short = tables.markup(PurePath(str(one["name"])).name)
    picture = (
        f'<img src="{one["src"]}" alt="{title}" title="{title}" loading="lazy">'
        if one["src"]
        else '<div class="cs-blank cs-quiet">gone</div>'
    )
    if one["image_id"] is not None:
        picture = f'<a href="/reference?image={int(one["image_id"])}" target="_self">{picture}</a>'
    return (
        f"<figure>{picture}<figcaption><strong>{rank}</strong> · {one['distance']:.3f}<br>{short}"
        "</figcaption></figure>"
    )
