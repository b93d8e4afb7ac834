"""Plans: which pages people are to answer, how many people each, in which order of importance.

A plan makes a set of pages (or asks again about old ones) and hands them out until each has the
answers that it wants. What a plan costs is said before it starts. Random plans are made at once;
plans that look at models are made by a job (`cssim.services.planning_run`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cssim.errors import BadInput, Conflict
from cssim.services import jobs
from cssim.services.gallery import seconds_per_page
from cssim.services.jobs import JobRequest
from cssim.services.plan_pages import Drawn, draw
from cssim.services.plan_specs import PlanSpec
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, PageMode
from db import annotations as records
from db import checks, library
from db import plans as rows
from db.annotations import NewPage
from db.plans import NewPlan, Plan, PlanCounts

HOW = ("repeat", "more", "new")
"""Ways to send pages back: to the same people, to more people, or new pages."""


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """A plan with what it got so far."""

    id: int
    name: str
    kind: str
    """`pages` made new ones, `more` asks more people about old ones, `repeat` the same people."""
    settings: Mapping[str, Any]
    """What it was asked for: fields of `PlanSpec`, or of `send_back`."""
    priority: int
    paused: bool
    clusters: tuple[str, ...]
    """Names of the sets in which its pages lie."""
    counts: PlanCounts
    gold_rate: float
    repeat_rate: float
    adaptive: bool
    seconds_left: float
    """Person seconds until all wanted answers are there, at the measured pace."""
    created_by: int | None
    created_at: datetime

    @property
    def finished(self) -> bool:
        """Whether nothing is wanted any more."""
        return self.counts.choose + self.counts.rank == 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan asks of people, before it starts."""

    pages: int
    answers: int
    """Answers to its own pages; with adaptive overlap the fewest."""
    most_answers: int
    """With adaptive overlap the most, otherwise the same."""
    checks: int
    """Expected gold and repeated pages on top."""
    triples: int
    """Distinct triples that the pages give."""
    seconds_per_page: float
    """Mean time of the project's latest answers on such pages."""
    measured_on: int
    """How many answers that rests on; 0: it is a guess."""

    @property
    def seconds(self) -> float:
        """Person seconds for all answers, checks included."""
        return (self.answers + self.checks) * self.seconds_per_page

    @property
    def most_seconds(self) -> float:
        """The same for the most answers."""
        return (self.most_answers + self.checks) * self.seconds_per_page


def cost_of(ws: Workspace, spec: PlanSpec) -> Cost:
    """What a plan asks of people: pages, answers, hours; cheap, nothing is drawn."""
    seconds, measured = seconds_per_page(ws, spec.mode)
    overlapped = round(spec.pages * spec.overlap_share)
    answers = overlapped * spec.people + (spec.pages - overlapped)
    most = overlapped * spec.cap + (spec.pages - overlapped) if spec.adaptive else answers
    rate = spec.gold_rate + spec.repeat_rate
    return Cost(
        pages=spec.pages,
        answers=answers,
        most_answers=most,
        checks=round(answers * rate / (1 - rate)),
        triples=spec.pages * spec.candidates * (spec.candidates - 1) // 2,
        seconds_per_page=seconds,
        measured_on=measured,
    )


def make_plan(ws: Workspace, spec: PlanSpec, *, by: int | None = None) -> PlanInfo:
    """Draw the pages of a plan and hand them out from now on.

    Raises:
        BadInput: too few images, unknown references, or a plan that only a job can make
            (`PlanSpec.needs_job`; see `request_plan`).
        NotFound: no gold set of that name.
        Conflict: the project has a plan or a set of that name.
    """
    if spec.needs_job:
        raise BadInput("this plan looks at models: ask for it with `request_plan`, as a job")
    return store(ws, spec, draw(ws, spec), by=by)


def plan_request(ws: Workspace, spec: PlanSpec, *, by: int | None = None) -> JobRequest:
    """A checked request for a job that makes a plan.

    Raises:
        NotFound: no gold set or model of that name.
        Conflict: the project has a plan or a set of that name.
    """
    from cssim.services.planning_run import check_models

    with ws.database.reading() as session:
        _check_free(session, ws, spec)
        _gold(session, ws, spec)
    check_models(ws, spec)
    return JobRequest("plan", {"spec": spec.to_dict(), "by": by})


