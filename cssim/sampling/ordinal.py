"""An embedding from answers alone: points such that the closer candidate lies closer.

Stochastic triplet embedding (van der Maaten and Weinberger 2012) with squared Euclidean distances:
P(a closer than b to r) = logistic(|r - b|^2 - |r - a|^2). The mean log loss plus a small penalty is
minimised by L-BFGS from several random starts; the lowest wins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTY = 1e-3
"""Of the mean squared length of a point: keeps items without answers near the middle."""


def fit_embedding(
    triples: Ints,
    items: int,
    *,
    dimensions: int = 2,
    starts: int = 3,
    rng: np.random.Generator,
    warm: Floats | None = None,
) -> Floats:
    """(items, dimensions) points.

    Args:
        triples: (n, 3) item numbers (reference, closer, farther).
        items: how many items there are.
        dimensions: of the space.
        starts: random starts, >= 1; with `warm` it is one more.
        rng: draws the starts.
        warm: (items, dimensions) a further start, e.g. the points before the last answers.

    Raises:
        BadInput: triples of another shape, or item numbers out of range.
    """
    from scipy.optimize import minimize

    asked = np.asarray(triples, dtype=np.int64)
    if asked.ndim != 2 or asked.shape[1] != 3 or starts < 1:
        raise BadInput(f"expected triples of shape (n, 3), got {asked.shape}")
    if len(asked) and (asked.min() < 0 or asked.max() >= items):
        raise BadInput(f"item numbers lie in 0..{items - 1}")
    begin = [rng.normal(0, 0.5, (items, dimensions)) for _ in range(starts)]
    begin += [] if warm is None else [warm]
    best: tuple[float, Floats] | None = None
    for start in begin:
        found = minimize(
            _loss,
            start.ravel(),
            args=(asked, items),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 200, "ftol": 1e-7},
        )
        if best is None or found.fun < best[0]:
            best = float(found.fun), found.x.reshape(items, dimensions)
    assert best is not None
    return best[1]


def _loss(flat: Floats, triples: Ints, items: int) -> tuple[float, Floats]:
    """Mean log loss with its penalty, and the gradient."""
    points = flat.reshape(items, -1)
    gradient = 2 * PENALTY * points / items
    loss = PENALTY * float((points**2).sum()) / items
    if len(triples):
        r, a, b = points[triples[:, 0]], points[triples[:, 1]], points[triples[:, 2]]
        margin = ((r - b) ** 2).sum(axis=1) - ((r - a) ** 2).sum(axis=1)
        loss += float(np.logaddexp(0, -margin).mean())
        slope = (-0.5 * (1 - np.tanh(margin / 2)) / len(triples))[:, None, None]
        pull = 2 * slope * np.stack([a - b, r - a, b - r], axis=1)  # (n, 3, dimensions)
        for k in range(points.shape[1]):
            gradient[:, k] += np.bincount(
                triples.ravel(), weights=pull[:, :, k].ravel(), minlength=items
            )
    return loss, gradient.ravel()


def margins_of(points: Floats, triples: Ints) -> Floats:
    """(n,) |r - b|^2 - |r - a|^2 of (r, a, b): positive where a is closer."""
    r, a, b = (points[triples[:, k]] for k in range(3))
    return np.asarray(((r - b) ** 2).sum(axis=1) - ((r - a) ** 2).sum(axis=1))
