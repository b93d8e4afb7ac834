"""What enters a model for each image: computed once and kept, or made anew for each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from cssim.embeddings.network import Backbone
from cssim.errors import Cancelled
from cssim.training.model import CSModel

Load = Callable[[int], PIL.Image.Image]
IN_MEMORY = 1 << 30
"""Bytes of features that are kept in memory; more lie in a mapped file of the run's folder."""
_BATCH = 8


class Features:
    """Rows of whatever `CSModel.enter` gives, for all images of a run."""

    def __init__(
        self,
        model: CSModel,
        backbone: Backbone,
        load: Load,
        image_ids: NDArray[np.int64],
        *,
        folder: Path,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._model, self._backbone, self._load = model, backbone, load
        self._ids = image_ids
        self._file = folder / ".features"
        self._kept = self._compute(cancelled)

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """What `CSModel.leave` takes for these rows, on the model's device."""
        return self._kept[rows].to(self._backbone.device)

    def augmented(self, rows: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """The same from freshly cropped and flipped pictures."""
        images = [crop(self._load(int(self._ids[row])), rng) for row in rows.tolist()]
        return self._model.enter(self._backbone.preprocess(images).to(self._backbone.device))

    def close(self) -> None:
        """Remove the mapped file, where there is one."""
        self._file.unlink(missing_ok=True)

    def _compute(self, cancelled: Callable[[], bool] | None) -> torch.Tensor:
        kept: torch.Tensor | None = None
        for start in range(0, len(self._ids), _BATCH):
            if cancelled is not None and cancelled():
                raise Cancelled("training was stopped while it read the images")
            images = [self._load(int(i)) for i in self._ids[start : start + _BATCH]]
            pixels = self._backbone.preprocess(images).to(self._backbone.device)
            entered = self._model.enter(pixels).cpu()
            if kept is None:
                kept = self._room(entered)
            kept[start : start + len(entered)] = entered
        assert kept is not None
        return kept

    def _room(self, sample: torch.Tensor) -> torch.Tensor:
        shape = (len(self._ids), *sample.shape[1:])
        if math.prod(shape) * sample.element_size() <= IN_MEMORY:
            return torch.empty(shape, dtype=sample.dtype)
        return torch.from_file(
            str(self._file), shared=True, size=math.prod(shape), dtype=sample.dtype
        ).view(shape)


def crop(image: PIL.Image.Image, rng: np.random.Generator) -> PIL.Image.Image:
    """A random part of a picture, half the time mirrored.

    Share of the area 0.08 to 1, ratio 3/4 to 4/3 drawn on a log scale, as RandomResizedCrop of
    torchvision does, after which the backbone resizes; where ten draws do not fit, the whole
    picture.
    """
    width, height = image.size
    box = (0, 0, width, height)
    for _ in range(10):
        area = width * height * rng.uniform(0.08, 1.0)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            box = (left, top, left + w, top + h)
            break
    part = image.crop(box)
    mirrored = rng.random() < 0.5
    return part.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else part