def request_plan(ws: Workspace, spec: PlanSpec, *, by: int | None = None) -> int:
    """The id of a queued job that makes a plan; errors as of `plan_request`."""
    request = plan_request(ws, spec, by=by)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def store(ws: Workspace, spec: PlanSpec, drawn: Drawn, *, by: int | None) -> PlanInfo:
    """Write a plan whose pages were drawn; errors as of `make_plan`."""
    import numpy as np

    rng = np.random.default_rng([spec.seed, 1])
    with ws.database.writing() as session:
        _check_free(session, ws, spec)
        plan_id = rows.add_plan(
            session,
            ws.project.id,
            NewPlan(
                name=spec.name,
                kind="pages",
                settings={**spec.to_dict(), **drawn.notes},
                priority=spec.priority,
                gold_cluster_id=_gold(session, ws, spec),
                gold_rate=spec.gold_rate,
                repeat_rate=spec.repeat_rate,
                repeat_gap=spec.repeat_gap,
                cap=spec.cap if spec.adaptive else None,
                sure=spec.sure,
                created_by=by,
            ),
        )
        for suffix, pages in (("", drawn.pages), (RANDOM_PART, drawn.random_pages)):
            if not pages:
                continue
            source = {"format": "plan", "plan": spec.name, "sampling": spec.sampling}
            if suffix:
                source["sampling"] = "random"
            cluster = library.add_cluster(
                session,
                ws.project.id,
                spec.name + suffix,
                spec.kind,
                context=spec.context,
                source=source,
            )
            many = rng.permutation(len(pages)) < round(len(pages) * spec.overlap_share)
            new = [
                NewPage(r, c, spec.mode, spec.people if more else 1, plan_id)
                for (r, c), more in zip(pages, many.tolist(), strict=True)
            ]
            records.add_pages(session, ws.project.id, cluster.id, new)
    return get_plan(ws, plan_id)


RANDOM_PART = " (random part)"
"""Ends the name of the set that holds the random pages of an active plan."""


def _check_free(session: Session, ws: Workspace, spec: PlanSpec) -> None:
    names = {plan.name for plan in rows.list_plans(session, ws.project.id)}
    for name in (spec.name, spec.name + RANDOM_PART):
        if name in names or library.find_cluster(session, ws.project.id, name) is not None:
            raise Conflict(f"there is a plan or a set {name!r} already; choose another name")


def _gold(session: Session, ws: Workspace, spec: PlanSpec) -> int | None:
    if spec.gold is None:
        return None
    cluster = library.get_cluster(session, ws.project.id, spec.gold)
    if cluster.kind is not ClusterKind.GOLD:
        raise BadInput(f"{cluster.name} is a {cluster.kind} set; gold pages need known answers")
    return cluster.id


def list_plans(ws: Workspace) -> list[PlanInfo]:
    """All plans of the project, newest first."""
    with ws.database.reading() as session:
        found = rows.list_plans(session, ws.project.id)
        counts = rows.count_plans(session, ws.project.id)
        clusters = rows.clusters_of_plans(session, ws.project.id)
    pace = {mode: seconds_per_page(ws, mode)[0] for mode in PageMode}
    return [
        _info(plan, counts.get(plan.id, PlanCounts()), clusters.get(plan.id, ()), pace)
        for plan in found
    ]


def get_plan(ws: Workspace, plan: int | str) -> PlanInfo:
    """The plan of that id or name; raises `NotFound` where the project has none."""
    with ws.database.reading() as session:
        found = rows.get_plan(session, ws.project.id, plan)
        counts = rows.count_plans(session, ws.project.id, [found.id])
        clusters = rows.clusters_of_plans(session, ws.project.id)
    pace = {mode: seconds_per_page(ws, mode)[0] for mode in PageMode}
    return _info(found, counts.get(found.id, PlanCounts()), clusters.get(found.id, ()), pace)


def _info(
    plan: Plan, counts: PlanCounts, clusters: tuple[str, ...], pace: Mapping[PageMode, float]
) -> PlanInfo:
    return PlanInfo(
        id=plan.id,
        name=plan.name,
        kind=plan.kind,
        settings=plan.settings,
        priority=plan.priority,
        paused=plan.paused,
        clusters=clusters,
        counts=counts,
        gold_rate=plan.gold_rate,
        repeat_rate=plan.repeat_rate,
        adaptive=plan.cap is not None,
        seconds_left=counts.choose * pace[PageMode.CHOOSE] + counts.rank * pace[PageMode.RANK],
        created_by=plan.created_by,
        created_at=plan.created_at,
    )


