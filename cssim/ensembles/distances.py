"""Distances of many models on many triples: `distances[model, triple, candidate]`.

Equation: d(R, X) = 1 - cos(R, X) (Liao and Chen 2024, section 4.4), between 0 and 2, smaller =
closer. Candidate 0 is A, candidate 1 is B. Only the metric SSIM compares otherwise, 1 - SSIM of two
pictures: the fingerprint of whatever made the vectors tells (`cssim.embeddings.ssim`).

Precision: embeddings stay in the dtype in which they are stored (float16 or float32, memory-mapped
or not) and are widened to float64 a small block at a time. Float32 sums would be twice as fast, but
move d by 1e-7: enough to turn near-ties round and to invent ties that are none. Reading the rows
costs more than the arithmetic, so each distinct pair (R, X) is computed once, for all its triples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.embeddings import ssim
from cssim.errors import BadInput

_BLOCK = 64
"""Rows at a time: they stay in the processor's cache (measured: 32 to 128 rows of 768)."""
_WIDE_BYTES = 1 << 28
"""Used rows are widened once for all up to this size: 43,000 rows of 768."""


def pair_distances(
    embedding: NDArray[np.floating], left: ArrayLike, right: ArrayLike, *, made_by: str = ""
) -> NDArray[np.float64]:
    """1 - cosine between pairs of rows of one embedding, or 1 - SSIM of pictures.

    Equal rows give equal distances, bit for bit, so exact ties stay exact. A row of zeros has no
    direction: it is at distance 1 from everything, like an orthogonal one.

    Args:
        embedding: (images, dim) of any float type.
        left: (k,) row numbers.
        right: (k,) row numbers.
        made_by: fingerprint of the encoder; without one, cosines.

    Returns:
        (k,) float64, 0..2.

    Raises:
        BadInput: a row number out of range, or a row that is not finite.
    """
    matrix = np.asarray(embedding)
    if matrix.ndim != 2:
        raise BadInput(f"an embedding has shape (images, dim), got {matrix.shape}")
    one, other = _rows(left, len(matrix)), _rows(right, len(matrix))
    if one.shape != other.shape:
        raise BadInput(f"pairs need as many left as right rows, got {one.shape} and {other.shape}")
    if ssim.compares(made_by):
        return np.asarray(np.clip(1.0 - ssim.similarities(matrix, one, other), 0.0, 2.0))
    used, where = np.unique(np.concatenate([one, other]), return_inverse=True)
    rows = _Rows(matrix, used)
    first, second = where[: len(one)], where[len(one) :]
    norms, dots = rows.norms, np.empty(len(one))
    if not np.isfinite(norms).all():
        bad = int(used[np.flatnonzero(~np.isfinite(norms))[0]])
        raise BadInput(f"row {bad} of the embedding is not finite; embed its image again")
    norms = np.where(norms > 0, norms, 1.0)
    for block in _blocks(len(one)):
        dots[block] = np.vecdot(rows.take(first[block], 0), rows.take(second[block], 1))
    return np.asarray(np.clip(1.0 - dots / (norms[first] * norms[second]), 0.0, 2.0))


def model_distances(
    embedding: NDArray[np.floating],
    reference: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    *,
    made_by: str,
) -> NDArray[np.float64]:
    """Distances of one model: (n, 2), column 0 to candidate A and column 1 to candidate B.

    Args:
        embedding: (images, dim) of any float type.
        reference: (n,) row numbers.
        a: (n,) row numbers.
        b: (n,) row numbers.
        made_by: fingerprint of the model's encoder.

    Raises:
        BadInput: see `pair_distances`.
    """
    return np.asarray(triple_distances([embedding], reference, a, b, made_by=[made_by])[0])


def triple_distances(
    embeddings: Sequence[NDArray[np.floating]],
    reference: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    *,
    made_by: Sequence[str] = (),
) -> NDArray[np.float64]:
    """Distances of all models in one pass over the triples.

    Args:
        embeddings: one (images, dim of the model) array per model; row i of each is the same image.
        reference: (n,) row numbers.
        a: (n,) row numbers.
        b: (n,) row numbers.
        made_by: fingerprint of each model's encoder; none: cosines for all.

    Returns:
        (models, n, 2) float64, 0..2.

    Raises:
        BadInput: embeddings of different numbers of images, or see `pair_distances`.
    """
    sizes = {len(embedding) for embedding in embeddings}
    if len(sizes) != 1:
        raise BadInput(f"all models must embed the same images, got {sorted(sizes)} rows")
    images = sizes.pop()
    refs, first, second = (_rows(rows, images) for rows in (reference, a, b))
    if not len(refs) == len(first) == len(second):
        raise BadInput(
            f"columns of {len(refs)}, {len(first)} and {words.count(len(second), 'triple')} differ"
        )
    codes = np.stack([refs * images + first, refs * images + second], axis=1)  # (n, 2)
    pairs, where = np.unique(codes, return_inverse=True)  # sorted by reference: kind to the cache
    left, right = np.divmod(pairs, max(1, images))
    out = np.empty((len(embeddings), len(refs), 2))
    prints = made_by or [""] * len(embeddings)
    for model, (embedding, maker) in enumerate(zip(embeddings, prints, strict=True)):
        found = pair_distances(embedding, left, right, made_by=maker)
        out[model] = found[where.reshape(codes.shape)]
    return out


