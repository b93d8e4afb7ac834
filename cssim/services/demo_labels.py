"""The demo's people, their answers, and what waits for the newcomer: practice and a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cssim import sampling
from cssim.services import accounts, gold, plans, projects
from cssim.services.demo_build import PRACTICE, TEST, VALIDATION, Build
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.services.plan_pages import Drawn
from cssim.services.plan_specs import PlanSpec
from cssim.types import ClusterKind, Page, PageMode, Role
from db import annotations as log
from db import library

if TYPE_CHECKING:
    from cssim.demo.scenes import Scene

NEWCOMER = "newcomer"
"""Who signs in to look round; an administrator."""
ANNOTATOR = "annotator"
"""Who signs in to label."""
INSTRUCTIONS = """\
**The demo.** The pictures are drawn by a program and most answers come from simulated people;
they are marked. Yours are real and count.

Look at the reference, then at the candidates. Which of them is *closer in meaning* to it? There is
no rule: in a city you may find the time of day telling, at sea the weather. Go by your first
impression.

- **Choose** between two by a click, a tap, or the arrow keys.
- **Rank** three from closest to farthest and say for each how close it is, from 1 (almost the
  same) to 5 (irrelevant).
- Every answer can be taken back.
"""
CRITERION = "Which is closer in meaning to the reference?"
_GAP = 0.6
"""Distance between candidates, in the truth's units, from which a practice page is a clear case."""


def answers(build: Build) -> bool:
    """The simulated people, and each cluster with its answers in one transaction."""
    from cssim.demo.scenes import CONTEXTS
    from cssim.demo.world import telling

    _people(build)
    size, here, there = build.size, build.ids(test=False), build.ids(test=True)
    before = set(build.clusters())
    for i, context in enumerate(CONTEXTS):
        build.tell(i / 12, context)
        reference = telling([name for name in here if name.startswith(f"{context}/")])
        _cluster(build, context, ClusterKind.CONTEXT, [reference], here, size.cluster_pages)
    for name, kind, pool, count in (
        (VALIDATION, ClusterKind.VALIDATION, here, size.validation_references),
        (TEST, ClusterKind.TEST, there, size.test_references),
    ):
        build.tell(0.8, name)
        references = _references(pool, count, build.rng(name))
        voters = size.voters if kind is ClusterKind.TEST else 1
        _cluster(build, name, kind, references, pool, size.pages_per_reference, voters)
    return set(build.clusters()) != before


def practice(build: Build) -> bool:
    """Clear cases with known answers, and a plan that hands out pages to the newcomer."""
    before = set(build.clusters())
    known = build.ids(test=False)
    if PRACTICE not in before:
        gold.make_gold(build.ws, PRACTICE, _clear_cases(build, known))
    people = {person.name: person.id for person in accounts.list_people(build.ws)}
    for mode, priority in ((PageMode.CHOOSE, 1), (PageMode.RANK, 0)):
        name = f"for you to {mode.value}"
        if name in before:
            continue
        rng = build.rng(name)
        references = _references(known, build.size.own_pages, rng)
        candidates = 2 if mode is PageMode.CHOOSE else 3
        spec = PlanSpec(
            name=name,
            kind=ClusterKind.VALIDATION,
            references=tuple(known[reference] for reference in references),
            pages_per_reference=1,
            candidates=candidates,
            mode=mode,
            gold=PRACTICE,
            gold_rate=0.1,
            repeat_rate=0.05,
            priority=priority,
        )
        pages = _pages(references, known, 1, candidates, rng)
        plans.store(build.ws, spec, Drawn(pages), by=people[NEWCOMER])
    return set(build.clusters()) != before


def _people(build: Build) -> None:
    from cssim.demo.annotators import PEOPLE

    present = {person.name for person in accounts.list_people(build.ws)}
    for simulated in PEOPLE:
        if simulated.name not in present:
            accounts.add_person(build.ws, simulated.name, simulated=True)
    for name, role in ((NEWCOMER, Role.ADMINISTRATOR), (ANNOTATOR, Role.ANNOTATOR)):
        if name not in present:
            accounts.add_person(build.ws, name, role=role)
            projects.set_instructions(build.ws, criterion=CRITERION, instructions=INSTRUCTIONS)


