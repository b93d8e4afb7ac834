"""Whatever turns images into vectors, and how to get one by name.

A frozen backbone, a trained CS model and a classical metric all meet the same small contract, so
the cache, the distances and the ensembles never ask which of them they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import PIL.Image


@runtime_checkable
class Encoder(Protocol):
    """Anything with a name, a fingerprint, a dimension and `embed`."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits: equal fingerprints give equal embeddings of equal images."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    def embed(self, images: Sequence[PIL.Image.Image]) -> NDArray[np.float32]:
        """(n, dim) float32 embeddings of n images in RGB; no images give shape (0, dim)."""


def load_encoder(
    name: str,
    *,
    models: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Encoder:
    """The frozen encoder of that name: a metric, a registry row, a Hub name or a folder.

    Args:
        name: `histogram`, `hog`, `ssim`, a name of `backbones.REGISTRY`, a Hub name, or a local
            folder.
        models: Folder in which Hub names are looked for before the Hub.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `auto`, `float32` or `bfloat16`.

    Raises:
        Unavailable: the weights are not on this machine and cannot be fetched.
        BadInput: the name, the folder, the device or the precision cannot be used.
    """
    from cssim.embeddings import classic

    if name in classic.METRICS:
        return classic.METRICS[name]()
    from cssim.embeddings.backbones import load_backbone

    return load_backbone(name, models=models, device=device, precision=precision)
