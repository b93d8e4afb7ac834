"""CoSIS label files to rankings and back, byte for byte.

A text row reads `ref c1 k1 c2 k2 c3 k3`: the reference, then three candidates closest first, each
followed by its class 1..5. Numbers are indexes into a split of BG-20k, whose file names stand in
`filename_dict.txt`. The released `.npy` files hold pairs and are known to be wrong in two ways
(`compare_npy`); read them only on request.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from cssim import words
from cssim.errors import BadInput, BadLabels, Fault
from cssim.types import CLASS_NAMES, ClusterKind

SPLIT_SIZES = {"val": 5_000, "train": 15_000}
"""Images in each split of BG-20k; ids run from 0."""

NAMES_FILE = "filename_dict.txt"
"""Beside the label files: `index split file-name-without-extension` per line."""

_HEADER = "ref order1 class1 order2 class2 order3 class3"
_FIELDS = 7
_NPY_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Ranking:
    """One row: a reference and three candidates, closest first, with their classes."""

    reference: int
    candidates: tuple[int, int, int]
    """Indexes into the split."""
    classes: tuple[int, int, int]
    """1..5, never falling."""

    def __str__(self) -> str:
        return " ".join(map(str, _numbers(self)))


@dataclass(frozen=True, slots=True)
class CosisFile:
    """A text file, read."""

    rankings: tuple[Ranking, ...]
    layout: Mapping[str, Any]
    """What `to_text` needs beside the rankings to give the same bytes again; JSON."""
    skipped: tuple[Fault, ...] = ()
    """Faulty lines that were left out on request."""


def kind_of(file: str) -> ClusterKind | None:
    """What a file of the release is for, by its name; None for other names."""
    stem = PurePath(file).stem
    if stem.startswith("dist_"):
        return ClusterKind.CONTEXT
    known = {"mulref_val": ClusterKind.VALIDATION, "mulref_test": ClusterKind.TEST}
    return known.get(stem)


def split_of(kind: ClusterKind) -> str:
    """The BG-20k split that files of this kind speak of."""
    return "train" if kind is ClusterKind.TEST else "val"


def parse_text(data: bytes, *, file: str, split: str, skip_bad: bool = False) -> CosisFile:
    """Rankings of a text file.

    Args:
        data: the file.
        file: its name, for faults.
        split: `val` or `train`; ids must lie in it.
        skip_bad: leave faulty lines out instead of refusing the file.

    Raises:
        BadLabels: a line is faulty and `skip_bad` is not set, or the file is not plain text.
        BadInput: the split is unknown.
    """
    if split not in SPLIT_SIZES:
        raise BadInput(f"split must be one of {', '.join(SPLIT_SIZES)}, got {split!r}")
    lines, newline, final = _lines(data, file)
    rankings: list[Ranking] = []
    verbatim: dict[str, str] = {}
    faults: list[Fault] = []
    kept = 0
    for number, line in enumerate(lines, 1):
        row: Ranking | None = None
        if line.split() and not (number == 1 and line.split()[0] == "ref"):
            parsed = _ranking(line, file, number, SPLIT_SIZES[split])
            if isinstance(parsed, Fault):
                faults.append(parsed)
                continue
            row = parsed
            rankings.append(row)
        kept += 1
        if row is None or str(row) != line:
            verbatim[str(kept)] = line
    if faults and not skip_bad:
        raise BadLabels(faults)
    if not rankings:
        raise BadLabels([Fault(file, 0, f"at least one row like {_HEADER}", "none")])
    layout = {"newline": newline, "final_newline": final, "verbatim": verbatim}
    return CosisFile(tuple(rankings), layout, tuple(faults))


def to_text(rankings: Sequence[Ranking], layout: Mapping[str, Any] | None = None) -> bytes:
    """The text file of `rankings`; with the layout of the file they came from, the same bytes."""
    layout = layout or {"newline": "\n", "final_newline": True, "verbatim": {}}
    verbatim: Mapping[str, str] = layout["verbatim"]
    waiting = list(rankings)[::-1]
    lines: list[str] = []
    while waiting or str(len(lines) + 1) in verbatim:
        line = verbatim.get(str(len(lines) + 1))
        if line is None:
            line = str(waiting.pop())
        elif line.split() and line.split()[0] != "ref":  # a row in another spelling
            if not waiting:
                break
            row = waiting.pop()
            line = line if [int(f) for f in line.split()] == _numbers(row) else str(row)
        lines.append(line)
    text: str = layout["newline"].join(lines) + (
        layout["newline"] if layout["final_newline"] else ""
    )
    return text.encode()


def _numbers(row: Ranking) -> list[int]:
    pairs = zip(row.candidates, row.classes, strict=True)
    return [row.reference, *(number for pair in pairs for number in pair)]


def _lines(data: bytes, file: str) -> tuple[list[str], str, bool]:
    """Lines, what ends them, and whether the last one is ended too."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        fault = Fault(file, 0, "a text file", f"byte {data[error.start]:#04x} at {error.start}")
        raise BadLabels([fault]) from None
    newline = "\r\n" if text.count("\r\n") == text.count("\n") > 0 else "\n"
    lines = text.split(newline)
    final = lines[-1] == "" and len(lines) > 1
    return (lines[:-1] if final else lines), newline, final


def _ranking(line: str, file: str, number: int, size: int) -> Ranking | Fault:
    fields = line.split()
    if len(fields) != _FIELDS:
        return Fault(
            file, number, f"{_FIELDS} numbers ({_HEADER})", f"{len(fields)}: {line[:80]!r}"
        )
    for field in fields:
        if not (field.isascii() and field.isdigit()):
            return Fault(file, number, "whole numbers", repr(field[:40]))
    reference, *rest = map(int, fields)
    candidates, classes = (rest[0], rest[2], rest[4]), (rest[1], rest[3], rest[5])
    outside = [i for i in (reference, *candidates) if i >= size]
    if outside:
        return Fault(file, number, f"ids from 0 to {size - 1}", str(outside[0]))
    if not set(classes) <= set(CLASS_NAMES):
        return Fault(file, number, "classes from 1 to 5", " ".join(map(str, classes)))
    if list(classes) != sorted(classes):
        return Fault(
            file, number, "classes that do not fall (closest first)", " ".join(map(str, classes))
        )
    if len(set(candidates)) != 3:
        return Fault(file, number, "three different candidates", " ".join(map(str, candidates)))
    if reference in candidates:
        return Fault(file, number, "candidates other than the reference", str(reference))
    return Ranking(reference, candidates, classes)


def parse_names(data: bytes, *, file: str) -> dict[str, str]:
    """Further name of each image: `val/254` -> `val/h_5f6a...`.

    Raises:
        BadLabels: a line is not `index split name`.
    """
    names: dict[str, str] = {}
    faults = []
    for number, line in enumerate(_lines(data, file)[0], 1):
        fields = line.split()
        if len(fields) == 3 and fields[0].isdigit() and fields[1] in SPLIT_SIZES:
            names[f"{fields[1]}/{int(fields[0])}"] = f"{fields[1]}/{fields[2]}"
        elif fields:
            faults.append(Fault(file, number, "index, split (val or train), name", line[:80]))
    if faults:
        raise BadLabels(faults)
    return names


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of a released `.npy` file, turned so that the closer candidate stands first."""

    reference: int
    closer: int
    farther: int
    class_closer: int
    class_farther: int
    closer_is_first: bool
    """Whether the row named the closer candidate first."""


def read_npy(path: Path, *, split: str, skip_bad: bool = False) -> tuple[list[Pair], list[Fault]]:
    """Pairs of a released `.npy` file (columns order, cls1, cls2, ref, id1, id2), and its faults.

    Raises:
        BadLabels: a row is faulty and `skip_bad` is not set, or it is no such array.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadLabels(
            [Fault(str(path), 0, "a NumPy array without objects", str(error))]
        ) from None
    shape = getattr(array, "shape", None)
    if (
        shape is None
        or len(shape) != 2
        or shape[1] != _NPY_COLUMNS
        or array.dtype.kind not in "iuf"
    ):
        raise BadLabels([Fault(str(path), 0, "numbers in the shape (n, 6)", f"shape {shape}")])
    pairs, faults = [], []
    for number, row in enumerate(array.tolist(), 1):
        parsed = _pair(row, str(path), number, SPLIT_SIZES[split])
        if isinstance(parsed, Fault):
            faults.append(parsed)
        else:
            pairs.append(parsed)
    if faults and not skip_bad:
        raise BadLabels(faults)
    return pairs, faults


def _pair(row: list[float], file: str, number: int, size: int) -> Pair | Fault:
    if not all(isfinite(value) and value == int(value) for value in row):
        return Fault(file, number, "whole numbers", str(row))
    order, class_1, class_2, reference, id_1, id_2 = map(int, row)
    if order not in (0, 1) or not {class_1, class_2} <= set(CLASS_NAMES):
        return Fault(file, number, "order 0 or 1 and classes 1 to 5", str(row))
    if not all(0 <= i < size for i in (reference, id_1, id_2)):
        return Fault(file, number, f"ids from 0 to {size - 1}", str(row))
    if len({reference, id_1, id_2}) != 3:
        return Fault(file, number, "three different images", str(row))
    if order == 0:
        return Pair(reference, id_1, id_2, class_1, class_2, True)
    return Pair(reference, id_2, id_1, class_2, class_1, False)


@dataclass(frozen=True, slots=True)
class NpyDefects:
    """How a `.npy` file differs from the text file that it was made from."""

    pairs: int
    """Pairs in the `.npy` file."""
    missing_rankings: tuple[int, ...]
    """0-based rows of the text file none of whose pairs occur."""
    foreign_pairs: int
    """Pairs that the text file does not have."""
    right_classes: float
    """Share of the common pairs whose two classes are those of the text file, 0..1."""

    def __str__(self) -> str:
        rows = ", ".join(str(row + 1) for row in self.missing_rankings[:5]) or "none"
        return (
            f"compared with the text file: the classes of {self.right_classes:.1%} of "
            f"{words.count(self.pairs, 'row')} are right; "
            f"{words.count(len(self.missing_rankings), 'ranking is', 'rankings are')} missing (row "
            f"{rows}); {words.count(self.foreign_pairs, 'pair is', 'pairs are')} not in the text "
            "file"
        )


def compare_npy(pairs: Sequence[Pair], rankings: Sequence[Ranking]) -> NpyDefects:
    """Measure the two known defects: wrong classes and missing rankings.

    The release gives all three pairs of a ranking the classes of its first two candidates.
    """
    offered: Counter[tuple[int, int, int]] = Counter(
        (p.reference, p.closer, p.farther) for p in pairs
    )
    left = Counter(offered)
    classes: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
    missing = []
    # From the back: where a pair occurs twice, a missing first ranking must not take its rows.
    for index in range(len(rankings) - 1, -1, -1):
        row = rankings[index]
        keys = [
            (row.reference, row.candidates[i], row.candidates[j])
            for i, j in combinations(range(3), 2)
        ]
        if not any(left[key] for key in keys):
            missing.append(index)
            continue
        for key, (i, j) in zip(keys, combinations(range(3), 2), strict=True):
            if left[key]:
                left[key] -= 1
                classes[key].append((row.classes[i], row.classes[j]))
    right = sum(
        (p.class_closer, p.class_farther) in classes.get((p.reference, p.closer, p.farther), ())
        for p in pairs
    )
    common = len(pairs) - sum(left.values())
    return NpyDefects(
        len(pairs), tuple(sorted(missing)), sum(left.values()), right / common if common else 0.0
    )
