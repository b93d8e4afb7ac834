"""The first visit: two short tours, each step ticked off by what really happened.

What a person did is read from the rows that it left (`db.deeds`). What leaves no row, such as a
table that was looked at, is marked by the page that showed it (`saw`), once for each person.
"""

from __future__ import annotations

from dataclasses import dataclass

from cssim.errors import BadInput
from cssim.services import evaluation, experiments, inspecting, plans
from cssim.services.clearest import clearest_row
from cssim.services.tours import (
    SIGHTS,
    Sights,
    Step,
    Tour,
    labelling_tour,
    research_tour,
    sight_mark,
)
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import deeds, library, marks

_PUT_AWAY = "first visit put away"


@dataclass(frozen=True, slots=True)
class Visit:
    """The tours of one person, as they stand."""

    tours: tuple[Tour, ...]
    demo: bool
    """The project is the demo: its pictures are drawn and its people simulated."""
    put_away: bool

    @property
    def finished(self) -> bool:
        """Nothing is left to be done."""
        return all(tour.following is None for tour in self.tours)

    def step(self, key: str) -> tuple[Tour, Step] | None:
        """A step by its key, with its tour."""
        return next(((t, s) for t in self.tours for s in t.steps if s.key == key), None)


def visit(ws: Workspace, person: Person) -> Visit:
    """The tours of a person in the workspace's project, as they stand now."""
    researcher = person.role.may(Role.RESEARCHER)
    with ws.database.reading() as session:
        did = deeds.deeds_of(session, ws.project.id, person.id, sent_back=plans.SENT_BACK)
        seen = frozenset(marks.marks_of(session, ws.project.id, person.id))
        clusters = library.list_clusters(session, ws.project.id)
    tours = [labelling_tour(did, seen)]
    if researcher:
        tours.append(research_tour(did, seen, sights(ws)))
    return Visit(
        tuple(tours),
        demo=any(cluster.source.get("format") == "demo" for cluster in clusters),
        put_away=_PUT_AWAY in seen,
    )


def saw(ws: Workspace, person: Person, sight: str) -> None:
    """Mark what a page has just shown to a person; the first time stays.

    Raises:
        BadInput: no such sight.
    """
    if sight not in SIGHTS:
        raise BadInput(f"a sight is one of {', '.join(SIGHTS)}, got {sight!r}")
    with ws.database.reading() as session:
        if sight_mark(sight) in marks.marks_of(session, ws.project.id, person.id):
            return
    with ws.database.writing() as session:
        marks.set_mark(session, ws.project.id, person.id, sight_mark(sight))


def put_away(ws: Workspace, person: Person, *, away: bool) -> None:
    """Hide the tours from a person in this project, or bring them back."""
    change = marks.set_mark if away else marks.drop_mark
    with ws.database.writing() as session:
        change(session, ws.project.id, person.id, _PUT_AWAY)


def sights(ws: Workspace) -> Sights:
    """The newest of everything that a tour leads to; of ensembles one that can state confidence."""
    comparisons = evaluation.list_comparisons(ws, limit=1)
    inspections = inspecting.list_inspections(ws)
    ensembles = experiments.list_ensembles(ws)[::-1]
    fitted = [one for one in ensembles if one.config.get("fit_on")]
    return Sights(
        comparison=comparisons[0] if comparisons else None,
        inspection=inspections[0] if inspections else None,
        row=clearest_row(ws, inspections[0]) if inspections else "",
        ensemble=next(iter(fitted or ensembles), None),
    )
