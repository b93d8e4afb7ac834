"""The job `survey`: near duplicates among all pictures, where the labels lie, how people agree.

It writes one file of arrays below `home/surveys`, named by the job's id, and gives numbers as its
result. The file may be deleted: a survey can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import CSSimError
from cssim.services.agreeing import agreement_of, voters_of
from cssim.services.encoding import embeddings_of, refreshed
from cssim.services.running import JobContext
from cssim.services.survey_files import SurveyArrays, write_survey
from cssim.services.surveys import data_state
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ModelInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    from cssim.embeddings.encoder import Encoder

Floats = NDArray[np.float64]

PART = 4096
"""Vectors, or pairs of them, that are widened at a time."""
MOST = 1_000_000
"""Pairs of near duplicates that are kept of each of the two ways of looking."""
DRAWS, LEVEL, SEED = 2_000, 0.95, 0
"""Bootstrap over references of each set's human ceiling."""


def run_survey(context: JobContext) -> Mapping[str, Any]:
    """Job `survey`: the arrays' file, agreement of each set, and in `notes` what is missing."""
    ws, notes = context.ws, list[str]()
    state = data_state(ws)
    with ws.database.reading() as session:
        images = library.list_images(session, ws.project.id, available=True)
        clusters = library.list_clusters(session, ws.project.id)
    usable = [image for image in images if image.sha256 in ws.store]
    ids = np.array([image.id for image in usable], dtype=np.int64)
    frozen = _frozen(ws, notes)
    vectors = None
    if frozen is not None and len(ids):
        part = context.part(0.0, 0.55)
        vectors = embeddings_of(ws, frozen[1], ids, progress=part, cancelled=context.cancelled)
    pairs = _pairs(context, ids, vectors, notes)
    context.progress(0.85, 1, "people's agreement")
    agreement = [_agreement(ws, cluster) for cluster in clusters]
    arrays = SurveyArrays(
        images=ids,
        points=_plane(vectors) if vectors is not None else np.full((len(ids), 2), np.nan),
        pairs=pairs,
        gaps=_gaps(ids, pairs, vectors),
        bits=_bits(ws, ids, pairs),
    )
    context.progress(0.99, 1, "storing")
    path = write_survey(ws, context.job.id, arrays)
    return {
        "path": path,
        "state": state,
        "images": len(ids),
        "without_pixels": len(images) - len(usable),
        "pairs": len(pairs),
        "encoder": frozen[0].name if frozen else "",
        "agreement": [one for one in agreement if one["triples"]],
        "notes": notes,
    }


def _frozen(ws: Workspace, notes: list[str]) -> tuple[ModelInfo, Encoder] | None:
    """The first frozen backbone that can be loaded; metrics say little about meaning."""
    with ws.database.reading() as session:
        models = runs.list_models(session, ws.project.id)
    for model in models:
        if model.kind is ModelKind.FROZEN:
            try:
                return refreshed(ws, model)
            except CSSimError as error:
                notes.append(f"{model.name} cannot be used: {error}")
    notes.append(
        "No map of the pictures and no cosine distances: they need a frozen backbone. Add one on "
        "the page Train."
    )
    return None


