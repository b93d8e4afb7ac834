"""Clusters out as files: CoSIS text, CSV of triples, JSON Lines, Parquet."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

from cssim import cosis, labels, words
from cssim.errors import BadInput
from cssim.services.label_drafts import COUNTED
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ClusterKind, JudgementKind, Page
from db import annotations as records
from db import library, whole_log
from db.annotations import STANDING
from db.whole_log import LoggedJudgement

FORMATS = {".txt": "cosis", ".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
"""Extension -> format of the files that can be written."""


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote."""

    path: Path
    format: str
    clusters: tuple[str, ...]
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.path}: {words.count(self.rows, 'row')} of {', '.join(self.clusters)} "
            f"({self.format})"
        )


def export_labels(
    ws: Workspace,
    cluster: str | Sequence[str] | None,
    path: str | Path,
    format: str | None = None,
    *,
    counted_only: bool = False,
) -> ExportReport:
    """Write the labels of one cluster, of several, or (None) of all of the project.

    - `cosis`: text, one row per standing ranking of three candidates; an unchanged imported file
      comes out byte for byte. One cluster at a time.
    - `csv`: triples, one row per standing answer and pair; vote counts stay one row. Answers that
      were given here say by which plan and version.
    - `jsonl`, `parquet`: one row per judgement with all that is known of it, superseded ones too;
      the columns are `cssim.labels.JUDGEMENT_COLUMNS`.

    Answers to repeated pages stand in the last two only: elsewhere a person would count twice. So
    do answers to pages with a picture that was withdrawn; it is called by its id there.

    Args:
        ws: the workspace.
        cluster: its name, several, or None.
        path: the file to write.
        format: one of `FORMATS`; by the extension where not given.
        counted_only: leave the answers of excluded people out of the first two; the last two
            mark them.

    Raises:
        NotFound: no cluster of that name.
        BadInput: the format is unknown, or cannot hold these labels.
    """
    path = Path(path).expanduser()
    format = format or FORMATS.get(path.suffix.lower(), "")
    if format not in FORMATS.values():
        known = ", ".join(f"{name} ({suffix})" for suffix, name in FORMATS.items())
        raise BadInput(f"labels are written as {known}, got {format or path.name!r}")
    dump = replace(_dump(ws, cluster), counted_only=counted_only)
    if format == "cosis":
        rows = _cosis_rows(dump)
        layout = _layout(dump.clusters[0])
        data = cosis.to_text(rows, layout)
        count = len(rows)
    elif format == "csv":
        triples = _triple_rows(dump)
        columns, newline = _csv_layout(dump.clusters)
        data = labels.format_triples(triples, columns, newline)
        count = len(triples)
    else:
        judgements = [_judgement_row(dump, logged) for logged in dump.log]
        count = len(judgements)
        if format == "parquet":
            _atomically(path, lambda file: labels.write_parquet(judgements, file))
            return ExportReport(path, format, tuple(c.name for c in dump.clusters), count)
        data = labels.to_jsonl(judgements)
    _atomically(path, lambda file: file.write_bytes(data))
    return ExportReport(path, format, tuple(c.name for c in dump.clusters), count)


@dataclass(frozen=True)
class _Dump:
    """Everything that an export may tell."""

    clusters: Sequence[Cluster]
    pages: Mapping[int, Page]
    """By id, in the order of clusters and positions."""
    log: Sequence[LoggedJudgement]
    names: Mapping[int, tuple[str, ...]]
    """All names of each image."""
    counted_only: bool = False
    """Whether answers of excluded people are left out of triples and rankings."""

    def standing(self) -> list[LoggedJudgement]:
        """Answers that count once: what a person said again to a repeated page does not."""
        return [
            logged
            for logged in self.log
            if logged.judgement.answer.kind in STANDING
            and not logged.superseded
            and logged.repeat_of is None
            and not logged.withdrawn
            and not (self.counted_only and logged.excluded)
        ]

    def name(self, image: int) -> str:
        return self.names[image][0]

    def cluster(self, page: Page) -> Cluster:
        return next(c for c in self.clusters if c.id == page.cluster_id)


