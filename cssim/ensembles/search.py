"""Search by example: the pictures of an index by their ensemble distance to a reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cssim.embeddings import ssim
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

    One matrix product ranks all of them by the cosines, and exact distances rank the first ones.

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
    rough = _rough(index, own, scale)
    take = min(len(rough), 2 * top + _SPARE)
    rows = np.argpartition(rough, take - 1)[:take] if take else np.zeros(0, dtype=np.int64)
    exact = np.stack(
        [
            _apart(ref, part[rows], maker)
            for ref, part, maker in zip(own, index.parts, index.encoders.values(), strict=True)
        ]
    )
    both = np.repeat(exact[:, :, None], 2, axis=2)
    distance = fitted.weigh(both, weights[None])[:, 0]
    ranked = sorted(zip(distance.tolist(), rows.tolist(), strict=True))[:top]
    # Adding zero turns the -0.0 of a picture that is the reference itself into 0.0.
    return [Found(index.paths[row], value + 0.0) for value, row in ranked]


def _rough(
    index: Index, own: Sequence[NDArray[np.float32]], scale: NDArray[np.float64]
) -> NDArray[np.floating]:
    """(n,) weighted sums of the members' distances to the reference: cosines in float32."""
    members = list(zip(own, index.parts, index.encoders.values(), scale, strict=True))
    cosines = [(ref, factor) for ref, _, maker, factor in members if not ssim.compares(maker)]
    query = np.concatenate([np.zeros(0), *(factor * unit_rows(ref)[0] for ref, factor in cosines)])
    total = sum(factor for _, factor in cosines) - index.units @ query.astype(np.float32)
    for ref, part, maker, factor in members:
        if ssim.compares(maker):
            total = total + factor * _apart(ref, part, maker)
    return np.asarray(total)


def _apart(ref: NDArray[np.float32], part: NDArray[np.float32], maker: str) -> NDArray[np.float64]:
    """(k,) exact distances of one member's (1, dim) vector to its (k, dim) others."""
    both = np.concatenate([ref, part])
    return pair_distances(both, [0] * len(part), range(1, len(both)), made_by=maker)
