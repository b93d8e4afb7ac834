"""The blocks of a network, and how to compute its front once and only its back again and again.

Where only the last blocks learn, the activations before them never change: they are computed once
per image and the network is entered there. This is done by letting the modules of the front hand
the stored activations on, so that the networks of transformers are used as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cssim.embeddings.class_token import listed_blocks
from cssim.embeddings.network import PooledNetwork
from cssim.errors import BadInput

_STEMS = ("vision_model.embeddings", "embeddings", "embedder", "conv_stem")


@dataclass(frozen=True, eq=False)
class Blocks:
    """A network as a stem and a sequence of blocks; a block may be several modules in a row."""

    stem: nn.Module
    blocks: tuple[tuple[nn.Module, ...], ...]

    def front(self, last: int) -> list[nn.Module]:
        """The modules before the last `last` blocks; none where all blocks are meant."""
        if last >= len(self.blocks):
            return []
        return [self.stem, *(m for block in self.blocks[:-last] for m in block)]

    def entry(self, last: int) -> nn.Module:
        """The first module of the last `last` blocks."""
        return self.blocks[-last][0]


def find_blocks(body: nn.Module) -> Blocks | None:
    """The blocks of a transformers vision model; None where its layout is not known."""
    modules = dict(body.named_modules())
    stem = next((modules[path] for path in _STEMS if path in modules), None)
    listed = listed_blocks(body)
    if stem is None or listed is None:
        return None
    blocks: list[tuple[nn.Module, ...]] = []
    for item in listed:
        if hasattr(item, "layers"):
            blocks.extend(_stage(item))
        elif blocks and _depthwise(blocks[-1]):
            blocks[-1] = (*blocks[-1], item)
        else:
            blocks.append((item,))
    return Blocks(stem, tuple(blocks))


def _depthwise(block: tuple[nn.Module, ...]) -> bool:
    """Whether a block is a depthwise layer alone, as MobileNetV1 lists them.

    With the pointwise layer behind it, it does what a block does elsewhere.
    """
    convolution = getattr(block[0], "convolution", None)
    return len(block) == 1 and isinstance(convolution, nn.Conv2d) and convolution.groups > 1


def _stage(stage: Any) -> list[tuple[nn.Module, ...]]:
    """The blocks of a CNN's stage; a down-sampling belongs to the block behind it."""
    between = tuple(getattr(stage, "downsampling_layer", ()))
    first, *others = stage.layers
    return [(*between, first), *((layer,) for layer in others)]


class _Entered(Exception):
    """Carries the activations that reached the entry."""

    def __init__(self, hidden: torch.Tensor) -> None:
        self.hidden = hidden


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """A network that is entered before its last blocks; without a front, at its pixels."""

    network: PooledNetwork
    blocks: Blocks | None
    last: int | None
    """How many blocks learn; None: all."""

    def __post_init__(self) -> None:
        if self.last is not None and self.blocks is None:
            raise BadInput(
                f"the blocks of {type(self.network.body).__name__} are not known, so the last "
                f"{self.last} cannot be told: set last_blocks to None to adapt all of it"
            )

    @property
    def frozen(self) -> list[nn.Module]:
        """The modules of the front; empty where pixels go in."""
        return self.blocks.front(self.last) if self.blocks and self.last is not None else []

    def enter(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the back needs of (n, 3, h, w) pixels: activations, or the pixels themselves."""
        if not self.frozen:
            return pixels
        assert self.blocks is not None
        assert self.last is not None
        with torch.no_grad(), _interrupted(self.blocks.entry(self.last)):
            try:
                self.network(pixels)
            except _Entered as signal:
                return signal.hidden
        raise BadInput(f"{type(self.network.body).__name__} never reached its last blocks")

    def leave(self, entered: torch.Tensor, pixels: torch.Size) -> torch.Tensor:
        """(n, dim) embeddings of what `enter` gave; `pixels` is the shape of one (3, h, w)."""
        if not self.frozen:
            return self.network(entered)  # type: ignore[no-any-return]
        dummy = entered.new_zeros(()).expand(len(entered), *pixels)
        with _handed_on(self.frozen, entered):
            return self.network(dummy)  # type: ignore[no-any-return]


@contextmanager
def _interrupted(entry: nn.Module) -> Iterator[None]:
    def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        raise _Entered(args[0] if args else next(iter(kwargs.values())))

    handle = entry.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _handed_on(front: list[nn.Module], hidden: torch.Tensor) -> Iterator[None]:
    """While inside, each module of the front returns `hidden`, whatever it is given."""

    def constant(*_: Any, **__: Any) -> torch.Tensor:
        return hidden

    for module in front:
        module.__dict__["forward"] = constant
    try:
        yield
    finally:
        for module in front:
            del module.__dict__["forward"]
