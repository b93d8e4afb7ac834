"""A comparison of models on one evaluation: plain values that page, terminal and file all draw.

`compare` takes credits and words about each row and gives a `Comparison`; `tables` writes it as
text. A row without credits says why and carries no number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cssim.errors import BadInput
from cssim.evaluation.accuracy import Ceiling
from cssim.evaluation.context import ContextTest
from cssim.evaluation.leakage import Overlap
from cssim.evaluation.statistics import DRAWS, FLIPS

VERSION = 1
"""Of the dictionary; a reader refuses what it does not know."""
FEW_REFERENCES = 30
"""Below this many the table warns: simulated 95 % intervals covered 92 % at 20, 88 % at 10."""


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """How a comparison is computed."""

    credit: str = "soft"
    """`soft`: share of the voters who agree; `strict`: agreement with the majority."""
    anchor: str | None = None
    """Name of the row that all others are compared with; None compares with nothing."""
    draws: int = DRAWS
    """Bootstrap samples of whole references."""
    flips: int = FLIPS
    """Random sign flips per test, where they cannot all be listed."""
    level: float = 0.95
    """Of the intervals, 0..1; tests use 1 - level."""
    power: float = 0.8
    """Chance with which the smallest detectable difference would be found."""
    seed: int = 0
    """Draws resamples and flips."""
    cross_fit: int = 0
    """Folds by reference in which ensembles were fitted on the evaluated sets themselves, so that
    no weight has seen the references that it answers; 0: they were fitted elsewhere."""

    def __post_init__(self) -> None:
        if self.credit not in ("soft", "strict"):
            raise BadInput(f"credit is 'soft' or 'strict', got {self.credit!r}")
        if self.draws < 100 or self.flips < 100:
            raise BadInput(f"draws and flips are 100 or more, got {self.draws} and {self.flips}")
        if self.cross_fit < 0 or self.cross_fit == 1:
            raise BadInput(f"a cross-fit has 2 or more folds, or none (0); got {self.cross_fit}")
        if not 0.5 <= self.level < 1 or not 0.5 <= self.power < 1:
            raise BadInput(f"level and power lie in 0.5..1, got {self.level} and {self.power}")


@dataclass(frozen=True, slots=True)
class Contender:
    """The words about one row, before anything is computed."""

    name: str
    """What the row is called; distinct."""
    kind: str = "frozen"
    """`frozen`, `metric`, `cs`, `global` or `ensemble`."""
    members: tuple[str, ...] = ()
    """Names of an ensemble's members; empty for a single model."""
    trained_on: str = ""
    """Where its training answers came from, in words; empty where nothing was trained."""
    leakage: str = "none"
    """What it has seen of the evaluated set, in words (`leakage.row_leak`)."""
    run: str = ""
    """Id of the job that made it; empty where none did."""
    source: str = ""
    """What is stored of it, such as `model 7` or `ensemble 3`."""
    unavailable: str = ""
    """Why there are no credits for it; empty where there are."""
    context: ContextTest | None = None
    """Of an ensemble that weighs by the reference."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; shares and differences of shares are 0..1, never per cent."""

    name: str
    kind: str
    """As of its contender, or `chance`, `ceiling` (people), `truth` or `bound` (oracles)."""
    members: tuple[str, ...] = ()
    trained_on: str = ""
    leakage: str = ""
    run: str = ""
    reason: str = ""
    """Why there is no number; empty where there is one."""
    triples: int = 0
    """Triples that count for this row."""
    references: int = 0
    """Distinct references among them."""
    accuracy: float | None = None
    """Mean credit; each triple counts once."""
    error: float | None = None
    """CR1 standard error by reference."""
    low: float | None = None
    high: float | None = None
    """Bootstrap interval by reference."""
    macro: float | None = None
    """Mean over contexts (or over references where no contexts are given) of the mean credit."""
    effect: float | None = None
    """Design effect of the triples' dependence."""
    difference: float | None = None
    """Accuracy minus the anchor's, paired."""
    difference_error: float | None = None
    """CR1 standard error of the paired difference."""
    difference_low: float | None = None
    difference_high: float | None = None
    """Bootstrap interval of the paired difference."""
    p: float | None = None
    """Sign-flip p of the difference to the anchor."""
    p_holm: float | None = None
    """The same, adjusted for all rows of the table."""
    tied: bool | None = None
    """Whether it cannot be told from the leader; None for rows that do not compete."""
    source: str = ""
    """As of its contender."""
    context: ContextTest | None = None
    """As of its contender."""

    @property
    def made_by(self) -> str:
        """What is stored of it and the job that made it: where a reader finds out more."""
        return ", ".join(part for part in (self.source, self.run and f"job {self.run}") if part)


@dataclass(frozen=True, slots=True)
class EvaluatedSet:
    """One of the sets that were evaluated."""

    name: str
    kind: str
    """A `ClusterKind`."""
    triples: int
    references: int
    looks: int | None = None
    """How often a test set has been opened, this time included; None where it is not counted."""
    fingerprint: str = ""
    """Of its triples and their votes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a table says, and what is needed to say it again."""

    settings: CompareSettings
    rows: tuple[Row, ...]
    sets: tuple[EvaluatedSet, ...] = ()
    ceiling: Ceiling | None = None
    overlaps: tuple[Overlap, ...] = ()
    macro_over: str = "references"
    """What the macro column averages over: `contexts` or `references`."""
    detectable: float | None = None
    """Smallest difference to the anchor that would be found: median over rows, before Holm."""
    notes: tuple[str, ...] = ()
    """What a reader must know, in whole sentences."""
    fingerprints: Mapping[str, str] | None = None
    """What went in, by name: data, models, code."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value of the comparison."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def row(self, name: str) -> Row:
        """The row of that name; raises `BadInput` where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise BadInput(f"no row {name!r}; there are: {', '.join(r.name for r in self.rows)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `None` stands where nothing was computed, never NaN."""
        return {"version": VERSION, **_plain(asdict(self))}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Comparison:
        """What `to_dict` wrote, through JSON or not.

        Raises:
            BadInput: another version, or something that is not a comparison.
        """
        if values.get("version") != VERSION:
            raise BadInput(
                f"expected a comparison of version {VERSION}, got {values.get('version')!r}; "
                "run it again"
            )
        try:
            ceiling = values["ceiling"]
            return Comparison(
                settings=CompareSettings(**values["settings"]),
                rows=tuple(_row(row) for row in values["rows"]),
                sets=tuple(EvaluatedSet(**s) for s in values["sets"]),
                ceiling=None if ceiling is None else Ceiling(**ceiling),
                overlaps=tuple(_overlap(o) for o in values["overlaps"]),
                macro_over=str(values["macro_over"]),
                detectable=values["detectable"],
                notes=tuple(values["notes"]),
                fingerprints=values["fingerprints"],
            )
        except (KeyError, TypeError) as error:
            raise BadInput(f"not a comparison: {error!r}") from error


def _row(values: Mapping[str, Any]) -> Row:
    tested = values.get("context")
    context = None if tested is None else ContextTest(**tested)
    return Row(**{**values, "members": tuple(values["members"]), "context": context})


def _overlap(values: Mapping[str, Any]) -> Overlap:
    pairs = tuple((str(one), str(other)) for one, other in values.get("near_pairs", ()))
    return Overlap(**{**values, "near_pairs": pairs})


def _plain(value: Any) -> Any:
    """Tuples as lists and numpy numbers as Python's, so that JSON gives back what it got."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
