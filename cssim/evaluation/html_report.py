"""A comparison as one HTML file: table, forest plot, caption, and where each row comes from.

It stands alone: no scripts, no fonts, nothing is fetched; it prints, and follows the reader's light
or dark theme. Whatever people have named is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cssim.evaluation.report import Comparison, Row
from cssim.evaluation.tables import NUMBERS, caption, cells, columns

_KINDS = {
    "metric": ("Metric", "#0072B2"),
    "frozen": ("Frozen backbone", "#D55E00"),
    "cs": ("CS model", "#009E73"),
    "global": ("Global model", "#CC79A7"),
    "ensemble": ("Ensemble", "#E69F00"),
}
"""Titles and colours (Okabe and Ito 2008), as in the app's own figures."""
_LINES = {"chance": "chance", "ceiling": "human ceiling", "truth": "known truth"}
"""Rows that are drawn as lines across."""
_APART = {*_LINES, "bound"}
"""Rows that no run has made and that compete with nobody."""
_WIDTH, _LABELS, _RIGHT, _HEIGHT, _TOP = 860, 260, 20, 30, 44
"""Of the figure, in its own units: whole width, room for names, margin, a row, room above."""
_WORDS = 100
"""Room that the words above a line need; those of a line too near stand higher."""
_LETTERS = 34
"""Letters of a name that fit beside the figure; the table has it whole."""

_STYLE = """
:root { color-scheme: light dark; --ink: #262730; --quiet: #5f6570; --rule: #d5d8de;
  --paper: #ffffff; --link: #0060a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --quiet: #a3a8b4;
  --rule: #3d414b; --paper: #14161b; --link: #7cc4ff; } }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
th { border-bottom: 2px solid var(--ink); vertical-align: bottom; overflow-wrap: anywhere;
  min-width: 6.2rem; } td { white-space: nowrap; } .number { text-align: right; }
a { color: var(--link); } .quiet, li { color: var(--quiet); }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 13px; }
svg .axis, svg .mark { stroke: var(--quiet); } svg .mark { stroke-dasharray: 4 4; }
svg .grid { stroke: var(--rule); }
@media print { body { margin: 0; max-width: none; } }
"""


