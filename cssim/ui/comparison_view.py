"""A stored comparison on the page: what it says, the table, the forest plot, the files."""

from __future__ import annotations

import re

import streamlit as st

from cssim import plots
from cssim.services.comparison_files import (
    Comparison,
    Row,
    caption,
    comparison_files,
    decimals,
)
from cssim.services.evaluation import StoredComparison
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.compare import runs

KINDS = {
    **{kind.value: title for kind, title in words.MODEL_KINDS.items()},
    "ensemble": "ensemble",
    "chance": "",
    "ceiling": "bound",
    "truth": "bound",
}
_BOUNDS = {
    "ceiling": "the majority of the other people against the one left out",
    "truth": "the simulated answers without their noise: no model beats it in the long run",
    "bound": "the best member each time, chosen with the answers in hand",
}
_NO_LEAK = ("", "none")


def draw_stale(stored: StoredComparison) -> None:
    """A warning where the comparison no longer speaks of the present, and why."""
    if stored.stale:
        st.warning(
            f"Out of date: {words.plain_markdown(stored.stale)}. The numbers below are those of "
            f"{words.ago(stored.info.created_at)}; compare again to bring them up to date.",
            icon=":material/update:",
        )


def draw_empty() -> None:
    """What to do where nothing has been compared."""
    widgets.empty(
        "Nothing compared yet",
        "The table says how often each model agrees with people, and which differences are more "
        "than chance. It needs models, and a set with answers.",
        icon=":material/leaderboard:",
    )


def draw(stored: StoredComparison) -> None:
    """The table of one comparison, its forest plot, its files and how it was computed."""
    comparison = stored.comparison
    _sets(comparison)
    _table(stored)
    for row in comparison.rows:
        if row.reason:
            st.info(
                f"**{words.plain_markdown(row.name)}** has no number: "
                f"{words.plain_markdown(row.reason)}",
                icon=":material/block:",
            )
    for note in comparison.notes:
        st.caption(words.plain_markdown(note))
    _files(stored)
    figure = plots.forest_plot(comparison.to_dict(), dark=jobs_view.is_dark())
    figure.update_xaxes(title="Accuracy, %")  # short enough for a phone; the caption says the rest
    tables.section("Accuracy with its interval")
    figures.figure(
        figure,
        key="compare_forest",
        name=f"{stored.info.name} accuracy",
        data=comparison.to_dict()["rows"],
        alt=_forest_alt(comparison),
    )
    st.caption(
        "Filled: the leader and the rows that cannot be told from it. Lines across stand at "
        f"chance, at the anchor{_ceilings(comparison)}."
    )
    with st.expander("How this was computed", icon=":material/info:"):
        for sentence in caption(comparison):
            st.markdown(f"- {words.plain_markdown(sentence)}")
        if stored.info.created_at:
            st.markdown(f"- Computed {stored.info.created_at:%Y-%m-%d %H:%M} UTC")
        st.json({name: str(value) for name, value in _settings(comparison)}, expanded=False)


def _forest_alt(comparison: Comparison) -> str:
    """What the forest plot shows, in words."""
    rows = [row for row in comparison.rows if row.accuracy is not None and row.tied is not None]
    if not rows:
        return "No row of this comparison has a number."
    best = max(rows, key=lambda row: row.accuracy or 0.0)
    tied = sum(bool(row.tied) for row in rows) - 1
    others = f"; {words.count(tied, 'row')} cannot be told from it" if tied > 0 else ""
    ceiling = comparison.ceiling.others if comparison.ceiling else None
    people = "" if ceiling is None else f" The human ceiling is {words.percent(ceiling)}."
    known = [row.accuracy for row in comparison.rows if row.kind == "truth"]
    people += "".join(f" The known truth reaches {words.percent(share)}." for share in known)
    return (
        f"Accuracy and interval of {words.count(len(rows), 'row')}: {best.name} leads with "
        f"{words.percent(best.accuracy)}{others}.{people}"
    )


def _ceilings(comparison: Comparison) -> str:
    """Further lines of the forest plot."""
    kinds = {row.kind for row in comparison.rows}
    found = [" and at the human ceiling"] * ("ceiling" in kinds)
    found += [" and at the truth behind the simulated answers"] * ("truth" in kinds)
    return "".join(found)


def _settings(comparison: Comparison) -> list[tuple[str, object]]:
    values = comparison.to_dict()
    return [*values["settings"].items(), *(values["fingerprints"] or {}).items()]


