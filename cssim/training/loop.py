"""`fit()`: a generator of epochs that can be stopped and taken up again at any of them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cssim.embeddings.network import Backbone
from cssim.errors import BadInput, Cancelled, Conflict
from cssim.training.checkpoint import (
    STATE,
    ModelCard,
    read_tensors,
    save_model,
    write_tensors,
)
from cssim.training.config import TrainConfig
from cssim.training.data import Batch, Dataset, split
from cssim.training.features import Features, Load
from cssim.training.model import CSModel
from cssim.training.objective import (
    agreement,
    batch_loss,
    choice_logits,
    on_device,
    set_scale,
)
from cssim.triples import Triples


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


def fit(
    backbone: Backbone,
    triples: Triples,
    load: Load,
    config: TrainConfig,
    *,
    folder: Path,
    resume: bool = True,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Epoch]:
    """Train, yielding each epoch after it is safe in `folder`; the best becomes the model there.

    A run that was killed, or whose generator was closed, goes on after its last epoch when `fit`
    is called again with the same data and config, and ends with the same weights as an
    uninterrupted run on the same machine; epochs of before are not yielded again.

    Args:
        backbone: What to adapt; it is not changed.
        triples: Votes with images that `load` can give.
        load: RGB image of an image id.
        config: All settings.
        folder: Of this run alone.
        resume: False starts anew whatever `folder` holds.
        cancelled: Asked before each step.

    Raises:
        BadInput: too few triples for the validation part, or none at all.
        Conflict: `folder` holds a run with other data, another config or another backbone.
        Cancelled: `cancelled` said so; the last whole epoch is safe.
    """
    run = _Run(backbone, triples, load, config, folder, cancelled)
    if resume:
        run.restore()
    try:
        if not run.curve:
            yield run.begin()
        while not run.finished:
            yield run.epoch()
    finally:
        run.features.close()
    run.finish()


class _Run:
    """Model, optimiser and curve of one run, and how they are kept."""

    def __init__(
        self,
        backbone: Backbone,
        triples: Triples,
        load: Load,
        config: TrainConfig,
        folder: Path,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        if not len(triples):
            raise BadInput("there are no triples to train on: collect answers first")
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone, self.triples, self.config = backbone, triples, config
        self.folder, self.cancelled = folder, cancelled
        train, held = split(triples, config.validation_share, by=config.split, seed=config.seed)
        votes = float(np.mean(train.votes_a + train.votes_b))
        shape = (triples.images, config.margin, config.class_margin, votes)
        self.train, self.held = Dataset(train, *shape), Dataset(held, *shape)
        self.model = CSModel(backbone, config)
        self.features = Features(
            self.model, backbone, load, triples.images, folder=folder, cancelled=cancelled
        )
        self.optimizer = _optimizer(self.model, config)
        self.curve: list[Epoch] = []
        self.best = self.model.trained_state()

    @property
    def finished(self) -> bool:
        """Whether the last epoch was reached, or nothing got better for too long."""
        last, epochs = self.curve[-1].number, self.config.steps[0]
        waited = last - self._best_number() if len(self.held.triples) else 0
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
            batches = list(self.train.batches(self.config.batch_pages, rng))
            for step, batch in enumerate(batches, (number - 1) * len(batches)):
                if self.cancelled is not None and self.cancelled():
                    raise Cancelled(f"training was stopped in epoch {number}")
                self._set_lr(step / (len(batches) * self.config.steps[0]))
                total += self._step(batch, rng) * len(batch)
                images += len(batch.images)
            self.model.train(False)
        return self._keep(number, total / len(self.train.triples), images, start)

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """(m, dim) embeddings of rows of the run's images, without gradients."""
        with torch.no_grad():
            parts = [self.model.leave(self.features.rows(rows)) for rows in torch.split(images, 32)]
        return torch.cat(parts)

    def finish(self) -> None:
        """Write the best epoch as the finished model."""
        best = self.curve[self._best_number()]
        save_model(
            self.folder,
            self.best,
            ModelCard(
                backbone=self.backbone.name,
                backbone_weights=self.backbone.weights,
                config=self.config.to_dict(),
                data_fingerprint=self.triples.fingerprint,
                curve=[epoch.to_dict() for epoch in self.curve],
                best_epoch=best.number,
                metrics=self._metrics(best),
                references=np.unique(self.triples.reference).tolist(),
                versions=_versions(),
            ),
        )

    def restore(self) -> None:
        """Take up the state in the folder, where there is one."""
        path = self.folder / STATE
        if not path.is_file():
            return
        tensors, metadata = read_tensors(path)
        if metadata["identity"] != self._identity():
            raise Conflict(
                f"{self.folder} holds a run with other data, another config or another backbone: "
                "give another folder, or start anew without resuming"
            )
        groups: dict[str, dict[str, torch.Tensor]] = {"model": {}, "best": {}, "adam": {}}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            groups[kind][rest] = tensor
        self.model.load_trained_state(groups["model"])
        self.best = groups["best"]
        _restore_moments(self.optimizer, self.model, groups["adam"])
        self.curve = [Epoch.from_dict(fields) for fields in json.loads(metadata["curve"])]

    def _step(self, batch: Batch, rng: np.random.Generator) -> float:
        entered = (
            self.features.augmented(batch.images, rng)
            if self.config.augment
            else self.features.rows(batch.images)
        )
        loss = batch_loss(self.model, self.model.leave(entered), batch, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], self.config.clip)
        self.optimizer.step()
        return float(loss.detach())

    def _set_lr(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["start"] * 0.5 * (1 + math.cos(math.pi * progress))

    def _keep(self, number: int, train_loss: float, images: int, start: float) -> Epoch:
        """Score the model, note whether it is the best, and make all of it safe."""
        loss, accuracy, ranking = self._score()
        best = not self.curve or self._better(loss, accuracy)
        if best:
            self.best = self.model.trained_state()
        seconds = time.perf_counter() - start if start else 0.0
        lr = float(self.optimizer.param_groups[0]["lr"])
        epoch = Epoch(number, train_loss, loss, accuracy, ranking, lr, images, seconds, best)
        self.curve.append(epoch)
        self._save()
        return epoch

    def _score(self) -> tuple[float, float, float]:
        """(loss, accuracy by distance, accuracy by ranking block) on the held-out triples."""
        if not len(self.held.triples):
            return math.nan, math.nan, math.nan
        batch = on_device(self._whole(self.held), self.backbone.device)
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
        best = self.curve[self._best_number()]
        return (accuracy, -loss) > (best.accuracy, -best.loss)

    def _best_number(self) -> int:
        return max(epoch.number for epoch in self.curve if epoch.best)

    def _whole(self, data: Dataset) -> Batch:
        return data.batch(np.arange(len(data.triples)))

    def _identity(self) -> str:
        """What two runs must share for one to go on with the other's state."""
        facts = {
            "config": self.config.to_dict(),
            "data": self.triples.fingerprint,
            "backbone": self.backbone.fingerprint,
        }
        return json.dumps(facts, sort_keys=True)

    def _save(self) -> None:
        tensors = {f"model/{k}": v for k, v in self.model.trained_state().items()}
        tensors.update({f"best/{k}": v for k, v in self.best.items()})
        tensors.update(_moments(self.optimizer, self.model))
        curve = json.dumps([epoch.to_dict() for epoch in self.curve])
        write_tensors(self.folder / STATE, tensors, {"identity": self._identity(), "curve": curve})

    def _metrics(self, best: Epoch) -> dict[str, Any]:
        first = self.curve[0].to_dict()
        return {
            "accuracy": best.to_dict()["accuracy"],
            "accuracy_untrained": first["accuracy"],
            "ranking_accuracy": best.to_dict()["ranking_accuracy"],
            "train_triples": len(self.train.triples),
            "held_triples": len(self.held.triples),
            "images": len(self.triples.images),
            "parameters": sum(t.numel() for t in self.best.values()),
            "epochs": self.curve[-1].number,
            "seconds": sum(epoch.seconds for epoch in self.curve),
            "device": str(self.backbone.device),
            "precision": self.backbone.precision,
        }


def _optimizer(model: CSModel, config: TrainConfig) -> torch.optim.AdamW:
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


def _moments(optimizer: torch.optim.Optimizer, model: CSModel) -> dict[str, torch.Tensor]:
    """The optimiser's state by parameter name: step, exp_avg and exp_avg_sq."""
    return {
        f"adam/{key}/{name}": value.clone()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _restore_moments(
    optimizer: torch.optim.Optimizer, model: CSModel, moments: dict[str, torch.Tensor]
) -> None:
    parameters = dict(model.named_parameters())
    for name, value in moments.items():
        key, _, parameter = name.partition("/")
        target = parameters[parameter]
        kept = value if key == "step" else value.to(target.device)
        optimizer.state.setdefault(target, {})[key] = kept


@contextmanager
def _threads(adapter: str) -> Iterator[None]:
    """A head's steps are so small that sharing them between threads costs more than it gives."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if adapter == "head" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft")}
