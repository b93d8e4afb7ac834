"""Selections: kept under a name on both databases, packed into an address, taken away."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import accounts, selections
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Role
from db import library
from tests.pages import add_pictures


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    yield opened
    opened.close()


def test_a_selection_is_kept_with_name_note_view_and_person(ws: Workspace) -> None:
    ada = accounts.add_person(ws, "Ada", role=Role.RESEARCHER)
    images = add_pictures(ws, 4)
    made = selections.save(
        ws, "  dark   corners ", [images[2], images[0], images[2]], note="at night",
        view={"row": "CS ocean", "grid": "200"}, by=ada.id,
    )  # fmt: skip
    assert made.name == "dark corners"
    assert made.reference_ids == (images[0], images[2])
    assert (made.note, made.by, made.view["row"]) == ("at night", "Ada", "CS ocean")
    assert selections.list_selections(ws) == [made] == [selections.get(ws, made.id)]
    other = selections.save(ws, "a", images)
    assert [one.name for one in selections.list_selections(ws)] == ["a", "dark corners"]
    with pytest.raises(Conflict):
        selections.change(ws, other.id, name="dark corners", note="")
    assert selections.change(ws, other.id, name="all", note="four").note == "four"
    selections.delete(ws, made.id)
    with pytest.raises(NotFound):
        selections.get(ws, made.id)


def test_selections_belong_to_a_project(ws: Workspace) -> None:
    made = selections.save(ws, "mine", add_pictures(ws, 2))
    other = ws.with_project("other")
    assert selections.list_selections(other) == []
    for attempt in (
        lambda: selections.get(other, made.id),
        lambda: selections.delete(other, made.id),
        lambda: selections.change(other, made.id, name="x", note=""),
    ):
        with pytest.raises(NotFound):
            attempt()
    with pytest.raises(BadInput, match="no image"):
        selections.save(other, "stolen", made.reference_ids)
    assert selections.export_csv(other, made.reference_ids).count("\n") == 1


@pytest.mark.parametrize(
    ("name", "ids", "note"),
    [("", [1], ""), ("x" * 201, [1], ""), ("x", [], ""), ("x", [1], "n" * 10_001)],
)
def test_nonsense_is_refused(ws: Workspace, name: str, ids: list[int], note: str) -> None:
    with pytest.raises(BadInput):
        selections.save(ws, name, ids, note=note)


def test_a_name_stands_for_one_selection(ws: Workspace) -> None:
    images = add_pictures(ws, 2)
    selections.save(ws, "twice", images)
    with pytest.raises(Conflict, match="choose another name"):
        selections.save(ws, "twice", images[:1])


def test_the_exported_table_names_the_very_images(ws: Workspace) -> None:
    images = add_pictures(ws, 3)
    with ws.database.writing() as session:
        library.add_tags(session, {images[1]: ["sea", "=night"]})
        known = library.images_by_id(session, images)
    rows = list(csv.DictReader(io.StringIO(selections.export_csv(ws, images[1:]))))
    assert [int(row["image"]) for row in rows] == images[1:]
    assert [row["sha256"] for row in rows] == [known[i].sha256 for i in images[1:]]
    assert rows[0]["tags"] == "'=night;sea"  # no formula in a spreadsheet


@pytest.mark.parametrize("size", [0, 1, 2, 40, 5000])
def test_ids_come_back_from_an_address(size: int) -> None:
    rng = np.random.default_rng(size)
    ids = sorted(rng.choice(10**6, size, replace=False).tolist())
    code = selections.encode(rng.permutation(ids).tolist())
    assert selections.decode(code) == tuple(ids)
    assert code == selections.encode([*ids, *ids])
    assert set(code) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_region_of_neighbours_is_short_in_an_address() -> None:
    assert len(selections.encode(range(100, 900))) < 40
    assert len(selections.encode(range(5, 6000, 3))) < selections.MAX_CODE


@pytest.mark.parametrize("text", ["!", "zzzz", "eAAAA", "cv" + "_" * 40, "é", "eg", "AAAA", "coA"])
def test_addresses_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="ask for it anew"):
        selections.decode(text)


def test_a_bomb_does_not_unpack() -> None:
    bomb = base64.urlsafe_b64encode(b"z" + zlib.compress(b"\x01" * 50_000_000, 9)).decode()
    with pytest.raises(BadInput):
        selections.decode(bomb)
