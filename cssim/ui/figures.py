"""A figure as all pages show it: with words for those who cannot see it, and files to take away.

Below each figure stand PNG, SVG and CSV. The pictures are made in the browser from what is on the
screen, zoom included, on white as papers need them; the table is made only when somebody asks for
it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from cssim.csv_cells import guarded
from cssim.plots.style import for_print

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Rows = Sequence[Mapping[str, object]]
"""A table: what each column is called, and its value, row by row."""

_PICTURES = st.components.v2.component(
    "cssim_figure_files",
    html='<span class="files"><button type="button" data-format="png">PNG</button>'
    '<button type="button" data-format="svg">SVG</button></span>',
    css="""
.files { display: inline-flex; gap: 0.25rem; }
button { font: inherit; font-size: 0.8rem; color: var(--st-text-color); background: none;
  border: none; border-radius: 0.4rem; padding: 0.3rem 0.5rem; cursor: pointer; min-height: 2rem; }
button:hover, button:focus-visible { background: var(--st-secondary-background-color); }
""",
    js=(Path(__file__).parent / "figures.js").read_text("utf-8"),
)


def figure(
    fig: Figure,
    *,
    key: str,
    name: str,
    data: Rows | Callable[[], Rows],
    alt: str,
    on_select: Literal["rerun", "ignore"] | Callable[..., None] = "ignore",
    selection_mode: str | Iterable[str] = ("points", "box", "lasso"),
    config: Mapping[str, Any] | None = None,
) -> Any:
    """Draw a plotly figure with its downloads; returns what `st.plotly_chart` returns.

    Args:
        fig: made by `cssim.plots`, in the colours of the page.
        key: of the chart; letters, digits, `_` and `-`. The other widgets' keys begin with it.
        name: what the files are called, without an ending; other signs than letters, digits, `.`,
            `_` and `-` become `-`.
        data: the numbers that are drawn, in the units of the page; a function is called only when
            the table is downloaded, from another thread, without Streamlit.
        alt: says in words what the figure shows and, best, its main finding.
        on_select: as of `st.plotly_chart`.
        selection_mode: as of `st.plotly_chart`.
        config: further settings of plotly's.
    """
    stem = file_stem(name)
    with st.container(key=f"{key}_figure", gap="small"):
        state = st.plotly_chart(
            fig,
            key=key,
            theme=None,
            alt=alt,
            on_select=on_select,  # type: ignore[arg-type]
            selection_mode=selection_mode,  # type: ignore[arg-type]
            config={"displaylogo": False, **(config or {})},
        )
        with st.container(
            horizontal=True,
            horizontal_alignment="right",
            vertical_alignment="center",
            gap="small",
        ):
            _PICTURES(
                key=f"{key}_pictures",
                data={
                    "within": f"st-key-{key}_figure",
                    "stem": stem,
                    "alt": alt,
                    "print": for_print(),
                },
                width="content",
                height="content",
            )
            st.download_button(
                "CSV",
                lambda: rows_csv(data() if callable(data) else data),
                file_name=f"{stem}.csv",
                mime="text/csv",
                key=f"{key}_csv",
                on_click="ignore",
                type="tertiary",
                help="The numbers of this figure",
            )
    return state


def rows_csv(rows: Rows) -> str:
    """A table as CSV with a heading: the columns of all rows in the order in which they come up.

    A cell that a spreadsheet would take for a formula begins with an apostrophe; None is empty.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    out = io.StringIO()
    table = csv.DictWriter(out, columns, lineterminator="\n")
    table.writeheader()
    table.writerows({name: guarded(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def file_stem(name: str) -> str:
    """The name of a file without its ending: what cannot stand in one becomes `-`."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "figure"
