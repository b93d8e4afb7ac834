"""The very references that are picked: accuracy of every row, gallery, triples, mistakes first."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from cssim.services import gallery, selecting, selections
from cssim.services.inspecting import Inspection
from cssim.services.regions import Picture, View
from cssim.services.selecting import Ints, RowAccuracy, RowDifference
from cssim.services.workspace import Workspace
from cssim.types import Image, Person
from cssim.ui import first_visit, tables, words
from cssim.ui.regions import keep, state, triples_html
from cssim.ui.tables import Markup

GALLERY, TRIPLES = 12, 5
"""References, and triples, on one page of the panel."""
_ELSEWHERE = "all other references shown"


def draw(
    ws: Workspace,
    person: Person,
    inspection: Inspection,
    images: tuple[Image, ...],
    view: View,
    found: Picture,
) -> None:
    """The panel beside the map; without a selection it speaks of all references shown."""
    chosen = inspection.places(state.picked())
    places = chosen if len(chosen) else found.places
    row = inspection.row(view.row)
    _heading(inspection, chosen, places, row)
    parts = st.tabs(state.PARTS, key=state.PART, on_change="rerun")
    with parts[0]:
        _accuracy(ws, inspection, places, chosen, found, row)
    with parts[1]:
        _gallery(inspection, images, places, row)
    with parts[2]:
        _triples(ws, inspection, places, row)
        if parts[2].open and len(chosen):
            first_visit.saw(ws, person, "mistakes")
    with parts[3]:
        keep.draw(ws, person, inspection, view, chosen)


def _heading(inspection: Inspection, chosen: Ints, places: Ints, row: int) -> None:
    total = selecting.triple_count(inspection, places)
    wrong = selecting.count_mistakes(inspection, places, row)
    what = "Selected" if len(chosen) else "Nothing selected: all references shown"
    number = state.saved()
    title = ""
    if number is not None and len(chosen):
        title = f" “{words.plain_markdown(str(st.session_state.get('regions_title', '')))}”"
    st.markdown(
        f"**{what}{title}**: {words.count(len(places), 'reference')}, "
        f"{words.count(total, 'triple')}; {words.plain_markdown(inspection.info.names[row])} is "
        f"against most people on {wrong:,}."
    )


def _accuracy(
    ws: Workspace,
    inspection: Inspection,
    places: Ints,
    chosen: Ints,
    found: Picture,
    row: int,
) -> None:
    st.html(_BAR)
    rows = selecting.accuracies(inspection, places)
    marks = {one.name: one for one in inspection.info.rows}
    ends = _scale(rows)
    tables.table(
        ["Model", "Here", "95 % interval", "All", "Gap"],
        [
            _accuracy_row(one, marks[one.name].cross_fitted, i == row, ends)
            for i, one in enumerate(rows)
        ],
        numbers=("Here", "All", "Gap"),
        caption="Accuracy of every model and ensemble on the selected references",
    )
    method = {
        "Wilson": "Wilson's intervals, as there are fewer than 10 references",
        "bootstrap": "intervals by a bootstrap of the references",
        "cluster-robust": "intervals by the cluster-robust standard error",
    }[rows[0].method]
    st.caption(
        f"Mean soft credit; {method} (line; the orange tick is “All”, every reference of the "
        "inspection; the dotted one is chance; the gap is in percentage points). Ensembles marked "
        "out of fold were fitted on these answers: each is answered by a fit without its reference."
    )
    if len(chosen):
        _compare(ws, inspection, chosen, found)


def _scale(rows: Sequence[RowAccuracy]) -> tuple[float, float]:
    """Ends of the scale of the small intervals: one for all rows, with a little room."""
    low = min(min(one.low, one.overall) for one in rows)
    high = max(max(one.high, one.overall) for one in rows)
    room = 0.04 * max(high - low, 0.01)
    return low - room, high + room


def _accuracy_row(
    one: RowAccuracy, crossed: bool, mine: bool, ends: tuple[float, float]
) -> list[str]:
    name = Markup(f"<strong>{escape(one.name)}</strong>") if mine else tables.markup(one.name)
    remark = tables.quiet("out of fold") if crossed else ""
    return [
        tables.words(name, remark),
        words.percent(one.accuracy),
        _interval(one, ends),
        words.percent(one.overall),
        f"{100 * (one.accuracy - one.overall):+z.1f}",
    ]


def _interval(one: RowAccuracy, ends: tuple[float, float]) -> Markup:
    """The interval as a small line with a dot, and in numbers."""

    def at(share: float) -> float:
        return 100 * (share - ends[0]) / (ends[1] - ends[0])

    low, high = at(one.low), at(one.high)
    chance = f'<i style="left:{at(0.5):.1f}%"></i>' if ends[0] < 0.5 < ends[1] else ""
    return Markup(
        f'<span class="cs-bar">{chance}'
        f'<b style="left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%"></b>'
        f'<em style="left:{at(one.overall):.1f}%"></em>'
        f'<u style="left:{at(one.accuracy):.1f}%"></u></span>'
        f'<span class="cs-quiet cs-small">{100 * one.low:.0f}–{100 * one.high:.0f}</span>'
    )


_BAR = """<style>
.cs-bar { display: inline-block; position: relative; width: 88px; height: 12px; margin-right: 6px;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.cs-bar i, .cs-bar b, .cs-bar em, .cs-bar u { position: absolute; display: block; }
.cs-bar i { top: 0; bottom: 0; width: 0; border-left: 1px dotted currentColor; opacity: 0.4; }
.cs-bar b { top: 5px; height: 2px; background: currentColor; opacity: 0.65; }
.cs-bar em { top: 1px; bottom: 1px; width: 2px; margin-left: -1px; background: #E69F00; }
.cs-bar u { top: 3px; width: 6px; height: 6px; margin-left: -3px; border-radius: 50%;
  background: #0072B2; }
.st-key-regions_look .cs-table td { padding: 0.28rem 0.5rem; }
.st-key-regions_look .cs-table td:first-child { min-width: 6.5rem; }
.st-key-regions_look .cs-table th { padding: 0.25rem 0.5rem; }
.st-key-regions_look .cs-table { font-size: 0.84rem; }
.st-key-regions_look .cs-table td:nth-child(3) { white-space: nowrap; }
</style>"""


def _compare(ws: Workspace, inspection: Inspection, chosen: Ints, found: Picture) -> None:
    """Two selections side by side."""
    others = {one.id: one.name for one in selections.list_selections(ws)}
    others.pop(state.saved() or 0, None)
    options = [0, *others]
    number = st.selectbox(
        "Compare with",
        options,
        format_func=lambda id_: others.get(id_, _ELSEWHERE),
        key="regions_versus",
        width=300,
    )
    if number:
        rest = inspection.places(selections.get(ws, int(number)).reference_ids)
    else:
        rest = inspection.places(sorted(set(found.dots.image.tolist()) - set(state.picked())))
    rows = selecting.differences(inspection, chosen, rest)
    if not rows:
        st.caption("None of its references belong to this inspection.")
        return
    tables.table(
        ["Model", "Selected", "Other", "Other minus selected", "95 % interval"],
        [_difference_row(one) for one in rows],
        numbers=("Selected", "Other", "Other minus selected", "95 % interval"),
        caption=f"Two selections side by side: selected, and {others.get(number, _ELSEWHERE)}",
    )
    st.caption(
        f"{words.count(len(chosen), 'reference')} against {words.count(len(rest), 'reference')}; "
        "intervals by a bootstrap of the references of both."
    )


def _difference_row(one: RowDifference) -> list[str]:
    between = ""
    if one.low is not None and one.high is not None:
        between = f"{100 * one.low:+z.1f} to {100 * one.high:+z.1f}"
    return [
        one.name,
        words.percent(one.first),
        words.percent(one.second),
        f"{100 * one.difference:+z.1f}",
        between,
    ]


def _gallery(inspection: Inspection, images: tuple[Image, ...], places: Ints, row: int) -> None:
    order = st.selectbox("Order", selecting.ORDERS, key="regions_order", width=200)
    names = [image.name for image in images]
    ranked = selecting.sorted_places(inspection, places, row, order, names).tolist()
    start = GALLERY * (_page("regions_shown", len(ranked), GALLERY) - 1)
    cards = [
        triples_html.Shown(
            images[place],
            float(inspection.sums[row, place] / inspection.counts[place]),
            int(inspection.counts[place]),
        )
        for place in ranked[start : start + GALLERY]
    ]
    triples_html.gallery(cards)


def _triples(ws: Workspace, inspection: Inspection, places: Ints, row: int) -> None:
    total = selecting.triple_count(inspection, places)
    start = TRIPLES * (_page("regions_page", total, TRIPLES) - 1)
    some, _ = selecting.triples_of(inspection, places, row, offset=start, limit=TRIPLES)
    ids = {id_ for one in some for id_ in (one.reference, one.a, one.b)}
    images = gallery.images_of(ws, sorted(ids))
    st.caption(
        f"Mistakes of {words.plain_markdown(inspection.info.names[row])} first, the surest ones on "
        "top. Under each candidate: people who said it is closer, then the models that say so."
    )
    for one in some:
        triples_html.triple(one, images, inspection.info.rows, row)
        st.button(
            "Only this reference",
            key=f"regions_only_{one.place}",
            type="tertiary",
            icon=":material/filter_center_focus:",
            on_click=state.pick,
            args=([one.reference],),
        )


def _page(name: str, total: int, size: int) -> int:
    """Number of the page of a list, from 1; a pager where there is more than one."""
    pages = max(1, -(-total // size))
    # Another selection begins at its first page: the number of the selection is in the key.
    name = f"{name}_{hash(state.picked()) & 0xFFFF}"
    if pages == 1:
        return 1
    return int(st.pagination(pages, key=name))
