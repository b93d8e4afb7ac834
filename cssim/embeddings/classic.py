"""Metrics that need no weights: colour histogram, histogram of oriented gradients, and SSIM.

The first two give vectors whose cosine means something, so the same distances and the same cache
serve them; pictures for SSIM lie in the same cache and are compared in `cssim.embeddings.ssim`.
All are rivals that any learned model has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.embeddings.ssim import StructuralSimilarity
from cssim.errors import BadInput

_TINY = 1e-7
"""Keeps the norm of a block without any edge away from 0."""


@dataclass(frozen=True, slots=True)
class ColourHistogram:
    """Square roots of the shares of the pixels in each cell of the RGB cube.

    The cosine of two of these is the Bhattacharyya coefficient of the two histograms
    (Bhattacharyya 1943): 1 for equal colours, 0 where no colour is shared.
    """

    bins: int = 8
    """Equal parts of each channel, 1 to 256; the vector has bins**3 entries."""
    name: str = "histogram"

    def __post_init__(self) -> None:
        if not 1 <= self.bins <= 256:
            raise BadInput(f"a colour histogram has 1 to 256 bins a channel, got {self.bins}")

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.bins**3

    @property
    def fingerprint(self) -> str:
        """Says which metric this is, with all that changes its numbers."""
        return f"histogram-1-{self.bins}"

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, bins**3) float32, each row of unit length."""
        return _rows(images, self._embed_one, self.dim)

    def _embed_one(self, image: PIL.Image.Image) -> NDArray[np.float64]:
        pixels = np.asarray(image.convert("RGB"), dtype=np.int64).reshape(-1, 3)
        red, green, blue = (pixels * self.bins // 256).T
        counts = np.bincount((red * self.bins + green) * self.bins + blue, minlength=self.dim)
        return np.sqrt(counts / len(pixels))


@dataclass(frozen=True, slots=True)
class OrientedGradients:
    """HOG: where the edges are and which way they run (Dalal and Triggs, CVPR 2005).

    Grey picture, centred differences, unsigned angles with votes shared between the two nearest
    bins, square cells, blocks of 2 x 2 cells normalised by L2-Hys (clipped at 0.2).
    """

    size: int = 128
    """Pictures are squeezed to size x size pixels."""
    cell: int = 16
    """Side of a cell in pixels; divides `size`, at least twice."""
    angles: int = 9
    """Bins of the angle, 0 to 180 degrees."""
    name: str = "hog"

    def __post_init__(self) -> None:
        if self.cell < 1 or self.size % self.cell or self.size < 2 * self.cell or self.angles < 1:
            raise BadInput(
                "HOG needs a cell that divides the size at least twice and 1 or more angles, got "
                f"size {self.size}, cell {self.cell}, angles {self.angles}"
            )

    @property
    def dim(self) -> int:
        """Length of an embedding: overlapping blocks x 4 cells x angles."""
        return (self.size // self.cell - 1) ** 2 * 4 * self.angles

    @property
    def fingerprint(self) -> str:
        """Says which metric this is, with all that changes its numbers."""
        return f"hog-1-{self.size}-{self.cell}-{self.angles}"

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, dim) float32; each block of 4 x angles entries has at most unit length."""
        return _rows(images, self._embed_one, self.dim)

    def _embed_one(self, image: PIL.Image.Image) -> NDArray[np.float64]:
        resized = image.convert("L").resize((self.size, self.size), PIL.Image.Resampling.BILINEAR)
        return self._blocks(self.cells(np.asarray(resized, dtype=np.float64))).ravel()

    def cells(self, grey: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows, columns, angles) histograms of a (size, size) grey picture, before norms."""
        dx, dy = np.zeros_like(grey), np.zeros_like(grey)
        dx[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
        dy[1:-1] = grey[2:] - grey[:-2]
        length = np.hypot(dx, dy)
        position = np.mod(np.arctan2(dy, dx), np.pi) / np.pi * self.angles - 0.5
        low = np.floor(position).astype(np.int64)
        share = position - low
        across = self.size // self.cell
        row, column = np.indices(grey.shape) // self.cell
        first = (row * across + column) * self.angles
        votes = np.zeros(across * across * self.angles)
        for angle, weight in ((low, 1 - share), (low + 1, share)):
            index = first + angle % self.angles
            votes += np.bincount(index.ravel(), (weight * length).ravel(), len(votes))
        return votes.reshape(across, across, self.angles)

    def _blocks(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """(blocks, 4 x angles) L2-Hys norms of overlapping 2 x 2 cells."""
        corners = (cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:])
        blocks = np.concatenate(corners, axis=2).reshape(-1, 4 * self.angles)
        return _unit(np.minimum(_unit(blocks), 0.2))


METRICS: dict[str, Callable[[], ColourHistogram | OrientedGradients | StructuralSimilarity]] = {
    "histogram": ColourHistogram,
    "hog": OrientedGradients,
    "ssim": StructuralSimilarity,
}
"""The metrics by name, with their defaults."""


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.sqrt(np.sum(rows**2, axis=1, keepdims=True) + _TINY**2)
    return rows / lengths


def _rows(
    images: Sequence[PIL.Image.Image],
    one: Callable[[PIL.Image.Image], NDArray[np.float64]],
    dim: int,
) -> NDArray[np.float32]:
    vectors = np.zeros((len(images), dim), dtype=np.float32)
    for row, image in enumerate(images):
        vectors[row] = one(image)
    return vectors
