"""A strategy with its numbers: plain values that turn distances of members into the ensemble's.

Weights are either the same for every reference, or a function of the reference's features (a
`WeightFunction`): the embedding of the reference by the encoder called `projector`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.distances import margins
from cssim.ensembles.gating import GatedWeights
from cssim.ensembles.gaussian import GaussianWeights
from cssim.ensembles.logistic import sigmoid
from cssim.ensembles.maps import MapWeights
from cssim.ensembles.neighbours import NeighbourWeights
from cssim.ensembles.packing import digest, pack, unpack
from cssim.ensembles.projection import Projection
from cssim.ensembles.regressors import MLPWeights
from cssim.ensembles.weighting import Estimate, Evidence, WeightFunction
from cssim.errors import BadInput

Floats = NDArray[np.float64]

_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Evidence,
        Projection,
        MapWeights,
        MLPWeights,
        NeighbourWeights,
        GaussianWeights,
        GatedWeights,
    )
}
"""What a stored weight function may consist of."""


@dataclass(frozen=True)
class Fitted:
    """A strategy with its numbers; written to JSON as it is."""

    strategy: str
    """Name in `strategies.STRATEGIES`."""
    weights: tuple[float, ...]
    """(members,) shares; absolute values sum to 1. With `weighting`: the mean over the validation
    references, for tables alone."""
    spreads: tuple[float, ...]
    """(members,) > 0: each member's distances are divided by this first."""
    votes: bool = False
    """Whether members vote on the triple instead of adding their distances."""
    slope: float | None = None
    """P(A is closer) = sigmoid(slope (D(R, B) - D(R, A))), >= 0; None where nothing was fitted."""
    weighting: WeightFunction | None = None
    """Weights by the reference's features; None where they are the same for all."""
    projector: str = ""
    """Name of the member or frozen encoder whose embeddings are the features; empty: not said."""

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.spreads):
            raise BadInput(
                f"an ensemble needs a weight and a spread for each member, got "
                f"{len(self.weights)} and {len(self.spreads)}"
            )
        numbers = np.array([*self.weights, *self.spreads, self.slope or 0.0])
        if not np.isfinite(numbers).all() or min(self.spreads) <= 0 or (self.slope or 0.0) < 0:
            raise BadInput("weights must be finite, spreads > 0 and the slope >= 0")
        # A mean of weights of changing sign may sum to less than 1.
        if self.weighting is None and abs(sum(abs(w) for w in self.weights) - 1) > 1e-6:
            raise BadInput(f"the absolute weights must sum to 1, got {list(self.weights)}")

    @property
    def needs_features(self) -> bool:
        """Whether weights depend on the reference, so that its features must be given."""
        return self.weighting is not None

    @property
    def evidence(self) -> Evidence | None:
        """The validation references behind reference-dependent weights; None for fixed ones."""
        return None if self.weighting is None else self.weighting.evidence

    def weights_at(self, features: NDArray[np.floating]) -> Floats:
        """Weights of the members for references with these features: (k, members).

        Args:
            features: (k, d) of the references, by the encoder `projector`; of any width where the
                weights are the same for all.
        """
        if self.weighting is not None:
            return self.weighting.weights(features)
        return np.tile(np.array(self.weights), (len(features), 1))

    def estimate_at(self, features: NDArray[np.floating]) -> Estimate | None:
        """Competence of the members there, and on what it rests; None where none is estimated.

        Args:
            features: (k, d) of the references.
        """
        return None if self.weighting is None else self.weighting.estimate(features)

    def combine(self, distances: Floats, features: NDArray[np.floating] | None = None) -> Floats:
        """The ensemble's distances (n, 2), smaller = closer.

        A sum of distances for most strategies; where members vote, D(X) is the share of the weight
        that speaks against X, a tie counting half on each side.

        Args:
            distances: (members, n, 2) in the order of the weights.
            features: (n, d) of each triple's reference; only where `needs_features`.

        Raises:
            BadInput: shapes that do not fit, or features missing.
        """
        if self.weighting is None:
            return self.weigh(distances, np.array([self.weights]))
        if features is None or len(features) != distances.shape[1]:
            got = "none" if features is None else str(len(features))
            raise BadInput(
                f"{self.strategy} weighs by the reference: give the features of each triple's "
                f"reference, {words.count(distances.shape[1], 'row')}; got {got}"
            )
        # Triples of one reference share their features: each distinct row is looked at once.
        places: dict[bytes, int] = {}
        rows = np.ascontiguousarray(features)
        which = np.array([places.setdefault(row.tobytes(), len(places)) for row in rows], dtype=int)
        first = np.unique(which, return_index=True)[1]
        return self.weigh(distances, self.weighting.weights(rows[first])[which])

    def weigh(self, distances: Floats, weights: Floats) -> Floats:
        """The same with the weights at hand, e.g. computed once per reference.

        Args:
            distances: (members, n, 2).
            weights: (n, members), or (1, members) for all triples, from `weights_at`.
        """
        members = len(self.weights)
        if distances.ndim != 3 or len(distances) != members:
            raise BadInput(
                f"expected distances of shape ({words.count(members, 'member')}, n, 2), got "
                f"{distances.shape}"
            )
        if weights.shape not in ((1, members), (distances.shape[1], members)):
            raise BadInput(
                f"expected weights of shape ({distances.shape[1]}, {members}), got {weights.shape}"
            )
        total = np.zeros(distances.shape[1:])
        # Member by member: a matrix product may round two equal columns differently and undo a tie.
        for weight, spread, own in zip(weights.T, self.spreads, distances, strict=True):
            total += weight[:, None] * (_against(own) if self.votes else own / spread)
        return total

    def confidence(self, combined: Floats) -> Floats | None:
        """Estimated probability that people find A closer, (n,); None where nothing was fitted.

        Args:
            combined: (n, 2), from `combine`.
        """
        return None if self.slope is None else sigmoid(self.slope * margins(combined))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, arrays as base64."""
        return {
            "strategy": self.strategy,
            "weights": list(self.weights),
            "spreads": list(self.spreads),
            "votes": self.votes,
            "slope": self.slope,
            "weighting": None if self.weighting is None else pack(self.weighting),
            "projector": self.projector,
        }

    def summary(self) -> dict[str, Any]:
        """`to_dict` with a digest in the place of the weight function: for tables and databases.

        Without a weight function it is whole, and `from_dict` reads it back.
        """
        whole = self.to_dict()
        if whole["weighting"] is not None:
            whole["weighting"] = digest(whole["weighting"])
        return whole

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Fitted:
        """What `to_dict` wrote; raises `BadInput` for anything else."""
        try:
            weighting = values.get("weighting")
            if isinstance(weighting, str):
                raise BadInput("this is a summary of an ensemble: read its folder instead")
            return Fitted(
                strategy=str(values["strategy"]),
                weights=tuple(float(w) for w in values["weights"]),
                spreads=tuple(float(s) for s in values["spreads"]),
                votes=bool(values["votes"]),
                slope=None if values["slope"] is None else float(values["slope"]),
                weighting=None if weighting is None else unpack(weighting, _TYPES),
                projector=str(values.get("projector", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"not a fitted strategy: {error!r}") from error


def _against(own: Floats) -> Floats:
    """(n, 2): 1 for the candidate that a member finds farther, 0 for the other, ties half."""
    return 0.5 + 0.5 * np.sign(own - own[:, ::-1])
