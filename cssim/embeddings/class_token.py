"""The last block of a vision transformer, for its class token alone.

Where an embedding is the class token after the last block, what that block makes of the patches is
never read. Its keys and values still need every token; its query, its output projection and its
perceptron, four fifths of its work, need one. The numbers are the same but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the parts of a block are called in its family."""

    norm_1: str
    attention: str
    projection: str
    norm_2: str
    scale_1: str = ""
    scale_2: str = ""


_VIT = _Layout("layernorm_before", "attention", "o_proj", "layernorm_after")
_DINOV2 = _Layout("norm1", "attention", "o_proj", "norm2", "layer_scale1", "layer_scale2")
_LAYOUTS = {
    "ViTLayer": _VIT,
    "DeiTLayer": _VIT,
    "CLIPEncoderLayer": _Layout("layer_norm1", "self_attn", "out_proj", "layer_norm2"),
    "Dinov2Layer": _DINOV2,
    "Dinov2WithRegistersLayer": _DINOV2,
}
"""Blocks whose forward pass outside training is known to be the one written down here."""
_LISTS = (
    "vision_model.encoder.layers",
    "encoder.layers",
    "encoder.layer",
    "encoder.stages",
    "model.layer",
    "stages",
    "layers",
    "layer",
)
"""Where the networks of transformers keep their blocks, or their stages of blocks."""


def keep_class_token(body: nn.Module) -> bool:
    """Let the last block of `body` give its first token only, in place.

    What follows it, a norm and a projection, works on that one token, so `last_hidden_state` is
    (n, 1, dim) from then on.

    Returns:
        Whether the layout of the block is known; if not, nothing has changed.
    """
    blocks = listed_blocks(body)
    if not blocks or type(block := blocks[-1]).__name__ not in _LAYOUTS:
        return False
    # A bound method: a deep copy of the block gets a copy that is bound to itself.
    block.forward = MethodType(_forward, block)
    return True


def listed_blocks(body: nn.Module) -> nn.ModuleList | None:
    """The blocks of a transformers vision model, or its stages; None where it lists none."""
    modules = dict(body.named_modules())
    listed = next((modules[path] for path in _LISTS if path in modules), None)
    return listed if isinstance(listed, nn.ModuleList) else None


def _forward(block: nn.Module, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """(n, 1, dim) from (n, tokens, dim): pre-norm attention and perceptron of one token."""
    layout = _LAYOUTS[type(block).__name__]
    first = hidden_states[:, :1]
    normed = _part(block, layout.norm_1)(hidden_states)
    attended = _attend(_part(block, layout.attention), layout.projection, normed)
    first = first + _part(block, layout.scale_1)(attended)
    inner = _part(block, "mlp")(_part(block, layout.norm_2)(first))
    return first + _part(block, layout.scale_2)(inner)  # type: ignore[no-any-return]


def _part(block: nn.Module, name: str) -> Any:
    return getattr(block, name) if name else nn.Identity()


def _attend(attention: Any, projection: str, hidden: torch.Tensor) -> torch.Tensor:
    """(n, 1, dim) what the first of (n, tokens, dim) takes from all."""
    query, key, value = (
        part.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        for part in (
            attention.q_proj(hidden[:, :1]),
            attention.k_proj(hidden),
            attention.v_proj(hidden),
        )
    )
    mixed = F.scaled_dot_product_attention(query, key, value)
    return getattr(attention, projection)(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]
