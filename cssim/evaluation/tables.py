"""A comparison as text: aligned for a terminal, Markdown, CSV for a spreadsheet (LaTeX: `latex`).

Accuracies are shown in per cent, with one digit beyond the standard error; CSV carries every digit,
as shares 0..1.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from cssim import words
from cssim.csv_cells import guarded
from cssim.evaluation.accuracy import Ceiling
from cssim.evaluation.context import ContextTest
from cssim.evaluation.report import Comparison, EvaluatedSet, Row

_COLUMNS = (
    "model",
    "members",
    "trained on",
    "triples",
    "references",
    "accuracy",
    "interval",
    "macro",
    "difference",
    "its interval",
    "Holm p",
    "context p",
    "tie",
    "leakage",
    "run",
)
NUMBERS = frozenset(_COLUMNS[3:12])
"""Columns that are aligned to the right."""
MEMBERS_SHOWN = 3
"""Ensembles of more members say in the table how many they are, and below it which."""


def decimals(comparison: Comparison) -> int:
    """Digits after the point of a percentage: one beyond the rows' median standard error.

    A standard error of 0.8 points leads with its tenths, so hundredths are shown; at most 3.
    """
    errors = [100 * row.error for row in comparison.rows if row.error]
    if not errors:
        return 1
    leading = -math.floor(math.log10(float(np.median(errors))))
    return min(3, max(0, leading + 1))


def text_table(comparison: Comparison) -> str:
    """The table for a terminal: aligned columns, caption below, no line of it needed elsewhere."""
    header, body = cells(comparison)
    widths = [max(len(line[i]) for line in [header, *body]) for i in range(len(header))]
    align = [str.rjust if name in NUMBERS else str.ljust for name in columns(comparison)]

    def line(cells: Sequence[str]) -> str:
        padded = [pad(cell, width) for pad, cell, width in zip(align, cells, widths, strict=True)]
        return "  ".join(padded).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(header), rule, *map(line, body), "", *caption(comparison)]) + "\n"


def markdown_table(comparison: Comparison) -> str:
    """The table in Markdown, its caption as a list below."""
    header, body = cells(comparison)
    rule = ["---:" if name in NUMBERS else "---" for name in columns(comparison)]
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (header, rule, *body)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in lines)
    return table + "\n\n" + "\n".join(f"- {sentence}" for sentence in caption(comparison)) + "\n"


def csv_table(comparison: Comparison) -> str:
    """Every field of every row at full precision, shares 0..1; members are joined by ` + `.

    The test of weights by the reference stands in columns of its own, `context_gain` and so on.
    """
    out = io.StringIO()
    plain = [field.name for field in fields(Row) if field.name != "context"]
    tested = [field.name for field in fields(ContextTest)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*plain, *(f"context_{name}" for name in tested)])
    for row in comparison.rows:
        values = {name: getattr(row, name) for name in plain} | {"members": " + ".join(row.members)}
        test = row.context
        found = [None] * len(tested) if test is None else [getattr(test, name) for name in tested]
        line = [*(values[name] for name in plain), *found]
        writer.writerow(["" if value is None else guarded(value) for value in line])
    return out.getvalue()


def caption(comparison: Comparison) -> list[str]:
    """What must be said under the table, in whole sentences."""
    settings, digits = comparison.settings, decimals(comparison)
    level = f"{100 * settings.level:g} %"
    measure = (
        "share of the voters who agree"
        if settings.credit == "soft"
        else "agreement with the majority of the voters"
    )
    lines = [
        f"Accuracy: {measure}, ties of distances one half, in per cent; {level} intervals from "
        f"{words.count(settings.draws, 'bootstrap draw')} of whole references, shared by all rows."
    ]
    if settings.anchor is not None:
        lines.append(
            f"Differences to {settings.anchor}: paired, p by sign flips of whole references, "
            "adjusted by Holm. Tie group (=): rows that cannot be told from the leader."
        )
    if settings.cross_fit:
        lines.append(
            f"Ensembles are cross-fitted: their weights come from {settings.cross_fit - 1} of "
            f"{words.count(settings.cross_fit, 'part')} of the evaluated references, and answer "
            "the other part."
        )
    if comparison.detectable is not None:
        lines.append(
            "With the uncertainty of the median row a true difference of "
            f"{100 * comparison.detectable:.{digits}f} points would be found "
            f"{100 * settings.power:g} % of the time (before Holm)."
        )
    if comparison.ceiling is not None and comparison.ceiling.triples:
        lines.append(_ceiling_line(comparison.ceiling, digits))
    lines += _member_lines(comparison.rows)
    if any(row.kind == "truth" for row in comparison.rows):
        lines.append(
            "Known truth: the distances to which the simulated people's noise was added. No model, "
            "and compared with none: in the long run nothing agrees with these people more often; "
            "only an oracle, which knows their votes, can pass it."
        )
    if any(row.kind == "bound" for row in comparison.rows):
        lines.append(
            "Oracle: the best of all ensembles' members for each reference, or each triple, chosen "
            "with the answers in hand; for scale only."
        )
    lines += [f"{r.context.sentence(r.name)}." for r in comparison.rows if r.context is not None]
    lines += [_set_line(one) for one in comparison.sets]
    lines += [f"{overlap}." for overlap in comparison.overlaps]
    lines += [
        f"{row.name} is not available: {row.reason}." for row in comparison.rows if row.reason
    ]
    return [*lines, *comparison.notes]


def _ceiling_line(ceiling: Ceiling, digits: int) -> str:
    others, person, bound = (
        "" if share is None else f"{100 * share:.{digits}f} %"
        for share in (ceiling.others, ceiling.person, ceiling.bound)
    )
    return (
        f"Human ceiling: the majority of a triple's other voters agrees with one left out {others} "
        f"of the time ({words.count(ceiling.triples, 'triple')} with two or more votes); one voter "
        f"agrees with another {person}; no answers can earn more than {bound} on these votes."
    )


def _set_line(one: EvaluatedSet) -> str:
    line = (
        f"{one.name}: {one.kind} set, {words.count(one.triples, 'triple')}, "
        f"{words.count(one.references, 'reference')}"
    )
    if one.looks is None:
        return line + "."
    times = {1: "once", 2: "twice"}.get(one.looks, words.count(one.looks, "time"))
    return f"{line}; {one.kind} set opened {times}."


def columns(comparison: Comparison) -> list[str]:
    """The columns of this table: those about the anchor need one, and empty words are left out."""
    rows = comparison.rows
    wanted = {
        "members": any(row.members for row in rows),
        "trained on": any(row.trained_on for row in rows),
        "run": any(row.made_by for row in rows),
        "context p": any(row.context is not None for row in rows),
        **dict.fromkeys(
            ("difference", "its interval", "Holm p"), comparison.settings.anchor is not None
        ),
    }
    return [name for name in _COLUMNS if wanted.get(name, True)]


def cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and body as words, in the columns that are shown."""
    digits, shown = decimals(comparison), columns(comparison)
    titles = {
        "interval": f"{100 * comparison.settings.level:g} % interval",
        "macro": f"macro over {comparison.macro_over}",
        "difference": f"vs {comparison.settings.anchor}",
    }
    header = [titles.get(name, name) for name in shown]
    writers = _writers(digits)
    return header, [[writers[name](row) for name in shown] for row in comparison.rows]