def _references(pool: dict[str, int], count: int, rng: np.random.Generator) -> list[str]:
    name_of = {image_id: name for name, image_id in pool.items()}
    return [name_of[i] for i in sampling.draw_references(list(pool.values()), count, rng)]


def _pages(
    references: Sequence[str],
    pool: dict[str, int],
    per_reference: int,
    candidates: int,
    rng: np.random.Generator,
) -> list[tuple[int, tuple[int, ...]]]:
    """Image ids of (reference, candidates)."""
    from cssim.demo.world import likely_pages

    drawn = likely_pages(references, list(pool), per_reference, candidates, rng)
    return [(pool[reference], tuple(pool[name] for name in group)) for reference, group in drawn]


def _cluster(
    build: Build,
    name: str,
    kind: ClusterKind,
    references: Sequence[str],
    pool: dict[str, int],
    pages_per_reference: int,
    voters: int = 1,
) -> None:
    """Pages to rank, answered by `voters` simulated people each."""
    ws = build.ws
    drawn = _pages(references, pool, pages_per_reference, 3, build.rng(name))
    rows = [log.NewPage(r, c, PageMode.RANK, voters) for r, c in drawn]
    with ws.database.writing() as session:
        if library.find_cluster(session, ws.project.id, name) is not None:
            return
        source = {"format": "demo", "simulated": True, **asdict(build.size)}
        context = name if kind is ClusterKind.CONTEXT else None
        cluster = library.add_cluster(
            session, ws.project.id, name, kind, context=context, source=source
        )
        ids = log.add_pages(session, ws.project.id, cluster.id, rows)
        pages = [
            Page(page_id, cluster.id, row.reference, row.candidates, row.mode)
            for page_id, row in zip(ids, rows, strict=True)
        ]
        log.add_judgements(session, _judgements(build, pages, name, voters))


def _judgements(
    build: Build, pages: Sequence[Page], name: str, voters: int
) -> list[log.NewJudgement]:
    from cssim.demo.annotators import PEOPLE
    from cssim.demo.world import answers as given_answers

    people = {person.name: person.id for person in accounts.list_people(build.ws)}
    return [
        log.NewJudgement(
            page_id=given.page_id,
            answer=given.said.answer,
            person_id=people[PEOPLE[given.person].name],
            response_ms=given.said.response_ms,
            shown=given.shown,
            source="simulated",
        )
        for given in given_answers(pages, build.scenes(), name, voters)
    ]


def _clear_cases(build: Build, known: dict[str, int]) -> list[GoldPage]:
    """Three pages to choose on and three to rank whose candidates lie far apart in truth."""
    from cssim.demo.scenes import CONTEXTS

    rng, scenes = build.rng(PRACTICE), build.scenes()
    found = []
    for i, context in enumerate(CONTEXTS[:6]):
        mode = PageMode.CHOOSE if i < 3 else PageMode.RANK
        references = [name for name in known if name.startswith(f"{context}/")]
        candidates = 2 if mode is PageMode.CHOOSE else 3
        best: tuple[float, GoldPage] | None = None
        for reference, group in _pages(references, known, 4, candidates, rng):
            gap, page = _known(reference, group, mode, scenes)
            if best is None or gap > best[0]:
                best = gap, page
            if gap >= _GAP:
                break
        assert best is not None
        found.append(best[1])
    return found


def _known(
    reference: int, group: tuple[int, ...], mode: PageMode, scenes: Mapping[int, Scene]
) -> tuple[float, GoldPage]:
    """The least difference of the candidates' true distances, and the page with its answer."""
    from cssim.demo.annotators import reason, true_answer, true_distance

    own, others = scenes[reference], [scenes[image] for image in group]
    true = sorted(true_distance(own, other) for other in others)
    answer = true_answer(own, others, mode)
    note = f"This answer is known: in this made-up world {reason(own.context)} counts most here."
    gap = min(far - near for near, far in pairwise(true))
    return gap, GoldPage(reference, group, KnownAnswer(answer, note), mode)
