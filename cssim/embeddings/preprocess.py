"""From pictures to the numbers that a network reads.

The whole picture is squeezed to the network's square input, whatever its aspect ratio, as in
Liao and Chen 2024: a centre crop would hide what lies at the border from the comparison.
Interpolation and normalisation are the backbone's own, read from its image processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import PIL.Image
import torch

from cssim.errors import BadInput


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pictures become pixels of shape (n, 3, height, width), float32."""

    height: int
    width: int
    mean: tuple[float, ...]
    """Subtracted from each channel, in units of 0..1."""
    std: tuple[float, ...]
    """Divides each channel afterwards."""
    resample: int = int(PIL.Image.Resampling.BICUBIC)
    """A `PIL.Image.Resampling` number."""
    scale: float = 1 / 255
    """Factor from 0..255 to the units of `mean`."""

    def __call__(self, images: Sequence[PIL.Image.Image]) -> torch.Tensor:
        """(n, 3, height, width) float32 on the CPU; images of any mode and size."""
        if not images:
            return torch.zeros(0, 3, self.height, self.width)
        size, method = (self.width, self.height), PIL.Image.Resampling(self.resample)
        small = np.stack([np.asarray(i.convert("RGB").resize(size, method)) for i in images])
        pixels = torch.from_numpy(small).permute(0, 3, 1, 2).float()  # (n, 3, height, width)
        std = torch.tensor(self.std).view(3, 1, 1)
        shift = torch.tensor(self.mean).view(3, 1, 1) / std
        return pixels.mul_(self.scale / std).sub_(shift)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, for fingerprints and checkpoints."""
        return asdict(self)


def from_processor(processor: Any) -> Preprocessing:
    """The preprocessing that a transformers image processor describes, without its crop.

    Raises:
        BadInput: it gives no input size, or does more than resize, scale and normalise.
    """
    height, width = _size(processor)
    identity = not getattr(processor, "do_normalize", True)
    found = Preprocessing(
        height=height,
        width=width,
        mean=(0.0, 0.0, 0.0) if identity else tuple(float(v) for v in processor.image_mean),
        std=(1.0, 1.0, 1.0) if identity else tuple(float(v) for v in processor.image_std),
        resample=int(processor.resample),
        scale=float(processor.rescale_factor) if processor.do_rescale else 1.0,
    )
    _check(found, processor)
    return found


def _check(found: Preprocessing, processor: Any) -> None:
    """Hold the preprocessing against the processor itself, on a picture that needs no resizing.

    Some turn the order of the channels round, or normalise twice: their networks would answer all
    the same, and wrongly.
    """
    noise = np.random.default_rng(0).integers(0, 256, (found.height, found.width, 3))
    picture = PIL.Image.fromarray(noise.astype(np.uint8))
    whole = {"do_resize": False, "do_center_crop": False, "return_tensors": "pt"}
    theirs = processor(images=picture, **whole)["pixel_values"]
    ours = found([picture])
    if theirs.shape != ours.shape or not torch.allclose(theirs.float(), ours, atol=1e-3):
        raise BadInput(
            f"{type(processor).__name__} does more with a picture than resize, scale and normalise "
            "it, so the network would see other pixels than it was trained on; use a backbone of "
            "another family"
        )


def _size(processor: Any) -> tuple[int, int]:
    """The size that the network sees: after the crop, where there is one."""
    crops = getattr(processor, "do_center_crop", False) and getattr(processor, "crop_size", None)
    size = dict(processor.crop_size if crops else processor.size or {})
    if "height" in size and "width" in size:
        return int(size["height"]), int(size["width"])
    if "shortest_edge" in size:
        return int(size["shortest_edge"]), int(size["shortest_edge"])
    raise BadInput(
        f"{type(processor).__name__} gives no input size: expected height and width, or "
        f"shortest_edge, in preprocessor_config.json, got {size}"
    )
