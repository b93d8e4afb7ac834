"""Consensus: what people say together, which pages they dispute, and decisions about those.

Votes stay votes: training takes their shares as they are. Consensus is a view (majority, or Dawid
and Skene's model), and an adjudication is a layer of its own beside the votes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.csv_cells import guarded
from cssim.errors import BadInput, NotFound
from cssim.evaluation.consensus import dawid_skene, majority
from cssim.evaluation.people import HIGH, LOW, NOBODY, TIE, Said, Votes, pair_votes, votes_of
from cssim.services.overlap import certainty
from cssim.services.quality import quality_state
from cssim.services.workspace import Workspace
from cssim.types import Answer, Cluster, Image, JudgementKind, Page, Person
from db import adjudication as rows
from db import annotations as records
from db import library, users
from db import participation as parts
from db import quality as log
from db.adjudication import Decision

UNDECIDED = Answer(JudgementKind.SKIP)
"""The decision that a page cannot be decided."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question (reference, a, b) and what people say about it; a < b by id."""

    reference: int
    a: int
    b: int
    votes_a: int
    votes_b: int
    ties: int
    majority: str
    """`A`, `B`, `tie`, or empty where votes are even."""
    probability_a: float
    """That a is closer; half of a tie's probability on each side.

    By Dawid and Skene where two or more people answered, else the share of the votes.
    """
    decided: str
    """The adjudication: `A`, `B`, `tie`, or empty."""


@dataclass(frozen=True, slots=True)
class Skill:
    """How reliable the model takes a person to be."""

    person: str
    skill: float
    """Probability of saying the truth, 0..1."""
    votes: int


@dataclass(frozen=True, slots=True)
class ConsensusView:
    """Consensus of a set."""

    cluster: Cluster
    questions: tuple[Question, ...]
    skills: tuple[Skill, ...]
    """Best first; people whom the source names, who met others on a question."""
    rounds: int
    """Rounds of the fit; 0 where nobody met on a question, so that there was nothing to fit."""


def consensus_of(ws: Workspace, cluster: str) -> ConsensusView:
    """Majority, the model's posterior and decisions for each question of a set.

    Answers of excluded people and to repeated pages are left out. Votes of people whom the source
    does not name count as those of one person.

    Raises:
        NotFound: no set of that name.
        BadInput: it has no answers yet.
    """
    found, answers, decided = _answers(ws, cluster)
    if not answers:
        raise BadInput(f"{cluster} has no answers yet, so there is no consensus")
    votes = pair_votes(answers, once=False)
    model = _fit(votes)
    top = majority(votes.counts)
    keys = _keys(answers)
    words = {LOW: "A", HIGH: "B", TIE: "tie", -1: ""}
    questions = tuple(
        Question(
            reference=reference,
            a=low,
            b=high,
            votes_a=int(votes.counts[at, LOW]),
            votes_b=int(votes.counts[at, HIGH]),
            ties=int(votes.counts[at, TIE]),
            majority=words[int(top[at])],
            probability_a=float(model.posterior[at, LOW] + model.posterior[at, TIE] / 2),
            decided=decided.get((reference, low, high), ""),
        )
        for at, (reference, low, high) in enumerate(keys)
    )
    with ws.database.reading() as session:
        names = {person.id: person.name for person in users.list_people(session)}
    skills = [
        Skill(names[id_], skill, int(votes.votes[votes.person == id_].sum()))
        for id_, skill in model.skill.items()
    ]
    best = sorted(skills, key=lambda s: (-s.skill, s.person))
    return ConsensusView(found, questions, tuple(best), model.rounds)


@dataclass(frozen=True, eq=False)
class _Model:
    posterior: NDArray[np.float64]
    """(questions, 3) probability of each true answer."""
    skill: dict[int, float]
    """By named person."""
    rounds: int


