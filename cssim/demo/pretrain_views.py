"""What both ways to pretrain share: the drawn scenes, crops of them, batches, the learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from cssim.demo.scenes import Scene, draw

WORLD = 20_241
"""Seed of the scenes that the backbones are trained on; the demo's own is another."""
SIDE = 96
"""Input of the backbones, in pixels."""
STORED = 112
"""Side of the pictures that crops are taken from, in pixels: half of what is drawn."""
MEAN, STD = 0.5, 0.5
"""Normalisation of each channel."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the scenes came to."""

    number: int
    """From 1."""
    of: int
    loss: float
    """Mean over the batches."""
    seconds: float
    watched: dict[str, float]
    """What else shows whether the training goes well, by name."""

    def __str__(self) -> str:
        more = "".join(f", {name} {value:.3f}" for name, value in self.watched.items())
        where = f"epoch {self.number} of {self.of}"
        return f"{where}: loss {self.loss:.4f}{more}, {self.seconds:.0f} s"


def tell(epoch: Epoch) -> None:
    """Print the epoch at once."""
    print(epoch, flush=True)


Told = Callable[[Epoch], None]
"""What is called after each epoch."""


def pictures(scenes: list[Scene], cache: Path | None = None) -> torch.Tensor:
    """(n, 3, 112, 112) uint8 pictures of the scenes, read from `cache` where that exists."""
    if cache is not None and cache.exists():
        return torch.from_numpy(np.load(cache))
    started = time.monotonic()
    stored = np.empty((len(scenes), 3, STORED, STORED), np.uint8)
    for i, scene in enumerate(scenes):
        stored[i] = np.asarray(draw(scene).reduce(2)).transpose(2, 0, 1)
        if (i + 1) % 500 == 0:
            print(f"drawn {i + 1} of {len(scenes)}, {time.monotonic() - started:.0f} s", flush=True)
    if cache is not None:
        np.save(cache, stored)
    return torch.from_numpy(stored)


def crops(
    stored: torch.Tensor, low: float, high: float, side: int, generator: torch.Generator
) -> torch.Tensor:
    """(n, 3, side, side) float32 square crops in 0..1, each at a place of its own.

    One share of the picture's side, between `low` and `high`, is drawn for the whole batch.
    """
    share = low + (high - low) * float(torch.rand((), generator=generator))
    crop = round(share * STORED)
    starts = torch.randint(0, STORED - crop + 1, (len(stored), 2), generator=generator)
    cut = torch.stack(
        [
            p[:, y : y + crop, x : x + crop]
            for p, (y, x) in zip(stored, starts.tolist(), strict=True)
        ]
    )
    return F.interpolate(
        cut.float() / 255, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """What a network reads of pixels in 0..1."""
    return (pixels - MEAN) / STD


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Positions of the whole batches of one epoch, in random order."""
    order = torch.randperm(n, generator=generator)
    yield from torch.split(order[: n - n % size], size)


def cosine(start: float, end: float, share: float) -> float:
    """The value after `share` (0..1) of a half cosine from `start` to `end`."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * share))


def schedule(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """A linear warm-up over a twentieth of the steps, then a cosine to zero."""
    warm = max(steps // 20, 1)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return cosine(1.0, 0.0, (step - warm) / max(steps - warm, 1))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