def html_report(comparison: Comparison, title: str = "Comparison") -> str:
    """The whole file as text."""
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<div class="wide">{_table(comparison)}</div>',
        "<h2>Accuracy of each row, with its interval</h2>",
        f'<div class="wide">{_forest(comparison)}</div>',
        "<h2>How to read this</h2>",
        _list(caption(comparison)),
        _near_duplicates(comparison),
        "<h2>Runs</h2>",
        _runs(comparison),
        f'<p class="quiet">Fingerprint of this comparison: {comparison.fingerprint}</p>',
    ]
    head = (
        '<meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _table(comparison: Comparison) -> str:
    names, (header, body) = columns(comparison), cells(comparison)
    sides = [' class="number"' if name in NUMBERS else "" for name in names]
    top = "".join(
        f'<th scope="col"{side}>{escape(word)}</th>'
        for side, word in zip(sides, header, strict=True)
    )
    lines = []
    for number, (row, words) in enumerate(zip(comparison.rows, body, strict=True)):
        line = "".join(
            f"<td{side}>{_linked(row, number, name, word)}</td>"
            for side, name, word in zip(sides, names, words, strict=True)
        )
        lines.append(f"<tr>{line}</tr>")
    return (
        f"<table><thead><tr>{top}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
    )


def _linked(row: Row, number: int, column: str, word: str) -> str:
    """The cell; the name of a row leads to what it was made of, and so does its run."""
    if column in ("model", "run") and word and row.kind not in _APART:
        return f'<a href="#row-{number}">{escape(word)}</a>'
    return escape(word)


def _runs(comparison: Comparison) -> str:
    """What each row is made of, with the fingerprints of models, data and code."""
    prints = dict(comparison.fingerprints or {})
    lines = []
    for number, row in enumerate(comparison.rows):
        if row.kind in _APART:
            continue
        mark = prints.pop(f"ensemble {row.name}", None) or prints.pop(f"model {row.name}", None)
        facts = [
            _KINDS[row.kind][0] if row.kind in _KINDS else row.kind,
            row.source,
            f"job {row.run}" if row.run else "made by no job",
            f"members {' + '.join(row.members)}" if row.members else "",
            f"trained on {row.trained_on}" if row.trained_on else "",
            f"not available: {row.reason}" if row.reason else "",
            "" if row.context is None else row.context.sentence(row.name),
            f"fingerprint {mark}" if mark else "",
        ]
        words = escape("; ".join(fact for fact in facts if fact))
        lines.append(f'<li id="row-{number}"><strong>{escape(row.name)}</strong>: {words}</li>')
    lines += [
        f"<li>{escape(name)}: fingerprint {escape(mark)}</li>" for name, mark in prints.items()
    ]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>"


def _near_duplicates(comparison: Comparison) -> str:
    pairs = [pair for one in comparison.overlaps for pair in one.near_pairs]
    if not pairs:
        return ""
    lines = [f"{one} looks like {other}" for one, other in pairs]
    return "<h2>Near duplicates</h2>\n" + _list(lines)


def _list(lines: Sequence[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"


@dataclass(frozen=True)
class _Axis:
    """Shares on the page: from `low` at the left to `high` at the right."""

    low: float
    high: float

    @staticmethod
    def around(rows: Sequence[Row]) -> _Axis:
        values = [v for row in rows for v in (row.low, row.high, row.accuracy) if v is not None]
        return _Axis(min(values, default=0.0) - 0.02, max(values, default=1.0) + 0.02)

    def at(self, share: float) -> str:
        width = _WIDTH - _LABELS - _RIGHT
        return f"{_LABELS + (share - self.low) / (self.high - self.low) * width:.1f}"

    @property
    def ticks(self) -> list[float]:
        step = 0.05 if self.high - self.low < 0.4 else 0.1
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * i for i in range(first, last + 1)]


def _forest(comparison: Comparison) -> str:
    """The figure as inline SVG: a point and a whisker for each row that competes."""
    lines = [row for row in comparison.rows if row.kind in _LINES and row.accuracy is not None]
    rows = [row for row in comparison.rows if row.kind not in _APART]
    axis, bottom = _Axis.around([*rows, *lines]), _TOP + _HEIGHT * len(rows)
    parts = [_line("axis", str(_LABELS), str(_WIDTH - _RIGHT), bottom, bottom)]
    for share in axis.ticks:
        x = axis.at(share)
        parts.append(_line("grid", x, x, _TOP, bottom))
        parts.append(_text(x, bottom + 18, f"{100 * share:.0f} %", "middle"))
    parts += _across(lines, axis, bottom)
    for i, row in enumerate(rows):
        parts += _mark(row, _TOP + _HEIGHT * i + _HEIGHT // 2, axis)
    parts += _legend({row.kind for row in rows}, bottom + 40)
    words = "Accuracy of each row in per cent, with its interval; the same numbers as in the table"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 56}" width="{_WIDTH}" role="img" '
        f'aria-label="{words}">\n' + "\n".join(parts) + "\n</svg>"
    )


def _across(lines: Sequence[Row], axis: _Axis, bottom: int) -> list[str]:
    """Lines at chance and at the ceilings, from left to right; the exact one is solid."""
    parts, last, high = [], -math.inf, False
    for row in sorted(lines, key=lambda row: row.accuracy or 0.0):
        x = axis.at(row.accuracy or 0.0)
        high = not high and float(x) - last < _WORDS
        last = float(x)
        parts.append(_line("axis" if row.kind == "truth" else "mark", x, x, _TOP, bottom))
        parts.append(_text(x, _TOP - (24 if high else 8), _LINES[row.kind], "middle"))
    return parts


def _mark(row: Row, y: int, axis: _Axis) -> list[str]:
    """A row's name, whisker and point; filled where it belongs to the leader's tie group."""
    name = row.name if len(row.name) <= _LETTERS else row.name[: _LETTERS - 1] + "…"
    if row.accuracy is None:
        return [_text(str(_LABELS - 12), y + 4, f"{name} (not available)", "end")]
    colour = _KINDS[row.kind][1] if row.kind in _KINDS else "#888888"
    parts = [_text(str(_LABELS - 12), y + 4, name, "end")]
    if row.low is not None and row.high is not None:
        parts.append(
            f'<line stroke="{colour}" stroke-width="2" x1="{axis.at(row.low)}" y1="{y}" '
            f'x2="{axis.at(row.high)}" y2="{y}"/>'
        )
    inside = colour if row.tied else "var(--paper)"
    hover = escape(f"{row.name}: {100 * row.accuracy:.2f} %")
    parts.append(
        f'<circle cx="{axis.at(row.accuracy)}" cy="{y}" r="5" stroke="{colour}" stroke-width="2" '
        f'style="fill: {inside}"><title>{hover}</title></circle>'
    )
    return parts


def _legend(kinds: set[str], y: int) -> list[str]:
    parts = []
    for i, (title, colour) in enumerate(_KINDS[kind] for kind in _KINDS if kind in kinds):
        x = 20 + 160 * i
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>')
        parts.append(_text(str(x + 12), y, title, "start"))
    return parts


def _line(style: str, x1: str, x2: str, y1: int, y2: int) -> str:
    return f'<line class="{style}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: str, y: int, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
