"""Known answers: pages on which people are checked and trained.

A gold page lies in a cluster of kind `gold` and carries its answer. Plans mix gold pages in at a
rate (`cssim.services.plans`); the training round shows them before the first real page and says
at once what was expected. Answers of the training round are stored as such and count nowhere.

Right means: every two candidates of different known classes (or, without known classes, every two)
stand in the known order. The classes themselves may differ: people use the scale differently.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from cssim import words
from cssim.errors import BadInput, NotFound
from cssim.services.workspace import Workspace
from cssim.types import (
    CLASS_NAMES,
    Answer,
    Cluster,
    ClusterKind,
    Image,
    JudgementKind,
    Page,
    PageMode,
    Person,
)
from db import annotations as records
from db import gold as rows
from db import library
from db.annotations import NewPage

MAX_TRAINING = 20
"""Pages of one training round, at most."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What is known of a page."""

    answer: Answer
    note: str = ""
    """Why, in the words that the training round shows."""


@dataclass(frozen=True, slots=True)
class TrainingPage:
    """A page of the training round; it is held by nobody and has no lease."""

    page: Page
    shown: tuple[int, ...]
    """Positions of the candidates as they stand on screen, left to right."""
    images: dict[int, Image]
    """The page's images by id."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person learns about an answer of the training round."""

    right: bool
    """Every known pair stands in the known order."""
    score: float
    """Share of the known pairs in the known order, 0..1."""
    expected: Answer
    message: str
    """In words, fit to be shown; ends with the page's own note where it has one."""


def training_pages(ws: Workspace, person: Person, limit: int = 8) -> list[TrainingPage]:
    """Gold pages with pictures that the person has not trained on yet, at most `limit`.

    They come in the order of the gold sets; the order of candidates on screen is fixed by person
    and page. Empty where there are none, or where all were done: then the round is over.

    Raises:
        BadInput: `limit` lies outside 1..`MAX_TRAINING`.
    """
    if not 1 <= limit <= MAX_TRAINING:
        raise BadInput(f"a training round has 1 to {MAX_TRAINING} pages, got {limit}")
    with ws.database.reading() as session:
        ids = rows.untrained(session, ws.project.id, person.id, limit)
        pages = records.pages_by_id(session, ids)
        wanted = {i for page in pages.values() for i in (page.reference, *page.candidates)}
        images = library.images_by_id(session, wanted)
    return [_training_page(pages[id_], images, person) for id_ in ids]


def _training_page(page: Page, images: Mapping[int, Image], person: Person) -> TrainingPage:
    n = len(page.candidates)
    shown = tuple(random.Random(f"{page.id} {person.id}").sample(range(n), n))
    own = {id_: images[id_] for id_ in (page.reference, *page.candidates)}
    return TrainingPage(page, shown, own)


def check_training(ws: Workspace, person: Person, page_id: int, answer: Answer) -> Feedback:
    """Say whether an answer of the training round is right, and store it as a training answer.

    Raises:
        NotFound: the project has no gold page of that id.
        BadInput: it does not answer the page (`Answer.check`), or is a retraction.
    """
    if answer.kind is JudgementKind.RETRACT:
        raise BadInput("an answer of the training round is not taken back: go on with the next")
    with ws.database.writing() as session:
        known = rows.known_answers(session, ws.project.id, [page_id]).get(page_id)
        if known is None:
            raise NotFound(f"there is no page {page_id} with a known answer in this project")
        page = records.pages_by_id(session, [page_id])[page_id]
        answer.check(page)
        score = score_of(answer, known.answer)
        rows.add_training(session, person.id, page_id, answer, score)
    right = score == 1.0
    message = _message(page, known.answer, right)
    return Feedback(right, score, known.answer, f"{message} {known.note}".strip())


def score_of(answer: Answer, known: Answer) -> float:
    """Share of the known pairs that an answer puts in the known order, 0..1.

    A pair is known where its known classes differ, or where no classes are known. A tie gives half
    of each pair (and is wholly right where a tie is known), a skip nothing.
    """
    if known.kind is JudgementKind.TIE or answer.kind is JudgementKind.TIE:
        return 1.0 if known.kind is answer.kind else 0.5
    if answer.kind is not JudgementKind.ANSWER:
        return 0.0
    place = {position: rank for rank, position in enumerate(answer.order)}
    pairs = known_pairs(known)
    return sum(place[near] < place[far] for near, far in pairs) / len(pairs) if pairs else 1.0


