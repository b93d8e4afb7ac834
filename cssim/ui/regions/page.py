"""The regions page, put together: which inspection, the map, what is picked."""

from __future__ import annotations

import streamlit as st

from cssim.services import inspecting, regions
from cssim.services.inspecting import InspectionInfo
from cssim.services.map_caption import caption
from cssim.services.regions import View
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Person
from cssim.ui import cached, figures, first_visit, jobs_view, tables, widgets, words
from cssim.ui.regions import controls, kept, look, region_map, state
from cssim.ui.regions.kept import Drawn

_MAP = "regions_map"
EXPLANATION = "Where in image space each model is right, and whether that is more than chance."


def draw(ws: Workspace, person: Person) -> None:
    """The whole page."""
    found = inspecting.list_inspections(ws)
    if not found:
        widgets.header("Regions", EXPLANATION)
        widgets.empty(
            "Nothing inspected yet",
            "An inspection lets every model and ensemble answer a set once; the map then shows "
            "where in image space each is right. It needs models, and a set with answers.",
            icon=":material/scatter_plot:",
        )
        _ask(ws, person)
        _board(ws)
        return
    left, right = st.columns([64, 36], vertical_alignment="bottom")
    with left:
        widgets.header("Regions", EXPLANATION)
    with right:
        info = _chosen(ws, found)
    warning = st.container()
    with widgets.errors():
        st.fragment(_explore)(ws, person, info)
    with st.expander("Inspect again, or other sets", icon=":material/refresh:"):
        _ask(ws, person)
    _board(ws)
    _remarks(ws, info, warning)


def _chosen(ws: Workspace, found: list[InspectionInfo]) -> InspectionInfo:
    """The inspection to show: the address's or the one that was left, else the newest."""
    by_id = {one.id: one for one in found}
    wanted = st.query_params.get("inspection") or state.last(ws).get("inspection", [""])[0]
    key = f"regions_inspection_{found[0].id}"  # a new inspection is shown at once
    if key not in st.session_state:
        known = wanted.isdecimal() and int(wanted) in by_id
        st.session_state[key] = int(wanted) if known else found[0].id
    if len(found) == 1:
        return found[0]
    number = st.selectbox(
        "Inspection",
        list(by_id),
        format_func=lambda id_: _title(by_id[id_]),
        key=key,
    )
    return by_id[int(number)]


def _title(info: InspectionInfo) -> str:
    return (
        f"{info.title}: {words.count(info.references, 'reference')}, "
        f"{words.count(len(info.rows), 'row')}, {words.ago(info.created_at)} (no. {info.id})"
    )


def _explore(ws: Workspace, person: Person, info: InspectionInfo) -> None:
    """The part that follows clicks: rerun alone, and only with what changed drawn anew."""
    inspection, images = kept.inspection(ws, info), kept.images(ws, info)
    if inspection.pca is None and inspection.tsne is None:
        widgets.empty(
            "No map",
            "This inspection has no plane to lie in: embed a frozen model on the page Train, then "
            "inspect again.",
        )
        return
    state.start(ws, inspection)
    fault = st.session_state.pop(state.FAULT, "")
    if fault:
        st.warning(words.plain_markdown(fault), icon=":material/error:")
    controls.draw(inspection, images)
    view = state.view()
    with widgets.errors():
        drawn = kept.drawn(ws, info, view, dark=jobs_view.is_dark())
        left, right = st.columns([58, 42], gap="medium")
        picked = bool(state.picked())
        if not picked:
            with left:
                _map(ws, info, view, drawn)
        with right, st.container(key="regions_look", gap="small"):
            look.draw(ws, person, inspection, images, view, drawn.picture)
        if picked:  # what a pick changes does not wait for the map, which stays as it is
            with left:
                _map(ws, info, view, drawn)
        first_visit.saw(ws, person, "regions")
    whole = state.write_address(ws, info.id, view)
    if not whole:
        st.caption("This selection is too large for the address: save it to share it.")


def _map(ws: Workspace, info: InspectionInfo, view: View, drawn: Drawn) -> None:
    title = drawn.picture.panels[0].title if len(drawn.picture.panels) == 1 else "All CS models"
    _null(view, drawn)
    region_map(
        drawn.figure,
        drawn.narrow,
        drawn.version,
        selected=state.picked(),
        key=_MAP,
        alt=drawn.alt,
        stem=figures.file_stem(f"regions {info.title} {title}"),
        points=view.kind == "difference",
        on_pick=_on_pick,
    )
    controls.draw_map_controls()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        images = kept.images(ws, info)
        st.button(
            "Select all shown",
            key="regions_all",
            on_click=state.pick,
            args=(drawn.picture.dots.image.tolist(),),
            help="Every reference on the map, e.g. all with a tag",
        )
        st.download_button(
            "Numbers (CSV)",
            lambda: figures.rows_csv(kept.rows_of(drawn.picture, images)),
            file_name=f"{figures.file_stem('regions ' + title)}.csv",
            mime="text/csv",
            key="regions_numbers",
            on_click="ignore",
            type="tertiary",
        )
        with st.popover("Caption", type="tertiary", help="For a paper, with all that it rests on"):
            st.code(caption(info, view, drawn.picture), language=None, wrap_lines=True)


