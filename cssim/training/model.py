"""The network that is trained: a backbone, a small change of it, and a block that ranks.

peft stays behind this seam.
"""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import nn

from cssim import words
from cssim.embeddings.network import Backbone, PooledNetwork
from cssim.errors import BadInput
from cssim.training.blocks import SplitNetwork, find_blocks
from cssim.training.config import TrainConfig
from cssim.training.losses import squared_distances, unit


class RankingBlock(nn.Module):
    """Log odds that A is closer to R than B: g(R, A) - g(R, B).

    g(R, X) = bias . x - exp(log_scale) * sum_k (1 + stretch_k) (r_k - x_k)^2 on unit vectors.
    Swapping A and B turns the sign of the answer by construction. At the start it ranks exactly
    as the distance does, and only its scale says how sure it is.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(2.0))
        self.stretch = nn.Parameter(torch.zeros(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, reference: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """(n,) log odds from three (n, dim) embeddings."""
        return self.on_units(unit(reference), unit(a), unit(b))

    def on_units(self, reference: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """The same from rows of unit length."""
        squares = (reference - a).square() - (reference - b).square()
        return (a - b) @ self.bias - self.log_scale.exp() * (squares @ (1 + self.stretch))


class LinearRankingBlock(nn.Module):
    """The published block: a linear layer from [R, A, B] to a number for A and one for B.

    Nothing makes its answer turn when A and B are swapped; training shows it both orders instead.
    Its two numbers are used by their difference, which is all that a softmax sees.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * dim, 2)

    def forward(self, reference: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """(n,) log odds from three (n, dim) embeddings."""
        numbers = self.linear(torch.cat([reference, a, b], dim=1))
        return numbers[:, 0] - numbers[:, 1]  # type: ignore[no-any-return]


def ranking_block(dim: int, config: TrainConfig) -> RankingBlock | LinearRankingBlock:
    """The block that a config names, for embeddings of that many dimensions."""
    return RankingBlock(dim) if config.block == "antisymmetric" else LinearRankingBlock(dim)


class LowRankHead(nn.Module):
    """Embeddings z become z + scale * up(down(z)); `up` starts at 0, so nothing changes yet."""

    def __init__(self, dim: int, rank: int, scale: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.down = nn.Linear(dim, rank, bias=False)
        self.up = nn.Linear(rank, dim, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = scale
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """(n, dim) -> (n, dim)."""
        return z + self.scale * self.up(self.down(self.dropout(z)))  # type: ignore[no-any-return]


def low_rank_head(dim: int, config: TrainConfig) -> LowRankHead:
    """The head that a config describes, of that many dimensions."""
    return LowRankHead(dim, config.rank, config.scale, config.dropout)


class Trainable(nn.Module, ABC):
    """What the training loop needs: embeddings of whatever enters, and a ranking block on them."""

    ranking: RankingBlock | LinearRankingBlock

    @abstractmethod
    def leave(self, entered: torch.Tensor) -> torch.Tensor:
        """(n, dim) float32 embeddings of what enters."""

    def distances(
        self, embeddings: torch.Tensor, reference: torch.Tensor, other: torch.Tensor
    ) -> torch.Tensor:
        """(n,) squared distances of unit vectors between two lists of rows of `embeddings`."""
        return squared_distances(embeddings[reference], embeddings[other])

    def adapter_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Named parameters of the adapter: all that learn but the ranking block."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad and not name.startswith("ranking."):
                yield name, parameter

    def trained_state(self) -> dict[str, torch.Tensor]:
        """Copies of everything that learns, by name; what a checkpoint holds."""
        return {
            name: parameter.detach().cpu().clone()
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def load_trained_state(self, state: dict[str, torch.Tensor]) -> None:
        """Set everything that learns.

        Raises:
            BadInput: the names or shapes are not those of this model.
        """
        own = {name: p for name, p in self.named_parameters() if p.requires_grad}
        wrong = sorted(set(own) ^ set(state)) or sorted(
            name for name, p in own.items() if p.shape != state[name].shape
        )
        if wrong:
            raise BadInput(
                "the checkpoint does not fit its backbone: "
                f"{words.count(len(wrong), 'tensor differs', 'tensors differ')}, e.g. {wrong[0]}"
            )
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(state[name])


class CSModel(Trainable):
    """A copy of a backbone with its adapter and a ranking block.

    What enters is what never changes while training (`enter`): pixels, the activations before
    the first block that learns, or for a head the frozen embeddings.
    """

    def __init__(self, backbone: Backbone, config: TrainConfig) -> None:
        super().__init__()
        shared = config.adapter == "head"
        network = backbone.module if shared else copy.deepcopy(backbone.module)
        last = None if shared else config.last_blocks
        self.config = config
        self.network = network
        # All weights learn in float32; where the frozen backbone would run in bfloat16, the
        # products are still done in it.
        self.mixed = config.adapter == "full" and backbone.module.dtype == torch.bfloat16
        self.split = SplitNetwork(network, find_blocks(network.body), last)
        self.head: nn.Module = nn.Identity()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._adapt(backbone)
            self.ranking = ranking_block(backbone.dim, config)
        self.pixels = torch.Size((3, backbone.preprocessing.height, backbone.preprocessing.width))
        self.to(backbone.device)
        self.train(False)
        if config.compile:
            self._compile()

    def _compile(self) -> None:
        """Compile the blocks that learn, each by itself: equal blocks are compiled once."""
        blocks = self.split.blocks
        if blocks is None or self.config.adapter == "head":
            raise BadInput("only networks whose blocks are known, and no heads, can be compiled")
        for block in blocks.blocks[-(self.split.last or 0) :]:
            for module in block:
                module.compile(backend=self.config.compile, dynamic=True)

    def _adapt(self, backbone: Backbone) -> None:
        if self.config.adapter == "head":
            self.head = low_rank_head(backbone.dim, self.config)
        elif self.config.adapter == "lora":
            targets = lora_layers(
                self.network, self.config.targets or backbone.spec.targets, self.split.frozen
            )
            add_lora(self.network, targets, self.config)
        else:
            self.network.float().requires_grad_(True)
            for module in self.split.frozen:
                module.requires_grad_(False)

    @property
    def has_front(self) -> bool:
        """Whether what enters has been through a part of the network; else it is pixels."""
        return self.config.adapter == "head" or bool(self.split.frozen)

    def train(self, mode: bool = True) -> CSModel:
        """Dropout of LoRA follows `mode`; batch norm and all else of the backbone stay in eval."""
        super().train(mode)
        self.network.eval()
        for name, module in self.network.named_modules():
            if "lora_dropout" in name:
                module.train(mode)
        return self

    def enter(self, pixels: torch.Tensor) -> torch.Tensor:
        """What can be computed once per image, of (n, 3, h, w) pixels; without gradients."""
        with torch.no_grad(), self._precision(pixels):
            if self.config.adapter == "head":
                return self.network(pixels)  # type: ignore[no-any-return]
            return self.split.enter(pixels)

    def leave(self, entered: torch.Tensor) -> torch.Tensor:
        """(n, dim) float32 embeddings of what `enter` gave."""
        if self.config.adapter == "head":
            return self.head(entered)  # type: ignore[no-any-return]
        with self._precision(entered):
            return self.split.leave(entered, self.pixels)

    def _precision(self, tensor: torch.Tensor) -> torch.autocast:
        return torch.autocast(tensor.device.type, torch.bfloat16, enabled=self.mixed)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, dim) float32 embeddings of (n, 3, h, w) pixels; threads may share the model.

        So it goes through the network as it stands: `enter` and `leave` hold parts of it still.
        """
        with self._precision(pixels):
            through = self.network(pixels)
        return self.head(through)  # type: ignore[no-any-return]

    def merge(self) -> None:
        """Fold LoRA into the backbone's own weights: the same output, and nothing left to train."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        for module in list(self.network.modules()):
            if isinstance(module, BaseTunerLayer):
                module.merge()


def lora_layers(
    network: PooledNetwork, targets: tuple[str, ...], frozen: list[nn.Module]
) -> list[str]:
    """Full names of the layers of `network.body` to adapt: linear ones and plain convolutions.

    Layers of the frozen front and depth-wise convolutions (whose groups LoRA cannot split) are
    left out.

    Raises:
        BadInput: no layer is called so.
    """
    skipped = {id(inner) for module in frozen for inner in module.modules()}
    names = [
        name
        for name, module in network.body.named_modules()
        if any(name == t or name.endswith(f".{t}") for t in targets)
        and _adaptable(module)
        and id(module) not in skipped
    ]
    if not names:
        raise BadInput(
            f"no linear or convolution layer of {type(network.body).__name__} is called "
            f"{' or '.join(targets) or '(no targets known)'}: name others in targets"
        )
    return names


def _adaptable(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)


def add_lora(network: PooledNetwork, layers: list[str], config: TrainConfig) -> None:
    """Put LoRA on the named layers of `network.body`, in place; only LoRA gets gradients."""
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    network.requires_grad_(False)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft takes fractions as well
        lora_dropout=config.dropout,
        target_modules=layers,
        bias="none",
    )
    with warnings.catch_warnings():
        # peft asks transformers by a name that transformers has given up.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        get_peft_model(network.body, lora)
    for module in network.modules():
        if isinstance(module, BaseTunerLayer) and isinstance(module.base_layer, nn.Conv2d):
            # MobileNet pads by the convolution's own numbers, which peft's wrapper hides.
            for name in ("stride", "kernel_size", "dilation"):
                setattr(module, name, getattr(module.base_layer, name))
