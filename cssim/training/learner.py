"""One training run in memory: model, data, optimiser, and the curve of its epochs.

`loop.fit` adds pictures and a folder in which each epoch is safe; `linear.fit_head` feeds it with
embeddings that were computed before. Both take the same steps in the same order.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from cssim.errors import BadInput, Cancelled
from cssim.training.config import TrainConfig
from cssim.training.data import Batch, Dataset, split
from cssim.training.model import Trainable
from cssim.training.objective import (
    agreement,
    batch_loss,
    choice_logits,
    on_device,
    set_scale,
)
from cssim.triples import Triples

HELD_IMAGES = 16
"""On a processor, where larger batches are no faster: ViT-B/16 then trains in under 4 GiB."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far a training run is after one pass; number 0 is the untrained model."""

    number: int
    train_loss: float
    """Mean over the training triples while they were learned from; NaN for number 0."""
    loss: float
    """Of the held-out triples; NaN where none are held out."""
    accuracy: float
    """Share of held-out votes that the embedding's distance agrees with the majority of, 0..1."""
    ranking_accuracy: float
    """Likewise by the ranking block's answer."""
    lr: float
    """The adapter's learning rate at the end of the epoch."""
    images: int
    """Images encoded in training."""
    seconds: float
    best: bool
    """Whether this is the best epoch so far, the one that is kept."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; NaN becomes None."""
        fields = asdict(self)
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in fields.items()}

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Epoch:
        """The epoch that gave `to_dict`."""
        values: dict[str, Any] = {k: math.nan if v is None else v for k, v in fields.items()}
        return Epoch(**values)


class Entering(Protocol):
    """What enters a model for rows of the run's images."""

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """Computed once for each image."""

    def augmented(
        self, batches: Iterable[torch.Tensor], rng: np.random.Generator
    ) -> Iterator[torch.Tensor]:
        """For each list of rows, from freshly cropped and flipped pictures."""


