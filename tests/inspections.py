"""An inspection of made-up answers with a known shape, in arrays or on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cssim.services.inspecting import (
    InspectedRow,
    Inspection,
    InspectionInfo,
    fingerprints,
    folder_of,
    load_inspection,
)
from cssim.services.inspection_files import write
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Answer, JudgementKind, ModelKind
from db import annotations as records
from db import library, runs
from db.annotations import NewJudgement
from db.runs import NewModel
from tests.pages import add_pages, add_pictures

ROWS = (("frozen", "frozen"), ("CS one", "cs"), ("CS two", "cs"), ("sum", "ensemble"))


def made_up(
    *, references: int = 12, per: int = 6, seed: int = 0, rows: Sequence[tuple[str, str]] = ROWS
) -> Inspection:
    """Arrays alone: image ids from 100 on, three voters a triple, planes of random points."""
    rng = np.random.default_rng(seed)
    ids = np.arange(100, 100 + references)
    reference = np.repeat(ids, per)
    n = len(reference)
    votes = rng.integers(0, 4, n).astype(float)
    triples = Triples(
        reference=reference,
        a=1000 + np.arange(n),
        b=3000 + np.arange(n),
        votes_a=votes,
        votes_b=3 - votes,
        class_a=rng.integers(1, 6, n).astype(float),
        class_b=np.full(n, np.nan),
        page=np.arange(n) // 3 + 1,
    )
    return from_triples(triples, rng, rows)


def from_triples(
    triples: Triples, rng: np.random.Generator, rows: Sequence[tuple[str, str]] = ROWS
) -> Inspection:
    """Random distances and planes for these triples."""
    distances = rng.random((len(rows), len(triples), 2))
    says = np.sign(distances[..., 1] - distances[..., 0])
    credit = 0.5 + says * (triples.share_a - 0.5)
    ids, counts = np.unique(triples.reference, return_counts=True)
    sums = np.stack(
        [[own[triples.reference == id_].sum() for id_ in ids.tolist()] for own in credit]
    )
    info = InspectionInfo(
        id=1,
        project_id=1,
        clusters=((1, "ocean"),),
        rows=tuple(InspectedRow(name, kind, i + 1) for i, (name, kind) in enumerate(rows)),
        triples=len(triples),
        references=len(ids),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        projector="frozen",
        explained=(0.3, 0.2),
        pca_of="fitted on these references",
    )
    return Inspection(
        info=info,
        triples=triples,
        cluster=np.ones(len(triples), dtype=np.int64),
        distances=distances,
        reference=ids,
        sums=sums,
        counts=counts,
        seen=np.zeros((len(rows), len(ids)), dtype=np.int8),
        pca=rng.normal(size=(len(ids), 2)),
        tsne=rng.normal(size=(len(ids), 2)),
    )


def on_disk(ws: Workspace, *, references: int = 12, seed: int = 0, side: int = 32) -> Inspection:
    """The same for a project with pictures, pages, answers and three models, as the page reads it.

    Half of the references carry the tag `sea`, the others `land`.
    """
    images = add_pictures(ws, references + 4, side=side, prefix="region")
    refs, others = images[:references], images[references:]
    asked = [(ref, tuple(others[:3])) for ref in refs] + [(ref, tuple(others[1:])) for ref in refs]
    pages = add_pages(ws, asked, wanted=0)
    with ws.database.writing() as session:
        library.add_tags(session, {r: ["sea" if i % 2 else "land"] for i, r in enumerate(refs)})
        answer = Answer(JudgementKind.ANSWER, (0, 1, 2), (1, 2, 3))
        records.add_judgements(
            session, [NewJudgement(page_id=page, answer=answer) for page in pages]
        )
        for name, kind in ROWS[:3]:
            new = NewModel(name, ModelKind(kind), "tiny-clip", fingerprint=f"of {name}")
            runs.save_model(session, ws.project.id, new)
        models = runs.list_models(session, ws.project.id)
        cluster = library.get_cluster(session, ws.project.id, "ocean")
    triples = load_triples(ws, [cluster.id])
    made = from_triples(triples, np.random.default_rng(seed), ROWS[:3])
    rows = [InspectedRow(m.name, m.kind.value, m.id, fingerprint=m.fingerprint) for m in models]
    facts: dict[str, Any] = asdict(made.info) | {
        "id": 1,
        "project_id": ws.project.id,
        "clusters": [(cluster.id, cluster.name)],
        "rows": [asdict(row) for row in rows],
        "fingerprints": fingerprints(triples, models, [], {m.id: m for m in models}),
    }
    columns = {f"triples.{name}": getattr(triples, name) for name in (
        "reference", "a", "b", "votes_a", "votes_b", "class_a", "class_b", "page")}  # fmt: skip
    arrays = {name: getattr(made, name) for name in (
        "cluster", "distances", "reference", "sums", "counts", "seen", "pca", "tsne")}  # fmt: skip
    write(folder_of(ws, 1), facts, columns | arrays)
    return load_inspection(ws, 1)