def pause(ws: Workspace, plan: int | str, paused: bool = True) -> PlanInfo:
    """Stop handing a plan's pages out, or go on; pages in people's hands may still be answered."""
    with ws.database.writing() as session:
        found = rows.get_plan(session, ws.project.id, plan)
        rows.change_plan(session, found.id, paused=paused)
    return get_plan(ws, found.id)


def set_priority(ws: Workspace, plan: int | str, priority: int) -> PlanInfo:
    """Hand a plan's pages out before (higher) or after (lower) those of other plans.

    Raises:
        BadInput: the priority lies outside -100..100.
        NotFound: the project has no such plan.
    """
    if not -100 <= priority <= 100:
        raise BadInput(f"a priority lies in -100..100, got {priority}")
    with ws.database.writing() as session:
        found = rows.get_plan(session, ws.project.id, plan)
        rows.change_plan(session, found.id, priority=priority)
    return get_plan(ws, found.id)


def send_back(
    ws: Workspace,
    references: Sequence[int],
    how: str,
    *,
    people: int = 1,
    per_reference: int = 10,
    name: str,
    by: int | None = None,
) -> PlanInfo:
    """Ask again about some references; the pages are in the annotators' queue at once.

    Args:
        ws: the workspace.
        references: image ids; all pages around them are meant, gold pages left out.
        how: `repeat` (the same pages again to the people who answered them, sides swapped; their
            answers show how steady they are and count no second time), `more` (existing pages to
            `people` more persons), or `new` (`per_reference` new pages around each reference, with
            random candidates, each answered by `people`; the set is a test set where a reference
            belongs to one, so that no model learns from what it is reported on).
        people: how many more, or for each new page, 1..50.
        per_reference: new pages for each reference.
        name: of the plan, and of the set of new pages.
        by: id of the person who asks.

    Raises:
        BadInput: an unknown `how`, no references, none of their pages fits, or too few images.
        Conflict: the project has a plan or a set of that name.
    """
    if how not in HOW:
        raise BadInput(f"pages are sent back as {', '.join(HOW)}, got {how!r}")
    if not references:
        raise BadInput("name at least one reference to ask about again")
    if not 1 <= people <= 50:
        raise BadInput(f"people must lie in 1..50, got {people}")
    chosen = tuple(dict.fromkeys(int(i) for i in references))
    if how == "new":
        spec = PlanSpec(
            name=name,
            kind=kind_of_new(ws, chosen),
            references=chosen,
            pages_per_reference=per_reference,
            people=people,
            priority=SENT_BACK,
            **_like_before(ws),
        )
        return make_plan(ws, spec, by=by)
    with ws.database.writing() as session:
        pages = rows.pages_around(session, ws.project.id, chosen)
        if not pages:
            raise BadInput("there are no pages around these references; ask for new ones")
        settings = {"how": how, "references": list(chosen), "people": people, "pages": len(pages)}
        plan_id = rows.add_plan(
            session,
            ws.project.id,
            NewPlan(name, how, settings, priority=SENT_BACK, created_by=by),
        )
        if how == "more":
            rows.ask_more(session, pages, people, plan_id)
        else:
            asked = rows.answered_by(session, pages)
            if not asked:
                raise BadInput(
                    "nobody who can sign in has answered these pages, so nobody can be asked "
                    "again; send them to more people instead"
                )
            for page_id, person_id in asked:
                checks.add_repeat(session, page_id, person_id, plan_id)
    return get_plan(ws, plan_id)


def kind_of_new(ws: Workspace, references: Sequence[int]) -> ClusterKind:
    """What a set of new pages around these references is for; test as soon as one is tested on."""
    with ws.database.reading() as session:
        found = rows.kinds_of_references(session, ws.project.id, references)
    if any(ClusterKind.TEST in kinds for kinds in found.values()):
        return ClusterKind.TEST
    return ClusterKind.CONTEXT if len(references) == 1 else ClusterKind.VALIDATION


SENT_BACK = 10
"""Priority of what was sent back: before ordinary plans."""


def _like_before(ws: Workspace) -> dict[str, Any]:
    """Mode and number of candidates of the project's latest plan or page."""
    with ws.database.reading() as session:
        found = rows.latest_form(session, ws.project.id)
    return {} if found is None else {"mode": found[0], "candidates": found[1]}