class Learner:
    """A run from its untrained model on, epoch by epoch; `best` holds what is kept."""

    features: Entering

    def __init__(
        self,
        model: Trainable,
        triples: Triples,
        config: TrainConfig,
        *,
        device: torch.device,
        image_ids: NDArray[np.int64] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.model, self.triples, self.config = model, triples, config
        self.device, self.cancelled = device, cancelled
        train, held = split(triples, config.validation_share, by=config.split, seed=config.seed)
        if not config.soft:
            train, held = (part[part.share_a != 0.5] for part in (train, held))
            if not len(train):
                raise BadInput("every triple is a tie: there is no majority to learn from")
        votes = float(np.mean(train.votes_a + train.votes_b))
        images = triples.images if image_ids is None else image_ids
        shape = (images, config.margin, config.class_margin, votes, config.soft)
        self.train, self.held = Dataset(train, *shape), Dataset(held, *shape)
        self.optimizer = _optimizer(model, config)
        self._limit = config.held_images or (HELD_IMAGES if device.type == "cpu" else sys.maxsize)
        if config.adapter == "head":
            self._limit = sys.maxsize
        self.curve: list[Epoch] = []
        self.best = model.trained_state()

    @property
    def finished(self) -> bool:
        """Whether the last epoch was reached, or nothing got better for too long."""
        last, epochs = self.curve[-1].number, self.config.steps[0]
        waited = last - self.best_number() if len(self.held.triples) else 0
        return last >= epochs or waited >= self.config.patience

    def begin(self) -> Epoch:
        """Epoch 0: the ranking block gets its scale, the untrained model its score."""
        set_scale(self.model, self.encoded, self._whole(self.train))
        return self._keep(0, math.nan, 0, 0.0)

    def epoch(self) -> Epoch:
        """One pass over the training triples."""
        number, start = self.curve[-1].number + 1, time.perf_counter()
        rng = np.random.default_rng([self.config.seed, number])
        total, images = 0.0, 0
        with torch.random.fork_rng(devices=[]), _threads(self.config.adapter):
            torch.manual_seed(self.config.seed * 100_003 + number)
            self.model.train()
            batches = list(self._batches(rng))
            pairs = zip(batches, self._entered(batches, rng), strict=True)
            for step, (batch, entered) in enumerate(pairs, (number - 1) * len(batches)):
                if self.cancelled is not None and self.cancelled():
                    raise Cancelled(f"training was stopped in epoch {number}")
                self._set_lr(step / (len(batches) * self.config.steps[0]))
                total += self._step(batch, entered) * len(batch)
                images += len(batch.images)
            self.model.train(False)
        return self._keep(number, total / sum(map(len, batches)), images, start)

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        if self.config.batch_triples:
            return self.train.single_batches(self.config.batch_triples, rng)
        return self.train.batches(self.config.batch_pages, rng)

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """(m, dim) embeddings of rows of the run's images, without gradients."""
        with torch.no_grad():
            parts = [self.model.leave(self.features.rows(rows)) for rows in torch.split(images, 32)]
        return torch.cat(parts)

    def _entered(self, batches: list[Batch], rng: np.random.Generator) -> Iterator[torch.Tensor]:
        images = [batch.images for batch in batches]
        if self.config.augment:
            return self.features.augmented(images, rng)
        return map(self.features.rows, images)

    def _step(self, batch: Batch, entered: torch.Tensor) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        # The loss is a mean over triples: parts, weighed by their share of them, add up to it.
        for part, places in batch.parts(self._limit):
            loss = batch_loss(self.model, self.model.leave(entered[places]), part, self.config)
            loss = loss * (len(part) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        for group in self.optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], self.config.clip)
        self.optimizer.step()
        return total

    def _set_lr(self, progress: float) -> None:
        factor = 0.5 * (1 + math.cos(math.pi * progress))
        for group in self.optimizer.param_groups:
            group["lr"] = group["start"] * (factor if self.config.schedule == "cosine" else 1.0)

    def _keep(self, number: int, train_loss: float, images: int, start: float) -> Epoch:
        """Score the model and note whether it is the best."""
        loss, accuracy, ranking = self._score()
        best = not self.curve or self._better(loss, accuracy)
        if best:
            self.best = self.model.trained_state()
        seconds = time.perf_counter() - start if start else 0.0
        lr = float(self.optimizer.param_groups[0]["lr"])
        epoch = Epoch(number, train_loss, loss, accuracy, ranking, lr, images, seconds, best)
        self.curve.append(epoch)
        return epoch

    def _score(self) -> tuple[float, float, float]:
        """(loss, accuracy by distance, accuracy by ranking block) on the held-out triples."""
        if not len(self.held.triples):
            return math.nan, math.nan, math.nan
        batch = on_device(self._whole(self.held), self.device)
        embeddings = self.encoded(batch.images)
        with torch.no_grad():
            loss = float(batch_loss(self.model, embeddings, batch, self.config))
            d_a = self.model.distances(embeddings, batch.reference, batch.a)
            d_b = self.model.distances(embeddings, batch.reference, batch.b)
            logits = choice_logits(self.model, embeddings, batch)
        return loss, agreement(d_b - d_a, batch.share_a), agreement(logits, batch.share_a)

    def _better(self, loss: float, accuracy: float) -> bool:
        """Higher accuracy, ties broken by loss; without a held-out part the last epoch."""
        if not len(self.held.triples):
            return True
        best = self.curve[self.best_number()]
        return (accuracy, -loss) > (best.accuracy, -best.loss)

    def best_number(self) -> int:
        """Number of the epoch that is kept."""
        return max(epoch.number for epoch in self.curve if epoch.best)

    def _whole(self, data: Dataset) -> Batch:
        return data.batch(np.arange(len(data.triples)))


def _optimizer(model: Trainable, config: TrainConfig) -> torch.optim.AdamW:
    adapter = [parameter for _, parameter in model.adapter_parameters()]
    groups = [
        {"params": adapter, "lr": config.steps[1], "start": config.steps[1]},
        {
            "params": list(model.ranking.parameters()),
            "lr": config.ranking_lr,
            "start": config.ranking_lr,
        },
    ]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


@contextmanager
def _threads(adapter: str) -> Iterator[None]:
    """A head's steps are so small that sharing them between threads costs more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if adapter == "head" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
