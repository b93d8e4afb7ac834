"""Parts of triples in which the triples of one reference stay together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput


def folds_by_reference(reference: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold 0..folds-1 of each triple, (n,): triples of one reference stay together.

    References are shuffled by `seed` and dealt out in turn, so folds differ by at most one
    reference.

    Raises:
        BadInput: fewer than two folds, or fewer references than folds.
    """
    distinct, which = np.unique(reference, return_inverse=True)
    if not 2 <= folds <= len(distinct):
        raise BadInput(
            f"{words.count(len(distinct), 'reference')} cannot be dealt into "
            f"{words.count(folds, 'fold')} (2 or more)"
        )
    dealt = np.empty(len(distinct), dtype=np.int64)
    dealt[np.random.default_rng(seed).permutation(len(distinct))] = np.arange(len(distinct)) % folds
    return np.asarray(dealt[which])
