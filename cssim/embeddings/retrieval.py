"""A ResNet for image retrieval: generalised-mean pooling and a linear layer in place of average.

The global descriptor of CVNet (Lee, Seong, Lee and Kim, CVPR 2022). Pooling: Radenovic, Tolias and
Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019, equation 3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, ResNetConfig
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.resnet.modeling_resnet import (
    ResNetEmbeddings,
    ResNetEncoder,
    ResNetPreTrainedModel,
)

_FLOOR = 1e-6
"""Smallest activation that is raised to a power: the gradient of 0 ** (1 / p) is infinite."""


class RetrievalResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """A ResNet's shape, and the length of the descriptor."""

    model_type = "cssim-retrieval-resnet"
    descriptor_size: int = 2048


class GeneralizedMean(nn.Module):
    """mean(x ** p) ** (1 / p) over each map: p = 1 is the average, p -> infinity the maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([3.0]))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, c, h, w) -> (n, c)."""
        powers = maps.clamp(min=_FLOOR).pow(self.p)
        return powers.mean(dim=(2, 3)).pow(1.0 / self.p)


class RetrievalResNet(ResNetPreTrainedModel):  # type: ignore[no-untyped-call]
    """Pixels in; `last_hidden_state` (n, c, h / 32, w / 32), `pooler_output` (n, descriptor)."""

    config_class = RetrievalResNetConfig

    def __init__(self, config: RetrievalResNetConfig) -> None:
        super().__init__(config)
        self.embedder = ResNetEmbeddings(config)
        self.encoder = ResNetEncoder(config)
        self.pooler = GeneralizedMean()
        self.whitening = nn.Linear(list(config.hidden_sizes or ())[-1], config.descriptor_size)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: torch.Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """The last feature maps and the descriptor, which is not normalised: cosines do that."""
        maps = self.encoder(self.embedder(pixel_values))[0]
        return BaseModelOutputWithPooling(
            last_hidden_state=maps, pooler_output=self.whitening(self.pooler(maps))
        )


def register() -> None:
    """Let `AutoModel` read saved folders of this kind; calling it again changes nothing."""
    AutoConfig.register(RetrievalResNetConfig.model_type, RetrievalResNetConfig, exist_ok=True)
    AutoModel.register(RetrievalResNetConfig, RetrievalResNet, exist_ok=True)
