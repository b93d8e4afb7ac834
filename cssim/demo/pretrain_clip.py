"""A small vision tower trained against the scenes' captions (CLIP, Radford et al. 2021).

A picture has to find its own caption among those of a batch, and a caption its picture. The text
tower, a mean of word vectors, is thrown away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from cssim.demo.captions import VOCABULARY, phrases
from cssim.demo.pretrain_views import (
    SIDE,
    WORLD,
    Epoch,
    Told,
    batches,
    crops,
    normalised,
    schedule,
    tell,
)
from cssim.demo.scenes import Scene

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

_SHARE = (0.86, 1.0)
"""Side of the crops as a share of the picture's."""
_KEPT = 0.75
"""How probably a caption says each thing it could; it always says the context."""
_POSITION = {word: i for i, word in enumerate(VOCABULARY)}


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


class ClipPair(nn.Module):
    """The two towers and the temperature that are trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.vision = new_vision_tower()
        self.text = CaptionTower(self.vision.config.projection_dim)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, pixels: torch.Tensor, ids: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(n, n) logits of pictures (n, 3, 96, 96) against captions, see `CaptionTower`."""
        seen = self.vision(pixel_values=pixels).image_embeds
        read = self.text(ids, said)
        scale = self.log_scale.exp().clamp(max=100)
        logits: torch.Tensor = scale * F.normalize(seen) @ F.normalize(read).T
        return logits


def new_vision_tower() -> CLIPVisionModelWithProjection:
    """An untrained vision tower: 96 pixels, patches of 12, 6 layers of 128."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
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


def caption_ids(scenes: Sequence[Scene]) -> torch.Tensor:
    """(n, 9) positions in `VOCABULARY` of all that the captions could say, context first."""
    return torch.tensor([[_POSITION[word] for word in phrases(scene)] for scene in scenes])


def caption_loss(logits: torch.Tensor) -> torch.Tensor:
    """Symmetric contrastive loss: row i of pictures belongs to column i of captions."""
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train_clip(
    stored: torch.Tensor,
    scenes: Sequence[Scene],
    epochs: int = 14,
    *,
    batch: int = 128,
    told: Told = tell,
) -> CLIPVisionModelWithProjection:
    """A vision tower trained on pictures (n, 3, 112, 112) uint8 and what is said of them."""
    pair = ClipPair()
    weights = [*pair.vision.parameters(), *pair.text.parameters(), pair.log_scale]
    ids = caption_ids(scenes)
    optimiser = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98))
    rates = schedule(optimiser, epochs * (len(stored) // batch))
    generator = torch.Generator().manual_seed(WORLD)
    for number in range(1, epochs + 1):
        started, losses = time.monotonic(), []
        for rows in batches(len(stored), batch, generator):
            said = (torch.rand(ids[rows].shape, generator=generator) < _KEPT).float()
            said[:, 0] = 1.0
            pixels = normalised(crops(stored[rows], *_SHARE, SIDE, generator))
            loss = caption_loss(pair(pixels, ids[rows], said))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            rates.step()
            losses.append(loss.item())
        mean, seconds = sum(losses) / len(losses), time.monotonic() - started
        told(Epoch(number, epochs, mean, seconds, {}))
    return pair.vision