def _dump(ws: Workspace, cluster: str | Sequence[str] | None) -> _Dump:
    with ws.database.reading() as session:
        if cluster is None:
            clusters = library.list_clusters(session, ws.project.id)
        else:
            wanted = [cluster] if isinstance(cluster, str) else cluster
            clusters = [library.get_cluster(session, ws.project.id, name) for name in wanted]
        if not clusters:
            raise BadInput("there are no clusters to export in this project")
        ids = [c.id for c in clusters]
        pages = {page.id: page for page in records.pages_of(session, ids, everything=True)}
        images = {i for page in pages.values() for i in (page.reference, *page.candidates)}
        first = {image.id: image.name for image in library.images_by_id(session, images).values()}
        names = {
            image: (first[image], *(n for n in known if n != first[image]))
            for image, known in library.names_of(session, images).items()
        }
        return _Dump(clusters, pages, whole_log.log_of(session, ids), names)


def _layout(cluster: Cluster) -> Mapping[str, Any] | None:
    return cluster.source.get("layout") if cluster.source.get("format") == "cosis" else None


def _cosis_rows(dump: _Dump) -> list[cosis.Ranking]:
    """Standing rankings page by page, each page's in the order in which they were given."""
    if len(dump.clusters) != 1:
        raise BadInput("a CoSIS file holds one cluster; export them one by one")
    cluster = dump.clusters[0]
    split = cluster.source.get("split") or ("train" if cluster.kind is ClusterKind.TEST else "val")
    ids = _cosis_ids(dump, split)
    place = {page_id: i for i, page_id in enumerate(dump.pages)}
    rows = []
    for logged in sorted(dump.standing(), key=lambda logged: place[logged.judgement.page_id]):
        judgement = logged.judgement
        page = dump.pages[judgement.page_id]
        if len(page.candidates) != 3 or not judgement.answer.classes:
            raise BadInput(
                f"a CoSIS file holds rankings of 3 candidates with classes; page {page.id} of "
                f"{cluster.name} has {words.count(len(page.candidates), 'candidate')}"
                f"{'' if judgement.answer.classes else ' and no classes'}. Export as CSV or JSON "
                "Lines instead."
            )
        closest, middle, farthest = (ids[page.candidates[i]] for i in judgement.answer.order)
        one, two, three = judgement.classes_best_first
        rows.append(
            cosis.Ranking(ids[page.reference], (closest, middle, farthest), (one, two, three))
        )
    return rows


def _cosis_ids(dump: _Dump, split: str) -> dict[int, int]:
    """Number of each image in the split, from its names such as `val/254`."""
    ids = {}
    for image, names in dump.names.items():
        numbers = [n.removeprefix(f"{split}/") for n in names if n.startswith(f"{split}/")]
        fitting = [int(n) for n in numbers if n.isascii() and n.isdigit()]
        if not fitting:
            raise BadInput(
                f"a CoSIS file names images by their number in BG-20k's split {split}; "
                f"{names[0]} has none. Export as CSV or JSON Lines instead."
            )
        ids[image] = fitting[0]
    return ids


def _csv_layout(clusters: Sequence[Cluster]) -> tuple[Sequence[str], str]:
    """Columns and line ends of the file that all these clusters came from, if there is one."""
    layouts = {
        (tuple(c.source.get("columns", ())), str(c.source.get("newline", "\n"))) for c in clusters
    }
    return layouts.pop() if len(layouts) == 1 else ((), "\n")


def _triple_rows(dump: _Dump) -> list[labels.TripleRow]:
    def row_of(logged: LoggedJudgement) -> tuple[int, object]:
        """Judgements that came from one row of vote counts follow each other."""
        judgement = logged.judgement
        return judgement.page_id, logged.extra.get(COUNTED, -judgement.id)

    rows: list[labels.TripleRow] = []
    for (page_id, _), group in groupby(dump.standing(), key=row_of):
        page, logged = dump.pages[page_id], list(group)
        if COUNTED in logged[0].extra:
            rows.append(_counted(dump, page, logged))
        else:
            rows.extend(_answers(dump, page, logged[0]))
    return rows


