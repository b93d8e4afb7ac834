"""Label files read into drafts: clusters, pages and judgements that speak of images by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cssim import cosis, labels, words
from cssim.errors import BadInput, Fault
from cssim.types import Answer, ClusterKind, JudgementKind, PageMode
from db.annotations import NewJudgement

_A = Answer(JudgementKind.ANSWER, (0, 1))
_B = Answer(JudgementKind.ANSWER, (1, 0))
_TIE = Answer(JudgementKind.TIE)


@dataclass(frozen=True)
class Draft:
    """Pages of one cluster with their judgements, in names instead of ids."""

    name: str
    kind: ClusterKind
    source: Mapping[str, Any]
    mode: PageMode
    pages: list[tuple[str, ...]]
    """Reference and candidates."""
    judgements: list[tuple[int, str, NewJudgement]]
    """Index of the page, the annotator's name or "", and the row with page id 0."""
    context: str | None = None


@dataclass(frozen=True)
class Options:
    """What to read and how; the fields are the arguments of `import_labels`."""

    path: Path
    data: bytes
    cluster: str
    kind: ClusterKind | None
    context: str | None
    skip_bad: bool
    split: str | None
    per_reference: int | Sequence[str] | None
    validation_share: float
    seed: int

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes: the same file is known again by it."""
        return hashlib.sha256(self.data).hexdigest()


_Read = tuple[list[Draft], tuple[Fault, ...], tuple[str, ...]]


def _cosis_kind(options: Options) -> tuple[ClusterKind, str]:
    kind = options.kind or cosis.kind_of(options.path.name)
    if kind is None:
        raise BadInput(
            f"{options.path.name} is not named like a released CoSIS file (dist_*, mulref_val, "
            f"mulref_test): say which kind of cluster it is (--kind {', '.join(ClusterKind)})"
        )
    return kind, options.split or cosis.split_of(cosis.kind_of(options.path.name) or kind)


def _read_cosis(options: Options) -> _Read:
    kind, split = _cosis_kind(options)
    parsed = cosis.parse_text(
        options.data, file=str(options.path), split=split, skip_bad=options.skip_bad
    )
    source = {
        "format": "cosis",
        "file": options.path.name,
        "sha256": options.sha256,
        "split": split,
        "layout": parsed.layout,
    }
    pages = [
        tuple(f"{split}/{i}" for i in (row.reference, *row.candidates)) for row in parsed.rankings
    ]
    judgements = [
        (i, "", _judgement(Answer(JudgementKind.ANSWER, (0, 1, 2), row.classes)))
        for i, row in enumerate(parsed.rankings)
    ]
    draft = Draft(options.cluster, kind, source, PageMode.RANK, pages, judgements, options.context)
    return [draft], parsed.skipped, ()


def _read_npy(options: Options) -> _Read:
    kind, split = _cosis_kind(options)
    pairs, faults = cosis.read_npy(options.path, split=split, skip_bad=options.skip_bad)
    source = {"format": "cosis-npy", "file": options.path.name, "sha256": options.sha256}
    pages, judgements = [], []
    for i, pair in enumerate(pairs):
        order = (pair.closer, pair.farther)
        classes = [pair.class_closer, pair.class_farther]
        if not pair.closer_is_first:
            order, classes = order[::-1], classes[::-1]
        pages.append(tuple(f"{split}/{image}" for image in (pair.reference, *order)))
        answer = _A if pair.closer_is_first else _B
        judgements.append((i, "", _judgement(answer, extra={"released_classes": classes})))
    draft = Draft(
        options.cluster, kind, source, PageMode.CHOOSE, pages, judgements, options.context
    )
    return [draft], tuple(faults), (_npy_defects(options.path, pairs, split),)


def _npy_defects(path: Path, pairs: Sequence[cosis.Pair], split: str) -> str:
    for folder in (path.parent, path.parent.parent):
        text = folder / f"{path.stem}.txt"
        if text.is_file():
            rankings = cosis.parse_text(text.read_bytes(), file=str(text), split=split).rankings
            return f"{cosis.compare_npy(pairs, rankings)}; classes were not taken over"
    return (
        "released .npy files have wrong classes in more than half of their rows, and most lack the "
        "first ranking of their text file, which is not here to compare with; classes were not "
        "taken over"
    )


def _read_csv(options: Options) -> _Read:
    table = labels.parse_triples(options.data, file=str(options.path), skip_bad=options.skip_bad)
    source = {
        "format": "csv",
        "file": options.path.name,
        "sha256": options.sha256,
        "columns": table.columns,
        "newline": table.newline,
    }
    if options.per_reference is None:
        if options.kind is None:
            raise BadInput(
                f"{options.path.name}: say which kind of cluster it becomes (--kind "
                f"{', '.join(ClusterKind)}), or how many references get a cluster each "
                "(--per-reference)"
            )
        groups: list[_Group] = [(options.cluster, options.kind, options.context, table.rows)]
    else:
        groups = _by_reference(table.rows, options)
    drafts = [_csv_draft(name, kind, context, rows, source) for name, kind, context, rows in groups]
    negative = sum((row.response_ms or 0) < 0 for row in table.rows)
    notes = (
        (f"{words.count(negative, 'negative response time')}, kept as they are",)
        if negative
        else ()
    )
    return drafts, table.skipped, notes


_Group = tuple[str, ClusterKind, str | None, Sequence[labels.TripleRow]]


def _by_reference(rows: Sequence[labels.TripleRow], options: Options) -> list[_Group]:
    """One context cluster per chosen reference, the other references held out."""
    if not 0 <= options.validation_share <= 1:
        raise BadInput(f"validation_share must lie in 0..1, got {options.validation_share}")
    references = sorted({row.ref for row in rows})
    rng = np.random.default_rng(options.seed)
    shuffled = [references[i] for i in rng.permutation(len(references))]
    wanted = options.per_reference
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(references):
            raise BadInput(f"per_reference must lie in 1..{len(references)}, got {wanted}")
        chosen = sorted(shuffled[:wanted])
    else:
        chosen = [_reference(name, references) for name in wanted or ()]
        if not chosen or len(set(chosen)) != len(chosen):
            raise BadInput(f"per_reference needs different references, got {list(wanted or ())}")
    rest = [reference for reference in shuffled if reference not in chosen]
    cut = round(options.validation_share * len(rest))
    members = {reference: [row for row in rows if row.ref == reference] for reference in chosen}
    groups: list[_Group] = [
        (name, ClusterKind.CONTEXT, PurePosixPath(reference).stem, members[reference])
        for name, reference in zip(_names(options.cluster, chosen), chosen, strict=True)
    ]
    for kind, some in ((ClusterKind.VALIDATION, rest[:cut]), (ClusterKind.TEST, rest[cut:])):
        held = set(some)
        if held:
            part = [row for row in rows if row.ref in held]
            groups.append((f"{options.cluster}-{kind}", kind, None, part))
    return groups


def _reference(name: str, references: Sequence[str]) -> str:
    """The reference called `name`: its full name, or its file name without folder and extension."""
    fitting = [r for r in references if name in (r, PurePosixPath(r).name, PurePosixPath(r).stem)]
    if len(fitting) != 1:
        shown = ", ".join(references[:5])
        found = "none" if not fitting else ", ".join(fitting)
        raise BadInput(f"expected one reference called {name!r}, found {found}; some are {shown}")
    return fitting[0]


def _names(prefix: str, references: Sequence[str]) -> list[str]:
    """Cluster names: the short names of the references where these differ, else the full ones."""
    short = [PurePosixPath(reference).stem for reference in references]
    return [f"{prefix}-{n}" for n in (short if len(set(short)) == len(short) else references)]


def _csv_draft(
    name: str,
    kind: ClusterKind,
    context: str | None,
    rows: Sequence[labels.TripleRow],
    source: Mapping[str, Any],
) -> Draft:
    """Pages to choose on; rows about one question, in whichever order, share a page."""
    pages: dict[tuple[str, frozenset[str]], int] = {}
    drawn: list[tuple[str, ...]] = []
    judgements: list[tuple[int, str, NewJudgement]] = []
    for row in rows:
        key = (row.ref, frozenset((row.a, row.b)))
        index = pages.setdefault(key, len(drawn))
        if index == len(drawn):
            drawn.append((row.ref, row.a, row.b))
        turned = drawn[index][1] != row.a
        for answer, votes in _votes(row):
            judgements.append((index, row.annotator, _from_row(row, answer, votes, turned)))
    return Draft(name, kind, source, PageMode.CHOOSE, drawn, judgements, context)


def _votes(row: labels.TripleRow) -> list[tuple[Answer, int]]:
    """Answers with their votes, speaking of the row's own a and b."""
    if row.n_a is None or row.n_b is None:
        return [({"A": _A, "B": _B, "tie": _TIE}[row.answer], 1)]
    return [(answer, votes) for answer, votes in ((_A, row.n_a), (_B, row.n_b)) if votes]


def _from_row(row: labels.TripleRow, answer: Answer, votes: int, turned: bool) -> NewJudgement:
    if row.class_a is not None and row.class_b is not None:
        answer = replace(answer, classes=(row.class_a, row.class_b))
    if turned:
        answer = Answer(answer.kind, answer.order[::-1], answer.classes[::-1])
    counted = {COUNTED: row.line} if row.n_a is not None else {}
    return _judgement(
        answer,
        votes=votes,
        response_ms=row.response_ms,
        shown=tuple(1 - position for position in row.shown) if turned else row.shown,
        answered_at=row.time,
        extra={**row.extra, **counted},
    )


COUNTED = "_row"
"""Key in `extra` that the judgements of one row of vote counts share, so that they stay one row."""


def _judgement(answer: Answer, **rest: Any) -> NewJudgement:
    return NewJudgement(page_id=0, answer=answer, source="import", **rest)


READERS: dict[str, Callable[[Options], _Read]] = {
    "cosis": _read_cosis,
    "cosis-npy": _read_npy,
    "csv": _read_csv,
}
