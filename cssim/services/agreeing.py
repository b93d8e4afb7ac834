"""How well people agree on clusters: from the log of answers to alpha and the human ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.triples import Triples, standing, triples_from
from cssim.types import Judgement, JudgementKind, Page
from db import annotations as records

Floats = NDArray[np.float64]


def agreement_of(ws: Workspace, clusters: Sequence[int], triples: Triples) -> dict[str, Any]:
    """Krippendorff's alpha of choices and classes, and the human ceiling; None if nobody overlaps.

    Args:
        ws: the workspace.
        clusters: their ids.
        triples: of these clusters.
    """
    from cssim.evaluation.accuracy import human_ceiling
    from cssim.evaluation.agreement import counts_of, krippendorff_alpha

    with ws.database.reading() as session:
        pages = records.pages_of(session, clusters)
        judgements = standing(records.judgements_of(session, clusters))
    classes = [
        (f"{j.page_id} {place}", value, j.votes)
        for j in judgements
        for place, value in enumerate(j.answer.classes)
    ]
    units = np.array([unit for unit, _, votes in classes for _ in range(votes)], dtype=str)
    values = np.array([value for _, value, votes in classes for _ in range(votes)], dtype=int)
    return {
        **plain(human_ceiling(*whole_votes(triples, _tied(judgements)))),
        "alpha_choices": krippendorff_alpha(_choices(pages, judgements)),
        "alpha_classes": krippendorff_alpha(counts_of(units, values)[0], level="ordinal"),
    }


def tied_pages(ws: Workspace, clusters: Sequence[int]) -> NDArray[np.int64]:
    """Ids of the clusters' pages on which somebody whose answer counts saw a tie, sorted."""
    with ws.database.reading() as session:
        return _tied(standing(records.judgements_of(session, clusters)))


def whole_votes(triples: Triples, tied: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(n,) votes for A and (n,) for B as the human ceiling needs them: NaN on pages with a tie.

    A tie is half a vote for each side, so two people who agree that neither is closer look like two
    who contradict each other.

    Args:
        triples: of any clusters.
        tied: page ids, from `tied_pages`.
    """
    known = ~np.isin(triples.page, tied)
    return np.where(known, triples.votes_a, np.nan), np.where(known, triples.votes_b, np.nan)


def _tied(judgements: Sequence[Judgement]) -> NDArray[np.int64]:
    return np.unique([j.page_id for j in judgements if j.answer.kind is JudgementKind.TIE]).astype(
        np.int64
    )


def _choices(pages: Sequence[Page], judgements: Sequence[Judgement]) -> Floats:
    """(questions, 3) how many people said A, B and tie; a question is a pair on one page."""
    layers: list[list[Judgement]] = []
    depth: dict[int, int] = {}
    for judgement in judgements:  # each layer has one judgement of a page: ties show as halves
        k = depth[judgement.page_id] = depth.get(judgement.page_id, -1) + 1
        if k == len(layers):
            layers.append([])
        layers[k].append(judgement)
    units: dict[tuple[int, int, int], Floats] = {}
    for layer in layers:
        part = triples_from(pages, layer)
        said = 1 - np.sign(part.votes_a - part.votes_b)  # 0 A, 1 tie, 2 B
        votes = part.votes_a + part.votes_b
        for page, a, b, place, people in zip(
            part.page.tolist(), part.a.tolist(), part.b.tolist(), said, votes, strict=True
        ):
            units.setdefault((page, a, b), np.zeros(3))[int(place)] += people
    return np.stack(list(units.values())) if units else np.zeros((0, 3))