def known_pairs(known: Answer) -> list[tuple[int, int]]:
    """Positions (closer, farther) of the pairs whose order is known."""
    classes = known.classes
    return [
        (near, far)
        for near, far in combinations(known.order, 2)
        if not classes or classes[near] != classes[far]
    ]


def _message(page: Page, known: Answer, right: bool) -> str:
    if known.kind is JudgementKind.TIE:
        return "Right: both are equally close." if right else "Both are equally close here."
    if page.mode is PageMode.CHOOSE:
        return "Right." if right else "The other one is closer."
    if right:
        return "Right."
    if not known.classes:
        return "The order differs from the expected one."
    names = ", ".join(CLASS_NAMES[known.classes[position]].lower() for position in known.order)
    return f"Expected, from the closest on: {names}."


@dataclass(frozen=True, slots=True)
class GoldPage:
    """A page to be made, with its known answer."""

    reference: int
    """Image id."""
    candidates: tuple[int, ...]
    """Image ids."""
    known: KnownAnswer
    mode: PageMode = PageMode.RANK


def make_gold(ws: Workspace, name: str, pages: Sequence[GoldPage]) -> Cluster:
    """A new gold set of pages with known answers, for plans to mix in and for the training round.

    Raises:
        BadInput: no pages, or a known answer that does not answer its page.
        Conflict: the project has a cluster of that name.
    """
    if not pages:
        raise BadInput("a gold set needs at least one page with a known answer")
    for gold in pages:
        page = Page(0, 0, gold.reference, gold.candidates, gold.mode)
        gold.known.answer.check(page)
        if gold.known.answer.kind not in (JudgementKind.ANSWER, JudgementKind.TIE):
            raise BadInput(f"a known answer is an order or a tie, got {gold.known.answer.kind}")
    with ws.database.writing() as session:
        cluster = library.add_cluster(
            session, ws.project.id, name, ClusterKind.GOLD, source={"format": "gold"}
        )
        new = [NewPage(g.reference, g.candidates, g.mode, wanted=0) for g in pages]
        ids = records.add_pages(session, ws.project.id, cluster.id, new)
        known = {id_: gold.known for id_, gold in zip(ids, pages, strict=True)}
        rows.set_known(session, {id_: (k.answer, k.note) for id_, k in known.items()})
    return cluster


def gold_from_votes(
    ws: Workspace, name: str, source: str, *, pages: int = 20, least_votes: int = 3
) -> Cluster:
    """A gold set of those pages of a cluster on which at least `least_votes` people all agree.

    Copies are made: people may meet them whatever they answered before. Of the unanimous pages the
    ones with most votes are taken, equal ones in the cluster's order.

    Raises:
        NotFound: no cluster called `source`.
        BadInput: fewer than `pages` pages are unanimous.
        Conflict: the project has a cluster called `name`.
    """
    from cssim.triples import standing

    with ws.database.reading() as session:
        cluster = library.get_cluster(session, ws.project.id, source)
        found = {page.id: page for page in records.pages_of(session, [cluster.id])}
        by_page: dict[int, list[Any]] = {}
        for judgement in standing(records.judgements_of(session, [cluster.id])):
            by_page.setdefault(judgement.page_id, []).append(judgement)
    agreed = []
    for page_id, said in by_page.items():
        votes = sum(judgement.votes for judgement in said)
        orders = {judgement.answer.order for judgement in said}
        if page_id in found and votes >= least_votes and len(orders) == 1 and () not in orders:
            agreed.append((-votes, page_id, said[0].answer))
    if len(agreed) < pages:
        raise BadInput(
            f"{source}: {words.count(pages, 'gold page was', 'gold pages were')} asked for, "
            f"{least_votes} or more people agree wholly on {len(agreed)} of its "
            f"{words.count(len(found), 'page')}; ask for fewer pages or votes"
        )
    chosen = [(found[id_], answer) for _, id_, answer in sorted(agreed, key=lambda x: x[:2])]
    return make_gold(
        ws,
        name,
        [
            GoldPage(page.reference, page.candidates, KnownAnswer(answer), page.mode)
            for page, answer in chosen[:pages]
        ],
    )
