"""What the page shows and what is picked: in the session, in the address, in widgets.

Widgets hold their values in the session under `WIDGET` plus a name of `FIELDS`; the address holds
the same, so that a colleague who opens it sees the same, and whoever comes back without an address
finds what they left. A link to this page may add `part`, the tab to open beside the map. The picked
references stand in the address as a saved selection, or packed; too many to pack are kept in the
session alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import regions, selections
from cssim.services.clearest import clearest_row
from cssim.services.inspecting import Inspection
from cssim.services.regions import View
from cssim.services.workspace import Workspace

WIDGET = "regions_"
PICKED, SAVED, LOADED = "regions_ids", "regions_saved", "regions_address"
LAST = "regions_last"
"""By project the address that was shown last, for who comes back without one."""
PARTS, PART = ("Accuracy", "References", "Triples", "Keep and send"), "regions_tabs"
"""Tabs beside the map, and the session key of the open one."""
FAULT = "regions_fault"
"""What went wrong before this rerun, to be said in it."""
FIELDS = ("kind", "row", "other", "plane", "surface", "grid", "window", "overlay", "tags", "least")
GRIDS, WINDOWS = (20, 300), (1, 80)
"""Ends of the sliders."""


def key(name: str) -> str:
    """Session key of the widget of one field."""
    return WIDGET + name


def start(ws: Workspace, inspection: Inspection) -> None:
    """Fill the session: from the address of whoever arrives, else with what it lacks.

    What the session holds of another inspection and does not fit is put right.
    """
    names = list(inspection.info.names)
    mine = f"{ws.project.id} {inspection.info.id}"
    # Widgets are forgotten when the page is left. While it is open the address may lag behind
    # them, so that only a link, which names the tab, counts then.
    arrived = key("kind") not in st.session_state or "part" in st.query_params
    if st.session_state.get(LOADED) != mine or arrived:
        st.session_state[LOADED] = mine
        given = {name: st.query_params.get_all(name) for name in st.query_params}
        _take(ws, inspection, given or last(ws))
    rows = regions.compared_rows(inspection)
    _choose("kind", regions.KINDS, "model")
    _choose("row", names, clearest_row(ws, inspection.info) or names[rows[0]])
    _choose("other", names, names[rows[1] if len(rows) > 1 else 0])
    _choose("plane", regions.planes(inspection), "pca")
    _choose("overlay", regions.OVERLAYS, "none")
    st.session_state.setdefault(key("surface"), True)
    _within("grid", GRIDS, 200)
    _within("window", WINDOWS, regions.suggested_window(inspection))
    _within("least", (1, int(inspection.counts.max())), 1)
    st.session_state.setdefault(key("tags"), [])
    st.session_state.setdefault(PICKED, ())


def view() -> View:
    """What the widgets say."""
    values = {name: st.session_state[key(name)] for name in FIELDS}
    return View(**values | {"tags": tuple(values["tags"])})


def picked() -> tuple[int, ...]:
    """Image ids of the picked references, sorted."""
    return tuple(st.session_state.get(PICKED, ()))


def pick(ids: Sequence[int], *, saved: int | None = None) -> None:
    """Pick these references; `saved` is the selection that they are."""
    st.session_state[PICKED] = tuple(sorted({int(i) for i in ids}))
    st.session_state[SAVED] = saved
    st.session_state["regions_page"] = 0
    st.session_state["regions_shown"] = 0


def saved() -> int | None:
    """Id of the saved selection that is picked, if it is one."""
    found = st.session_state.get(SAVED)
    return None if found is None else int(found)


def address(inspection_id: int, current: View) -> dict[str, Any]:
    """What a colleague needs to see the same: parameters of the address."""
    found: dict[str, Any] = {"inspection": str(inspection_id), "kind": current.kind}
    found |= {"row": current.row, "plane": current.plane, "overlay": current.overlay}
    found |= {"surface": str(int(current.surface)), "grid": str(current.grid)}
    found |= {"window": str(current.window), "least": str(current.least)}
    if current.kind == "difference":
        found["other"] = current.other
    if current.tags:
        found["tags"] = list(current.tags)
    number, ids = saved(), picked()
    if number is not None:
        found["selection"] = str(number)
    elif ids and len(code := selections.encode(ids)) <= selections.MAX_CODE:
        found["ids"] = code
    return found


def write_address(ws: Workspace, inspection_id: int, current: View) -> bool:
    """Put the view into the browser's address; whether the picked references went in, too."""
    wanted = {
        name: value if isinstance(value, list) else [value]
        for name, value in address(inspection_id, current).items()
    }
    st.session_state.setdefault(LAST, {})[ws.project.id] = wanted
    if {name: st.query_params.get_all(name) for name in st.query_params} != wanted:
        st.query_params.from_dict(wanted)
    return not picked() or "ids" in wanted or "selection" in wanted


def last(ws: Workspace) -> dict[str, list[str]]:
    """The address that was shown last in this session; empty on the first visit."""
    found: dict[str, list[str]] = st.session_state.get(LAST, {}).get(ws.project.id, {})
    return found


def _take(ws: Workspace, inspection: Inspection, every: Mapping[str, Sequence[str]]) -> None:
    """Take over what an address says; what cannot be read is left out."""
    given = {name: values[-1] for name, values in every.items() if values}
    for name in ("kind", "row", "other", "plane", "overlay"):
        if name in given:
            st.session_state[key(name)] = given[name]
    for name in ("grid", "window", "least"):
        if given.get(name, "").isdecimal():
            st.session_state[key(name)] = int(given[name][:6])
    if "surface" in given:
        st.session_state[key("surface")] = given["surface"] == "1"
    if "tags" in given:
        st.session_state[key("tags")] = list(every["tags"])
    if given.get("part") in PARTS:
        st.session_state[PART] = given["part"]
    try:
        if given.get("selection", "").isdecimal():
            found = selections.get(ws, int(given["selection"][:9]))
            pick(found.reference_ids, saved=found.id)
            st.session_state["regions_title"] = found.name
        elif "ids" in given:
            places = inspection.places(selections.decode(given["ids"]))
            pick(inspection.reference[places].tolist())
    except CSSimError as error:
        st.session_state[FAULT] = str(error)


def _choose(name: str, allowed: Sequence[str], default: str) -> None:
    if st.session_state.get(key(name)) not in allowed:
        st.session_state[key(name)] = default if default in allowed else allowed[0]


def _within(name: str, ends: tuple[int, int], default: int) -> None:
    value = st.session_state.get(key(name), default)
    st.session_state[key(name)] = min(max(int(value), ends[0]), ends[1])
