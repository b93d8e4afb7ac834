"""What a plan is asked for: a dataclass per plan, checked at birth, kept with the plan as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cssim.errors import BadSetting
from cssim.types import MAX_CANDIDATES, MIN_CANDIDATES, ClusterKind, PageMode

SAMPLINGS = {
    "random": "at random",
    "stratified": "evenly over tags",
    "disagreement": "where models disagree",
    "information": "where an answer tells models apart",
}
"""How candidates are chosen, and how pages call it. The last two are active: they need models."""
REFERENCES = {
    "random": "at random",
    "medoids": "typical ones (k-medoids)",
    "uncertainty": "where the competence map is uncertain",
}
"""How references are chosen where none are named."""
ACTIVE = ("disagreement", "information")
MOST_PAGES = 200_000
"""Pages of one plan."""


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """Pages to make, and how to hand them out."""

    name: str
    """Of the plan and of its set; letters and digits to begin with, at most 150 characters."""
    kind: ClusterKind = ClusterKind.CONTEXT
    """What the set is for: `context` (one reference), `validation` or `test`."""
    references: tuple[int, ...] = ()
    """Image ids; empty: `reference_count` are chosen."""
    reference_count: int = 1
    """How many references to choose where none are named."""
    choose_references: str = "random"
    """One of `REFERENCES`."""
    pages_per_reference: int = 334
    """Pages for each reference; 334 of three candidates give about 1,000 triples."""
    candidates: int = 3
    """Candidates on a page, 2 to 5."""
    mode: PageMode = PageMode.RANK
    """How pages are answered; two candidates where they are chosen between."""
    sampling: str = "random"
    """One of `SAMPLINGS`."""
    tag: str | None = None
    """Choose references among the images with this tag."""
    tags: tuple[str, ...] = ()
    """Stratified: draw candidates evenly from these tags; empty: all tags of the project."""
    models: tuple[str, ...] = ()
    """Active: names of the models that may disagree; empty: all of the project."""
    holdout: float = 0.15
    """Active: share of the pages drawn at random, into a set of their own, 0..0.9."""
    people: int = 1
    """How many people answer a page (overlap), 1..50."""
    overlap_share: float = 1.0
    """Share of the pages that `people` answer; the others are answered by one, 0..1."""
    adaptive: bool = False
    """Start with `people` and add more while the majority is unsure."""
    cap: int = 6
    """Adaptive: at most so many people for a page, 2..50."""
    sure: float = 0.85
    """Adaptive: sure enough is a majority that is right with this probability, 0.5..0.999."""
    gold: str | None = None
    """Name of the gold set whose pages are mixed in."""
    gold_rate: float = 0.0
    """Share of the pages handed out that are gold, 0..0.5."""
    repeat_rate: float = 0.0
    """Share of the pages handed out that repeat an earlier one, sides swapped, 0..0.5."""
    repeat_gap: int = 30
    """At least so many other answers between a page and its repeat, 1..1000."""
    priority: int = 0
    """Plans of higher priority are handed out first, -100..100."""
    context: str | None = None
    """What the references show, free text."""
    seed: int = 0
    """The same seed on the same images and models draws the same pages."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", _word(ClusterKind, self.kind, "kind"))
        object.__setattr__(self, "mode", _word(PageMode, self.mode, "mode"))
        for name in ("references", "tags", "models"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_name(self.name)
        if self.kind is ClusterKind.GOLD:
            raise BadSetting(
                "gold pages need known answers: make a gold set, and name it in `gold`"
            )
        if len(set(self.references)) != len(self.references):
            raise BadSetting("a reference is named twice")
        if self.kind is ClusterKind.CONTEXT and self.count != 1:
            raise BadSetting(f"a CS cluster has exactly one reference, got {self.count}")
        if self.mode is PageMode.CHOOSE and self.candidates != 2:
            raise BadSetting(f"a page to choose on has 2 candidates, got {self.candidates}")
        for name, known in (("sampling", SAMPLINGS), ("choose_references", REFERENCES)):
            if getattr(self, name) not in known:
                raise BadSetting(
                    f"{name} is one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadSetting(f"{name} must lie in {low}..{high}, got {value}")
        if self.count * self.pages_per_reference > MOST_PAGES:
            raise BadSetting(f"a plan has at most {MOST_PAGES:,} pages; make several plans")
        if self.gold_rate and self.gold is None:
            raise BadSetting("gold_rate needs the name of a gold set in `gold`")
        if self.adaptive and self.cap < max(2, self.people):
            raise BadSetting(f"adaptive overlap starts at {self.people}: cap must not be lower")
        if self.gold_rate + self.repeat_rate > 0.8:
            raise BadSetting("gold and repeats together may take at most 0.8 of the pages")

    @property
    def count(self) -> int:
        """How many references."""
        return len(self.references) or self.reference_count

    @property
    def pages(self) -> int:
        """How many pages."""
        return self.count * self.pages_per_reference

    @property
    def needs_models(self) -> bool:
        """Whether pages depend on models' distances, so that a job must draw them."""
        return self.sampling in ACTIVE

    @property
    def needs_job(self) -> bool:
        """Whether making the plan takes long: distances of models, or a fit of the competence."""
        return self.needs_models or (
            not self.references and self.choose_references == "uncertainty"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` reads them back."""
        found = asdict(self)
        return {**found, "kind": self.kind.value, "mode": self.mode.value} | {
            name: list(found[name]) for name in ("references", "tags", "models")
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> PlanSpec:
        """The spec of plain values.

        Raises:
            BadSetting: an unknown field, or a value out of its range.
        """
        known = {field.name for field in fields(PlanSpec)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadSetting(f"a plan has no setting {unknown[0]!r}; there are {', '.join(known)}")
        return PlanSpec(**dict(values))


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("reference_count", 1, 100_000),
    ("pages_per_reference", 1, 100_000),
    ("candidates", MIN_CANDIDATES, MAX_CANDIDATES),
    ("holdout", 0, 0.9),
    ("people", 1, 50),
    ("overlap_share", 0, 1),
    ("cap", 2, 50),
    ("sure", 0.5, 0.999),
    ("gold_rate", 0, 0.5),
    ("repeat_rate", 0, 0.5),
    ("repeat_gap", 1, 1000),
    ("priority", -100, 100),
)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > 150 or not name[0].isalnum():
        raise BadSetting(
            f"a plan's name has 1 to 150 characters and begins with a letter or digit, got {name!r}"
        )


def _word(kind: Any, value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise BadSetting(f"{name} is one of {', '.join(kind)}, got {value!r}") from None