def _plane(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2) first two principal components of unit vectors, signs fixed by the largest loading."""
    n, d = vectors.shape
    mean, squares = np.zeros(d), np.zeros((d, d))
    for unit in _units(vectors):
        mean += unit.sum(axis=0) / n
    for unit in _units(vectors):
        squares += (unit - mean).T @ (unit - mean)
    _, axes = np.linalg.eigh(squares)
    best = axes[:, ::-1][:, :2]
    best = best * np.sign(best[np.abs(best).argmax(axis=0), np.arange(best.shape[1])])
    out = np.zeros((n, 2), dtype=np.float32)
    out[:, : best.shape[1]] = np.concatenate([(unit - mean) @ best for unit in _units(vectors)])
    return out


def _units(vectors: NDArray[np.float32]) -> Iterator[Floats]:
    """Unit vectors in float64, a part at a time."""
    for start in range(0, len(vectors), PART):
        unit = vectors[start : start + PART].astype(np.float64)
        unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
        yield unit


def _pairs(
    context: JobContext,
    ids: NDArray[np.int64],
    vectors: NDArray[np.float32] | None,
    notes: list[str],
) -> NDArray[np.int64]:
    """(k, 2) ids of near duplicates, the smaller id first, each pair once, in order."""
    from cssim.evaluation.duplicates import Prints, close_vectors, look_alikes

    report = context.part(0.55, 0.65)
    prints = embeddings_of(context.ws, Prints(), ids, progress=report, cancelled=context.cancelled)
    found = [look_alikes(prints, most=MOST, step=_told(context, 0.65, 0.75, "how they look"))]
    if vectors is not None:
        step = _told(context, 0.75, 0.85, "their embeddings")
        found.append(close_vectors(vectors, most=MOST, step=step))
    if any(len(rows) >= MOST for rows in found):
        notes.append(
            f"There are {MOST:,} pairs of near duplicates or more; the others are not listed. Are "
            "there frames of films among the pictures?"
        )
    rows = np.concatenate(found)
    once = np.unique(rows[:, 0] * np.int64(max(1, len(ids))) + rows[:, 1])
    return np.asarray(ids[np.stack(np.divmod(once, max(1, len(ids))), axis=1)])


def _told(context: JobContext, start: float, end: float, what: str) -> Callable[[int, int], None]:
    """Progress of a comparison of all pictures with each other, which may also be stopped."""
    report = context.part(start, end)

    def step(done: int, total: int) -> None:
        # Rows at the end have fewer others left to be compared with.
        left = (total - done) * (total - done)
        report(total * total - left, total * total, f"near duplicates by {what}")

    return step


def _gaps(
    ids: NDArray[np.int64], pairs: NDArray[np.int64], vectors: NDArray[np.float32] | None
) -> Floats:
    """(k,) cosine distance of each pair, 0..2; NaN without embeddings."""
    if vectors is None:
        return np.full(len(pairs), np.nan)
    out = np.empty(len(pairs))
    for start in range(0, len(pairs), PART):
        some = np.searchsorted(ids, pairs[start : start + PART])
        one, other = (vectors[some[:, i]].astype(np.float64) for i in (0, 1))
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        dots = np.einsum("ij,ij->i", one, other)
        out[start : start + PART] = 1 - dots / np.maximum(lengths, 1e-12)
    return np.clip(out, 0.0, 2.0)


def _bits(ws: Workspace, ids: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) bits 0..64 in which the prints of each pair differ, mirrored or not: the smaller."""
    from cssim.evaluation.duplicates import Prints

    if not len(pairs):
        return np.zeros(0, dtype=np.int64)
    wanted = np.unique(pairs)
    rows = embeddings_of(ws, Prints(), wanted)
    words = rows[:, :16].astype(np.uint8).copy().view(np.uint64)
    one, other = (np.searchsorted(wanted, pairs[:, i]) for i in (0, 1))
    plain = np.bitwise_count(words[one, 0] ^ words[other, 0])
    mirrored = np.bitwise_count(words[one, 0] ^ words[other, 1])
    return np.asarray(np.minimum(plain, mirrored), dtype=np.int64)


def _agreement(ws: Workspace, cluster: Cluster) -> dict[str, Any]:
    """Of one set: how far people agree, with an interval of the human ceiling over references."""
    voters = voters_of(ws, [cluster.id])
    found, triples = agreement_of(voters), voters.triples
    low, high = ceiling_interval(triples.reference, voters.votes(triples))
    return {"set": cluster.name, "cluster": cluster.id, **found, "low": low, "high": high}


def ceiling_interval(
    reference: NDArray[np.int64],
    votes: tuple[Floats, Floats],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[float | None, float | None]:
    """Bootstrap interval over references of the human ceiling; None where nothing is to resample.

    Args:
        reference: (n,) image ids of a set's triples.
        votes: (n,) for A and (n,) for B; only triples with two whole votes or more count.
        draws: bootstrap samples of references.
        level: of the interval.
        seed: of the samples.
    """
    from cssim.evaluation.accuracy import by_reference, human_credit
    from cssim.evaluation.statistics import bootstrap, draw_weights, interval

    credit = human_credit(*votes)
    counted = ~np.isnan(credit)
    if len(np.unique(reference[counted])) < 2:
        return None, None
    table = by_reference(credit[None, counted], reference[counted])
    weights = draw_weights(len(table.reference), draws, seed)
    low, high = interval(bootstrap(table.sums, table.counts, weights), level)[:, 0]
    return float(low), float(high)