def _fit(votes: Votes) -> _Model:
    """Dawid and Skene's model of the questions on which people meet.

    What one person alone said says nothing about how they err: there the share of the votes stands.
    """
    met = _met(votes)
    posterior = votes.counts / votes.counts.sum(axis=1, keepdims=True)
    rows = met[votes.question]
    if not rows.any():
        return _Model(posterior, {}, 0)
    people, person = np.unique(votes.person[rows], return_inverse=True)
    question = (np.cumsum(met) - 1)[votes.question[rows]]
    fitted = dawid_skene(question, person, votes.value[rows], values=3, votes=votes.votes[rows])
    posterior[met] = fitted.posterior
    skill = dict(zip(people.tolist(), fitted.skill.tolist(), strict=True))
    skill.pop(NOBODY, None)
    return _Model(posterior, skill, fitted.rounds)


def _met(votes: Votes) -> NDArray[np.bool_]:
    """(questions,) whether two people answered; votes of nobody in particular count as many."""
    pairs = np.unique(np.stack([votes.question, votes.person], axis=1), axis=0)
    people = np.bincount(pairs[:, 0], minlength=len(votes.counts))
    unnamed = votes.person == NOBODY
    of_nobody = np.bincount(
        votes.question[unnamed], weights=votes.votes[unnamed], minlength=len(votes.counts)
    )
    return (people > 1) | (of_nobody > 1)


def _answers(
    ws: Workspace, cluster: str
) -> tuple[Cluster, list[Said], dict[tuple[int, int, int], str]]:
    with ws.database.reading() as session:
        found = library.get_cluster(session, ws.project.id, cluster)
        pages = {page.id: page for page in records.pages_of(session, [found.id])}
        excluded = {
            p.person_id for p in parts.participations(session, ws.project.id).values() if p.excluded
        }
        answers = [
            _said(row)
            for row in log.standing_answers(session, ws.project.id, clusters=[found.id])
            if row.repeat_of is None and row.person_id not in excluded
        ]
        held = rows.decisions(session, ws.project.id)
    decided: dict[tuple[int, int, int], str] = {}
    for page_id, decision in held.items():
        if page_id in pages and decision.answer.kind is not JudgementKind.SKIP:
            decided.update(_pairs_of(pages[page_id], decision.answer))
    return found, answers, decided


def _said(row: log.AnswerRow) -> Said:
    person = NOBODY if row.person_id is None else row.person_id
    return Said(
        person,
        row.page_id,
        row.reference,
        row.candidates,
        row.answer,
        row.shown,
        row.response_ms,
        row.at,
        row.votes,
    )


def _pairs_of(page: Page, answer: Answer) -> dict[tuple[int, int, int], str]:
    said = Said(NOBODY, page.id, page.reference, page.candidates, answer)
    words = {LOW: "A", HIGH: "B", TIE: "tie"}
    return {(page.reference, low, high): words[value] for low, high, value in votes_of(said)}


def _keys(answers: Sequence[Said]) -> list[tuple[int, int, int]]:
    """Questions in the order in which `pair_votes` numbers them."""
    return list(
        dict.fromkeys(
            (said.reference, low, high) for said in answers for low, high, _ in votes_of(said)
        )
    )


def consensus_csv(ws: Workspace, view: ConsensusView) -> str:
    """The questions as CSV with image names."""
    wanted = {i for q in view.questions for i in (q.reference, q.a, q.b)}
    with ws.database.reading() as session:
        names = {i: image.name for i, image in library.images_by_id(session, wanted).items()}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("ref", "a", "b", "n_a", "n_b", "n_tie", "majority", "probability_a", "adjudicated")
    )
    for q in view.questions:
        writer.writerow(
            (
                guarded(names[q.reference]),
                guarded(names[q.a]),
                guarded(names[q.b]),
                q.votes_a,
                q.votes_b,
                q.ties,
                q.majority,
                f"{q.probability_a:.6f}",
                q.decided,
            )
        )
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Dispute:
    """A page on which people disagree, as the adjudicator gets it: without what they said."""

    page: Page
    cluster: str
    images: dict[int, Image]
    people: int
    """How many answered it."""
    certainty: float
    """How surely its least certain pair is decided by the majority, 0.5..1."""
    decision: Decision | None


