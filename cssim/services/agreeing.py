"""How well people agree on clusters: from the log of answers to alpha and the human ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.triples import Triples, standing, triples_from
from cssim.types import Judgement, JudgementKind, Page
from db import annotations as records

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Voters:
    """Answers as measures of agreement need them: nobody agrees with themselves."""

    pages: Sequence[Page]
    answers: Sequence[Judgement]
    """Standing answers, of each named person the first on a page: released data hold several."""

    @cached_property
    def triples(self) -> Triples:
        """Their votes."""
        return triples_from(self.pages, self.answers)

    @property
    def tied(self) -> NDArray[np.int64]:
        """Ids of the pages on which somebody saw a tie."""
        tied = [j.page_id for j in self.answers if j.answer.kind is JudgementKind.TIE]
        return np.unique(np.array(tied, dtype=np.int64))

    def votes(self, asked: Triples) -> tuple[Floats, Floats]:
        """(n,) votes for A and (n,) for B as the human ceiling needs them: NaN on pages with a tie.

        A tie is half a vote for each side, so two people who agree that neither is closer look
        like two who contradict each other.

        Args:
            asked: triples of these pages, in any order and number; NaN for those whose answers were
                taken back since they were read.
        """
        own = self.triples
        keys = zip(own.page.tolist(), own.a.tolist(), own.b.tolist(), strict=True)
        place = {key: at for at, key in enumerate(keys)}
        wanted = zip(asked.page.tolist(), asked.a.tolist(), asked.b.tolist(), strict=True)
        at = np.array([place.get(key, -1) for key in wanted], dtype=np.int64)
        known = (at >= 0) & ~np.isin(asked.page, self.tied)
        found = np.full((2, len(asked)), np.nan)
        found[:, known] = np.stack([own.votes_a, own.votes_b])[:, at[known]]
        return found[0], found[1]


def voters_of(ws: Workspace, clusters: Sequence[int]) -> Voters:
    """The answers of some clusters, by their ids."""
    with ws.database.reading() as session:
        pages = records.pages_of(session, clusters)
        judgements = standing(records.judgements_of(session, clusters))
    first: dict[tuple[int, int], int | None] = {}
    kept = []
    for judgement in judgements:
        person = judgement.person_id
        if person is None or first.setdefault((judgement.page_id, person), judgement.id) == (
            judgement.id
        ):
            kept.append(judgement)
    return Voters(pages, kept)


def agreement_of(voters: Voters) -> dict[str, Any]:
    """Krippendorff's alpha of choices and classes, and the human ceiling; None if nobody overlaps.

    Args:
        voters: from `voters_of`.
    """
    from cssim.evaluation.accuracy import human_ceiling
    from cssim.evaluation.agreement import counts_of, krippendorff_alpha

    classes = [
        (f"{j.page_id} {place}", value, j.votes)
        for j in voters.answers
        for place, value in enumerate(j.answer.classes)
    ]
    units = np.array([unit for unit, _, votes in classes for _ in range(votes)], dtype=str)
    values = np.array([value for _, value, votes in classes for _ in range(votes)], dtype=int)
    return {
        **plain(human_ceiling(*voters.votes(voters.triples))),
        "alpha_choices": krippendorff_alpha(_choices(voters.pages, voters.answers)),
        "alpha_classes": krippendorff_alpha(counts_of(units, values)[0], level="ordinal"),
    }


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
