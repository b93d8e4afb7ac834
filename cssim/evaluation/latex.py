"""A comparison for a paper: a LaTeX `table` that needs the package booktabs and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from cssim.evaluation.report import Comparison
from cssim.evaluation.tables import NUMBERS, caption, cells, columns

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_table(comparison: Comparison, title: str = "Comparison") -> str:
    """The table with its caption, the first sentence on top and the others as notes below.

    Args:
        comparison: what to write.
        title: stands first in the caption.
    """
    header, body = cells(comparison)
    align = "".join("r" if name in NUMBERS else "l" for name in columns(comparison))
    first, *notes = caption(comparison)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs} and, for quotation marks, \usepackage[T1]{fontenc}",
            r"\begin{table}",
            r"\centering\scriptsize",
            rf"\caption{{{escaped(title)}. {escaped(first)}}}",
            r"\label{tab:comparison}",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            _line(header),
            r"\midrule",
            *map(_line, body),
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\medskip\raggedright",
            *(escaped(note) for note in notes),
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text with LaTeX's special characters escaped, on one line."""
    return "".join(_ESCAPES.get(character, character) for character in " ".join(text.split()))


def _line(words: Sequence[str]) -> str:
    return " & ".join(map(escaped, words)) + r" \\"
