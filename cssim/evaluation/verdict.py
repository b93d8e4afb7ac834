"""Plain words on which design to prefer: what the curves show, with the evidence, and no more.

The question "CS models or a global model?" is answered by two designs that are named beforehand,
not by the best of several: picking the best of many on the same references would flatter it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.curves import Estimate
from cssim.evaluation.statistics import DRAWS, bootstrap, draw_weights, interval, sign_flip

Floats = NDArray[np.float64]

CS_DESIGN, GLOBAL_DESIGN, BOTH_DESIGN, FROZEN_DESIGN = (
    "CS + frozen stacked",
    "global",
    "all stacked",
    "frozen",
)
"""What stands for context-sensitive, global, both, and no training at all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One design against another on the same triples, in shares; paired by reference."""

    difference: float
    low: float
    high: float
    p: float
    """Two-sided, by sign flips of references."""

    @property
    def sign(self) -> int:
        """1 or -1 where the interval is on that side of 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def differences(
    credits: Floats,
    anchor: Floats,
    reference: NDArray[np.int64],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[Difference]:
    """Each row of credits minus the anchor's.

    Args:
        credits: (rows, n) 0..1, NaN where a triple does not count.
        anchor: (n,) likewise.
        reference: (n,) image ids.
        draws: bootstrap samples of references.
        seed: of samples and flips.
        level: of the intervals.
    """
    table = by_reference(credits - anchor, reference)
    weights = draw_weights(len(table.reference), draws, seed)
    low, high = interval(bootstrap(table.sums, table.counts, weights), level)
    p = sign_flip(table.sums, seed + 1)
    columns = zip(table.overall, low, high, p, strict=True)
    return [Difference(*(float(number) for number in row)) for row in columns]


def family(cs: Difference, both_cs: Difference, both_global: Difference, best: Difference) -> str:
    """What kind of design to prefer: `context-sensitive`, `global`, `both`, `frozen`, `undecided`.

    Args:
        cs: the CS design minus the global one.
        both_cs: all stacked minus the CS design.
        both_global: all stacked minus the global design.
        best: the better of the CS and the global design minus the best frozen backbone.
    """
    if best.sign <= 0 and not (both_cs.sign > 0 and both_global.sign > 0):
        return "frozen"
    if both_cs.sign > 0 and both_global.sign > 0:
        return "both"
    return {1: "context-sensitive", -1: "global", 0: "undecided"}[cs.sign]


_WORDS = {
    "context-sensitive": "CS models, stacked with the frozen backbones",
    "global": "one global model",
    "both": "CS models, the frozen backbones and the global models, all stacked",
    "frozen": "the frozen backbone as it is",
}


@dataclass(frozen=True, slots=True)
class AtClusters:
    """What is known at one number of clusters."""

    clusters: int
    labels: float
    accuracy: Mapping[str, float]
    """By design."""
    cs: Difference
    """The CS design minus the global one."""
    both_cs: Difference
    both_global: Difference
    frozen: Difference
    """The better of the CS and the global design minus the best frozen backbone."""

    @property
    def family(self) -> str:
        """See `family`."""
        return family(self.cs, self.both_cs, self.both_global, self.frozen)

    @property
    def design(self) -> str:
        """The design to prefer; where CS and global cannot be told apart, all stacked."""
        return {
            "context-sensitive": CS_DESIGN,
            "global": GLOBAL_DESIGN,
            "both": BOTH_DESIGN,
            "frozen": FROZEN_DESIGN,
            "undecided": BOTH_DESIGN,
        }[self.family]

    def text(self, references: int) -> str:
        """A sentence with the evidence."""
        labels = (
            f"With {words.count(self.clusters, 'labelled reference')} "
            f"({words.count(round(self.labels), 'label')})"
        )
        reached = (
            f"{100 * self.accuracy[self.design]:.1f} % on {words.count(references, 'reference')} "
            "that nobody"
        )
        trained = f"{reached} trained on"
        against = points(self.cs)
        if self.family == "undecided":
            return (
                f"{labels} CS models and a global model cannot be told apart (CS minus global "
                f"{against}); all of them stacked reach {trained}."
            )
        if self.family == "both":
            evidence = (
                f"{points(self.both_cs)} over the stack without global models and "
                f"{points(self.both_global)} over the global model alone"
            )
        elif self.family == "frozen":
            evidence = (
                f"training gained {points(self.frozen)}, which is not shown to be above nothing"
            )
        else:
            evidence = f"CS minus global {against}"
        return f"{labels} prefer {_WORDS[self.family]}: {trained}; {evidence}."


def points(found: Difference) -> str:
    """A difference in points with its interval, e.g. `+1.2 points [+0.3, +2.0]`."""
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.difference:+.2f} points [{low:+.2f}, {high:+.2f}]"


def crossing_text(one: str, other: str, sizes: Sequence[float], found: Estimate) -> str:
    """A sentence on where `other` becomes at least as good as `one`; "none seen" where it does not.

    Args:
        one: a design.
        other: a design.
        sizes: labels at which both were tried, rising.
        found: of `curves.crossing`.
    """
    if found.value is None:
        seen = f"; in {found.known:.0%} of the bootstrap samples there is one" * (found.known > 0)
        return (
            f"{other} over {one}: no crossing seen up to {words.count(round(sizes[-1]), 'label')}, "
            f"{one} is still ahead there{seen}."
        )
    if found.value <= sizes[0]:
        sure = f" (in {found.known:.0%} of the bootstrap samples it ends ahead)"
        return (
            f"{other} over {one}: no crossing seen, {other} is at least as good from the fewest "
            f"labels on, {round(sizes[0]):,}{sure}."
        )
    bounds = (
        "its place is too uncertain for an interval: it is seen in "
        f"{found.known:.0%} of the bootstrap samples"
        if found.low is None or found.high is None
        else f"95 % interval {round(found.low):,} to {round(found.high):,}"
    )
    from_where = f"from about {words.count(round(found.value), 'label')} on"
    return f"{other} is at least as good as {one} {from_where}; {bounds}."


def next_text(design: str, more: float, gain: Estimate) -> str:
    """A sentence on what more labels would buy."""
    if gain.value is None:
        return f"What {words.count(more, 'more label')} would add to {design} cannot be said."
    bounds = (
        ""
        if gain.low is None or gain.high is None
        else f" [{100 * gain.low:.2f}, {100 * gain.high:.2f}]"
    )
    return (
        f"{words.count(more, 'more label')} would add about {100 * gain.value:.2f} points{bounds} "
        f"to {design}, if its curve goes on as it did."
    )