def _sets(comparison: Comparison) -> None:
    """What was measured on, and how often a test set was opened."""
    parts = []
    for one in comparison.sets:
        looks = f", opened {_times(one.looks)}" if one.looks is not None else ""
        parts.append(
            f"**{words.plain_markdown(one.name)}** ({one.kind} set, "
            f"{words.count(one.triples, 'triple')}, {words.count(one.references, 'reference')}"
            f"{looks})"
        )
    st.markdown("Measured on " + " and ".join(parts) + ".")
    if any((one.looks or 0) > 1 for one in comparison.sets):
        st.caption(
            "Each further look at a test set makes its numbers a little too good: choose models "
            "on validation sets, and open the test set to report."
        )


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, words.count(number, "time"))


def _table(stored: StoredComparison) -> None:
    comparison = stored.comparison
    settings, digits = comparison.settings, decimals(comparison)
    anchored = settings.anchor is not None
    leaks = any(row.leakage not in _NO_LEAK for row in comparison.rows)
    columns = ["Model", "Kind", "Accuracy, %", f"Macro over {comparison.macro_over}, %"]
    columns += [f"Against {settings.anchor}", "Holm p"] * anchored
    sees = any(row.context is not None for row in comparison.rows)
    columns += ["Context p"] * sees
    columns += ["Tie group", *["Leakage"] * leaks, "Triples"]
    rows = []
    for row in comparison.rows:
        cells = [
            _title(row, stored.info.id),
            _kind(row),
            _accuracy(row, digits),
            _number(row.macro, digits),
        ]
        cells += [_difference(row, digits, settings.anchor), p_value(row.p_holm)] * anchored
        cells += [_context(row, digits)] * sees
        cells += [_tie(row), *[_leak(row)] * leaks, f"{row.triples:,}" if row.triples else ""]
        rows.append(cells)
    numbers = [name for name in columns if name not in ("Model", "Kind", "Tie group", "Leakage")]
    tables.table(columns, rows, numbers=numbers, caption="Comparison of models")
    level = f"{100 * settings.level:g} %"
    text = f"Small numbers: {level} intervals over references."
    if anchored:
        text += (
            " = marks the rows that cannot be told from the leader. Holm p: sign flips of whole "
            "references, adjusted for all rows."
        )
    if sees:
        text += (
            " Context p: share of shuffled references with which weights by the reference gain as "
            "much over weights without."
        )
    st.caption(text)


def _title(row: Row, comparison: int) -> str:
    """The name of a row, which leads to its run, and what it is made of."""
    members = " + ".join(row.members)
    made = [f"trained on {row.trained_on}"] * bool(row.trained_on) + [f"job {row.run}"] * bool(
        row.run
    )
    name = tables.Markup(f"<strong>{tables.markup(row.name)}</strong>")
    if row.kind in plots.KINDS:
        name = tables.link(runs.address(comparison, row.name), name)
    return tables.lines(
        name,
        tables.quiet(members) if members else "",
        tables.quiet(", ".join(made)) if made else "",
        tables.quiet(_BOUNDS[row.kind]) if row.kind in _BOUNDS else "",
    )


def _kind(row: Row) -> str:
    kind = KINDS.get(row.kind, row.kind)
    return tables.tag(kind) if kind else ""


def _accuracy(row: Row, digits: int) -> str:
    if row.reason:
        return tables.quiet("not available")
    return tables.lines(_number(row.accuracy, digits), _span(row.low, row.high, digits))


def _difference(row: Row, digits: int, anchor: str | None) -> str:
    if row.name == anchor:
        return tables.quiet("anchor")
    return tables.lines(
        _number(row.difference, digits, "+"),
        _span(row.difference_low, row.difference_high, digits, "+"),
    )


def _number(share: float | None, digits: int, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.{digits}f}".replace("-", "−")


def _span(low: float | None, high: float | None, digits: int, sign: str = "") -> str:
    if low is None or high is None:
        return ""
    return tables.quiet(f"{_number(low, digits, sign)} to {_number(high, digits, sign)}")


def p_value(value: float | None) -> str:
    """A p value with three digits, e.g. `.012`; `< .001` below; empty for None."""
    if value is None:
        return ""
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _context(row: Row, digits: int) -> str:
    """Whether an ensemble gains by looking at the reference; empty for rows that do not look."""
    if row.context is None:
        return ""
    if row.context.gain is None:
        return tables.quiet("untested")
    return tables.lines(
        p_value(row.context.p), tables.quiet(f"gain {_number(row.context.gain, digits, '+')}")
    )


def _tie(row: Row) -> str:
    return "=" if row.tied else ""


def _leak(row: Row) -> str:
    return "" if row.reason else tables.quiet(row.leakage)


def _files(stored: StoredComparison) -> None:
    stem = re.sub(r"[^\w.-]+", "-", stored.info.name).strip("-") or "comparison"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Take it out as", width="content")
        for file in comparison_files(stored.comparison, stored.info.name):
            st.download_button(
                file.title,
                file.text,
                file_name=f"{stem}-{stored.info.id}{file.suffix}",
                mime=file.mime,
                key=f"compare_file_{file.title}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )
