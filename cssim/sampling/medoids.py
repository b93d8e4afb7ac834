"""Suggested references: images that stand for the whole collection, by k-medoids.

Medoids are images themselves, unlike the centres of k-means. Started by k-means++ weights (Arthur
and Vassilvitskii 2007) and improved by alternating assignment and choice of each group's medoid
(Park and Jun 2009) until nothing changes. Distance: 1 - cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]

MOST = 5_000
"""More images than so many are thinned to a random sample: distances grow with the square."""
_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Medoids:
    """Images that stand for the others."""

    rows: NDArray[np.int64]
    """(k,) rows of the medoids, those with the largest groups first."""
    sizes: NDArray[np.int64]
    """(k,) how many images are nearest to each, itself included."""
    cost: float
    """Mean distance of an image to its medoid, 0..2."""


def k_medoids(vectors: NDArray[np.floating], k: int, rng: np.random.Generator) -> Medoids:
    """`k` rows such that the mean distance of all rows to the nearest of them is small.

    A local optimum: no other member of a group would serve it better.

    Args:
        vectors: (images, dim), any length but zero.
        k: 1 to the number of images.
        rng: draws the start and, beyond `MOST` images, the sample.

    Raises:
        BadInput: `k` is out of its range, or a vector is not finite.
    """
    unit = np.asarray(vectors, dtype=np.float64)
    if unit.ndim != 2 or not 1 <= k <= len(unit):
        raise BadInput(
            f"{words.count(k, 'medoid was', 'medoids were')} asked for out of "
            f"{words.count(len(unit), 'image')}"
        )
    if not np.isfinite(unit).all():
        raise BadInput("an embedding is not finite; embed its image again")
    norms = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = unit / np.where(norms > 0, norms, 1.0)
    used = np.arange(len(unit))
    if len(used) > MOST:
        used = np.sort(rng.choice(len(unit), max(MOST, k), replace=False))
    distance = np.clip(1 - unit[used] @ unit[used].T, 0, None)
    medoids = _start(distance, k, rng)
    for _ in range(_ROUNDS):
        group = np.argmin(distance[:, medoids], axis=1)
        group[medoids] = np.arange(k)  # equal images could leave a group empty
        better = np.array([_centre(distance, np.flatnonzero(group == g)) for g in range(k)])
        if np.array_equal(better, medoids):
            break
        medoids = better
    nearest = 1 - unit @ unit[used[medoids]].T  # all images, sampled or not
    sizes = np.bincount(np.argmin(nearest, axis=1), minlength=k)
    order = np.argsort(-sizes, kind="stable")
    cost = float(np.clip(nearest.min(axis=1), 0, None).mean())
    return Medoids(used[medoids][order], sizes[order], cost)


def _start(distance: Floats, k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """K different rows, far ones more likely."""
    chosen = [int(rng.integers(len(distance)))]
    for _ in range(k - 1):
        far = distance[:, chosen].min(axis=1)
        far[chosen] = 0
        free = np.ones(len(far))
        free[chosen] = 0
        weights = far if far.sum() > 0 else free
        chosen.append(int(rng.choice(len(far), p=weights / weights.sum())))
    return np.array(chosen, dtype=np.int64)


def _centre(distance: Floats, members: NDArray[np.int64]) -> int:
    """The member with the least sum of distances to the others; a group is never empty."""
    return int(members[np.argmin(distance[np.ix_(members, members)].sum(axis=0))])
