"""Structural similarity: small grey pictures, compared window by window instead of by a cosine.

Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
structural similarity", IEEE TIP 13(4), 2004, equations 13 to 17: Gaussian windows of 11 x 11 with a
standard deviation of 1.5, K1 = 0.01, K2 = 0.03, windows that lie wholly inside the picture.

What is stored of a picture is the picture itself. Local means and variances are computed once per
picture, and only the local covariance once per pair, by two products with a band matrix: numbers
are in float64 and depend on the two pictures alone, so that exact ties stay exact.

SSIM is a positive definite kernel with SSIM(x, x) = 1 (each of its factors is one), so 1 - SSIM is
half a squared distance, between 0 and 2, as 1 - cosine is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import PIL.Image
from numpy.typing import ArrayLike, NDArray

from cssim.errors import BadInput

Floats = NDArray[np.float64]

WINDOW, SIGMA = 11, 1.5
"""Side of a window and standard deviation of its weights, in pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Keep the two fractions defined where pictures are black or flat (equations 7 and 9)."""
GREY = 128.0
"""Subtracted from the luminance: a cosine of stored pictures is then one about medium grey."""
_BYTES = 1 << 27
"""Room for the pictures of a call with their moments; more pairs are halved until theirs fit. Twice
as much at once costs more than computing some moments twice (measured)."""


@dataclass(frozen=True, slots=True)
class StructuralSimilarity:
    """The grey picture of size x size pixels; distances of two are 1 - SSIM."""

    size: int = 64
    """Pictures are squeezed to size x size pixels, `WINDOW` or more."""
    name: str = "ssim"

    def __post_init__(self) -> None:
        if self.size < WINDOW:
            raise BadInput(f"SSIM needs pictures of {WINDOW} pixels or more, got size {self.size}")

    @property
    def dim(self) -> int:
        """Length of an embedding: the pixels."""
        return self.size**2

    @property
    def fingerprint(self) -> str:
        """Says which metric this is, with all that changes its numbers."""
        return f"{_MARK}1-{self.size}"

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, size**2) float32: whole numbers, the luminance 0..255 minus `GREY`."""
        vectors = np.zeros((len(images), self.dim), dtype=np.float32)
        for row, image in enumerate(images):
            grey = image.convert("L").resize((self.size, self.size), PIL.Image.Resampling.BILINEAR)
            vectors[row] = np.asarray(grey, dtype=np.float32).ravel() - GREY
        return vectors


_MARK = "ssim-"


def compares(fingerprint: str) -> bool:
    """Whether vectors of this maker are pictures to be compared by SSIM, and not by a cosine.

    The fingerprint goes wherever vectors go (cache, model rows, indices); those of networks are
    hexadecimal digits, and those of the other metrics begin with their names.
    """
    return fingerprint.startswith(_MARK)


def similarities(pictures: NDArray[np.floating], left: ArrayLike, right: ArrayLike) -> Floats:
    """Mean SSIM of pairs of pictures.

    Args:
        pictures: (n, side**2) as `StructuralSimilarity.embed` gives them.
        left: (k,) row numbers.
        right: (k,) row numbers.

    Returns:
        (k,) float64, -1..1; 1 for equal pictures, exactly.

    Raises:
        BadInput: rows that are no square pictures of `WINDOW` or more pixels a side, or not finite.
    """
    side = math.isqrt(pictures.shape[1])
    if side**2 != pictures.shape[1] or side < WINDOW:
        raise BadInput(
            f"SSIM compares square pictures of {WINDOW} or more pixels a side, got rows of "
            f"{pictures.shape[1]}; embed the images again"
        )
    one, other = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    used = np.unique(np.concatenate([one, other]))
    if len(one) > 1 and 24 * len(used) * side**2 > _BYTES:
        order = np.lexsort((other, one))  # pairs with one left picture stay together
        out = np.empty(len(one))
        for half in np.array_split(order, 2):
            out[half] = similarities(pictures, one[half], other[half])
        return out
    rows = pictures[used]
    if not np.isfinite(rows).all():
        raise BadInput("pictures for SSIM hold numbers that are not finite; embed them again")
    known = _Pictures.of(rows, side)
    return known.compare(np.searchsorted(used, one), np.searchsorted(used, other))


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Pictures with what their windows hold, each computed once."""

    grey: Floats  # (n, side, side) luminance
    mean: Floats  # (n, windows, windows)
    spread: Floats  # (n, windows, windows) half the variance, plus C2 / 4

    @staticmethod
    def of(rows: NDArray[np.floating], side: int) -> _Pictures:
        windows = side - WINDOW + 1
        grey = np.add(rows.reshape(-1, side, side), GREY, dtype=np.float64)
        mean, spread = np.empty((2, len(grey), windows, windows))
        for picture, own_mean, own_spread in zip(grey, mean, spread, strict=True):
            own_mean[:] = _windows(picture)
            own_spread[:] = (_windows(picture**2) - own_mean**2 + C2 / 2) / 2
        return _Pictures(grey, mean, spread)

    def compare(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
        """(k,) mean SSIM of pairs, one by one: a pair's windows stay in the processor's cache."""
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        return np.array([self._ssim(i, j) for i, j in pairs])

    def _ssim(self, i: int, j: int) -> float:
        """Mean of equation 13, whose four factors are all halved here: exact, and fewer passes."""
        product = self.mean[i] * self.mean[j]
        structure = _windows(self.grey[i] * self.grey[j])
        structure -= product
        structure += C2 / 2
        product += C1 / 2
        below = self.mean[i] - self.mean[j]
        below *= below
        below /= 2
        below += product  # half of mean_i**2 + mean_j**2 + C1
        below *= self.spread[i] + self.spread[j]
        structure *= product
        structure /= below
        return float(structure.mean())


def _windows(picture: Floats) -> Floats:
    """(side - 10, side - 10) weighted means of all windows of a (side, side) picture."""
    band = _band(picture.shape[-1])
    return np.asarray(band @ (picture @ band.T))


@lru_cache
def _band(side: int) -> Floats:
    """(side - 10, side) the Gaussian weights of one window in each row."""
    taps = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    band = np.zeros((side - WINDOW + 1, side))
    for row in range(len(band)):
        band[row, row : row + WINDOW] = taps / taps.sum()
    return band
