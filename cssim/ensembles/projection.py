"""Principal components of reference features, kept so that any new reference can be projected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput

Floats = NDArray[np.float64]

PAPER_REFERENCES, PAPER_SEED = 320, 2
"""How many validation references the paper fits its PCA on, and the seed that shuffles them."""


@dataclass(frozen=True, eq=False)
class Projection:
    """z = (x - mean) components^T, to be applied to any features of the same encoder."""

    mean: Floats
    """(d,) of the features that it was fitted on."""
    components: Floats
    """(dim, d) orthonormal rows, by falling variance; zeros where the data have fewer."""
    scale: Floats
    """(dim,) standard deviation along each component; 1 where there is none."""

    def __post_init__(self) -> None:
        dim, d = self.components.shape
        if self.mean.shape != (d,) or self.scale.shape != (dim,):
            raise BadInput(
                f"a projection to {words.count(dim, 'dimension')} of {words.count(d, 'feature')} "
                f"needs a mean ({d},) and scales ({dim},), got {self.mean.shape} and "
                f"{self.scale.shape}"
            )

    @property
    def dim(self) -> int:
        """Dimensions after projecting."""
        return len(self.components)

    def __call__(self, features: NDArray[np.floating]) -> Floats:
        """(k, dim) coordinates of (k, d) features.

        Raises:
            BadInput: features of another width, or not finite.
        """
        given = checked_features(features)
        if given.shape[1] != len(self.mean):
            raise BadInput(
                f"features of this ensemble have {words.count(len(self.mean), 'dimension')}, got "
                f"{given.shape[1]}: they must come from the encoder that it was fitted with"
            )
        return np.asarray((given.astype(np.float64) - self.mean) @ self.components.T)

    def scaled(self, features: NDArray[np.floating]) -> Floats:
        """(k, dim) coordinates in standard deviations of the features it was fitted on."""
        return np.asarray(self(features) / self.scale)


def fit_projection(features: NDArray[np.floating], dim: int) -> Projection:
    """The first principal components, by the eigenvectors of the smaller Gram matrix in float64.

    The sign of a component is free: its largest loading is made positive, as scikit-learn does, so
    that the same features give the same map.

    Args:
        features: (references, d), at least one row.
        dim: 1..; where the features vary in fewer directions, the rest is zero.

    Raises:
        BadInput: no features, not finite, or a dimension below 1.
    """
    given = checked_features(features).astype(np.float64)
    if dim < 1 or not len(given):
        raise BadInput(f"need features and a dimension of 1 or more, got {given.shape} and {dim}")
    mean = given.mean(axis=0)
    values, kept = _leading(given - mean, dim)
    largest = np.argmax(np.abs(kept), axis=1)
    kept = kept * np.sign(kept[np.arange(len(kept)), largest])[:, None]
    components = np.zeros((dim, given.shape[1]))
    components[: len(kept)] = kept
    scale = np.ones(dim)
    scale[: len(kept)] = values[: len(kept)] / np.sqrt(max(1, len(given) - 1))
    return Projection(mean, components, scale)


def _leading(centred: Floats, dim: int) -> tuple[Floats, Floats]:
    """The largest singular values, and their right singular vectors as rows; at most `dim`.

    Only those are computed, on (g, g) or (d, d), whichever is smaller: a full decomposition of
    1,320 references takes ten times as long.
    """
    from scipy.linalg import eigh

    wide = centred.shape[0] < centred.shape[1]
    gram = centred @ centred.T if wide else centred.T @ centred
    size = len(gram)
    squares, vectors = eigh(gram, subset_by_index=[max(0, size - dim), size - 1])
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # Rounding leaves directions of no variance with a tiny one; they carry no information.
    real = int(np.sum(squares > max(squares[0], 0.0) * 1e-12))
    values = np.sqrt(squares[:real])
    rows = vectors[:, :real].T
    return values, (rows @ centred) / values[:, None] if wide else rows


def paper_projection(
    features: NDArray[np.floating],
    image_ids: NDArray[np.int64],
    cluster_features: NDArray[np.floating],
    *,
    dim: int = 2,
) -> Projection:
    """The PCA of Liao and Chen 2024: on 320 validation references and the clusters' references.

    The distinct ids are sorted and shuffled by the seed 2, and the first 320 taken (all, where
    there are fewer); the clusters' references follow.

    Args:
        features: (k, d) of validation references; rows of one id are equal.
        image_ids: (k,) their image ids.
        cluster_features: (clusters, d) of the references of the CS clusters.
        dim: 2 for the map, 8 or 64 for the regressors.

    Raises:
        BadInput: shapes that do not fit; see `fit_projection`.
    """
    given, own = checked_features(features), checked_features(cluster_features)
    if image_ids.shape != (len(given),) or own.shape[1] != given.shape[1]:
        raise BadInput(
            f"features {given.shape} need as many ids and clusters of the same width, got "
            f"{image_ids.shape} and {own.shape}"
        )
    _, first = np.unique(image_ids, return_index=True)
    order = np.random.RandomState(PAPER_SEED).permutation(len(first))[:PAPER_REFERENCES]
    return fit_projection(np.concatenate([given[first[order]], own]), dim)


def checked_features(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """The features themselves; raises `BadInput` unless they are finite and (k, d)."""
    given = np.asarray(features)
    if given.ndim != 2 or not given.shape[1]:
        raise BadInput(f"features have shape (references, d), got {given.shape}")
    if not np.isfinite(given).all():
        raise BadInput("features must be finite; embed these references again")
    return given
