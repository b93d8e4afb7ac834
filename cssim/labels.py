"""Labels as files that other programs read: CSV of triples, JSON Lines, Parquet.

A CSV of triples has one question per row. Required columns: `ref, a, b`, and either `answer` (`A`,
`B` or `tie`: which is closer to ref) or `n_a, n_b` (vote counts). Known further ones: `annotator`,
`response_ms`, `position` (`a=left,b=right`), `time` (ISO 8601, UTC where no zone is given),
`class_a, class_b` (1 closest to 5). All others are carried along as text. Text that a spreadsheet
would compute is written with an apostrophe before it, and read without; see `cssim.csv_cells`.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cssim import words
from cssim.csv_cells import guarded, unguarded
from cssim.errors import BadLabels, Fault

REQUIRED = ("ref", "a", "b")
VOTES = ("n_a", "n_b")
COLUMNS = (*REQUIRED, "answer", *VOTES, "annotator", "response_ms", "position", "time")
"""Columns that are always written, in their order."""
CLASSES = ("class_a", "class_b")
"""Columns with a meaning that are written where somebody gave classes."""
ANSWERS = ("A", "B", "tie")

_POSITIONS: dict[str, tuple[int, ...]] = {"a=left,b=right": (0, 1), "a=right,b=left": (1, 0)}
_POSITION_TEXTS = {shown: text for text, shown in _POSITIONS.items()}
MAX_TEXT = 200
"""Characters in an annotator's name."""


@dataclass(frozen=True, slots=True)
class TripleRow:
    """One row: one person's answer, or the vote counts of many."""

    ref: str
    a: str
    b: str
    answer: str
    """`A`, `B` or `tie`: the majority where votes are counted."""
    n_a: int | None = None
    n_b: int | None = None
    """Votes; both given or both None, then at least one vote."""
    annotator: str = ""
    response_ms: int | None = None
    shown: tuple[int, ...] = ()
    """Left to right: 0 for a, 1 for b; empty where unknown."""
    time: datetime | None = None
    class_a: int | None = None
    class_b: int | None = None
    """Classes 1 (closest) to 5; both given or both None, and None beside a tie."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further columns that are not empty."""
    line: int = 0
    """1-based line in the file it was read from."""


@dataclass(frozen=True, slots=True)
class TripleTable:
    """A CSV of triples, read."""

    columns: tuple[str, ...]
    rows: tuple[TripleRow, ...]
    newline: str = "\n"
    """What ends its lines."""
    skipped: tuple[Fault, ...] = ()
    """Faulty lines that were left out on request."""


def parse_triples(data: bytes, *, file: str, skip_bad: bool = False) -> TripleTable:
    """Rows of a CSV of triples in UTF-8.

    Raises:
        BadLabels: a line is faulty and `skip_bad` is not set, or the header lacks a column.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {data[error.start]:#04x} at {error.start}"
        raise BadLabels([Fault(file, 0, "a CSV file in UTF-8", found)]) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    rows: list[TripleRow] = []
    faults: list[Fault] = []
    try:
        header = _header(next(reader, []), file)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not cells:
                continue
            parsed = _row(cells, header, file, line)
            if isinstance(parsed, Fault):
                faults.append(parsed)
            else:
                rows.append(parsed)
    except csv.Error as error:
        raise BadLabels([Fault(file, reader.line_num, "a row of CSV", str(error))]) from None
    if faults and not skip_bad:
        raise BadLabels(faults)
    if not rows:
        raise BadLabels([Fault(file, 0, "at least one triple below the header", "none")])
    newline = "\r\n" if "\r\n" in text else "\n"
    return TripleTable(tuple(header), tuple(rows), newline, tuple(faults))


def _header(cells: Sequence[str], file: str) -> list[str]:
    header = [unguarded(cell.strip()) for cell in cells]
    said = VOTES if "answer" not in header and set(VOTES) & set(header) else ("answer",)
    lacking = [name for name in (*REQUIRED, *said) if name not in header]
    if lacking:
        expected = f"the columns {', '.join(REQUIRED)} and answer (or {' and '.join(VOTES)})"
        raise BadLabels([Fault(file, 1, expected, f"no {lacking[0]} in {', '.join(header)!r}")])
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise BadLabels([Fault(file, 1, "each column once", f"{twice[0]!r} twice")])
    return header


def _row(cells: Sequence[str], header: Sequence[str], file: str, line: int) -> TripleRow | Fault:
    if len(cells) != len(header):
        return Fault(file, line, words.count(len(header), "field"), f"{len(cells)}")
    try:
        return _read(dict(zip(header, map(unguarded, cells), strict=True)), line)
    except _Unfit as unfit:
        return Fault(file, line, unfit.expected, unfit.found)


class _Unfit(Exception):
    """One cell that does not fit."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.expected, self.found = expected, found[:80]


