"""Quality: how each person answers, who stands out and why, and what analyses leave out.

Nothing here changes an answer. A person can be paused (is given no more pages) and excluded
(analyses leave their answers out; data and exports keep them); both are noted with a reason, by
whom and when, and can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from cssim import words
from cssim.errors import BadInput, BadSetting, NotFound
from cssim.evaluation.habits import Pace, Sides, constant_class, pace, sides
from cssim.evaluation.people import (
    NOBODY,
    Overall,
    Said,
    Share,
    WithOthers,
    by_person,
    cycles,
    overall,
    pair_votes,
    self_agreement,
    share_of,
    with_others,
)
from cssim.services.gold import score_of
from cssim.services.workspace import Workspace
from cssim.types import Person
from db import gold as gold_rows
from db import library, users
from db import participation as rows
from db import quality as answers_log
from db.participation import Participation
from db.quality import AnswerRow

__all__ = [
    "PersonQuality",
    "QualityReport",
    "QualityRules",
    "Share",
    "excluded_people",
    "quality_report",
    "quality_state",
    "set_participation",
    "warnings_of",
]


@dataclass(frozen=True, slots=True)
class QualityRules:
    """From where on a person stands out; nothing happens by itself."""

    fast_ms: int = 800
    """An answer below so many milliseconds is too fast."""
    fast_share: float = 0.25
    """Stands out with this share of too fast answers, 0..1."""
    side_p: float = 0.001
    """Stands out with a side bias at this p."""
    side_share: float = 0.4
    """And, on pages of three and more, with this share of first choices on one side, 0..1."""
    constant_share: float = 0.8
    """Stands out with one class in this share of all classes given, 0..1."""
    gold_share: float = 0.7
    """Stands out where even the upper end of the gold accuracy's interval is below, 0..1."""
    repeat_share: float = 0.7
    """Likewise the self-agreement on repeats, 0..1."""
    least: int = 20
    """Fewer answers than so many never stand out."""

    def __post_init__(self) -> None:
        for name in ("fast_share", "side_p", "side_share", "constant_share", "gold_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadSetting(f"{name} must lie in 0..1, got {getattr(self, name)}")
        if self.fast_ms < 0 or self.least < 1:
            raise BadSetting("fast_ms must be 0 or more, and least 1 or more")


@dataclass(frozen=True, slots=True)
class PersonQuality:
    """One person in numbers; gold and repeats apart, the rest over ordinary pages."""

    person: Person
    answers: int
    """Standing answers and ties, gold and repeats included."""
    skips: int
    flags: int
    """Remarks that something is wrong with a page."""
    gold: Share
    """Gold pages answered rightly (`cssim.services.gold`)."""
    repeats: Share
    """Pair votes of repeated pages that were the same again."""
    others: WithOthers | None
    """Agreement with the other people; None where nobody else answered the same."""
    sides: Sides | None
    pace: Pace
    constant: tuple[int, Share] | None
    """The class given most often, and its share; None where no classes were asked."""
    cycles: Share
    """Triads ordered in a circle; by chance a quarter."""
    training: tuple[int, float] | None
    """Training answers and their mean score, 0..1."""
    participation: Participation
    warnings: tuple[str, ...] = ()
    """What stands out, in words."""


@dataclass(frozen=True)
class QualityReport:
    """Everybody who answered, and how well they agree."""

    people: tuple[PersonQuality, ...]
    """Most answers first."""
    overall: Overall
    answers: int
    excluded: tuple[str, ...] = ()
    """Names of the people whose answers the overall numbers leave out."""
    rules: QualityRules = field(default_factory=QualityRules)


def quality_report(
    ws: Workspace,
    *,
    clusters: Sequence[str] | None = None,
    rules: QualityRules | None = None,
) -> QualityReport:
    """How people answered in the project, or in some of its sets.

    Raises:
        NotFound: no set of that name.
    """
    rules = rules or QualityRules()
    with ws.database.reading() as session:
        project = ws.project.id
        wanted = None
        if clusters is not None:
            wanted = [library.get_cluster(session, project, name).id for name in clusters]
        found = answers_log.standing_answers(session, project, clusters=wanted)
        known = gold_rows.known_answers(session, project)
        missed = answers_log.skips_and_flags(session, project)
        training = gold_rows.training_of(session, project)
        parts = rows.participations(session, project)
        people = {person.id: person for person in users.list_people(session)}
    excluded = frozenset(id_ for id_, part in parts.items() if part.excluded)
    plain = [_said(row) for row in found if row.repeat_of is None and not row.is_gold]
    votes = pair_votes(plain, excluded)
    others, own = with_others(plain, votes), by_person(plain)
    again = self_agreement(_repeats(found))
    gold = _gold_shares(found, known)
    everybody = by_person([_said(row) for row in found])
    report = [
        _person(
            people[id_],
            everybody[id_],
            own.get(id_, []),
            rules,
            others=others.get(id_),
            gold=gold.get(id_, share_of(0, 0)),
            repeats=again.get(id_, share_of(0, 0)),
            missed=missed.get(id_, (0, 0)),
            training=training.get(id_),
            participation=parts.get(id_, Participation(id_)),
        )
        for id_ in everybody
    ]
    return QualityReport(
        people=tuple(sorted(report, key=lambda p: (-p.answers, p.person.name))),
        overall=overall(plain, excluded),
        answers=len(found),
        excluded=tuple(sorted(people[id_].name for id_ in excluded)),
        rules=rules,
    )


def _said(row: AnswerRow) -> Said:
    return Said(
        person=NOBODY if row.person_id is None else row.person_id,
        page=row.page_id,
        reference=row.reference,
        candidates=row.candidates,
        answer=row.answer,
        shown=row.shown,
        response_ms=row.response_ms,
        at=row.at,
        votes=row.votes,
    )


def _repeats(found: Sequence[AnswerRow]) -> list[tuple[Said, Said]]:
    """(first, again) answers of the same person to the same page."""
    first = {(row.page_id, row.person_id): row for row in found if row.repeat_of is None}
    return [
        (_said(first[row.repeat_of, row.person_id]), _said(row))
        for row in found
        if row.repeat_of is not None and (row.repeat_of, row.person_id) in first
    ]


def _gold_shares(found: Sequence[AnswerRow], known: dict[int, gold_rows.Known]) -> dict[int, Share]:
    right: dict[int, list[bool]] = {}
    for row in found:
        if row.is_gold and row.person_id is not None and row.page_id in known:
            score = score_of(row.answer, known[row.page_id].answer)
            right.setdefault(row.person_id, []).append(score == 1.0)
    return {person: share_of(sum(rights), len(rights)) for person, rights in right.items()}


def _person(
    person: Person,
    everything: Sequence[Said],
    own: Sequence[Said],
    rules: QualityRules,
    *,
    others: WithOthers | None,
    gold: Share,
    repeats: Share,
    missed: tuple[int, int],
    training: tuple[int, float] | None,
    participation: Participation,
) -> PersonQuality:
    found = PersonQuality(
        person=person,
        answers=len(everything),
        skips=missed[0],
        flags=missed[1],
        gold=gold,
        repeats=repeats,
        others=others if others and others.agreement.n else None,
        sides=sides(everything),
        pace=pace(everything, rules.fast_ms),
        constant=constant_class(everything),
        cycles=cycles(own),
        training=training,
        participation=participation,
    )
    return replace(found, warnings=tuple(warnings_of(found, rules)))


def warnings_of(found: PersonQuality, rules: QualityRules) -> list[str]:
    """What stands out in a person's numbers, by the rules."""
    if found.answers < rules.least:
        return []
    said = []
    if found.pace.fast.n and found.pace.fast.share >= rules.fast_share:
        said.append(f"{found.pace.fast.share:.0%} of the answers under {rules.fast_ms} ms")
    bias = found.sides
    if bias is not None and bias.p <= rules.side_p:
        beyond = bias.share.share >= rules.side_share or bias.places == 2
        if beyond:
            place = f"place {bias.side + 1} of {bias.places} from the left"
            said.append(f"{bias.share.share:.0%} of the choices at {place}")
    if found.constant is not None and found.constant[1].share >= rules.constant_share:
        said.append(f"class {found.constant[0]} in {found.constant[1].share:.0%} of all classes")
    if found.gold.n and found.gold.high < rules.gold_share:
        said.append(f"{found.gold.share:.0%} of {words.count(found.gold.n, 'gold page')} right")
    if found.repeats.n and found.repeats.high < rules.repeat_share:
        said.append(f"only {found.repeats.share:.0%} the same on repeats")
    if found.others is not None and found.others.drift_high < 0:
        said.append(f"agreement fell by {-100 * found.others.drift:.1f} points")
    return said


def set_participation(
    ws: Workspace,
    person: int | str,
    *,
    paused: bool | None = None,
    excluded: bool | None = None,
    reason: str = "",
    by: int | None = None,
) -> Participation:
    """Pause a person, or leave their answers out of analyses; or undo either.

    Args:
        ws: the workspace.
        person: id or name.
        paused: no more pages are handed out to them; None leaves it as it is.
        excluded: analyses leave their answers out; None leaves it as it is.
        reason: kept with the change; needed to pause or exclude.
        by: id of the person who decides.

    Raises:
        NotFound: nobody of that id or name.
        BadInput: nothing to change, or no reason.
    """
    if paused is None and excluded is None:
        raise BadInput("say whether the person is to be paused, excluded, or let in again")
    if (paused or excluded) and not reason.strip():
        raise BadInput("give a reason: others will read it, and the person may ask for it")
    with ws.database.writing() as session:
        found = _find(session, person)
        return rows.set_participation(
            session,
            ws.project.id,
            found.id,
            paused=paused,
            excluded=excluded,
            reason=reason.strip(),
            by=by,
        )


def _find(session: Session, person: int | str) -> Person:
    if isinstance(person, str):
        return users.get_person(session, person)
    found = users.person_by_id(session, person)
    if found is None:
        raise NotFound(f"there is nobody with the id {person}; see `users list`")
    return found


def excluded_people(ws: Workspace) -> list[Person]:
    """People whose answers analyses leave out, by name."""
    with ws.database.reading() as session:
        parts = rows.participations(session, ws.project.id)
        people = users.list_people(session)
    out = {id_ for id_, part in parts.items() if part.excluded}
    return sorted((p for p in people if p.id in out), key=lambda p: p.name)


def quality_state(ws: Workspace) -> tuple[object, ...]:
    """Changes whenever the report would; cheap."""
    with ws.database.reading() as session:
        parts = rows.participations(session, ws.project.id)
        state = answers_log.quality_state(session, ws.project.id)
    return (*state, tuple((p.person_id, p.paused, p.excluded, p.reason) for p in parts.values()))
