"""A small vision transformer that teaches itself, without captions (DINO, Caron et al. 2021).

A student sees small and large crops of a picture, a teacher only the large ones; the student
learns to say of each crop what the teacher says of another crop of the same picture. The teacher
is a moving average of the student. Its answers are balanced, so that not all pictures get the same
one, and sharpened, so that they do not all become uniform.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from cssim.demo.pretrain_dino_network import DinoNetwork, new_vit
from cssim.demo.pretrain_views import (
    SIDE,
    WORLD,
    Epoch,
    Told,
    batches,
    cosine,
    crops,
    normalised,
    schedule,
    tell,
)

if TYPE_CHECKING:
    from transformers import ViTModel


@dataclass(frozen=True, slots=True)
class DinoConfig:
    """How the student is taught."""

    epochs: int = 7
    batch: int = 36
    rate: float = 1e-3
    """Highest learning rate of AdamW."""
    decay: float = 0.04
    """Weight decay, of matrices only."""
    prototypes: int = 256
    """Length of the answers that student and teacher compare."""
    local_crops: int = 4
    """Small crops of each picture, beside two large ones."""
    global_share: tuple[float, float] = (0.63, 1.0)
    """Side of the large crops as a share of the picture's: .4 to 1 of its area."""
    local_share: tuple[float, float] = (0.3, 0.63)
    """Side of the small crops: .09 to .4 of the picture's area."""
    local_side: int = 48
    """Pixels of the small crops, a multiple of the patch."""
    jitter: float = 0.4
    """Brightness, contrast and saturation of each crop change by up to this share."""
    grey: float = 0.2
    """Share of the crops that lose their colour."""
    momentum: float = 0.99
    """Of the teacher at the start; it rises to 1 along a cosine."""
    student_temperature: float = 0.1
    teacher_temperature: float = 0.03


def balanced(teacher: torch.Tensor, temperature: float, rounds: int = 3) -> torch.Tensor:
    """The teacher's answers, sharpened, with each prototype used as much as any other.

    Sinkhorn's iteration (Caron et al. 2020; in DINO by Ruan et al. 2023) in place of the paper's
    moving centre, which in so short a training leaves nearly all pictures to a few prototypes.

    Args:
        teacher: (crops, n, prototypes) cosines.
        temperature: divides them.
        rounds: of making columns and rows sum to the same.

    Returns:
        Probabilities of the same shape, which sum to 1 over the prototypes.
    """
    scaled = (teacher / temperature).flatten(0, 1)  # (samples, prototypes)
    for _ in range(rounds):
        scaled = scaled - scaled.logsumexp(0, keepdim=True)
        scaled = scaled - scaled.logsumexp(1, keepdim=True)
    return scaled.exp().view_as(teacher)