def _read(cells: Mapping[str, str], line: int) -> TripleRow:
    ref, a, b = (unicodedata.normalize("NFC", cells[name].strip()) for name in ("ref", "a", "b"))
    if not (ref and a and b):
        raise _Unfit("a name in each of ref, a and b", f"{ref!r}, {a!r}, {b!r}")
    if len({ref, a, b}) != 3:
        raise _Unfit("three different images", f"{ref!r}, {a!r}, {b!r}")
    n_a, n_b = _count(cells, "n_a"), _count(cells, "n_b")
    annotator = cells.get("annotator", "").strip()
    if len(annotator) > MAX_TEXT:
        raise _Unfit(f"an annotator of at most {MAX_TEXT} characters", annotator)
    position = cells.get("position", "").strip().replace(" ", "")
    if position and position not in _POSITIONS:
        raise _Unfit(f"a position {' or '.join(_POSITIONS)}", position)
    answer = _answer(cells.get("answer", "").strip(), n_a, n_b)
    class_a, class_b = _classes(cells, answer, divided=bool(n_a and n_b))
    return TripleRow(
        ref=ref,
        a=a,
        b=b,
        answer=answer,
        n_a=n_a,
        n_b=n_b,
        annotator=annotator,
        response_ms=_milliseconds(cells.get("response_ms", "").strip()),
        shown=_POSITIONS.get(position, ()),
        time=_time(cells.get("time", "").strip()),
        class_a=class_a,
        class_b=class_b,
        extra={
            name: cell for name, cell in cells.items() if name not in (*COLUMNS, *CLASSES) and cell
        },
        line=line,
    )


def _count(cells: Mapping[str, str], name: str) -> int | None:
    text = cells.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _Unfit(f"a whole number below 1,000,000,000 in {name}", repr(text))
    return int(text)


def _milliseconds(text: str) -> int | None:
    """Whole and possibly negative: clocks of people's devices are set back, and files keep it."""
    if not text:
        return None
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise _Unfit("whole milliseconds in response_ms", repr(text))
    return int(text)


def _answer(text: str, n_a: int | None, n_b: int | None) -> str:
    if text not in ANSWERS and not (text == "" and n_a is not None):
        raise _Unfit(f"an answer {', '.join(ANSWERS)}", repr(text))
    if (n_a is None) != (n_b is None):
        raise _Unfit("both n_a and n_b, or neither", "one of them")
    if n_a is None or n_b is None:
        return text
    if n_a + n_b == 0:
        raise _Unfit("at least one vote in n_a and n_b", "0 and 0")
    counted = "tie" if n_a == n_b else "A" if n_a > n_b else "B"
    if text and text != counted:
        raise _Unfit(f"the answer {counted}, as the votes {n_a} to {n_b} say", text)
    return counted


def _classes(
    cells: Mapping[str, str], answer: str, *, divided: bool
) -> tuple[int, int] | tuple[None, None]:
    one, other = (cells.get(name, "").strip() for name in CLASSES)
    if not one and not other:
        return None, None
    found = f"{one!r} and {other!r}"
    if not {one, other} <= set("12345"):
        raise _Unfit("classes from 1 (closest) to 5 in class_a and class_b, or neither", found)
    if answer == "tie" or divided:
        raise _Unfit("no classes beside a tie or votes for both", found)
    if (one > other) if answer == "A" else (other > one):
        raise _Unfit(f"classes that agree with the answer {answer}", found)
    return int(one), int(other)


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Unfit("a time such as 2026-01-31T12:00:00+00:00", repr(text)) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_triples(
    rows: Iterable[TripleRow], columns: Sequence[str] = (), newline: str = "\n"
) -> bytes:
    """The CSV file of `rows`.

    Args:
        rows: in the order in which they are to stand.
        columns: of the file that they came from; missing ones are added behind them. Without any,
            `COLUMNS` and then the further ones as they turn up.
        newline: what ends each line.
    """
    rows = list(rows)
    header = list(columns) or list(COLUMNS)
    cells = [_cells(row) for row in rows]
    used = dict.fromkeys(name for row in cells for name, cell in row.items() if cell)
    ordered = [*(name for name in COLUMNS if name in used), *used]
    header += [name for name in dict.fromkeys(ordered) if name not in header]
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(
        buffer, header, restval="", extrasaction="ignore", lineterminator=newline
    )
    lines = [dict(zip(header, header, strict=True)), *cells]
    writer.writerows({name: guarded(cell) for name, cell in line.items()} for line in lines)
    return buffer.getvalue().encode()


