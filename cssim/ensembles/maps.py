"""Weights read off the competence map: the paper's own ensemble as a weight function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.competence import (
    GRID,
    RULES,
    THRESHOLD,
    WINDOW,
    CompetenceMap,
    competence_map,
    window_sums,
)
from cssim.ensembles.projection import Projection
from cssim.ensembles.weighting import Estimate, Evidence, WeightFunction
from cssim.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MapWeights(WeightFunction):
    """PCA to the plane, a cell, and the weights of that cell (Liao and Chen 2024, section 4.3).

    References outside the map take the nearest border cell; cells whose window holds no validation
    reference weigh all members equally.
    """

    known: Evidence
    projection: Projection
    """To 2 dimensions."""
    rule: str = "thres"
    """`thres`, `avg` or `max`."""
    grid: int = GRID
    window: int = WINDOW
    threshold: float = THRESHOLD
    faithful: bool = False
    """Sums and empty windows as in the paper's release."""

    def __post_init__(self) -> None:
        if self.rule not in RULES or self.projection.dim != 2:
            raise BadInput(
                f"a map needs a projection to 2 dimensions and a rule of {', '.join(RULES)}, got "
                f"{self.projection.dim} and {self.rule!r}"
            )

    @cached_property
    def map(self) -> CompetenceMap:
        """The map itself, for plots."""
        return competence_map(
            self.projection(self.known.features),
            self.known.accuracy,
            grid=self.grid,
            window=self.window,
            threshold=self.threshold,
            faithful=self.faithful,
        )

    @property
    def evidence(self) -> Evidence:
        """The references on the map."""
        return self.known

    def inside(self, features: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(k,) whether each reference lies within the map's edges."""
        points, edges = self.projection(features), self.map.edges
        return np.asarray(((points >= edges[:, 0]) & (points <= edges[:, -1])).all(axis=1))

    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members) weights of the references' cells."""
        return self.map.weights_at(self.projection(features), self.rule)

    def estimate(self, features: NDArray[np.floating]) -> Estimate:
        """Mean accuracy, references and triples in the windows; NaN where a window is empty."""
        column, row = self.map.bins(self.projection(features)).T
        return Estimate(
            competence=self.map.accuracy[:, row, column].T,
            error=None,
            references=self.map.count[row, column],
            triples=self._triples[row, column],
        )

    @cached_property
    def _triples(self) -> NDArray[np.int64]:
        column, row = self.map.bins(self.projection(self.known.features)).T
        found = window_sums(self.known.triples[None], row, column, self.grid, self.window)[0]
        return np.asarray(found, dtype=np.int64)
