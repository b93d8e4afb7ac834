"""What enters a model for each image: computed once and kept, or made anew for each step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from cssim import words
from cssim.embeddings.device import to_device
from cssim.embeddings.network import Backbone
from cssim.errors import Cancelled
from cssim.training.activations import ActivationCache, reserve
from cssim.training.ahead import ahead
from cssim.training.model import CSModel

Load = Callable[[int], PIL.Image.Image]
Progress = Callable[[int, int, str], None]
IN_MEMORY = 1 << 30
"""Bytes of features that are kept in memory; more lie in a mapped file of the run's folder."""
_BATCH = 8


@dataclass(frozen=True)
class Shared:
    """Where runs find what others of the same backbone have computed."""

    cache: ActivationCache
    hashes: Mapping[int, str]
    """`cssim.images.pixel_key` of each image, by its id."""


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
        shared: Shared | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._model, self._backbone, self._load = model, backbone, load
        self._ids = image_ids
        self._file = folder / ".features"
        self._shared = shared if model.has_front else None
        self._progress, self._cancelled = progress, cancelled
        self.computed = 0
        """How many images went through the front in this run; the others were known."""
        self._kept = self._compute()

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """What `CSModel.leave` takes for these rows, on the model's device."""
        return to_device(self._kept[rows], self._backbone.device)

    def augmented(
        self, batches: Iterable[torch.Tensor], rng: np.random.Generator
    ) -> Iterator[torch.Tensor]:
        """The same for each list of rows, from freshly cropped and flipped pictures.

        The pictures of the next lists are decoded while the caller uses the last.
        """

        def pixels(rows: torch.Tensor) -> torch.Tensor:
            images = [crop(self._load(int(self._ids[row])), rng) for row in rows.tolist()]
            return self._backbone.preprocess(images)

        for batch in ahead(pixels, batches):
            yield self._model.enter(to_device(batch, self._backbone.device))

    def close(self) -> None:
        """Remove the mapped file, where there is one."""
        self._file.unlink(missing_ok=True)

    def _compute(self) -> torch.Tensor:
        key = self._key()
        shape, dtype = self._sample()
        kept = self._room(shape, dtype)
        missing = []
        for row, image_id in enumerate(self._ids.tolist()):
            known = self._known(key, image_id, shape, dtype)
            if known is None:
                missing.append(row)
            else:
                kept[row] = known
        parts = [missing[i : i + _BATCH] for i in range(0, len(missing), _BATCH)]
        for part, entered in zip(parts, self._entered(parts), strict=True):
            kept[torch.tensor(part)] = entered
            if self._shared is not None:
                for row, tensor in zip(part, entered, strict=True):
                    image = self._shared.hashes[int(self._ids[row])]
                    self._shared.cache.put(key, image, tensor)
            self.computed += len(part)
            if self._progress is not None:
                done = len(self._ids) - len(missing) + self.computed
                self._progress(
                    done, len(self._ids), f"{done} of {words.count(len(self._ids), 'image')} read"
                )
        return kept

    def _entered(self, parts: list[list[int]]) -> Iterator[torch.Tensor]:
        """What enters for each list of rows, on the CPU; pictures are decoded ahead."""

        def pixels(part: list[int]) -> torch.Tensor:
            return self._backbone.preprocess([self._load(int(self._ids[row])) for row in part])

        for batch in ahead(pixels, parts):
            if self._cancelled is not None and self._cancelled():
                raise Cancelled("training was stopped while it read the images")
            yield self._model.enter(to_device(batch, self._backbone.device)).cpu()

    def _known(
        self, key: str, image_id: int, shape: torch.Size, dtype: torch.dtype
    ) -> torch.Tensor | None:
        if self._shared is None:
            return None
        return self._shared.cache.get(key, self._shared.hashes[image_id], shape, dtype)

    def _key(self) -> str:
        """Whatever decides the numbers: backbone, preprocessing and precision, and the depth."""
        config, network = self._model.config, self._model.network
        depth = "embedding" if config.adapter == "head" else f"last {config.last_blocks}"
        facts = f"{self._backbone.fingerprint}/{depth}/{network.dtype}/{self._model.mixed}"
        return hashlib.sha256(facts.encode()).hexdigest()[:32]

    def _sample(self) -> tuple[torch.Size, torch.dtype]:
        """Shape and dtype for one image, asked of the network with a black one."""
        pixels = torch.zeros(1, *self._model.pixels, device=self._backbone.device)
        entered = self._model.enter(pixels)
        return entered.shape[1:], entered.dtype

    def _room(self, shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
        whole = (len(self._ids), *shape)
        if math.prod(whole) * dtype.itemsize <= IN_MEMORY:
            return torch.empty(whole, dtype=dtype)
        reserve(self._file, math.prod(whole) * dtype.itemsize)
        return torch.from_file(
            str(self._file), shared=True, size=math.prod(whole), dtype=dtype
        ).view(whole)


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
