"""How the shipped tiny backbone was made.

    python -m cssim.demo.pretrain cssim/demo/weights/tiny-clip

A vision tower is trained against generated captions by the symmetric contrastive loss (Radford et
al. 2021); its text tower, a mean of word vectors, is thrown away. It sees scenes of a world that
the demo never draws, and no judgement. The same command gives the same weights on one platform
with one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cssim.demo.captions import VOCABULARY, phrases
from cssim.demo.scenes import Scene, draw, random_scenes

WORLD = 20_241
"""Seed of the scenes that the backbones are trained on; the demo's own is another."""
SIDE = 96
"""Input of the backbones, in pixels."""
_STORED = 112
_MEAN, _STD = 0.5, 0.5


def main(arguments: list[str] | None = None) -> None:
    """Train the tiny backbone and write it as a Hugging Face folder."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m cssim.demo.pretrain")
    parser.add_argument("folder", type=Path, help="where the Hugging Face folder goes")
    parser.add_argument("--per-context", type=int, default=1000, help="scenes of each context")
    parser.add_argument("--epochs", type=int, default=14, help="passes over the scenes")
    parser.add_argument("--cache", type=Path, help="keep the drawn scenes in this .npy file")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(WORLD)
    scenes = [scene for _, scene in random_scenes(chosen.per_context, WORLD)]
    pixels = _pictures(scenes, chosen.cache)
    save(train_clip(pixels, scenes, chosen.epochs), chosen.folder)


def _pictures(scenes: list[Scene], cache: Path | None) -> torch.Tensor:
    """(n, 3, 112, 112) uint8 pictures of the scenes."""
    if cache is not None and cache.exists():
        return torch.from_numpy(np.load(cache))
    started = time.monotonic()
    stored = np.empty((len(scenes), 3, _STORED, _STORED), np.uint8)
    for i, scene in enumerate(scenes):
        stored[i] = np.asarray(draw(scene).reduce(2)).transpose(2, 0, 1)
        if (i + 1) % 500 == 0:
            print(f"drawn {i + 1} of {len(scenes)}, {time.monotonic() - started:.0f} s", flush=True)
    if cache is not None:
        np.save(cache, stored)
    return torch.from_numpy(stored)


def _views(
    pictures: torch.Tensor, low: float, high: float, side: int, generator: torch.Generator
) -> torch.Tensor:
    """(n, 3, side, side) random crops, their share of the picture's side between low and high."""
    share = low + (high - low) * float(torch.rand((), generator=generator))
    crop = round(share * _STORED)
    starts = torch.randint(0, _STORED - crop + 1, (len(pictures), 2), generator=generator)
    cut = torch.stack(
        [
            p[:, y : y + crop, x : x + crop]
            for p, (y, x) in zip(pictures, starts.tolist(), strict=True)
        ]
    )
    small = F.interpolate(
        cut.float() / 255, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
    return (small - _MEAN) / _STD


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Positions of the whole batches of one epoch, in random order."""
    order = torch.randperm(n, generator=generator)
    yield from torch.split(order[: n - n % size], size)


def _schedule(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """A linear warm-up over a twentieth of the steps, then a cosine to zero."""
    warm = max(steps // 20, 1)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


class CaptionTower(nn.Module):
    """Captions as the projected mean of their phrases' vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(len(VOCABULARY), dim)
        self.project = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, phrase_ids: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(n, dim) from ids (n, phrases) and which of them are said (n, phrases)."""
        vectors = self.words(phrase_ids) * said[..., None]
        return self.project(vectors.sum(1) / said.sum(1, keepdim=True))  # type: ignore[no-any-return]


def train_clip(
    pixels: torch.Tensor, scenes: list[Scene], epochs: int, batch: int = 128
) -> nn.Module:
    """A CLIP vision tower trained against captions that say three quarters of what is known."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    vision = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=6,
            num_attention_heads=4,
            image_size=SIDE,
            patch_size=12,
            projection_dim=128,
        )
    )
    text = CaptionTower(128)
    index = {word: i for i, word in enumerate(VOCABULARY)}
    ids = torch.tensor([[index[word] for word in phrases(scene)] for scene in scenes])
    temperature = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    weights = [*vision.parameters(), *text.parameters(), temperature]
    optimiser = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98))
    schedule = _schedule(optimiser, epochs * (len(pixels) // batch))
    generator = torch.Generator().manual_seed(WORLD)
    for epoch in range(epochs):
        losses, started = [], time.monotonic()
        for rows in _batches(len(pixels), batch, generator):
            said = (torch.rand(ids[rows].shape, generator=generator) < 0.75).float()
            said[:, 0] = 1.0
            seen = vision(
                pixel_values=_views(pixels[rows], 0.86, 1.0, SIDE, generator)
            ).image_embeds
            read = text(ids[rows], said)
            logits = temperature.exp().clamp(max=100) * F.normalize(seen) @ F.normalize(read).T
            target = torch.arange(len(rows))
            loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        _report(epoch, epochs, losses, started)
    return vision


def _report(epoch: int, epochs: int, losses: list[float], started: float) -> None:
    seconds = time.monotonic() - started
    print(f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}, {seconds:.0f} s", flush=True)


def save(model: nn.Module, folder: Path) -> None:
    """Write `model` in half precision with the configuration of its image processor."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)  # type: ignore[operator]
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "resample": 3,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [_MEAN] * 3,
        "image_std": [_STD] * 3,
    }
    text = json.dumps(processor, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
