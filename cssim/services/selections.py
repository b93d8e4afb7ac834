"""Selections of references: named and kept, or packed into the page's address."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from cssim.csv_cells import guarded
from cssim.errors import BadInput
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from db import library
from db import selections as rows
from db.selections import Selection

__all__ = [
    "Selection",
    "change",
    "decode",
    "delete",
    "encode",
    "export_csv",
    "get",
    "list_selections",
    "save",
]

MAX_NAME, MAX_NOTE = 200, 10_000
MAX_CODE = 1_500
"""Longer codes are not put into addresses: mail programs and chats break them."""
_MAX_BYTES = 4_000_000
"""What a code may unpack to: more is no selection but an attack."""
_UNREADABLE = "the address holds no selection that can be read; ask for it anew"


def list_selections(ws: Workspace) -> list[Selection]:
    """The project's selections by name."""
    with ws.database.reading() as session:
        return rows.list_selections(session, ws.project.id)


def get(ws: Workspace, selection_id: int) -> Selection:
    """One selection; raises `NotFound`."""
    with ws.database.reading() as session:
        return rows.get_selection(session, ws.project.id, selection_id)


def save(
    ws: Workspace,
    name: str,
    reference_ids: Sequence[int],
    *,
    note: str = "",
    view: Mapping[str, Any] | None = None,
    by: int | None = None,
) -> Selection:
    """Keep references under a name.

    Args:
        ws: the workspace.
        name: 1 to 200 characters.
        reference_ids: image ids of the project, at least one.
        note: what is remarkable about them.
        view: address parameters of the page.
        by: person id.

    Raises:
        BadInput: a bad name or note, no references, or images of another project.
        Conflict: a selection of that name is there already.
    """
    title = _checked(name, note)
    ids = sorted({int(i) for i in reference_ids})
    if not ids:
        raise BadInput("a selection holds at least one reference, got none")
    with ws.database.writing() as session:
        known = library.images_by_id(session, ids, project_id=ws.project.id)
        unknown = [i for i in ids if i not in known]
        if unknown:
            raise BadInput(f"the project has no image {unknown[0]}")
        new = rows.add_selection(
            session, ws.project.id, title, ids,
            note=note, view=plain(dict(view or {})), person_id=by,
        )  # fmt: skip
        return rows.get_selection(session, ws.project.id, new)


def change(ws: Workspace, selection_id: int, *, name: str, note: str) -> Selection:
    """Another name and note; raises `NotFound`, `Conflict` or `BadInput`."""
    title = _checked(name, note)
    with ws.database.writing() as session:
        rows.change_selection(session, ws.project.id, selection_id, name=title, note=note)
        return rows.get_selection(session, ws.project.id, selection_id)


def delete(ws: Workspace, selection_id: int) -> None:
    """Forget a selection; raises `NotFound`."""
    with ws.database.writing() as session:
        rows.delete_selection(session, ws.project.id, selection_id)


def export_csv(ws: Workspace, reference_ids: Sequence[int]) -> str:
    """A table of the images, one a line: id, name, sha256, tags separated by `;`."""
    with ws.database.reading() as session:
        found = library.images_by_id(session, reference_ids, project_id=ws.project.id)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("image", "name", "sha256", "tags"))
    for id_ in sorted(found):
        one = found[id_]
        table.writerow((id_, guarded(one.name), one.sha256 or "", guarded(";".join(one.tags))))
    return out.getvalue()


def encode(ids: Sequence[int]) -> str:
    """Image ids as a short text of letters, digits, `-` and `_`; the same ids, the same text.

    Gaps between the sorted ids, seven bits to a byte, compressed where that is shorter.
    """
    packed, last = bytearray(), 0
    for id_ in sorted({int(i) for i in ids}):
        gap, last = id_ - last, id_
        while gap > 127:
            packed.append(gap & 127 | 128)
            gap >>= 7
        packed.append(gap)
    small = zlib.compress(bytes(packed), 9)
    body = b"z" + small if len(small) < len(packed) else b"r" + bytes(packed)
    return base64.urlsafe_b64encode(body).decode("ascii").rstrip("=")


def decode(text: str) -> tuple[int, ...]:
    """The ids that `encode` packed, sorted.

    Raises:
        BadInput: not such a text.
    """
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        kind, packed = body[:1], body[1:]
        if kind == b"z":
            unpacking = zlib.decompressobj()
            packed = unpacking.decompress(packed, _MAX_BYTES)
            if not unpacking.eof:
                raise ValueError("cut off, or a bomb")
        elif kind != b"r":
            raise ValueError(kind)
    except (ValueError, binascii.Error, zlib.error):
        raise BadInput(_UNREADABLE) from None
    found, value, shift, last = [], 0, 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if shift > 70:
            raise BadInput(_UNREADABLE)
        if byte < 128:
            last += value
            found.append(last)
            value = shift = 0
    if shift:
        raise BadInput(_UNREADABLE)
    return tuple(found)


def _checked(name: str, note: str) -> str:
    title = " ".join(name.split())
    if not 1 <= len(title) <= MAX_NAME:
        raise BadInput(f"a selection's name has 1 to {MAX_NAME} characters, got {name!r}")
    if len(note) > MAX_NOTE:
        raise BadInput(f"a note has up to {MAX_NOTE} characters, got {len(note)}")
    return title