def _writers(digits: int) -> dict[str, Callable[[Row], str]]:
    """How each column is written for a row; the empty string where there is nothing to say."""

    def percent(value: float | None, sign: str = "") -> str:
        # z: what rounds to zero is written without a minus.
        return "" if value is None else f"{100 * value:{sign}z.{digits}f}"

    def span(low: float | None, high: float | None, sign: str = "") -> str:
        return "" if low is None else f"{percent(low, sign)} to {percent(high, sign)}"

    return {
        "model": lambda row: row.name,
        "members": _members,
        "trained on": lambda row: row.trained_on,
        "triples": lambda row: f"{row.triples:,}" if row.triples else "",
        "references": lambda row: f"{row.references:,}" if row.references else "",
        "accuracy": lambda row: "not available" if row.reason else percent(row.accuracy),
        "interval": lambda row: span(row.low, row.high),
        "macro": lambda row: percent(row.macro),
        "difference": lambda row: percent(row.difference, "+"),
        "its interval": lambda row: span(row.difference_low, row.difference_high, "+"),
        "Holm p": lambda row: _p(row.p_holm),
        "context p": lambda row: "" if row.context is None else _p(row.context.p) or "not tested",
        "tie": lambda row: "=" if row.tied else "",
        "leakage": lambda row: "" if row.reason else row.leakage,
        "run": lambda row: row.made_by,
    }


def _members(row: Row) -> str:
    """Few by name; many by number, named under the table: else they make it unreadable."""
    few = len(row.members) <= MEMBERS_SHOWN
    return " + ".join(row.members) if few else words.count(len(row.members), "member")


def _member_lines(rows: Sequence[Row]) -> list[str]:
    """Who the members of larger ensembles are, said once for all ensembles of the same ones."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if len(row.members) > MEMBERS_SHOWN:
            groups.setdefault(row.members, []).append(row.name)
    return [
        f"The {words.count(len(members), 'member')} of {', '.join(names)}: {' + '.join(members)}."
        for members, names in groups.items()
    ]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
