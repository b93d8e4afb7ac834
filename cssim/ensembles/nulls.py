"""The null that gated stacking must beat: itself, with features dealt to other references."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.distances import margins
from cssim.ensembles.strategies import cross_fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NullTest:
    """How much better gating is than plain stacking, and than itself on shuffled references."""

    gain: float
    """Mean soft credit of gated minus plain stacking, both cross-fitted; -1..1."""
    null: tuple[float, ...]
    """The same with the features dealt to other references."""
    p: float
    """Share of the null, the gain itself among it, that is at least the gain."""


def gating_null(
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    features: NDArray[np.floating],
    *,
    draws: int = 19,
    folds: int = 5,
    seed: int = 0,
) -> NullTest:
    """Whether gated stacking owes anything to what the references look like.

    Under the null a reference's features say nothing about it: they are permuted between
    references, and everything is fitted again. p = (1 + k) / (1 + draws) (Phipson and Smyth 2010).

    Args:
        distances: (members, n, 2).
        share_a: (n,) 0..1.
        reference: (n,) image ids.
        features: (n, d) of each triple's reference.
        draws: shuffled fits; 19 allow p = 0.05.
        folds: of the cross-fits.
        seed: of folds and shuffles.
    """
    rng = np.random.default_rng(seed)
    _, first, which = np.unique(reference, return_index=True, return_inverse=True)

    def credit(name: str, looks: NDArray[np.floating] | None) -> float:
        combined = cross_fit(
            name, distances, share_a, reference, features=looks, folds=folds, seed=seed
        )
        return float(np.mean(np.sign(margins(combined)) * (share_a - 0.5)))

    plain = credit("stacking", None)
    gain = credit("gated", features) - plain
    null = [
        credit("gated", features[first][rng.permutation(len(first))][which]) - plain
        for _ in range(draws)
    ]
    reached = sum(value >= gain for value in null)
    return NullTest(gain, tuple(null), (1 + reached) / (1 + draws))
