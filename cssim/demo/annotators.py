"""Simulated people whose judgement is known: the truth of the demo world.

A person compares by the attributes of the scenes, and what counts depends on the reference's
context: at sea the weather, in a city the time of day, in a forest the season. The perceived
distance of each candidate is the true one plus noise, drawn anew each time (Thurstone 1927, case
V); order, classes and response time follow from it. Whoever reads these answers must see that they
are simulated: their names say so, and so does `Person.simulated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.demo.scenes import SCALES, Scene
from cssim.types import Answer, JudgementKind, PageMode

WEIGHTS: dict[str, dict[str, float]] = {
    "indoor": {"height": 1.5, "warmth": 0.4},
    "city": {"light": 1.7},
    "ocean": {"weather": 1.7},
    "field": {"weather": 1.4, "warmth": 0.3},
    "mountain": {"light": 1.4, "weather": 0.3},
    "forest": {"warmth": 1.6},
    "flower": {"warmth": 1.5, "light": 0.3},
    "abstract": {"warmth": 1.4, "kind": 0.5},
}
"""What counts, for a reference of each context; attributes that are not named count nothing.

One attribute leads in each context, and what leads in one hardly counts in another: that is what
makes models of one context good there and poor elsewhere."""

_KIN = {
    frozenset(("field", "mountain")): 0.5,
    frozenset(("field", "forest")): 0.5,
    frozenset(("field", "flower")): 0.6,
    frozenset(("mountain", "forest")): 0.5,
    frozenset(("forest", "flower")): 0.7,
    frozenset(("ocean", "mountain")): 0.7,
    frozenset(("ocean", "field")): 0.8,
    frozenset(("indoor", "city")): 0.6,
}
CONTEXT_WEIGHT = 0.5
"""What the greatest distance of two contexts adds."""
CLASS_LIMITS = (0.28, 0.55, 0.9, 1.4)
"""A perceived distance up to the first limit is class 1, up to the second class 2, and so on."""
_TIE = 0.03


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """How one simulated person departs from the truth."""

    name: str
    noise: float
    """Standard deviation of the noise on each perceived distance, in units of distance."""
    side_bias: float
    """How much closer the leftmost candidate seems, and farther the rightmost; may be negative."""
    strictness: float
    """Added to distances before classes are given; positive people give higher classes."""
    pace_ms: float
    """Median response time of an easy page, in milliseconds."""


PEOPLE = (
    SimulatedPerson("simulated annotator 1", 0.06, 0.00, 0.00, 2100),
    SimulatedPerson("simulated annotator 2", 0.09, 0.02, 0.06, 1700),
    SimulatedPerson("simulated annotator 3", 0.11, -0.03, -0.05, 1500),
    SimulatedPerson("simulated annotator 4", 0.15, 0.05, 0.03, 1250),
    SimulatedPerson("simulated annotator 5", 0.25, -0.08, 0.00, 800),
)
"""From careful to careless."""


_EXACT = SimulatedPerson("the truth", 0.0, 0.0, 0.0, 1000)
_WORDS = {
    "light": "the time of day",
    "weather": "the weather",
    "warmth": "the season or hue",
    "density": "how much there is",
    "height": "the viewpoint",
    "side": "the side",
    "nearness": "the distance",
    "kind": "the subject",
}


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """What a simulated person said to a page, and after how long."""

    answer: Answer
    response_ms: int


def context_distance(a: str, b: str) -> float:
    """How far two contexts are from each other: 0 for the same, at most 1."""
    return 0.0 if a == b else _KIN.get(frozenset((a, b)), 1.0)


def kindred(context: str) -> tuple[str, ...]:
    """The other contexts that seem closer to this one than the rest do."""
    return tuple(sorted(c for pair in _KIN if context in pair for c in pair if c != context))


def true_distance(reference: Scene, other: Scene) -> float:
    """How far `other` really is from `reference`; 0 for equal attributes, at most about 2.4.

    Not symmetric: the reference's context says which attributes count.
    """
    weights = WEIGHTS[reference.context]
    total = CONTEXT_WEIGHT * context_distance(reference.context, other.context)
    for name in SCALES:
        total += weights.get(name, 0.0) * abs(getattr(reference, name) - getattr(other, name))
    same_kind = (reference.context, reference.kind) == (other.context, other.kind)
    return total + (0.0 if same_kind else 0.5 * weights.get("kind", 0.0))


def true_answer(reference: Scene, candidates: Sequence[Scene], mode: PageMode) -> Answer:
    """What somebody without noise and bias says to a page."""
    true = np.array([true_distance(reference, candidate) for candidate in candidates])
    return _answer(_EXACT, true, mode)


def reason(context: str) -> str:
    """What leads the judgement around references of a context, in words, e.g. `the weather`."""
    weights = WEIGHTS[context]
    return _WORDS[max(weights, key=lambda name: weights[name])]


def judge(
    person: SimulatedPerson,
    reference: Scene,
    candidates: Sequence[Scene],
    shown: Sequence[int],
    mode: PageMode,
    rng: np.random.Generator,
) -> SimulatedAnswer:
    """The person's answer to one page.

    Args:
        person: who answers.
        reference: what the candidates are compared with.
        candidates: in the page's order.
        shown: positions of the candidates from left to right on screen.
        mode: `rank` gives an order and classes, `choose` an order or a tie.
        rng: the source of the noise.
    """
    true = np.array([true_distance(reference, candidate) for candidate in candidates])
    places = np.empty(len(candidates))
    places[list(shown)] = np.linspace(-1.0, 1.0, len(candidates))
    perceived = true + person.side_bias * places + rng.normal(0.0, person.noise, len(candidates))
    hardness = float(np.exp(-np.diff(np.sort(perceived)).min() / 0.12))
    seconds = np.exp(rng.normal(0.0, 0.3)) * (1.0 + 1.2 * hardness)
    return SimulatedAnswer(
        answer=_answer(person, perceived, mode),
        response_ms=round(person.pace_ms * float(seconds) * (1.0 if len(candidates) == 2 else 1.9)),
    )


def _answer(person: SimulatedPerson, perceived: NDArray[np.float64], mode: PageMode) -> Answer:
    order = tuple(int(position) for position in np.argsort(perceived, kind="stable"))
    if mode is PageMode.CHOOSE:
        if abs(perceived[0] - perceived[1]) < _TIE:
            return Answer(JudgementKind.TIE)
        return Answer(JudgementKind.ANSWER, order=order)
    strict = perceived + person.strictness
    classes = tuple(1 + int(np.searchsorted(CLASS_LIMITS, value)) for value in strict)
    return Answer(JudgementKind.ANSWER, order=order, classes=classes)
