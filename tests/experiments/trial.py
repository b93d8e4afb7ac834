"""One model trained on one reference, and what it gets right on held-out triples and elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cssim.embeddings.backbones import load_backbone
from cssim.ensembles.distances import triple_distances
from cssim.evaluation.accuracy import by_reference, strict_credit
from cssim.training import learner
from cssim.training.activations import ActivationCache
from cssim.training.checkpoint import TENSORS, read_card, read_tensors
from cssim.training.config import TrainConfig
from cssim.training.data import Batch, Dataset, split
from cssim.training.features import Features, Shared
from cssim.training.linear import HeadModel, fit_head, rotated
from cssim.training.loop import fit
from cssim.training.losses import order_loss
from cssim.training.model import CSModel, Trainable
from cssim.training.objective import agreement, batch_loss, choice_logits
from cssim.triples import Triples
from tests.experiments.people import People

HELD = 0.25
"""Share of a reference's pages that only judge; training never sees them."""


@dataclass(frozen=True)
class Trial:
    """What is trained; `key` names it for good."""

    study: str
    variant: str
    settings: Mapping[str, Any]
    backbone: str
    """Folder or name."""
    reference: int
    seed: int
    by: str = "page"
    """How the judging pages are held out: `page`, or `strict` (no candidate in common)."""

    def key(self, people: People) -> dict[str, Any]:
        """JSON-ready identity."""
        return {
            "study": self.study,
            "variant": self.variant,
            "adapter": self.settings.get("adapter", "lora"),
            "backbone": Path(self.backbone).name,
            "reference": people.name(self.reference),
            "seed": self.seed,
            "by": self.by,
        }


@dataclass
class Bench:
    """People, the references that no model sees, and what is computed once for a backbone."""

    people: People
    unseen: NDArray[np.int64]
    scratch: Path
    _backbones: dict[str, Any] = field(default_factory=dict)
    _frozen: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cache = ActivationCache(self.scratch / "activations", max_bytes=4 << 30)
        self._shared = Shared(cache, self.people.hashes)
        triples = self.people.triples
        self._judged = triples[np.isin(triples.reference, self.unseen)]

    def run(self, trial: Trial) -> dict[str, Any]:
        """The trial's row: what was trained, for how long, and credit by reference."""
        own = self.people.triples[self.people.triples.reference == trial.reference]
        train, held = split(own, HELD, by=trial.by, seed=trial.seed)
        settings = dict(trial.settings)
        with raw_margin(bool(settings.pop("raw", False))):
            if trial.variant == "frozen":
                trained = _Trained(self._embedded(trial.backbone), None, {})
            else:
                config = TrainConfig.from_dict({**settings, "seed": trial.seed})
                by = self._head if config.adapter == "head" else self._lora
                trained = by(trial.backbone, train, config)
        local = self._credit(trained.embedding, held)
        far = self._credit(trained.embedding, self._judged)
        return {
            **trial.key(self.people),
            "train_triples": len(train),
            "local": [float(local.sums.sum()), float(local.counts.sum())],
            "global": far.sums[0].tolist(),
            "global_counts": far.counts[0].tolist(),
            "local_by_block": self._block(trained, held),
            "global_by_block": self._block(trained, self._judged),
            **trained.facts,
        }

    def _credit(self, embedding: NDArray[np.float32], triples: Triples) -> Any:
        rows = (triples.reference - 1, triples.a - 1, triples.b - 1)
        credit = strict_credit(triple_distances([embedding], *rows)[0], triples.share_a)
        return by_reference(credit[None], triples.reference)

    def _block(self, trained: _Trained, triples: Triples) -> float | None:
        """Share of the majorities that the ranking block finds; None for a frozen backbone."""
        if trained.model is None:
            return None
        batch = _whole(triples, self.people.ids)
        embedding = torch.from_numpy(trained.embedding)[batch.images]
        with torch.no_grad():
            return agreement(choice_logits(trained.model, embedding, batch), batch.share_a)

    def _backbone(self, name: str) -> Any:
        if name not in self._backbones:
            self._backbones[name] = load_backbone(name, device="cpu", precision="float32")
        return self._backbones[name]

    def _embedded(self, name: str) -> NDArray[np.float32]:
        if name not in self._frozen:
            backbone, people = self._backbone(name), self.people
            parts = [backbone.embed([people.load(int(i))]) for i in people.ids]
            # As `curves` trains heads: the same distances in fewer dimensions.
            self._frozen[name] = rotated(np.concatenate(parts))
        return self._frozen[name]

    def _head(self, name: str, train: Triples, config: TrainConfig) -> _Trained:
        frozen = self._embedded(name)
        start = _now()
        head = fit_head(frozen, self.people.ids, train, config)
        seconds = _now() - start
        model = HeadModel(frozen.shape[1], config)
        model.load_trained_state(dict(head.state))
        curve = [epoch.to_dict() for epoch in head.curve]
        best = max(epoch["number"] for epoch in curve if epoch["best"])
        return _Trained(head.embed(frozen), model, _facts(curve, best, seconds, head.state))

    def _lora(self, name: str, train: Triples, config: TrainConfig) -> _Trained:
        backbone, people = self._backbone(name), self.people
        with TemporaryDirectory(dir=self.scratch) as made:
            folder = Path(made)
            start = _now()
            for _ in fit(backbone, train, people.load, config, folder=folder, shared=self._shared):
                pass
            seconds = _now() - start
            card, (state, _) = read_card(folder), read_tensors(folder / TENSORS)
            model = CSModel(backbone, config)
            model.load_trained_state(state)
            features = Features(
                model, backbone, people.load, people.ids, folder=folder, shared=self._shared
            )
            rows = torch.split(torch.arange(len(people.ids)), 16)
            with torch.no_grad():
                parts = [model.leave(features.rows(part)).numpy() for part in rows]
            features.close()
        facts = _facts(card.curve, card.best_epoch, seconds, state)
        return _Trained(np.concatenate(parts), model, facts)


