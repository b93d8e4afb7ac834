"""What combined distances say about one question: the choice and how sure it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim.types import Choice


def choice_of(distances: NDArray[np.float64]) -> Choice | None:
    """The closer candidate by (2,) distances to A and B; None on an exact tie."""
    if distances[0] == distances[1]:
        return None
    return Choice.A if distances[0] < distances[1] else Choice.B


def confidence_of(says_a: float, choice: Choice | None) -> float:
    """Probability 0..1 of the choice where A is right with `says_a`; a tie is one half."""
    return 0.5 if choice is None else says_a if choice is Choice.A else 1 - says_a


def as_pair(distances: NDArray[np.float64]) -> tuple[float, float]:
    """(2,) distances as plain numbers."""
    return float(distances[0]), float(distances[1])
