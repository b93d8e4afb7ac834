"""`fit()`: a generator of epochs that can be stopped and taken up again at any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cssim.embeddings.network import Backbone
from cssim.errors import BadInput, Conflict
from cssim.training.checkpoint import (
    STATE,
    ModelCard,
    read_tensors,
    save_model,
    write_tensors,
)
from cssim.training.config import TrainConfig
from cssim.training.features import Features, Load, Progress, Shared
from cssim.training.learner import Epoch, Learner
from cssim.training.model import CSModel, Trainable
from cssim.triples import Triples

__all__ = ["Epoch", "fit"]


def fit(
    backbone: Backbone,
    triples: Triples,
    load: Load,
    config: TrainConfig,
    *,
    folder: Path,
    resume: bool = True,
    shared: Shared | None = None,
    progress: Progress | None = None,
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
        shared: Activations that runs of the same backbone share; None: each run computes its own.
        progress: Told how many images have been through the frozen front.
        cancelled: Asked before each step.

    Raises:
        BadInput: too few triples for the validation part, or none at all.
        Conflict: `folder` holds a run with other data, another config or another backbone.
        Cancelled: `cancelled` said so; the last whole epoch is safe.
    """
    run = _Run(backbone, triples, load, config, folder, shared, progress, cancelled)
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


class _Run(Learner):
    """A run on pictures, each of whose epochs is kept in a folder."""

    features: Features

    def __init__(
        self,
        backbone: Backbone,
        triples: Triples,
        load: Load,
        config: TrainConfig,
        folder: Path,
        shared: Shared | None,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        if not len(triples):
            raise BadInput("there are no triples to train on: collect answers first")
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone, self.folder = backbone, folder
        model = CSModel(backbone, config)
        super().__init__(model, triples, config, device=backbone.device, cancelled=cancelled)
        self.features = Features(
            model,
            backbone,
            load,
            triples.images,
            folder=folder,
            shared=shared,
            progress=progress,
            cancelled=cancelled,
        )

    def finish(self) -> None:
        """Write the best epoch as the finished model."""
        best = self.curve[self.best_number()]
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
        for path in self.folder.glob(f".{STATE}.*"):  # half written when a worker was killed
            path.unlink(missing_ok=True)
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

    def _keep(self, number: int, train_loss: float, images: int, start: float) -> Epoch:
        """The epoch, after all of it is safe."""
        epoch = super()._keep(number, train_loss, images, start)
        self._save()
        return epoch

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


def _moments(optimizer: torch.optim.Optimizer, model: Trainable) -> dict[str, torch.Tensor]:
    """The optimiser's state by parameter name: step, exp_avg and exp_avg_sq."""
    return {
        f"adam/{key}/{name}": value.clone()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _restore_moments(
    optimizer: torch.optim.Optimizer, model: Trainable, moments: dict[str, torch.Tensor]
) -> None:
    parameters = dict(model.named_parameters())
    for name, value in moments.items():
        key, _, parameter = name.partition("/")
        target = parameters[parameter]
        kept = value if key == "step" else value.to(target.device)
        optimizer.state.setdefault(target, {})[key] = kept


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft")}