@dataclass(frozen=True, eq=False)
class _Trained:
    embedding: NDArray[np.float32]
    """(images, dim)."""
    model: Trainable | None
    facts: dict[str, Any]


def _now() -> NDArray[np.float64]:
    """(wall clock, processor time of all threads) in seconds; only the second bears other load."""
    return np.array([time.perf_counter(), time.process_time()])


def _facts(
    curve: Sequence[Mapping[str, Any]],
    best: int,
    seconds: NDArray[np.float64],
    state: Mapping[str, torch.Tensor],
) -> dict[str, Any]:
    return {
        "seconds": round(float(seconds[0]), 3),
        "processor_seconds": round(float(seconds[1]), 3),
        "epochs": curve[-1]["number"],
        "best_epoch": best,
        "images": sum(epoch["images"] for epoch in curve),
        "parameters": sum(tensor.numel() for tensor in state.values()),
    }


def _whole(triples: Triples, ids: NDArray[np.int64]) -> Batch:
    return Dataset(triples, ids, 0.2, 0.2, 1.0).batch(np.arange(len(triples)))


@contextmanager
def raw_margin(wanted: bool) -> Iterator[None]:
    """While inside, the order triplet takes unnormalised squared distances, as the release does.

    The product has no such setting, for its answers are by cosine.
    """

    def loss(
        model: Trainable, embeddings: torch.Tensor, batch: Batch, config: TrainConfig
    ) -> torch.Tensor:
        values = {**config.to_dict(), "order_weight": 0.0}
        choice = batch_loss(model, embeddings, batch, TrainConfig.from_dict(values))
        r, a, b = (embeddings[rows] for rows in (batch.reference, batch.a, batch.b))
        order = order_loss(
            (r - a).square().sum(1), (r - b).square().sum(1), batch.share_a, batch.margin,
            batch.weight,
        )  # fmt: skip
        return choice + config.order_weight * order

    names = vars(learner)
    before = names["batch_loss"]
    try:
        if wanted:
            names["batch_loss"] = loss
        yield
    finally:
        names["batch_loss"] = before