def _cells(row: TripleRow) -> dict[str, str]:
    def text(value: int | None) -> str:
        return "" if value is None else str(value)

    return {
        "ref": row.ref,
        "a": row.a,
        "b": row.b,
        "answer": row.answer,
        "n_a": text(row.n_a),
        "n_b": text(row.n_b),
        "annotator": row.annotator,
        "response_ms": text(row.response_ms),
        "position": _POSITION_TEXTS.get(row.shown, ""),
        "time": row.time.astimezone(UTC).isoformat() if row.time else "",
        "class_a": text(row.class_a),
        "class_b": text(row.class_b),
        **row.extra,
    }


JUDGEMENT_COLUMNS: dict[str, tuple[str, str]] = {
    "judgement": ("int", "id of the judgement"),
    "cluster": ("text", "name of its cluster"),
    "cluster_kind": ("text", "context, validation, test or gold"),
    "page": ("int", "id of the page"),
    "mode": ("text", "choose or rank"),
    "reference": ("text", "name of the reference image"),
    "candidates": ("texts", "names of the candidates in the page's order"),
    "kind": ("text", "answer, tie, skip or retract"),
    "order": ("ints", "0-based positions in `candidates`, closest first; empty unless an answer"),
    "classes": ("ints", "class 1..5 of each candidate in the page's order; may be empty"),
    "votes": ("int", "how many people's equal answers the row stands for"),
    "person": ("text", "who; null where the source names nobody"),
    "simulated": ("bool", "whether that person belongs to the demo world"),
    "source": ("text", "web, import or simulated"),
    "response_ms": ("int", "milliseconds from painted to answered; null where unknown"),
    "shown": ("ints", "0-based positions as they stood on screen, left to right; may be empty"),
    "late": ("bool", "whether the page's lease had run out"),
    "flag": ("text", "the person's remark that something is wrong; mostly null"),
    "supersedes": ("int", "id of the judgement that this one replaces; mostly null"),
    "superseded": ("bool", "whether a later judgement replaces this one"),
    "standing": ("bool", "whether it counts: an answer or tie that nothing replaces"),
    "plan": ("text", "the plan that handed the page out; null without one"),
    "repeat_of": ("int", "id of the page that this one shows again; mostly null"),
    "excluded": ("bool", "whether analyses leave this person's answers out"),
    "withdrawn": ("bool", "whether a picture of the page was withdrawn; then it does not count"),
    "version": ("text", "of the CS-Sim that took the answer in; null for imports"),
    "client_id": ("text", "the id that the person's device gave it; null for imports"),
    "answered_at": ("time", "by the clock of the person's device or of the imported file, UTC"),
    "created_at": ("time", "when the database took it in, UTC"),
    "extra": ("json", "further columns of an imported row"),
}
"""Columns of the JSON Lines and Parquet exports: name -> (type, meaning)."""


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """One JSON object per line with the keys of `JUDGEMENT_COLUMNS`; times in ISO 8601."""
    lines = []
    for row in rows:
        plain = {
            name: row[name].isoformat() if isinstance(row[name], datetime) else row[name]
            for name in JUDGEMENT_COLUMNS
        }
        lines.append(json.dumps(plain, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The same as a Parquet file; meanings stand in the columns' metadata, `extra` is JSON text."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "int": pa.int64(),
        "text": pa.string(),
        "bool": pa.bool_(),
        "ints": pa.list_(pa.int8()),
        "texts": pa.list_(pa.string()),
        "time": pa.timestamp("us", tz="UTC"),
        "json": pa.string(),
    }
    fields = [
        pa.field(name, types[kind], metadata={"description": meaning})
        for name, (kind, meaning) in JUDGEMENT_COLUMNS.items()
    ]
    columns = [
        [json.dumps(row[name], ensure_ascii=False) if kind == "json" else row[name] for row in rows]
        for name, (kind, _) in JUDGEMENT_COLUMNS.items()
    ]
    arrays = [pa.array(column, f.type) for column, f in zip(columns, fields, strict=True)]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)
