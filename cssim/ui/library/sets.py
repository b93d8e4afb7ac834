"""The sets of a project in numbers, and their answers as files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from cssim.services import gallery
from cssim.services.library import ClusterSummary, export_labels
from cssim.services.workspace import Workspace
from cssim.ui import cached, tables, widgets, words

FORMATS = {
    "CSV of triples": (".csv", "text/csv"),
    "CoSIS text": (".txt", "text/plain"),
    "JSON Lines": (".jsonl", "application/jsonl"),
    "Parquet": (".parquet", "application/vnd.apache.parquet"),
}
"""Title -> extension and type of the files that can be taken out."""
_COLUMNS = ("Set", "For", "References", "Pages", "Answers", "Triples", "Ties", "Pixels")


def draw(ws: Workspace) -> None:
    """The table of sets, and below it the export."""
    found = cached.summaries(ws)
    if not found:
        widgets.empty(
            "No sets yet",
            "A set is a group of pages to be judged, or that were judged. **Import** answers that "
            "you have, or draw a **New set** from the project's images and label it.",
            icon=":material/stacks:",
        )
        return
    _table(ws, found)
    _export(ws, found)


def _table(ws: Workspace, found: Sequence[ClusterSummary]) -> None:
    ids = [one.cluster.id for one in found if one.references == 1]
    references = gallery.first_references(ws, ids)
    rows = [
        [
            tables.named(references[one.cluster.id], *_title(one))
            if one.cluster.id in references
            else tables.lines(*_title(one)),
            tables.tag(words.CLUSTER_KINDS[one.cluster.kind]),
            f"{one.references:,}",
            tables.lines(
                f"{one.pages:,}",
                tables.quiet(f"{one.open_pages:,} unanswered") if one.open_pages else "",
            ),
            f"{one.votes:,}",
            f"{one.triples:,}",
            words.percent(one.tie_share),
            _pixels(one),
        ]
        for one in found
    ]
    tables.table(_COLUMNS, rows, numbers=_COLUMNS[2:7], caption="Sets of the project")
    st.caption(
        "Answers counts people's votes; a page with k candidates gives k (k − 1) / 2 triples. "
        "Ties: share of the triples whose votes are even."
    )


def _title(one: ClusterSummary) -> list[str]:
    context = one.cluster.context
    return [
        one.cluster.name,
        tables.quiet(context) if context and context != one.cluster.name else "",
    ]


def _pixels(one: ClusterSummary) -> str:
    if not one.missing_images:
        return tables.quiet("all here")
    return tables.lines(
        f"{one.missing_images:,} of {one.images:,} missing",
        tables.quiet("can be counted, not shown or embedded"),
    )


def _export(ws: Workspace, found: Sequence[ClusterSummary]) -> None:
    tables.section("Take answers out")
    everything = "All sets"
    names = [one.cluster.name for one in found]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Set", [everything, *names], key="library_export_set", width=320)
        title = st.selectbox("Format", list(FORMATS), key="library_export_format", width=200)
        prepare = st.button("Prepare file", key="library_export_prepare")
    states = tuple(gallery.cluster_states(ws).items())
    wanted = (name, title, states)
    if prepare:
        st.session_state.pop("library_export", None)
        with widgets.errors(), st.spinner("Writing …"):
            chosen = None if name == everything else name
            st.session_state["library_export"] = (wanted, *_file(ws, chosen, title))
    kept = st.session_state.get("library_export")
    if kept is None or kept[0] != wanted:
        return
    _, rows, data = kept
    suffix, mime = FORMATS[title]
    stem = ws.project.name if name == everything else name
    st.download_button(
        f"Download {words.count(rows, 'row')}",
        data,
        file_name=f"{stem}{suffix}",
        mime=mime,
        icon=":material/download:",
        key="library_export_download",
        on_click="ignore",
        type="primary",
    )


def _file(ws: Workspace, name: str | None, title: str) -> tuple[int, bytes]:
    """Rows and bytes of an export."""
    with tempfile.TemporaryDirectory(prefix="cssim-export-") as folder:
        path = Path(folder) / f"export{FORMATS[title][0]}"
        report = export_labels(ws, name, path)
        return report.rows, path.read_bytes()
