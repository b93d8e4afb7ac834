"""The null that weights by the reference must beat: themselves, with features dealt to others.

A map, a network or a gate looks at a reference and weighs the members by what it sees. Whether that
helps is not said by a gain over the same strategy without eyes: more parameters may gain by
themselves. So the features are dealt to other references and everything is fitted again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.distances import margins
from cssim.ensembles.strategies import FOLDS, cross_fit, strategy
from cssim.errors import BadInput

Floats = NDArray[np.float64]

DRAWS = 19
"""Shuffles: the smallest p is then 0.05."""
LEAST_REFERENCES = 10
"""With fewer references nothing is tested: too few are left to fit on, and to shuffle."""
BLIND = {
    "map-thres": "uniform",
    "map-avg": "uniform",
    "map-max": "uniform",
    "mlp-8": "uniform",
    "mlp-64": "uniform",
    "knn": "uniform-standardised",
    "gp": "uniform-standardised",
    "gated": "stacking",
}
"""Each strategy that looks at the reference, and its like that does not."""


@dataclass(frozen=True, slots=True)
class NullTest:
    """How much weighing by the reference gains, and what it gains on shuffled references."""

    gain: float
    """Mean soft credit minus that of the strategy without eyes, both cross-fitted; -1..1."""
    null: tuple[float, ...]
    """The same with the features dealt to other references."""
    p: float
    """Share of the null, the gain itself among it, that is at least the gain."""
    blind: str = "stacking"
    """The strategy without eyes."""


def shuffled_null(
    name: str,
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    features: NDArray[np.floating],
    *,
    draws: int = DRAWS,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NullTest:
    """Whether a strategy owes anything to what the references look like.

    Under the null a reference's features say nothing about it: they are permuted between
    references, and everything is fitted again. p = (1 + k) / (1 + draws) (Phipson and Smyth 2010).

    Args:
        name: a strategy of `BLIND`.
        distances: (members, n, 2).
        share_a: (n,) 0..1.
        reference: (n,) image ids.
        features: (n, d) of each triple's reference.
        draws: shuffled fits; 19 allow p = 0.05.
        folds: of the cross-fits.
        seed: of folds and shuffles.
        progress: called with (fits done, fits in all); may raise to stop.

    Raises:
        BadInput: a strategy that does not look at the reference, or no draws.
    """
    if name not in BLIND or draws < 1:
        raise BadInput(
            f"a null needs 1 or more draws and a strategy of {', '.join(BLIND)}; got {draws} and "
            f"{strategy(name).name!r}"
        )
    rng = np.random.default_rng(seed)
    _, first, which = np.unique(reference, return_index=True, return_inverse=True)

    def credit(name: str, looks: NDArray[np.floating] | None) -> float:
        combined = cross_fit(
            name, distances, share_a, reference, features=looks, folds=folds, seed=seed
        )
        return float(np.mean(np.sign(margins(combined)) * (share_a - 0.5)))

    blind = credit(BLIND[name], None)
    gain = credit(name, features) - blind
    null = []
    for draw in range(draws):
        if progress is not None:
            progress(draw, draws)
        dealt = features[first][rng.permutation(len(first))]
        null.append(credit(name, dealt[which]) - blind)
    # A shuffle that changes nothing must count as equal, whichever way its mean was rounded.
    reached = sum(value >= gain - 1e-12 for value in null)
    return NullTest(gain, tuple(null), (1 + reached) / (1 + draws), BLIND[name])