def _counted(dump: _Dump, page: Page, group: Sequence[LoggedJudgement]) -> labels.TripleRow:
    n_a, n_b = (
        sum(g.judgement.votes for g in group if g.judgement.answer.order == order)
        for order in ((0, 1), (1, 0))
    )
    answer = "tie" if n_a == n_b else "A" if n_a > n_b else "B"
    return _triple(dump, page, group[0], (0, 1), answer, counts=(n_a, n_b))


def _answers(dump: _Dump, page: Page, logged: LoggedJudgement) -> Iterable[labels.TripleRow]:
    """One row for each pair of the page's candidates."""
    answer = logged.judgement.answer
    votes = logged.judgement.votes
    for i, j in combinations(range(len(page.candidates)), 2):
        if answer.kind is JudgementKind.TIE:
            # A row of counts cannot hold half votes: several ties stay several rows.
            yield from [_triple(dump, page, logged, (i, j), "tie")] * votes
            continue
        first = answer.order.index(i) < answer.order.index(j)
        counts = None if votes == 1 else (votes, 0) if first else (0, votes)
        yield _triple(dump, page, logged, (i, j), "A" if first else "B", counts=counts)


def _triple(
    dump: _Dump,
    page: Page,
    logged: LoggedJudgement,
    pair: tuple[int, int],
    answer: str,
    *,
    counts: tuple[int, int] | None = None,
) -> labels.TripleRow:
    judgement = logged.judgement
    i, j = pair
    extra = {name: str(value) for name, value in logged.extra.items() if name != COUNTED}
    classes = judgement.answer.classes
    for name, value in (("plan", logged.plan), ("version", logged.version)):
        if value is not None:
            extra[name] = value
    arrived = judgement.created_at if logged.source != "import" else None
    return labels.TripleRow(
        ref=dump.name(page.reference),
        a=dump.name(page.candidates[i]),
        b=dump.name(page.candidates[j]),
        answer=answer,
        n_a=counts[0] if counts else None,
        n_b=counts[1] if counts else None,
        annotator=logged.person or "",
        response_ms=judgement.response_ms,
        shown=tuple(pair.index(place) for place in judgement.shown if place in pair),
        time=logged.answered_at or arrived,
        class_a=classes[i] if classes else None,
        class_b=classes[j] if classes else None,
        extra=extra,
    )


def _judgement_row(dump: _Dump, logged: LoggedJudgement) -> dict[str, Any]:
    """A row with the keys of `labels.JUDGEMENT_COLUMNS`."""
    judgement = logged.judgement
    page = dump.pages[judgement.page_id]
    cluster = dump.cluster(page)
    return {
        "judgement": judgement.id,
        "cluster": cluster.name,
        "cluster_kind": cluster.kind.value,
        "page": page.id,
        "mode": page.mode.value,
        "reference": dump.name(page.reference),
        "candidates": [dump.name(image) for image in page.candidates],
        "kind": judgement.answer.kind.value,
        "order": list(judgement.answer.order),
        "classes": list(judgement.answer.classes),
        "votes": judgement.votes,
        "person": logged.person,
        "simulated": logged.simulated,
        "source": logged.source,
        "response_ms": judgement.response_ms,
        "shown": list(judgement.shown),
        "late": logged.late,
        "flag": logged.flag,
        "supersedes": judgement.supersedes,
        "superseded": logged.superseded,
        "standing": judgement.answer.kind in STANDING and not logged.superseded,
        "plan": logged.plan,
        "repeat_of": logged.repeat_of,
        "excluded": logged.excluded,
        "withdrawn": logged.withdrawn,
        "version": logged.version,
        "client_id": logged.client_id,
        "answered_at": logged.answered_at,
        "created_at": judgement.created_at,
        "extra": dict(logged.extra),
    }


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all: an export that fails leaves the file that was there."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
