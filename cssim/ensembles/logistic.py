"""Logistic regression without intercept, by Newton's method.

Without an intercept, turning the sign of a row and of its answer changes nothing: it cannot matter
which candidate of a triple is called A.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput

_ROUNDS, _SMALL = 100, 1e-10


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


def fit_logistic(
    x: NDArray[np.float64],
    share: NDArray[np.float64],
    *,
    ridge: float = 1.0,
    start: NDArray[np.float64] | None = None,
    small: float = _SMALL,
) -> NDArray[np.float64]:
    """Coefficients w that minimise the log loss of sigmoid(x w) plus ridge / 2 |w|^2.

    Each row counts as one answer, split by `share` between yes and no. With `ridge` 1 a thousand
    rows outweigh the penalty by far, while separable answers still have a finite solution.

    Args:
        x: (n, features), of spread about 1 each, so that the penalty means the same for all.
        share: (n,) 0..1, the share of yes.
        ridge: > 0.
        start: (features,) where to begin; None: at 0. The result is the same, the way shorter.
        small: stops once no coefficient moves further than this in a step.

    Returns:
        (features,).

    Raises:
        BadInput: a ridge that is not positive.
    """
    if ridge <= 0:
        raise BadInput(f"the ridge must be positive, got {ridge}")
    w = np.zeros(x.shape[1]) if start is None else start
    loss = _loss(x, share, w, ridge)
    for _ in range(_ROUNDS):
        p = sigmoid(x @ w)
        slope = x.T @ (p - share) + ridge * w
        curve = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(w))
        step = np.asarray(np.linalg.solve(curve, slope), dtype=np.float64)
        w, loss, moved = _descend(x, share, ridge, w, loss, step)
        if moved < small:
            break
    return w


def _descend(
    x: NDArray[np.float64],
    share: NDArray[np.float64],
    ridge: float,
    w: NDArray[np.float64],
    loss: float,
    step: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float, float]:
    """The longest of the step, its half, quarter, ... that does not make things worse."""
    for halvings in range(40):
        new = w - step * 0.5**halvings
        new_loss = _loss(x, share, new, ridge)
        if new_loss <= loss:
            return new, new_loss, float(np.max(np.abs(new - w)))
    return w, loss, 0.0


def _loss(
    x: NDArray[np.float64], share: NDArray[np.float64], w: NDArray[np.float64], ridge: float
) -> float:
    z = x @ w
    return float(np.sum(np.logaddexp(0.0, z) - share * z) + 0.5 * ridge * w @ w)
