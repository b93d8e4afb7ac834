"""What a step minimises: the choice cross-entropy, and the order triplet of Liao and Chen 2024.

Distances are squared Euclidean distances of unit vectors, d = |u - v|^2 = 2 (1 - cos), in 0..4:
the order that inference uses, unlike unnormalised distances.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


def margins(
    class_a: NDArray[np.float64],
    class_b: NDArray[np.float64],
    base: float = 0.2,
    per_class: float = 0.2,
) -> NDArray[np.float64]:
    """(n,) margins base + per_class * |class_a - class_b|; `base` where classes are unknown (NaN).

    Source: Liao and Chen 2024, m = 0.2 + |class1 - class2| / 5.
    """
    return base + per_class * np.nan_to_num(np.abs(class_a - class_b), nan=0.0)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """(n, dim) rows of unit length; rows of zeros stay zeros."""
    return functional.normalize(vectors, dim=1)


def squared_distances(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(n,) squared Euclidean distances of the unit vectors of two (n, dim), 0..4."""
    return (unit(left) - unit(right)).square().sum(dim=1)


def choice_loss(logits: torch.Tensor, share_a: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean over n triples of weight * cross-entropy between the votes and sigmoid(logits).

    Args:
        logits: (n,) log odds that `a` is closer.
        share_a: (n,) share of the votes for `a`: soft targets, 0..1.
        weight: (n,) >= 0.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, share_a, reduction="none")
    return (weight * loss).mean()


def order_loss(
    distance_a: torch.Tensor,
    distance_b: torch.Tensor,
    share_a: torch.Tensor,
    margin: torch.Tensor,
    weight: torch.Tensor,
) -> torch.Tensor:
    """Mean over n triples of weight * |2 share_a - 1| * max(0, margin - s (d_a - d_b)).

    s = +1 where most voters say that `b` is closer and -1 where `a` is; a tie has no order and
    counts nothing, an agreed answer counts fully.

    Args:
        distance_a: (n,) squared distance of `a` to the reference, 0..4.
        distance_b: (n,) likewise of `b`.
        share_a: (n,) share of the votes for `a`.
        margin: (n,) in units of the distances.
        weight: (n,) >= 0.

    Source: Liao and Chen 2024, the order triplet.
    """
    lean = 1 - 2 * share_a
    hinge = functional.relu(margin - torch.sign(lean) * (distance_a - distance_b))
    return (weight * lean.abs() * hinge).mean()