def _null(view: View, drawn: Drawn) -> None:
    """What the map is worth, in a sentence for each panel."""
    found = drawn.picture
    looking = " t-SNE is for looking only." if view.plane == "tsne" else ""
    if len(found.panels) == 1:
        title = words.plain_markdown(found.panels[0].title)
        said = regions.null_sentence(title, found.tests[0]) + looking
        if regions.is_sure(found.tests[0]) or found.tests[0].p is None:
            st.caption(said)
        else:
            st.warning(said, icon=":material/warning:")
    else:
        sure = [
            panel.title
            for panel, test in zip(found.panels, found.tests, strict=True)
            if regions.is_sure(test)
        ]
        names = ", ".join(map(words.plain_markdown, sure))
        st.caption(
            f"Of {words.count(len(found.panels), 'map')}, **{len(sure)}** explain more of the "
            "differences between references than maps of shuffled references do (p up to "
            f"{regions.SURE}, each by itself){': ' + names if names else ''}. Above each panel: "
            "share that its map explains, the same of shuffled references, and p. Colours: "
            f"distance from each model's mean.{looking}"
        )


def _on_pick() -> None:
    """A person picked references on the map."""
    value = (st.session_state.get(_MAP) or {}).get("picked")
    if value:
        state.pick([int(i) for i in value["ids"]])


def _ask(ws: Workspace, person: Person) -> None:
    """The form for a new inspection."""
    ready = [one for one in cached.summaries(ws) if one.triples and not one.missing_images]
    if not ready:
        st.caption("There is no set with answers and pictures yet.")
        widgets.page_link("library", "To the library", icon=":material/photo_library:")
        return
    names = [one.cluster.name for one in ready]
    first = [
        one.cluster.name
        for one in ready
        if one.cluster.kind is ClusterKind.VALIDATION and one.references > 1
    ][:1]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sets = st.multiselect(
            "Sets to inspect", names, default=first, key="regions_sets", width=420
        )
        tsne = st.toggle("t-SNE, too", value=True, key="regions_tsne", width=130)
        if st.button("Inspect", key="regions_inspect", type="primary", disabled=not sets):
            jobs_view.start(
                ws,
                lambda: inspecting.request_inspection(ws, sets, tsne=tsne, by=person.id),
                "Inspecting",
            )
    tests = [o.cluster.name for o in ready if o.cluster.kind is ClusterKind.TEST]
    if set(sets) & set(tests):
        st.caption("This opens a test set; the look is counted.")


def _board(ws: Workspace) -> None:
    tables.section("Jobs")
    jobs_view.board(
        ws, ("inspect",), key="regions", empty="Nothing runs. Inspections are shown here."
    )


def _remarks(
    ws: Workspace, info: InspectionInfo, warning: st.delta_generator.DeltaGenerator
) -> None:
    """What must be known of the inspection; last, as answers are counted for it."""
    stale = kept.stale(ws, info)
    with warning:
        if stale:
            st.warning(
                f"Out of date: {words.plain_markdown(stale)}. Inspect again below.",
                icon=":material/history:",
            )
        for note in info.notes:
            st.caption(words.plain_markdown(note))
    with st.expander("How this was computed", icon=":material/info:"):
        rows = [
            [row.name, row.kind, row.leakage, "yes" if row.cross_fitted else ""]
            for row in info.rows
        ]
        st.markdown(
            f"{words.count(info.triples, 'triple')} of "
            f"{words.count(info.references, 'reference')} from {words.plain_markdown(info.title)}. "
            f"Principal components: {words.plain_markdown(info.pca_of or 'none')}. Dots show the "
            "accuracy on one reference, drawn towards the model's mean where triples are few; "
            "larger and stronger dots rest on more triples. The map beneath is the mean over a "
            "window, as in the paper. Shuffling deals the references' numbers to other references."
        )
        tables.table(
            ["Row", "Kind", "Seen of these sets", "Out of fold"],
            rows,
            caption="Rows of the inspection and what they have seen",
        )
