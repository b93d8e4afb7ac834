"""Competence by small neural networks on projected features: the paper's MLP ensemble.

One network per member, fitted by scikit-learn and kept as plain arrays, so that an ensemble loads
without pickle and answers without scikit-learn.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.logistic import sigmoid
from cssim.ensembles.projection import Projection
from cssim.ensembles.weighting import Estimate, Evidence, WeightFunction, in_proportion
from cssim.errors import BadInput

Floats = NDArray[np.float64]

HIDDEN, LEARNING_RATE = 16, 0.001
"""Hidden units and Adam's rate, as in Liao and Chen 2024; all else is scikit-learn's default."""


@dataclass(frozen=True, eq=False)
class MLPWeights(WeightFunction):
    """Weights in proportion to predicted competence, w_m = c_m / sum of c, c clipped at 0."""

    known: Evidence
    projection: Projection
    inner: Floats
    """(members, dim, hidden)."""
    inner_bias: Floats
    """(members, hidden)."""
    outer: Floats
    """(members, hidden)."""
    outer_bias: Floats
    """(members,)."""

    def __post_init__(self) -> None:
        members, dim, hidden = self.inner.shape
        rest = self.inner_bias.shape, self.outer.shape, self.outer_bias.shape
        if dim != self.projection.dim or rest != ((members, hidden), (members, hidden), (members,)):
            raise BadInput(f"the networks' arrays do not fit together: {self.inner.shape}, {rest}")

    @property
    def evidence(self) -> Evidence:
        """The references that the networks have learned from."""
        return self.known

    def competence(self, features: NDArray[np.floating]) -> Floats:
        """(k, members) as predicted: near, but not bound to, 0..1."""
        z = self.projection(features)
        hidden = sigmoid(np.einsum("kd,mdh->kmh", z, self.inner) + self.inner_bias)
        return np.asarray(np.einsum("kmh,mh->km", hidden, self.outer) + self.outer_bias)

    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members), >= 0."""
        return in_proportion(self.competence(features))

    def estimate(self, features: NDArray[np.floating]) -> Estimate:
        """Predicted competence, clipped to 0..1; it rests on all validation references."""
        found = np.clip(self.competence(features), 0.0, 1.0)
        everywhere = np.ones(len(found), dtype=np.int64)
        return Estimate(
            competence=found,
            error=None,
            references=everywhere * len(self.known.reference),
            triples=everywhere * int(self.known.triples.sum()),
        )


def fit_mlp(known: Evidence, projection: Projection, *, seed: int = 0) -> MLPWeights:
    """One network per member, from a reference's coordinates to the member's accuracy there.

    All networks start from the same seed, so the order of the members does not matter.

    Args:
        known: at least 2 references.
        projection: to 8 or 64 dimensions in the paper.
        seed: of the networks' starts and batches.

    Raises:
        BadInput: fewer than 2 references.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    if len(known.reference) < 2:
        raise BadInput("the networks learn from at least 2 validation references")
    z = projection(known.features)
    networks = []
    with warnings.catch_warnings():
        # The paper stops after scikit-learn's default of 200 rounds, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for own in known.accuracy:
            network = MLPRegressor(
                hidden_layer_sizes=(HIDDEN,),
                activation="logistic",
                learning_rate_init=LEARNING_RATE,
                random_state=seed,
            )
            networks.append(network.fit(z, own))
    return MLPWeights(
        known=known,
        projection=projection,
        inner=np.stack([np.asarray(n.coefs_[0], dtype=np.float64) for n in networks]),
        inner_bias=np.stack([np.asarray(n.intercepts_[0], dtype=np.float64) for n in networks]),
        outer=np.stack([np.asarray(n.coefs_[1][:, 0], dtype=np.float64) for n in networks]),
        outer_bias=np.array([float(n.intercepts_[1][0]) for n in networks]),
    )
