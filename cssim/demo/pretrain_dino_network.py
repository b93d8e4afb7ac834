"""The network that DINO trains: a small vision transformer, and the head that is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from cssim.demo.pretrain_views import SIDE

if TYPE_CHECKING:
    from transformers import ViTModel


class DinoHead(nn.Module):
    """Three layers, a unit vector, and its cosine with each of the prototypes.

    The last layer is weight-normalised with its magnitude fixed at 1, as in the paper.
    """

    def __init__(self, dim: int, prototypes: int, hidden: int = 256, bottleneck: int = 64) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.randn(prototypes, bottleneck))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, prototypes) cosines from class tokens (n, dim)."""
        return F.normalize(self.mlp(tokens)) @ F.normalize(self.prototypes).T


class DinoNetwork(nn.Module):
    """The transformer and the head that is thrown away after the training."""

    def __init__(self, vit: ViTModel, prototypes: int) -> None:
        super().__init__()
        self.vit = vit
        self.head = DinoHead(vit.config.hidden_size, prototypes)

    def forward(self, crops_of_one_size: list[torch.Tensor]) -> torch.Tensor:
        """(crops, n, prototypes) from crops (n, 3, side, side), all of one side."""
        pixels = torch.cat(crops_of_one_size)
        tokens = self.vit(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state
        answers: torch.Tensor = self.head(tokens[:, 0])
        return answers.view(len(crops_of_one_size), -1, answers.shape[-1])


def new_vit() -> ViTModel:
    """An untrained transformer of the shipped size: 96 pixels, patches of 16, 6 layers of 128."""
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=16,
        layer_norm_eps=1e-6,
    )
    return ViTModel(config, add_pooling_layer=False)