def disputes(
    ws: Workspace,
    *,
    clusters: Sequence[str] | None = None,
    decided: bool = False,
    limit: int = 50,
    sure: float = 0.85,
) -> list[Dispute]:
    """Pages with two or more answers whose majority is not sure, most disputed first.

    Args:
        ws: the workspace.
        clusters: names; None: all but gold sets.
        decided: those with a decision, instead of those without.
        limit: at most so many, 1..1000.
        sure: pages decided at least so surely are no disputes, 0.5..1.

    Raises:
        NotFound: no set of that name.
        BadInput: `limit` is out of its range.
    """
    if not 1 <= limit <= 1000:
        raise BadInput(f"limit must lie in 1..1000, got {limit}")
    with ws.database.reading() as session:
        project = ws.project.id
        wanted = None
        if clusters is not None:
            wanted = [library.get_cluster(session, project, name).id for name in clusters]
        out = {p.person_id for p in parts.participations(session, project).values() if p.excluded}
        orders: dict[int, list[tuple[int, ...]]] = {}
        for row in log.standing_answers(session, project, clusters=wanted):
            if row.repeat_of is None and not row.is_gold and row.person_id not in out:
                orders.setdefault(row.page_id, []).extend([row.answer.order] * row.votes)
        held = rows.decisions(session, project)
        scored = [
            (certainty(said), page_id)
            for page_id, said in orders.items()
            if len(said) >= 2 and (page_id in held) == decided
        ]
        # Equally split pages are the more disputed the more people answered them.
        first = sorted(
            (c, -len(orders[page_id]), page_id) for c, page_id in scored if c < sure or decided
        )[:limit]
        pages = records.pages_by_id(session, [page_id for *_, page_id in first])
        names = {c.id: c.name for c in library.list_clusters(session, project)}
        images = library.images_by_id(
            session, {i for p in pages.values() for i in (p.reference, *p.candidates)}
        )
    return [
        Dispute(
            page=pages[page_id],
            cluster=names[pages[page_id].cluster_id],
            images={i: images[i] for i in (pages[page_id].reference, *pages[page_id].candidates)},
            people=-people,
            certainty=sure_of,
            decision=held.get(page_id),
        )
        for sure_of, people, page_id in first
    ]


def dispute_state(ws: Workspace) -> tuple[object, ...]:
    """Changes whenever the disputes would; cheap."""
    with ws.database.reading() as session:
        newest = rows.newest_decision(session, ws.project.id)
    return (*quality_state(ws), newest)


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said about a page; shown only after the decision."""

    person: str
    answer: Answer
    votes: int


def adjudicate(
    ws: Workspace, page_id: int, answer: Answer, *, note: str = "", by: Person | None = None
) -> list[Vote]:
    """Store a decision about a page and give what people had said; votes are not changed.

    A later decision takes the place of an earlier one, which stays in the table.

    Args:
        ws: the workspace.
        page_id: of the page.
        answer: an order (with classes on a page to rank), a tie, or `UNDECIDED`.
        note: why.
        by: who decides.

    Raises:
        NotFound: the project has no such page.
        BadInput: it does not answer the page, or the note is longer than 2,000 characters.
    """
    if answer.kind is JudgementKind.RETRACT or len(note) > 2000:
        raise BadInput("a decision is an order, a tie or undecided; a note has 2,000 characters")
    with ws.database.writing() as session:
        page = records.pages_by_id(session, [page_id]).get(page_id)
        names = {c.id for c in library.list_clusters(session, ws.project.id)}
        if page is None or page.cluster_id not in names:
            raise NotFound(f"there is no page {page_id} in this project")
        answer.check(page)
        rows.add_decision(session, page_id, by.id if by else None, answer, note.strip())
    return votes_on(ws, page)


def votes_on(ws: Workspace, page: Page) -> list[Vote]:
    """What everybody said about a page, excluded people included, in the order of the log."""
    with ws.database.reading() as session:
        found = [
            row
            for row in log.standing_answers(session, ws.project.id, clusters=[page.cluster_id])
            if row.page_id == page.id
        ]
        names = {person.id: person.name for person in users.list_people(session)}
    return [
        Vote(names.get(row.person_id or 0, "nobody named"), row.answer, row.votes) for row in found
    ]
