"""What the page keeps between reruns: arrays, pictures drawn, words about them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cssim import words
from cssim.plots.regions import region_layout, region_parts
from cssim.plots.wire import wire
from cssim.services import gallery, inspecting, regions
from cssim.services.inspecting import Inspection, InspectionInfo
from cssim.services.regions import Picture, View
from cssim.services.workspace import Workspace
from cssim.types import Image

NARROW_COLUMNS = 2
HEIGHT, PANEL_HEIGHT = 510, 275
"""Of one map, and of one row of small ones, in pixels."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A view as the browser gets it."""

    figure: str
    """JSON of `plots.wire`."""
    narrow: str
    """Its layout for a phone, as JSON."""
    version: str
    """Of both."""
    picture: Picture
    alt: str


def inspection(ws: Workspace, info: InspectionInfo) -> Inspection:
    """An inspection's arrays, mapped into memory once for everybody."""
    return _inspection(ws, ws.settings.url, ws.project.id, info.id, info.created_at.isoformat())


@st.cache_resource(max_entries=4, show_spinner=False)
def _inspection(_ws: Workspace, url: str, project: int, id_: int, made: str) -> Inspection:
    return inspecting.load_inspection(_ws, id_)


def images(ws: Workspace, info: InspectionInfo) -> tuple[Image, ...]:
    """The image of each reference; names and tags are looked up again after five minutes."""
    made = info.created_at.isoformat()
    return _images(ws, ws.settings.url, ws.project.id, info.id, made, info)


@st.cache_resource(max_entries=4, ttl=300, show_spinner=False)
def _images(
    _ws: Workspace, url: str, project: int, id_: int, made: str, _info: InspectionInfo
) -> tuple[Image, ...]:
    return regions.reference_images(_ws, inspection(_ws, _info))


def drawn(ws: Workspace, info: InspectionInfo, view: View, *, dark: bool) -> Drawn:
    """A view, computed and drawn once for the same settings."""
    made = info.created_at.isoformat()
    return _drawn(ws, ws.settings.url, ws.project.id, info.id, made, view, dark, info)


@st.cache_resource(max_entries=48, ttl=300, show_spinner=False)
def _drawn(
    _ws: Workspace,
    url: str,
    project: int,
    id_: int,
    made: str,
    view: View,
    dark: bool,
    _info: InspectionInfo,
) -> Drawn:
    found = regions.picture(inspection(_ws, _info), images(_ws, _info), view)
    many = len(found.panels) > 1
    figure = region_parts(
        found.dots,
        found.panels,
        marks=found.marks,
        axes=found.axes,
        dark=dark,
        panel_height=PANEL_HEIGHT if many else HEIGHT,
    )
    narrow = region_layout(
        found.panels,
        bool(found.marks),
        ("", ""),
        dark,
        NARROW_COLUMNS,
        210 if many else 400,
    )
    packed = wire(figure, None if many else found.panels[0].raw)
    narrow_packed = json.dumps(narrow)
    version = hashlib.sha256(f"{packed}{narrow_packed}".encode()).hexdigest()[:16]
    return Drawn(packed, narrow_packed, version, found, _alt(found, view))


def stale(ws: Workspace, info: InspectionInfo) -> str:
    """Why an inspection no longer holds; found anew when answers, models or ensembles change."""
    from cssim.services import experiments

    state = (
        tuple(gallery.cluster_states(ws).items()),
        tuple((one.id, one.fingerprint) for one in experiments.list_models(ws, archived=True)),
        tuple((one.id, one.member_ids) for one in experiments.list_ensembles(ws, archived=True)),
    )
    made = info.created_at.isoformat()
    return _stale(ws, ws.settings.url, ws.project.id, info.id, made, state, info)


@st.cache_resource(max_entries=16, show_spinner=False)
def _stale(
    _ws: Workspace,
    url: str,
    project: int,
    id_: int,
    made: str,
    state: object,
    _info: InspectionInfo,
) -> str:
    return inspecting.stale(_ws, _info)


def _alt(found: Picture, view: View) -> str:
    plane = {"pca": "principal components", "tsne": "t-SNE"}[view.plane]
    parts = [
        f"Map of {words.count(len(found.dots.image), 'reference image')} in the plane of their "
        f"{plane}.",
        *(
            f"{one.title}: mean {100 * one.centre:.1f} %, {one.note.replace('<br>', ': ')}."
            for one in found.panels
        ),
        "The table of accuracies and the gallery beside the map say the same in words.",
    ]
    return " ".join(parts)


def rows_of(found: Picture, images_: tuple[Image, ...]) -> list[dict[str, Any]]:
    """The numbers of a picture, one reference a row, for a table to take away."""
    rows = []
    for k, place in enumerate(found.places.tolist()):
        image = images_[place]
        row: dict[str, Any] = {
            "image": image.id,
            "name": image.name,
            "tags": ";".join(image.tags),
            "x": float(found.dots.xy[k, 0]),
            "y": float(found.dots.xy[k, 1]),
            "triples": int(found.dots.triples[k]),
        }
        row |= {f"{one.title} (shrunk)": float(one.value[k]) for one in found.panels}
        rows.append(row)
    return rows
