"""Pictures and label files in, with what was refused and why."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from cssim.errors import BadInput, BadLabels, CSSimError, Fault
from cssim.services.library import ImportReport, LabelReport, Upload, add_images, import_labels
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Person, Role
from cssim.ui import tables, widgets, words

SHOWN_FAULTS = 100
"""Faulty lines and refused files that are listed; all are counted."""
NAMES_FILE = "filename_dict.txt"
"""The file beside the released CoSIS labels that gives their images further names."""
_AS_FILE = "As the file says"


def draw(ws: Workspace, user: Person) -> None:
    """Two forms beside each other: pictures and labels."""
    left, right = st.columns(2, gap="large")
    with left:
        _pictures(ws, user)
    with right:
        _labels(ws)


# --- pictures -------------------------------------------------------------------------------


def _pictures(ws: Workspace, user: Person) -> None:
    tables.section("Pictures")
    with st.form("library_pictures", clear_on_submit=True):
        files = st.file_uploader(
            "Picture files",
            accept_multiple_files=True,
            max_upload_size=ws.settings.max_upload_mb,
            key="library_pictures_files",
            help="The same picture twice is taken once; what cannot be read is refused by name.",
        )
        folder, tag_folders = "", False
        if user.role.may(Role.ADMINISTRATOR):
            folder = st.text_input(
                "Or a folder on the server",
                key="library_pictures_folder",
                placeholder="/data/photos",
                help="Searched with its sub-folders; a manifest.csv in it is followed.",
            )
            tag_folders = st.checkbox(
                "Tag each of its pictures with the first sub-folder",
                key="library_pictures_tag_folders",
            )
        tags = st.text_input(
            "Tags for all of them",
            key="library_pictures_tags",
            placeholder="ocean, summer",
            help="Words, separated by commas. Images can be found and drawn by them.",
        )
        go = st.form_submit_button("Take pictures in", type="primary")
    if go:
        sources: list[str | Upload] = [Upload(one.name, one.getvalue()) for one in files]
        sources += [folder.strip()] if folder.strip() else []
        with widgets.errors():
            if not sources:
                raise BadInput("expected picture files, got none; choose some first")
            _show_pictures(
                _with_bar(add_images, ws, sources, tags=_list(tags), tag_folders=tag_folders)
            )


def _show_pictures(report: ImportReport) -> None:
    parts = [f"**{words.count(report.added, 'new image')}**"]
    parts += [f"{report.known:,} already here"] * bool(report.known)
    parts += [f"{words.count(report.filled, 'known name')} got pixels"] * bool(report.filled)
    parts += [f"{words.count(report.named, 'more name')} for the same content"] * bool(report.named)
    parts += [f"{words.count(len(report.ignored), 'other file')} ignored"] * bool(report.ignored)
    st.success(", ".join(parts) + ".", icon=":material/check_circle:")
    if report.refused:
        st.warning(
            f"{words.count(len(report.refused), 'file was', 'files were')} not taken. Everything "
            "else is in.",
            icon=":material/warning:",
        )
        shown = [[problem.name, problem.reason] for problem in report.refused[:SHOWN_FAULTS]]
        tables.table(("File", "Why"), shown, caption="Refused files")
        _and_more(len(report.refused))
    for remark, count in report.remarks.items():
        st.info(
            f"{words.count(count, 'file')}: {words.plain_markdown(remark)}.",
            icon=":material/info:",
        )
    for note in report.notes[:SHOWN_FAULTS]:
        st.caption(words.plain_markdown(note))


# --- labels ---------------------------------------------------------------------------------


def _labels(ws: Workspace) -> None:
    tables.section("Answers")
    with st.form("library_labels", clear_on_submit=True):
        files = st.file_uploader(
            "Label files: CoSIS text (.txt) or CSV of triples (.csv)",
            type=["txt", "csv"],
            accept_multiple_files=True,
            max_upload_size=ws.settings.max_upload_mb,
            key="library_labels_files",
            help="A CSV has the columns ref, a, b, answer, and if you like n_a, n_b, annotator, "
            f"response_ms. CoSIS's {NAMES_FILE}, dropped along, gives images their file names.",
        )
        kind = st.selectbox(
            "What the answers are for",
            [_AS_FILE, *ClusterKind],
            format_func=str,
            key="library_labels_kind",
            help="The released CoSIS files say it by their names; a CSV does not.",
        )
        name = st.text_input(
            "Name of the set", key="library_labels_name", placeholder="the file's own name"
        )
        with st.container(border=True):
            split = st.checkbox(
                "Split a CSV by reference: context sets, and the rest for validation and test",
                key="library_labels_split",
                help="The references with most answers become a context set each; the others go "
                "to a validation and a test set, so that no two sets share a reference.",
            )
            contexts = st.number_input(
                "Context sets", 1, 100, 8, key="library_labels_contexts", width=160
            )
            share = st.slider(
                "Share of the others for validation, %", 0, 100, 50, key="library_labels_share"
            )
        skip = st.checkbox(
            "Take the good lines of a faulty file",
            key="library_labels_skip",
            help="Otherwise nothing of a file with a faulty line goes in.",
        )
        go = st.form_submit_button("Take answers in", type="primary")
    if not go:
        return
    options: dict[str, Any] = {
        "kind": None if kind == _AS_FILE or split else kind,
        "cluster": name.strip() or None,
        "skip_bad": skip,
    }
    if split:
        options |= {"per_reference": int(contexts), "validation_share": share / 100}
    _take_labels(ws, [(one.name, one.getvalue()) for one in files], options)


def _take_labels(
    ws: Workspace, files: Sequence[tuple[str, bytes]], options: dict[str, Any]
) -> None:
    files = [(PurePosixPath(name).name, data) for name, data in files]
    labels = [name for name, _ in files if name != NAMES_FILE]
    with tempfile.TemporaryDirectory(prefix="cssim-import-") as folder, _named_as_uploaded(folder):
        if not labels:
            raise BadInput("expected a label file, got none; choose one first")
        twice = sorted({name for name in labels if labels.count(name) > 1})
        if twice:
            raise BadInput(f"two files are called {twice[0]}; take them in one after the other")
        if len(labels) > 1 and options["cluster"]:
            raise BadInput("one name cannot serve several files; leave it empty, or take one file")
        for name, data in files:
            (Path(folder) / name).write_bytes(data)
        for name in labels:
            path = Path(folder) / name
            own = {**options, "per_reference": None} if path.suffix == ".txt" else options
            try:
                _show_labels(name, _with_bar(import_labels, ws, path, **own))
            except BadLabels as error:
                _show_faults(name, error.faults)


@contextmanager
def _named_as_uploaded(folder: str) -> Iterator[None]:
    """Errors within are shown, and name files as the person does, not where they lay meanwhile."""
    try:
        yield
    except CSSimError as error:
        widgets.problem(BadInput(str(error).replace(f"{folder}/", "")))


def _show_labels(name: str, report: LabelReport) -> None:
    if report.unchanged:
        st.info(
            f"**{words.plain_markdown(name)}** was here already; nothing has changed.",
            icon=":material/info:",
        )
        return
    st.success(
        f"**{words.plain_markdown(name)}** is in: "
        + ", ".join(
            f"{words.plain_markdown(one.name)} ({one.kind}, {words.count(one.pages, 'page')})"
            for one in report.clusters
        ),
        icon=":material/check_circle:",
    )
    if report.missing_images:
        st.info(
            f"{words.count(report.missing_images, 'image')} of these pages have no pixels here. "
            "The answers count, but models can be trained and compared only once the pictures "
            "are in.",
            icon=":material/image_not_supported:",
        )
    for note in report.notes:
        st.caption(words.plain_markdown(note))
    if report.skipped:
        st.warning(f"{words.count(len(report.skipped), 'faulty line')} left out.")
        _fault_table(report.skipped)


def _show_faults(name: str, faults: Sequence[Fault]) -> None:
    st.error(
        f"**{words.plain_markdown(name)}**: {words.count(len(faults), 'faulty line')}, so nothing "
        "of this file was taken. Mend the file, or tick “Take the good lines of a faulty file”.",
        icon=":material/error:",
    )
    _fault_table(faults)


def _fault_table(faults: Sequence[Fault]) -> None:
    rows = [
        [f"line {one.line}" if one.line else "whole file", one.expected, one.found]
        for one in faults[:SHOWN_FAULTS]
    ]
    tables.table(("Where", "Expected", "Found"), rows, caption="Faulty lines")
    _and_more(len(faults))


def _and_more(total: int) -> None:
    if total > SHOWN_FAULTS:
        st.caption(f"… and {total - SHOWN_FAULTS:,} more")


# --- both -----------------------------------------------------------------------------------


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _with_bar(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do the work under a progress bar, which goes away at the end."""
    bar = st.progress(0.0, "Reading …")

    def tell(done: int, total: int, message: str) -> None:
        step = max(1, total // 100)
        if done % step == 0 or done == total:
            bar.progress(done / total if total else 1.0, escape(message, quote=False)[:120])

    try:
        return work(*args, progress=tell, **options)
    finally:
        bar.empty()
