"""Whether confidences mean what they say, and what abstaining would gain.

A confidence is the estimated share of people who would agree with the answer, 0.5..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.statistics import DRAWS, bootstrap, draw_weights, interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """Triples of about the same confidence."""

    triples: int
    references: int
    confidence: float
    """Mean stated confidence."""
    credit: float
    """Mean credit earned: equal to the confidence where that is calibrated."""
    low: float
    high: float
    """Bootstrap interval of the credit by reference."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram and its summaries."""

    steps: tuple[Step, ...]
    error: float
    """Expected calibration error: mean |confidence - credit| over steps, weighted by triples."""
    brier: float
    """Mean squared difference of P(A) and the share of voters who said A, 0..1."""
    log_loss: float
    """Mean cross-entropy of the votes under P(A), in nats; ln 2 = 0.693 for a coin."""


def reliability(
    probability_a: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    *,
    steps: int = 10,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Reliability:
    """How stated confidences compare with what they earn, in steps of equally many triples.

    Args:
        probability_a: (n,) stated probability that people find A closer, 0..1.
        share_a: (n,) share of the voters who said A, 0..1.
        reference: (n,) image ids.
        steps: at most so many; equal confidences stay together.
        draws: bootstrap samples of references.
        seed: of the samples.
        level: of the intervals.

    Raises:
        BadInput: columns of different lengths, no triples, or shares out of 0..1.
    """
    p, share = _shares(probability_a), _shares(share_a)
    if not len(p) == len(share) == len(reference) or not len(p):
        raise BadInput(
            f"expected columns of one length, got {len(p)}, {len(share)} and {len(reference)}"
        )
    confidence, credit = _answers(p, share)
    cuts = np.unique(np.quantile(confidence, np.linspace(0, 1, steps + 1)[1:-1]))
    step = np.searchsorted(cuts, confidence, side="right")
    own = [k for k in range(len(cuts) + 1) if np.any(step == k)]
    rows = np.stack([np.where(step == k, credit, np.nan) for k in own])
    table = by_reference(rows, reference)
    weights = draw_weights(len(table.reference), draws, seed)
    low, high = interval(bootstrap(table.sums, table.counts, weights), level)
    found = tuple(
        Step(
            triples=int(np.sum(step == k)),
            references=int(np.sum(table.counts[i] > 0)),
            confidence=float(confidence[step == k].mean()),
            credit=float(table.overall[i]),
            low=float(low[i]),
            high=float(high[i]),
        )
        for i, k in enumerate(own)
    )
    safe = np.clip(p, 1e-12, 1 - 1e-12)
    return Reliability(
        steps=found,
        error=sum(s.triples * abs(s.confidence - s.credit) for s in found) / len(p),
        brier=float(np.mean((p - share) ** 2)),
        log_loss=float(-np.mean(share * np.log(safe) + (1 - share) * np.log(1 - safe))),
    )


@dataclass(frozen=True, eq=False)
class Coverage:
    """Accuracy on the triples that a model is surest of."""

    coverage: Floats
    """(k,) share of triples answered, rising to 1."""
    threshold: Floats
    """(k,) least confidence that is answered."""
    credit: Floats
    """(k,) mean credit on those."""
    low: Floats
    high: Floats
    """(k,) bootstrap intervals by reference."""


def accuracy_against_coverage(
    confidence: Floats,
    credit: Floats,
    reference: NDArray[np.int64],
    *,
    points: int = 20,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Coverage:
    """What would be earned if the model answered only where it is sure enough.

    Args:
        confidence: (n,) any number that grows with sureness, e.g. 0.5..1.
        credit: (n,) 0..1 of each answer.
        reference: (n,) image ids.
        points: coverages from 1 / points to 1; equal confidences are answered together.
        draws: bootstrap samples of references.
        seed: of the samples.
        level: of the intervals.

    Raises:
        BadInput: columns of different lengths, or no triples.
    """
    n = len(confidence)
    if not n == len(credit) == len(reference) or not n:
        raise BadInput(
            f"expected columns of one length, got {n}, {len(credit)} and {len(reference)}"
        )
    ordered = np.sort(confidence)[::-1]
    at = np.unique(np.ceil(np.linspace(0, 1, points + 1)[1:] * n - 1e-9).astype(int))
    threshold = np.unique(ordered[at - 1])[::-1]
    rows = np.stack([np.where(confidence >= t, credit, np.nan) for t in threshold])
    table = by_reference(rows, reference)
    weights = draw_weights(len(table.reference), draws, seed)
    low, high = interval(bootstrap(table.sums, table.counts, weights), level)
    covered = table.counts.sum(axis=1) / n
    return Coverage(covered, threshold, table.overall, low, high)


def _answers(p: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Confidence 0.5..1 of the answer, and its credit; P(A) = 1/2 answers nothing: half."""
    side = np.sign(p - 0.5)
    return 0.5 + np.abs(p - 0.5), 0.5 + side * (share - 0.5)


def _shares(values: Floats) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not bool(np.all((given >= 0) & (given <= 1))):
        raise BadInput("probabilities and shares are columns of numbers in 0..1")
    return given
