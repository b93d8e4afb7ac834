"""What people say together: majority, and Dawid and Skene's model of how each of them errs.

Dawid and Skene (1979): each person w says l about a question whose true answer is j with
probability e_w[j, l]. Expectation maximisation: T[i, j] ~ p[j] prod_w prod_l e_w[j, l]^n[i, w, l],
then p and e from T. A careless person thus counts less, and one who turns sides round counts the
other way. Votes are never changed: consensus is a view on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Consensus:
    """The model after fitting."""

    posterior: Floats
    """(questions, values) probability of each true answer; rows sum to 1."""
    confusion: Floats
    """(people, values, values) how often each says the second where the first is true."""
    prior: Floats
    """(values,) how common each true answer is."""
    likelihood: float
    """Log likelihood of the votes, smoothing left out."""
    rounds: int

    @property
    def skill(self) -> Floats:
        """(people,) probability of saying the truth, over the prior; 0..1."""
        diagonal = np.diagonal(self.confusion, axis1=1, axis2=2)
        return np.asarray(diagonal @ self.prior)


def dawid_skene(
    question: Ints,
    person: Ints,
    value: Ints,
    *,
    values: int,
    votes: NDArray[np.generic] | None = None,
    smoothing: float = 0.5,
    rounds: int = 200,
    tolerance: float = 1e-6,
) -> Consensus:
    """Fit the model to votes, starting from the shares of the votes.

    Args:
        question: (n,) numbers 0, 1, ...
        person: (n,) numbers 0, 1, ...
        value: (n,) what was said, 0..values - 1.
        values: how many answers there are.
        votes: (n,) how many equal votes each row stands for; None: one.
        smoothing: added to each cell of a person's table, so that few answers prove little; 0 is
            the model as published.
        rounds: at most.
        tolerance: ends when no posterior moves by more.

    Raises:
        BadInput: no votes, or columns of different lengths or out of range.
    """
    weight = np.ones(len(value)) if votes is None else np.asarray(votes, dtype=np.float64)
    if not len(value) or not len(question) == len(person) == len(value) == len(weight):
        raise BadInput("the model needs votes: question, person and value in columns of one length")
    if value.min() < 0 or value.max() >= values or smoothing < 0:
        raise BadInput(f"values lie in 0..{values - 1} and smoothing is 0 or more")
    questions, people = int(question.max()) + 1, int(person.max()) + 1
    posterior = np.zeros((questions, values))
    np.add.at(posterior, (question, value), weight)
    posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1)
    done = 0
    while True:
        done += 1
        prior = posterior.sum(axis=0) / posterior.sum()
        table = np.full((people, values, values), float(smoothing))  # (person, said, true)
        np.add.at(table, (person, value), weight[:, None] * posterior[question])
        total = table.sum(axis=1, keepdims=True)
        table = np.where(total > 0, table / np.where(total > 0, total, 1), 1 / values)
        with np.errstate(divide="ignore"):
            said, chance = np.log(table)[person, value], np.log(prior)
        with np.errstate(invalid="ignore"):
            score = np.zeros((questions, values))
            np.add.at(score, question, weight[:, None] * said)
        score = score + chance
        top = score.max(axis=1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        raw = np.exp(score - top)
        sums = raw.sum(axis=1, keepdims=True)
        better = np.where(sums > 0, raw / np.where(sums > 0, sums, 1), 1 / values)
        moved = float(np.abs(better - posterior).max())
        posterior = better
        if moved <= tolerance or done >= rounds:
            break
    likelihood = float((np.log(np.where(sums > 0, sums, 1)) + top).sum())
    return Consensus(posterior, table.transpose(0, 2, 1), prior, likelihood, done)


def majority(counts: Floats) -> Ints:
    """(units,) the value with most votes; -1 where several have as many, or nobody voted."""
    top = counts.max(axis=1, keepdims=True)
    clear = ((counts == top).sum(axis=1) == 1) & (top[:, 0] > 0)
    return np.where(clear, counts.argmax(axis=1), -1).astype(np.int64)
