"""People in numbers: agreement of all, a table with a row for each, and a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from cssim.plots.quality import PersonPoint, people_scatter
from cssim.services.quality import PersonQuality, QualityReport, Share
from cssim.ui import figures, tables, words

PER_PAGE = 25
_SORTS = {
    "warned": "What stands out first",
    "answers": "Most answers",
    "agreement": "Least agreement",
    "fast": "Fastest",
}


def overall(report: QualityReport) -> None:
    """Agreement of all people who count."""
    found = report.overall
    with st.container(horizontal=True, key="quality_overall"):
        st.metric("People", f"{len(report.people):,}")
        st.metric("Answers", f"{report.answers:,}")
        st.metric(
            "Alpha of choices",
            _number(found.alpha),
            help="Krippendorff's alpha: 1 is perfect agreement, 0 is chance. On "
            f"{found.overlapping:,} of {words.count(found.questions, 'question')} that two or more "
            "people answered.",
        )
        st.metric("Fleiss' kappa", _number(found.fleiss), help="each question weighing alike")
        if found.alpha_classes is not None:
            st.metric("Alpha of classes", _number(found.alpha_classes), help="ordinal")
        st.metric(
            "Two people agree",
            words.percent(found.agreement),
            help="how often two people who saw the same question said the same",
        )
    if report.excluded:
        names = words.plain_markdown(", ".join(report.excluded))
        st.caption(f"Left out of these numbers and of all analyses: {names}.")


def _number(value: float | None) -> str:
    return "not known" if value is None or math.isnan(value) else f"{value:.3f}"


def table(report: QualityReport) -> None:
    """A row for each person, with paging and a choice of order."""
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    order = left.selectbox(
        "Order", list(_SORTS), format_func=_SORTS.__getitem__, key="quality_order"
    )
    search = middle.text_input("Name contains", key="quality_search")
    people = [p for p in report.people if search.lower() in p.person.name.lower()]
    people = _sorted(people, str(order))
    pages = max(1, math.ceil(len(people) / PER_PAGE))
    page = 1
    if pages > 1:
        page = int(right.number_input(f"Page, of {pages}", 1, pages, 1, key="quality_page"))
    shown = people[(page - 1) * PER_PAGE : page * PER_PAGE]
    columns = (
        "Person", "Answers", "Agreement", "Kappa", "Gold", "Repeats", "Side", "Seconds",
        "Too fast", "Cycles", "Stands out",
    )  # fmt: skip
    rows = [_row(person) for person in shown]
    used = [at for at, _ in enumerate(columns) if at < 3 or any(row[at] for row in rows)]
    tables.table(
        [columns[at] for at in used],
        [[row[at] for at in used] for row in rows],
        numbers=columns[1:10],
        caption="People and how they answer",
    )


def _sorted(people: Sequence[PersonQuality], order: str) -> list[PersonQuality]:
    def agreement(person: PersonQuality) -> float:
        return person.others.agreement.share if person.others else math.inf

    def seconds(person: PersonQuality) -> float:
        return math.inf if math.isnan(person.pace.median_ms) else person.pace.median_ms

    keys = {
        "answers": lambda p: (-p.answers, p.person.name),
        "agreement": lambda p: (agreement(p), p.person.name),
        "fast": lambda p: (seconds(p), p.person.name),
        "warned": lambda p: (-len(p.warnings), -p.answers, p.person.name),
    }
    return sorted(people, key=keys[order])


def _row(person: PersonQuality) -> list[str]:
    others, side = person.others, person.sides
    tags = [
        tables.tag(word)
        for word, holds in (
            ("simulated", person.person.simulated),
            ("imported", person.person.imported),
            ("paused", person.participation.paused),
            ("excluded", person.participation.excluded),
        )
        if holds
    ]
    bias = ""
    if side is not None:
        places = ("left", "right") if side.places == 2 else ("1st", "2nd", "3rd")
        place = places[side.side] if side.side < len(places) else f"{side.side + 1}th"
        bias = f"{100 * side.share.share:.0f} % {place}"
    return [
        tables.words(person.person.name, *tags),
        f"{person.answers:,}",
        percent(others.agreement) if others else "",
        f"{others.kappa:.2f}" if others and others.kappa is not None else "",
        percent(person.gold),
        percent(person.repeats),
        bias,
        "" if math.isnan(person.pace.median_ms) else f"{person.pace.median_ms / 1000:.1f}",
        percent(person.pace.fast),
        percent(person.cycles),
        tables.lines(*person.warnings),
    ]


def percent(share: Share) -> str:
    """A share in per cent; empty where nothing was counted."""
    return "" if not share.n else f"{100 * share.share:.0f} %"


def figure(report: QualityReport) -> None:
    """Everybody as a point: speed and agreement."""
    points = [
        PersonPoint(
            p.person.name,
            p.pace.median_ms / 1000,
            p.others.agreement.share,
            p.answers,
            "; ".join(p.warnings),
        )
        for p in report.people
        if p.others and not math.isnan(p.pace.median_ms) and p.pace.median_ms > 0
    ]
    if len(points) < 3:
        st.caption("Drawn once three people have answered questions that others answered too.")
        return
    dark = st.context.theme.type == "dark"
    warned = sum(bool(point.note) for point in points)
    figures.figure(
        people_scatter(points, fast_seconds=report.rules.fast_ms / 1000, dark=dark),
        key="quality_people",
        name="people",
        data=[
            {
                "person": p.name,
                "median seconds": p.seconds,
                "agreement": p.agreement,
                "answers": p.answers,
                "stands out": p.note,
            }
            for p in points
        ],
        alt=f"{words.count(len(points), 'person', 'people')} by the median time of an answer and "
        f"by their agreement with the others; {warned} of them stand out.",
    )
