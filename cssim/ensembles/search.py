"""Search by example: the pictures of an index by their ensemble distance to a reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.distances import pair_distances
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.index import Index, unit_rows
from cssim.errors import BadInput

_SPARE = 16
"""Rows beyond twice `top` that are measured exactly: float32 may swap only near neighbours."""


class Found(NamedTuple):
    """A picture that was found."""

    path: str
    """Its path; `images[3]` for the fourth of a list that is no path."""
    distance: float
    """The ensemble's distance to the reference, smaller = closer."""


def nearest(
    index: Index,
    fitted: Fitted,
    own: Sequence[NDArray[np.float32]],
    weights: NDArray[np.float64],
    *,
    top: int,
) -> list[Found]:
    """The pictures of an index that are closest to a reference, the closest first.

    One matrix product ranks all of them, and exact distances rank the first ones.

    Args:
        index: of the ensemble's members.
        fitted: the strategy, one that adds distances.
        own: (1, dim) of the reference, by each member.
        weights: (members,) at the reference.
        top: how many, 1 or more.
    """
    if top < 1:
        raise BadInput(f"search finds 1 or more pictures, got top={top}")
    scale = weights / np.array(fitted.spreads)
    query = np.concatenate(
        [factor * unit_rows(part)[0] for factor, part in zip(scale, own, strict=True)]
    )
    rough = scale.sum() - index.units @ query.astype(np.float32)
    take = min(len(rough), 2 * top + _SPARE)
    rows = np.argpartition(rough, take - 1)[:take] if take else np.zeros(0, dtype=np.int64)
    exact = np.stack(
        [
            pair_distances(np.concatenate([ref, part[rows]]), [0] * take, range(1, take + 1))
            for ref, part in zip(own, index.parts, strict=True)
        ]
    )
    both = np.repeat(exact[:, :, None], 2, axis=2)
    distance = fitted.weigh(both, weights[None])[:, 0]
    ranked = sorted(zip(distance.tolist(), rows.tolist(), strict=True))[:top]
    # Adding zero turns the -0.0 of a picture that is the reference itself into 0.0.
    return [Found(index.paths[row], value + 0.0) for value, row in ranked]