def rows_of(images: ArrayLike, wanted: ArrayLike) -> NDArray[np.int64]:
    """Row number of each wanted image id in an embedding whose rows are `images`.

    Args:
        images: (images,) distinct ids, in the order of the embedding's rows.
        wanted: (k,) ids.

    Raises:
        BadInput: ids twice among `images`, or wanted ids that are not there.
    """
    ids, asked = np.asarray(images, dtype=np.int64), np.asarray(wanted, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    if np.any(np.diff(ids[order]) == 0):
        raise BadInput("each image may stand in one row of an embedding, some stand in several")
    at = np.searchsorted(ids, asked, sorter=order)
    found = at < len(ids)
    found[found] = ids[order[at[found]]] == asked[found]
    if not found.all():
        missing = np.unique(asked[~found])
        raise BadInput(
            f"{len(missing)} image(s) have no embedding, e.g. id {missing[0]}; embed them first"
        )
    return np.asarray(order[at], dtype=np.int64)


def margins(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much closer A is than B: d(R, B) - d(R, A), so > 0 says A, < 0 says B, 0 is a tie.

    Args:
        distances: (..., n, 2).

    Returns:
        (..., n).
    """
    return np.asarray(distances[..., 1] - distances[..., 0])


def spreads(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each model's typical margin: the root mean square of d(R, B) - d(R, A).

    Taken about zero and not about the mean, so that it does not depend on which candidate of a
    triple happens to be called A.

    Args:
        distances: (models, n, 2), of validation triples.

    Returns:
        (models,) > 0; 1 where a model knows no difference at all, so that dividing changes nothing.

    Raises:
        BadInput: no triples.
    """
    if distances.shape[1] == 0:
        raise BadInput("a spread needs at least one validation triple, got none")
    found = np.sqrt(np.mean(margins(distances) ** 2, axis=1))
    return np.where(found > 0, found, 1.0)


def standardise(distances: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances in units of each model's spread on validation triples: (models, n, 2).

    Args:
        distances: (models, n, 2).
        spread: (models,) > 0, from `spreads` on validation triples.
    """
    return np.asarray(distances / spread[:, None, None])


def _rows(rows: ArrayLike, images: int) -> NDArray[np.int64]:
    """Checked row numbers; negative ones would silently count from the end."""
    found = np.asarray(rows, dtype=np.int64)
    if found.ndim != 1:
        raise BadInput(f"row numbers have shape (n,), got {found.shape}")
    if len(found) and (found.min() < 0 or found.max() >= images):
        raise BadInput(f"row numbers must lie in 0..{images - 1}, got {found.min()}..{found.max()}")
    return found


class _Rows:
    """The used rows of a matrix in float64, a block at a time, in buffers that are used again.

    They are widened once for all where they fit, and each time they are asked for where not.
    """

    def __init__(self, matrix: NDArray[np.floating], used: NDArray[np.int64]) -> None:
        dim = matrix.shape[1]
        self._matrix, self._used = matrix, used
        self._narrow = np.empty((_BLOCK, dim), dtype=matrix.dtype)
        self._wide = np.empty((2, _BLOCK, dim))
        self._all: NDArray[np.float64] | None = None
        self.norms = np.empty(len(used))
        fits = 8 * len(used) * dim <= _WIDE_BYTES
        every = np.empty((len(used) if fits else 0, dim))
        for block in _blocks(len(used)):
            own = every[block] if fits else self._wide[0, : len(used[block])]
            np.copyto(own, self._matrix[used[block]])
            self.norms[block] = np.sqrt(np.vecdot(own, own))
        if fits:
            self._all = every

    def take(self, rows: NDArray[np.int64], buffer: int) -> NDArray[np.float64]:
        """(k, dim) of these places among the used rows, valid until the buffer is taken again."""
        out = self._wide[buffer, : len(rows)]
        # Row numbers are checked, and `clip` lets numpy write into the buffer without a copy.
        if self._all is not None:
            return np.take(self._all, rows, axis=0, out=out, mode="clip")
        narrow = self._narrow[: len(rows)]
        np.take(self._matrix, self._used[rows], axis=0, out=narrow, mode="clip")
        np.copyto(out, narrow)
        return out


def _blocks(rows: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, rows, _BLOCK)]
