"""How good an ensemble would be, before it is built: cross-fitted on validation answers.

Each reference is answered by a fit that never saw it, so the estimate is honest about the strategy;
that somebody tries many of them on the same answers, it cannot know. Test sets are refused.

Quick strategies are estimated where they are asked for, from cached embeddings; networks and large
Gaussian processes are left to the job `estimate` (see `estimate_jobs`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.services.experiments import ensemble_request
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.triples import Triples

if TYPE_CHECKING:
    from cssim.ensembles.fitted import Fitted

Floats = NDArray[np.float64]

LARGE = 600
"""References from which on a Gaussian process is left to a job: its time grows with their cube."""
DRAWS = 2_000
"""Bootstrap draws: the ends of an interval then move by about 3 % of its width."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What an ensemble would be made of; hashable, as the key of what is kept of it."""

    members: tuple[int, ...]
    """Model ids, in order."""
    strategy: str
    fit_on: tuple[int, ...]
    """Cluster ids; none of them a test set."""
    features: int | None
    """The model that looks at references; None where the strategy needs none."""

    @property
    def models(self) -> tuple[int, ...]:
        """All models that it takes, the one that looks at references last."""
        return self.members if self.features is None else (*self.members, self.features)


@dataclass(frozen=True, slots=True)
class Score:
    """An accuracy and how sure it is."""

    name: str
    accuracy: float
    """0..1: expected agreement with one more person."""
    low: float
    high: float
    """95 % interval by bootstrap over references."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the answers so far promise of an ensemble."""

    ensemble: Score
    members: tuple[Score, ...]
    """Each by itself, in the order of the setup."""
    best: str
    """The most accurate member on these very answers: chosen in hindsight, which flatters it."""
    difference: float
    """Ensemble minus best member."""
    difference_low: float
    difference_high: float
    p: float
    """Two-sided, by sign flips of whole references; of this one comparison."""
    weights: tuple[float, ...]
    """Mean weight of each member, fitted on all the answers."""
    triples: int
    references: int
    folds: int

    @property
    def caveat(self) -> str:
        """What must be said beside the intervals; empty where they are wide enough."""
        from cssim.evaluation.report import FEW_REFERENCES

        if self.references >= FEW_REFERENCES:
            return ""
        return (
            f"With {words.count(self.references, 'reference')} the intervals are too narrow: they "
            f"want {FEW_REFERENCES} or more."
        )


@dataclass(frozen=True, eq=False)
class Data:
    """Members' distances on validation triples, and the features of the references."""

    distances: Floats
    """(members, n, 2)."""
    triples: Triples
    features: NDArray[np.float32] | None
    """(n, d) of each triple's reference; None where the strategy needs none."""


@dataclass(frozen=True, eq=False)
class Estimated:
    """An estimate, and the strategy as it would be built: fitted on all the answers."""

    estimate: Estimate
    fitted: Fitted


def setup_of(
    ws: Workspace,
    members: Sequence[str],
    strategy: str,
    fit_on: Sequence[str],
    *,
    features: str | None = None,
) -> Setup:
    """A checked setup of names; errors as of `ensemble_request`.

    Raises:
        BadInput: also where no validation set is named, for then nothing can be estimated.
    """
    if not fit_on:
        raise BadInput("an estimate needs a validation set with answers; name one")
    request = ensemble_request(
        ws, uuid.uuid4().hex, members, strategy=strategy, fit_on=fit_on, features=features
    )
    params = request.params
    return Setup(tuple(params["members"]), strategy, tuple(params["fit_on"]), params["features"])


def looking_strategies() -> frozenset[str]:
    """Names of the strategies whose weights depend on what the reference looks like."""
    from cssim.ensembles.strategies import STRATEGIES

    return frozenset(name for name, row in STRATEGIES.items() if row.needs_features)


def references_of(triples: Triples) -> int:
    """How many references the triples are about."""
    return len(np.unique(triples.reference))


def is_quick(strategy: str, references: int) -> bool:
    """Whether a page can wait for the estimate: about a second at most."""
    if strategy.startswith("mlp"):
        return False
    return strategy != "gp" or references <= LARGE


def cached_data(shelf: Shelf, triples: Triples, setup: Setup) -> Data:
    """The setup's data from cached embeddings alone.

    Raises:
        BadInput: no answers, or pictures that a member has not embedded.
    """
    if not len(triples):
        raise BadInput("this set has no answers yet: label some of its pages first")
    images = triples.images
    for model_id in setup.models:
        if not shelf.knows(model_id, *images.tolist()):
            lacking = sum(not shelf.knows(model_id, int(i)) for i in images)
            raise BadInput(
                f"{shelf.models[model_id].name} has not embedded {lacking} of "
                f"{words.count(len(images), 'picture')} of this set yet; the estimate does it first"
            )
    return Data(
        np.stack([shelf.distances(model_id, triples) for model_id in setup.members]),
        triples,
        None if setup.features is None else shelf.vectors(setup.features, triples.reference),
    )


def estimate(data: Data, setup: Setup, names: Sequence[str], *, folds: int = 5) -> Estimate:
    """The estimate of one setup.

    Args:
        data: of the setup.
        setup: members and strategy.
        names: of the members, in order.
        folds: parts into which the references are dealt; at most as many as there are references.

    Raises:
        BadInput: answers about fewer than two references: nothing could be held out.
    """
    from cssim.ensembles.strategies import cross_fit
    from cssim.evaluation import statistics
    from cssim.evaluation.accuracy import by_reference, soft_credit

    triples, share = data.triples, data.triples.share_a
    references = references_of(triples)
    if references < 2:
        raise BadInput("an estimate needs answers about two references or more, got one")
    folds = min(folds, references)
    combined = cross_fit(
        setup.strategy,
        data.distances,
        share,
        triples.reference,
        features=data.features,
        folds=folds,
    )
    credits = np.stack([soft_credit(d, share) for d in (combined, *data.distances)])
    grouped = by_reference(credits, triples.reference)
    weights = statistics.draw_weights(references, DRAWS, seed=0)
    samples = statistics.bootstrap(grouped.sums, grouped.counts, weights)
    low, high = statistics.interval(samples)
    scores = [
        Score(name, float(own.mean()), float(low[i]), float(high[i]))
        for i, (name, own) in enumerate(zip(["ensemble", *names], credits, strict=True))
    ]
    best = 1 + int(np.argmax([score.accuracy for score in scores[1:]]))
    apart = statistics.interval(samples[:, :1] - samples[:, [best]])[:, 0]
    flips = statistics.sign_flip((grouped.sums[0] - grouped.sums[best])[None], seed=0)
    return Estimate(
        ensemble=scores[0],
        members=tuple(scores[1:]),
        best=scores[best].name,
        difference=scores[0].accuracy - scores[best].accuracy,
        difference_low=float(apart[0]),
        difference_high=float(apart[1]),
        p=float(flips[0]),
        weights=fit(data, setup).weights,
        triples=len(triples),
        references=references,
        folds=folds,
    )


def fit(data: Data, setup: Setup, *, projector: str = "") -> Fitted:
    """The strategy fitted on all the answers, as building the ensemble would."""
    from cssim.ensembles.strategies import strategy

    return strategy(setup.strategy).fit(
        data.distances,
        data.triples.share_a,
        reference=data.triples.reference,
        features=data.features,
        projector=projector,
    )
