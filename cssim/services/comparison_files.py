"""A comparison as files to keep, and the words that stand under its table."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cssim.evaluation.html_report import html_report
from cssim.evaluation.latex import latex_table
from cssim.evaluation.report import Comparison, Row
from cssim.evaluation.tables import caption, csv_table, decimals, markdown_table

__all__ = ["Comparison", "ComparisonFile", "Row", "caption", "comparison_files", "decimals"]


@dataclass(frozen=True, slots=True)
class ComparisonFile:
    """A file that a person may download."""

    title: str
    suffix: str
    mime: str
    text: str


def comparison_files(comparison: Comparison, title: str = "Comparison") -> list[ComparisonFile]:
    """The comparison in each format: CSV and JSON keep every digit, the others are for readers.

    Args:
        comparison: what to write.
        title: of the HTML file.
    """
    values = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False) + "\n"
    return [
        ComparisonFile("HTML", ".html", "text/html", html_report(comparison, title)),
        ComparisonFile("CSV", ".csv", "text/csv", csv_table(comparison)),
        ComparisonFile("Markdown", ".md", "text/markdown", markdown_table(comparison)),
        ComparisonFile("LaTeX", ".tex", "application/x-tex", latex_table(comparison, title)),
        ComparisonFile("JSON", ".json", "application/json", values),
    ]
