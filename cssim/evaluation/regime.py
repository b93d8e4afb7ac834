"""Which regime am I in: should the next model be context-sensitive, global, or both?

With few labelled references CS models tend to win, with many a global one; where the change lies
depends on the pictures and the people. So both are trained on nested sets of references and judged
on references that nobody trained on, over several splits. A reference that is held out in several
splits is one sampling unit all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.curves import Curve, Estimate, crossing, learning_curves, next_labels
from cssim.evaluation.statistics import DRAWS, sign_flip, tie_group

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NestedSplit:
    """References to train on, each size containing the smaller ones, and those held out."""

    train: Mapping[int, NDArray[np.int64]]
    """By number of clusters: (size,) image ids of references."""
    held: NDArray[np.int64]
    """(g,) image ids of references that no size trains on, and that are not for validation."""
    validation: NDArray[np.int64]
    """(v,) image ids of references for choosing and weighing, held out as well."""


def nested_splits(
    references: NDArray[np.int64],
    sizes: Sequence[int],
    *,
    splits: int = 5,
    seed: int = 0,
    validation: int = 0,
    hold: bool = True,
) -> list[NestedSplit]:
    """Random splits of references; what the largest size does not need is held out.

    Args:
        references: image ids; repeated ones count once.
        sizes: numbers of references to train on, e.g. 8, 16, 32.
        splits: how many.
        seed: of the shuffling.
        validation: so many of those that are not trained on are kept for choosing and weighing.
        hold: whether at least one must be left to be held out; False where others are.

    Raises:
        BadInput: no sizes, sizes below 1, or nothing left to hold out.
    """
    distinct = np.unique(references)
    if not sizes or min(sizes) < 1 or max(sizes) + validation + hold > len(distinct):
        raise BadInput(
            f"{words.count(len(distinct), 'reference leaves', 'references leave')} nothing to hold "
            f"out, or sizes are below 1: got sizes {list(sizes)} and "
            f"{words.count(validation, 'reference')} for validation"
        )
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        drawn = rng.permutation(distinct)
        train = {int(size): np.sort(drawn[:size]) for size in sorted(set(sizes))}
        rest = drawn[max(sizes) :]
        found.append(NestedSplit(train, np.sort(rest[validation:]), np.sort(rest[:validation])))
    return found


@dataclass(frozen=True, eq=False)
class AtSize:
    """The designs at one size."""

    size: float
    leader: str
    """The most accurate design, the first of equals."""
    tied: tuple[str, ...]
    """Designs that cannot be told from the leader, itself included (sign flips, Holm, 5 %)."""


@dataclass(frozen=True, eq=False)
class Regime:
    """What the curves say."""

    curves: tuple[Curve, ...]
    at: tuple[AtSize, ...]
    """By rising size, at the sizes that all designs have."""
    crossings: Mapping[tuple[str, str], Estimate]
    """(one, other): labels from which on `other` is at least as good as `one`."""
    gains: Mapping[str, Estimate]
    """What the next labels would add to each design, in shares."""
    more: float
    """How many labels those are."""

    @property
    def advice(self) -> str:
        """One sentence for people who are about to label."""
        last = self.at[-1]
        known = {
            n: g.value for n, g in self.gains.items() if n in last.tied and g.value is not None
        }
        others = [name for name in last.tied if name != last.leader]
        also = f" (not to be told from {', '.join(others)})" if others else ""
        if not known:
            return f"At {words.count(last.size, 'label')} {last.leader} leads{also}."
        best = max(known, key=lambda name: known[name])
        return (
            f"At {words.count(last.size, 'label')} {last.leader} leads{also}; "
            f"{words.count(self.more, 'more label')} would add about {100 * known[best]:.2f} "
            f"points to {best}, if its curve goes on as it did."
        )


def regime(
    designs: Mapping[str, Mapping[float, Floats]],
    reference: NDArray[np.int64],
    *,
    more: float = 500,
    draws: int = DRAWS,
    seed: int = 0,
) -> Regime:
    """Curves of all designs, who leads where, where they cross, and what more labels would buy.

    Args:
        designs: by name, by number of labels (> 0): (n,) credit on held-out triples, NaN where a
            triple does not count. Splits are joined end to end, in one order for all designs. A
            design that needs no labels has the same credits at each size.
        reference: (n,) image ids, in the same order.
        more: labels to be added.
        draws: bootstrap samples of references.
        seed: of samples and sign flips.

    Raises:
        BadInput: no designs, fewer than two sizes that all have, or shapes that do not fit.
    """
    shared = sorted(set.intersection(*(set(own) for own in designs.values())) if designs else ())
    if len(shared) < 2:
        raise BadInput(f"designs need at least two sizes that all have, got {shared}")
    curves = learning_curves(
        [
            (name, sorted(own), np.stack([own[size] for size in sorted(own)]))
            for name, own in designs.items()
        ],
        reference,
        draws=draws,
        seed=seed,
    )
    return Regime(
        curves=tuple(curves),
        at=tuple(_leader(designs, reference, size, seed) for size in shared),
        crossings={(a.name, b.name): crossing(a, b) for a, b in _both_ways(curves)},
        gains={curve.name: next_labels(curve, more) for curve in curves},
        more=more,
    )


def _both_ways(curves: Sequence[Curve]) -> list[tuple[Curve, Curve]]:
    pairs = list(combinations(curves, 2))
    return pairs + [(b, a) for a, b in pairs]


def _leader(
    designs: Mapping[str, Mapping[float, Floats]],
    reference: NDArray[np.int64],
    size: float,
    seed: int,
) -> AtSize:
    names = list(designs)
    credits = np.stack([designs[name][size] for name in names])
    leader = int(np.argmax(by_reference(credits, reference).overall))
    differences = by_reference(credits - credits[leader], reference).sums
    tied = tie_group(sign_flip(differences, seed + 1), leader)
    return AtSize(size, names[leader], tuple(n for n, one in zip(names, tied, strict=True) if one))
