"""From pytest-benchmark's JSON to the table in docs/performance.md (`make bench`).

Each benchmark belongs to a group and is called `test_..._obvious` or something else; the table
shows how much faster the others are than the obvious way of the same group, in the same run.
Times are the best of several rounds. A group without an obvious way is there for what else its
benchmarks measured, such as memory, and stands in the table with that.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

MARKERS = re.compile(r"(<!-- benchmarks -->\n).*(<!-- /benchmarks -->)", flags=re.DOTALL)


def table(report: dict[str, Any]) -> str:
    """The Markdown table of one run."""
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    besides: dict[str, dict[str, float]] = defaultdict(dict)
    for row in report["benchmarks"]:
        groups[row["group"]][_way(row["name"])] = row["stats"]["min"]
        besides[row["group"]].update(row.get("extra_info", {}))
    lines = ["| what | the obvious way | ours | ratio |", "|---|---|---|---|"]
    for group, ways in sorted(groups.items()):
        for name, value in besides[group].items():
            lines.append(f"| {group}: {name} | | {value:.3g} | |")
        obvious = ways.pop("obvious", None)
        if obvious is None:
            continue
        for way, seconds in sorted(ways.items()):
            lines.append(
                f"| {group}, {way} | {_time(obvious)} | {_time(seconds)} "
                f"| **{obvious / seconds:.1f}x** |"
            )
    return "\n".join(lines)


def _way(name: str) -> str:
    way = name.removeprefix("test_").rpartition("_by_")[2].replace("_", " ")
    return re.sub(r"\[(.*)\]", lambda m: f" ({m[1].replace('-', ', ')})", way)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def rewrite(text: str, report: dict[str, Any]) -> str:
    """The document with the table between its markers."""
    return MARKERS.sub(lambda m: f"{m[1]}{table(report)}\n{m[2]}", text)


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    measured = json.loads(source.read_text(encoding="utf-8"))
    target.write_text(rewrite(target.read_text(encoding="utf-8"), measured), encoding="utf-8")
