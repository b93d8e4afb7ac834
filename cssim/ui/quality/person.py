"""One person in detail: each measure with its interval, and what may be done."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from cssim.services import quality
from cssim.services.quality import PersonQuality, QualityReport, Share
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import tables, widgets, words


def draw(ws: Workspace, report: QualityReport, user: Person) -> None:
    """A person to choose, their numbers, and pausing or excluding them."""
    names = [person.person.name for person in report.people]
    name = st.selectbox(
        "Person", names, index=None, placeholder="Choose a person", key="quality_person"
    )
    if name is None:
        st.caption("Choose somebody to see every measure with its interval.")
        return
    person = next(p for p in report.people if p.person.name == name)
    for warning in person.warnings:
        st.warning(words.plain_markdown(warning), icon=":material/flag:")
    tables.table(
        ("Measure", "Value", "95 % interval", "On"),
        [row for row in _rows(person) if row[1]],
        numbers=("Value", "95 % interval", "On"),
        caption=f"How {name} answers",
    )
    _decide(ws, person, user)


def _rows(person: PersonQuality) -> list[Sequence[str]]:
    others, side, pace = person.others, person.sides, person.pace
    rows: list[Sequence[str]] = [
        _share("Gold pages answered rightly", person.gold, "pages"),
        _share("The same again on repeats", person.repeats, "pairs"),
    ]
    if others is not None:
        rows.append(_share("Agreement with the others", others.agreement, "votes"))
        if others.kappa is not None:
            rows.append(("Cohen's kappa with their majority", f"{others.kappa:.2f}", "", ""))
        if not math.isnan(others.drift):
            interval = f"{100 * others.drift_low:+.0f} to {100 * others.drift_high:+.0f}"
            rows.append(
                ("Agreement, later minus earlier half", f"{100 * others.drift:+.1f} points",
                 interval, "")
            )  # fmt: skip
    if side is not None:
        place = f"Closest at place {side.side + 1} of {side.places} from the left"
        rows.append(_share(place, side.share, "answers"))
        rows.append(("Such a side preference by chance, p", f"{side.p:.3g}", "", ""))
    rows.append(_share("Too fast answers", pace.fast, "answers"))
    if not math.isnan(pace.median_ms):
        rows.append(("Median time of an answer", f"{pace.median_ms / 1000:.1f} s", "", ""))
    if not math.isnan(pace.slowing):
        rows.append(("Time, later over earlier half", f"{pace.slowing:.2f}", "", ""))
    if person.constant is not None:
        rows.append(_share(f"Class {person.constant[0]}", person.constant[1], "classes"))
    rows.append(_share("Triads ordered in a circle (chance: 25 %)", person.cycles, "triads"))
    if person.training is not None:
        count, score = person.training
        rows.append(
            (
                "Training round, mean score",
                words.percent(score, 0),
                "",
                words.count(count, "page"),
            )
        )
    rows.append(("Skipped", f"{person.skips:,}" if person.skips else "", "", ""))
    rows.append(("Remarks on pages", f"{person.flags:,}" if person.flags else "", "", ""))
    return rows


def _share(title: str, share: Share, unit: str) -> Sequence[str]:
    if not share.n:
        return (title, "", "", "")
    return (
        title,
        f"{100 * share.share:.0f} %",
        f"{100 * share.low:.0f} to {100 * share.high:.0f} %",
        f"{share.n:,} {unit}",
    )


def _decide(ws: Workspace, person: PersonQuality, user: Person) -> None:
    part = person.participation
    states = [word for word in ("paused", "excluded") if getattr(part, word)]
    if states:
        st.info(
            f"{' and '.join(states).capitalize()} {words.ago(part.changed_at)}: "
            f"{words.plain_markdown(part.reason)}",
            icon=":material/info:",
        )
    with st.form(f"quality_part_{person.person.id}", border=True):
        paused = st.checkbox("Paused: is given no more pages", part.paused)
        excluded = st.checkbox(
            "Excluded: analyses leave the answers out", part.excluded,
            help="Nothing is deleted; exports keep and mark these answers.",
        )  # fmt: skip
        reason = st.text_input("Reason", part.reason, placeholder="What others should know")
        if st.form_submit_button("Save", icon=":material/save:"):
            with widgets.errors():
                quality.set_participation(
                    ws, person.person.id, paused=paused, excluded=excluded, reason=reason,
                    by=user.id,
                )  # fmt: skip
                st.rerun()
