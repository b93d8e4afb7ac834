"""The nearest pictures under each model, row by row, with what only one model finds near."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import experiments, jobs, one_reference
from cssim.services.one_reference import Row
from cssim.services.vectors import Near, Shelf
from cssim.services.workspace import Workspace
from cssim.types import Image, ModelInfo, Person
from cssim.ui import figures, tables, widgets, words

TOP = 10
STYLE = """<style>
.cs-near { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: .35rem 1rem;
  align-items: start; }
.cs-near > div:nth-child(odd) { padding-top: .4rem; overflow-wrap: anywhere; }
.cs-near-row { display: grid; grid-template-columns: repeat(10, minmax(0, 1fr)); gap: .4rem; }
.cs-near-row figure { margin: 0; min-width: 0; }
.cs-near-row img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px;
  display: block; border: 3px solid transparent; box-sizing: border-box;
  background: color-mix(in srgb, currentColor 6%, transparent); }
.cs-near-row .cs-only img { border-color: #D55E00; }
.cs-near-row .cs-all img { border-color: #0072B2; }
.cs-near-row figcaption { font-size: .72rem; line-height: 1.25; opacity: .85;
  font-variant-numeric: tabular-nums; }
.cs-key { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px;
  border: 3px solid; vertical-align: -.1rem; margin-right: .3rem; }
@media (max-width: 640px) {
  .cs-near { grid-template-columns: 1fr; }
  .cs-near-row { grid-template-columns: repeat(5, minmax(0, 1fr)); }
}
</style>"""


def draw(ws: Workspace, user: Person, shelf: Shelf, image: Image) -> None:
    """A row for each model; those that have not embedded the image can be asked to."""
    models = shelf.listed
    if not models:
        st.caption("There are no models yet: train some, or add a frozen backbone, on Train.")
        return
    chosen = st.multiselect(
        "Models",
        [model.name for model in models],
        default=[model.name for model in models],
        key=f"reference_near_{len(models)}",
        wrap=True,
        label_visibility="collapsed",
        placeholder="models to look at",
    )
    shown = [model for model in models if model.name in chosen]
    rows = one_reference.neighbour_rows(shelf, shown, image.id, TOP)
    known = [row for row in rows if row.nearest]
    if known:
        st.html(STYLE + _legend(len(known)) + f'<div class="cs-near">{_rows(known)}</div>')
        _table(known, image)
    _missing(ws, user, shelf, [row.model for row in rows if not row.nearest])


def _legend(models: int) -> str:
    if models < 2:
        return ""
    return (
        '<p class="cs-small cs-quiet" style="margin:.1rem 0 .6rem">'
        '<span class="cs-key" style="border-color:#D55E00"></span>only this model finds it near '
        '&nbsp; <span class="cs-key" style="border-color:#0072B2"></span>every model does '
        "&nbsp; numbers: distance by that model, and how many rows hold the picture</p>"
    )


def _rows(rows: Sequence[Row]) -> str:
    parts = []
    for row in rows:
        alone = sum(n == 1 for n in row.shared.values()) if len(rows) > 1 else 0
        remark = f"{alone} of {len(row.nearest)} only here" if alone else ""
        parts.append(
            f"<div><strong>{tables.markup(row.model.name)}</strong><br>"
            f'<span class="cs-quiet cs-small">{words.MODEL_KINDS[row.model.kind]}'
            f"{'<br>' + remark if remark else ''}</span></div>"
        )
        cells = "".join(_cell(near, row.shared[near.image.id], len(rows)) for near in row.nearest)
        parts.append(f'<div class="cs-near-row">{cells}</div>')
    return "".join(parts)


def _cell(near: Near, shared: int, rows: int) -> str:
    """Three decimals of the distance; the frame says whether others agree, the title does too."""
    kind = "" if rows < 2 else "cs-only" if shared == 1 else "cs-all" if shared == rows else ""
    name = tables.markup(near.image.name)
    title = f"{name}, in {shared} of {words.count(rows, 'row')}"
    return (
        f'<figure class="{kind}"><a href="/reference?image={near.image.id}" target="_self">'
        f'<img src="{tables.source(near.image)}" alt="{title}" title="{title}" loading="lazy"></a>'
        f"<figcaption>{near.distance:.3f}"
        f"{f' · {shared}/{rows}' if rows > 1 else ''}</figcaption></figure>"
    )


def _table(rows: Sequence[Row], image: Image) -> None:
    st.download_button(
        "Neighbours as CSV",
        lambda: figures.rows_csv(
            [
                {
                    "model": row.model.name,
                    "rank": rank,
                    "image_id": near.image.id,
                    "name": near.image.name,
                    "distance": near.distance,
                    "in_rows": row.shared[near.image.id],
                }
                for row in rows
                for rank, near in enumerate(row.nearest, 1)
            ]
        ),
        file_name=f"{figures.file_stem(f'neighbours of {image.name}')}.csv",
        mime="text/csv",
        key="reference_near_csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def _missing(ws: Workspace, user: Person, shelf: Shelf, models: Sequence[ModelInfo]) -> None:
    """Models that have not embedded the reference, or not all pictures among its neighbours."""
    names = [model.name for model in models]
    partly = [m.name for m in shelf.listed if shelf.missing(m.id) and m.name not in names]
    if not names and not partly:
        return
    text = ""
    if names:
        text = f"Not embedded by {', '.join(names)}: they have no neighbours for it yet. "
    if partly:
        most = max(shelf.missing(shelf.by_name[name].id) for name in partly)
        text += (
            f"{words.count(len(partly), 'model has', 'models have')} not embedded up to {most:,} "
            f"of {words.count(len(shelf.images), 'picture')}, which cannot be among their "
            "neighbours."
        )
    st.caption(words.plain_markdown(text))
    if st.button(
        "Embed what is missing", key="reference_embed", icon=":material/memory:", type="tertiary"
    ):
        with widgets.errors():
            experiments.request_embedding(ws, [*names, *partly], by=user.id)
            jobs.ensure_worker(ws.settings)
            st.rerun()