def distillation_loss(said: torch.Tensor, wanted: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean cross-entropy of the student's answers to the teacher's about other crops (eq. 3).

    Args:
        said: (crops, n, prototypes) the student's cosines, of the teacher's own crops first.
        wanted: (2, n, prototypes) the teacher's probabilities.
        temperature: divides the student's cosines.
    """
    logs = F.log_softmax(said / temperature, dim=-1)
    losses = [
        -(wanted[t] * logs[s]).sum(-1).mean()
        for t in range(len(wanted))
        for s in range(len(logs))
        if s != t
    ]
    return torch.stack(losses).mean()


def jittered(pixels: torch.Tensor, amount: float, generator: torch.Generator) -> torch.Tensor:
    """Crops (n, 3, h, w) in 0..1 with brightness, contrast and saturation slightly changed."""
    factors = 1 + amount * (2 * torch.rand(3, len(pixels), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors
    grey = pixels.mean(1, keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    middle = pixels.mean((1, 2, 3), keepdim=True)
    changed: torch.Tensor = (middle + (pixels - middle) * contrast) * brightness
    return changed.clamp(0, 1)


class Distillation:
    """Student and teacher, and one step of their training."""

    def __init__(self, config: DinoConfig, steps: int) -> None:
        self.config = config
        self.steps = steps
        self.taken = 0
        self.student = DinoNetwork(new_vit(), config.prototypes)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        matrices = [p for p in self.student.parameters() if p.ndim > 1]
        vectors = [p for p in self.student.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": matrices},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.decay)
        self.rates = schedule(self.optimiser, steps)

    def step(
        self, large: list[torch.Tensor], small: list[torch.Tensor], *, fixed: bool = False
    ) -> tuple[float, torch.Tensor]:
        """Learn from the crops of one batch.

        Args:
            large: two crops of each picture, (n, 3, 96, 96) each.
            small: further crops of each, which only the student sees.
            fixed: leave the prototypes as they are.

        Returns:
            The loss before the step, and what the teacher said, (2, n, prototypes).
        """
        with torch.no_grad():
            wanted = balanced(self.teacher(large), self.config.teacher_temperature)
        said = [self.student(same) for same in (large, small) if same]
        loss = distillation_loss(torch.cat(said), wanted, self.config.student_temperature)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if fixed:
            self.student.head.prototypes.grad = None
        nn.utils.clip_grad_norm_(self.student.parameters(), 3.0)
        self.optimiser.step()
        self.rates.step()
        self.taken += 1
        momentum = cosine(self.config.momentum, 1.0, self.taken / self.steps)
        follow(self.teacher, self.student, momentum)
        return loss.item(), wanted


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher towards the student by a share of 1 - `momentum`."""
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


def train_dino(
    stored: torch.Tensor, config: DinoConfig | None = None, told: Told = tell
) -> ViTModel:
    """The teacher's transformer after training on pictures (n, 3, 112, 112) uint8 alone."""
    config = config or DinoConfig()
    both = Distillation(config, config.epochs * (len(stored) // config.batch))
    generator = torch.Generator().manual_seed(WORLD)
    for number in range(1, config.epochs + 1):
        started, losses, watched = time.monotonic(), [], []
        for rows in batches(len(stored), config.batch, generator):
            large, small = _views(stored[rows], config, generator)
            # The last layer waits for an epoch, until the teacher has some shape.
            loss, wanted = both.step(large, small, fixed=number == 1)
            watched.append(entropies(wanted))
            losses.append(loss)
        each, together = torch.tensor(watched).mean(0).tolist()
        seen = {"teacher's entropy": each, "entropy of its mean": together}
        seconds = time.monotonic() - started
        told(Epoch(number, config.epochs, sum(losses) / len(losses), seconds, seen))
    return both.teacher.vit


def _views(
    stored: torch.Tensor, config: DinoConfig, generator: torch.Generator
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Two large and some small crops of each picture, half of them mirrored."""

    def view(share: tuple[float, float], side: int) -> torch.Tensor:
        cut = crops(stored, *share, side, generator)
        mirrored = torch.rand(len(cut), 1, 1, 1, generator=generator) < 0.5
        cut = torch.where(mirrored, cut.flip(3), cut)
        cut = jittered(cut, config.jitter, generator)
        grey = torch.rand(len(cut), 1, 1, 1, generator=generator) < config.grey
        return normalised(torch.where(grey, cut.mean(1, keepdim=True), cut))

    large = [view(config.global_share, SIDE) for _ in range(2)]
    return large, [view(config.local_share, config.local_side) for _ in range(config.local_crops)]


def entropies(wanted: torch.Tensor) -> tuple[float, float]:
    """Entropy of the teacher's answers, of each alone and of their mean, as shares of uniform.

    1 and 1 is one collapse (uniform answers), 0 and 0 the other (the same answer to everything).
    """
    answers = wanted.flatten(0, 1)
    each = torch.special.entr(answers).sum(-1).mean()
    together = torch.special.entr(answers.mean(0)).sum()
    most = math.log(answers.shape[-1])
    return float(each) / most, float(together) / most
