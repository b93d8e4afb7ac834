"""VGG without its classifier, in the manner of transformers, which has none of its own.

Simonyan and Zisserman 2015, configurations A, B and D (11, 13 and 16 layers), with and without
batch normalisation. The embedding is the average of the last feature maps: 512 numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling


class VGGConfig(PretrainedConfig):  # type: ignore[no-untyped-call]
    """Widths and depths of the stages; each stage ends with a pooling that halves the maps."""

    model_type = "cssim-vgg"

    def __init__(
        self,
        hidden_sizes: tuple[int, ...] = (64, 128, 256, 512, 512),
        depths: tuple[int, ...] = (2, 2, 3, 3, 3),
        batch_norm: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.hidden_sizes = list(hidden_sizes)
        self.depths = list(depths)
        self.batch_norm = batch_norm


class VGGLayer(nn.Module):
    """A 3x3 convolution, batch normalisation where there is one, and ReLU."""

    def __init__(self, inputs: int, outputs: int, batch_norm: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.normalization = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(n, outputs, h, w)."""
        return nn.functional.relu(self.normalization(self.convolution(hidden)))


class VGGPooledLayer(VGGLayer):
    """The first layer of a later stage: it sees maps of half the size."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(n, outputs, h // 2, w // 2)."""
        return super().forward(nn.functional.max_pool2d(hidden, 2))


class VGGStage(nn.Module):
    """Layers of one width."""

    def __init__(self, layers: list[VGGLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """One layer after the other."""
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class VGGEncoder(nn.Module):
    """All layers but the first."""

    def __init__(self, config: VGGConfig) -> None:
        super().__init__()
        stages, before = [], config.hidden_sizes[0]
        for number, (width, depth) in enumerate(
            zip(config.hidden_sizes, config.depths, strict=True)
        ):
            layers: list[VGGLayer] = []
            for place in range(depth):
                if number == 0 and place == 0:
                    continue  # that one is the embedder
                kind = VGGPooledLayer if number and place == 0 else VGGLayer
                layers.append(kind(before, width, config.batch_norm))
                before = width
            if layers:
                stages.append(VGGStage(layers))
        self.stages = nn.ModuleList(stages)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """One stage after the other."""
        for stage in self.stages:
            hidden = stage(hidden)
        return hidden


class VGGModel(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Pixels in; `last_hidden_state` (n, 512, h / 32, w / 32), `pooler_output` (n, 512, 1, 1)."""

    config_class = VGGConfig
    base_model_prefix = "vgg"
    main_input_name = "pixel_values"

    def __init__(self, config: VGGConfig) -> None:
        super().__init__(config)
        self.embedder = VGGLayer(3, config.hidden_sizes[0], config.batch_norm)
        self.encoder = VGGEncoder(config)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: torch.Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """The last feature maps, after the last pooling, and their average."""
        maps = nn.functional.max_pool2d(self.encoder(self.embedder(pixel_values)), 2)
        return BaseModelOutputWithPooling(
            last_hidden_state=maps,
            pooler_output=nn.functional.adaptive_avg_pool2d(maps, 1),
        )


def register() -> None:
    """Let `AutoModel` read saved folders of this kind; calling it again changes nothing."""
    AutoConfig.register(VGGConfig.model_type, VGGConfig, exist_ok=True)
    AutoModel.register(VGGConfig, VGGModel, exist_ok=True)
