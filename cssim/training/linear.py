"""Heads trained on embeddings that were computed before: no picture is decoded, a run is a second.

The steps, losses and random numbers are those of `loop.fit` with the adapter `head`: both feed the
same `learner.Learner`, one with pictures, the other with rows of a matrix. A head on top of another
is trained by giving it the other's embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.training.config import TrainConfig
from cssim.training.learner import Epoch, Learner
from cssim.training.model import Trainable, low_rank_head, ranking_block
from cssim.triples import Triples

Floats = NDArray[np.float64]
_CPU = torch.device("cpu")


class HeadModel(Trainable):
    """A low-rank head and a ranking block; embeddings enter."""

    def __init__(self, dim: int, config: TrainConfig) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.head = low_rank_head(dim, config)
            self.ranking = ranking_block(dim, config)
        self.train(False)

    def leave(self, entered: torch.Tensor) -> torch.Tensor:
        """(n, dim) changed embeddings of (n, dim) frozen ones."""
        return self.head(entered)  # type: ignore[no-any-return]


class _Rows:
    """Embeddings as what enters a model."""

    def __init__(self, features: NDArray[np.floating]) -> None:
        self._all = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        return self._all[rows]

    def augmented(
        self, batches: Iterable[torch.Tensor], rng: np.random.Generator
    ) -> Iterator[torch.Tensor]:
        raise BadInput("a head learns on embeddings computed once: it cannot augment images")


@dataclass(frozen=True, eq=False)
class LinearHead:
    """What training found: W = I + scale * up down, and the ranking block on W z."""

    state: Mapping[str, torch.Tensor]
    """Everything that learned, by name, as a checkpoint of the adapter `head` holds it."""
    scale: float
    curve: tuple[Epoch, ...] = ()
    """Of the training; empty where the head was read from a file."""

    def embed(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, dim) float32 embeddings of (n, dim) frozen ones."""
        down, up = (self.state[f"head.{name}.weight"].numpy() for name in ("down", "up"))
        known = np.asarray(features, dtype=np.float32)
        return np.asarray(known + np.float32(self.scale) * ((known @ down.T) @ up.T))

    def ranking_distances(
        self, embedding: NDArray[np.floating], left: ArrayLike, right: ArrayLike
    ) -> Floats:
        """-g(R, X) of pairs of rows of `embed`: the ranking block's answer as a distance, (k,).

        The difference of two is the block's log odds, so the smaller one is the one it finds
        closer. Not bounded, and not 0 from a picture to itself.

        Args:
            embedding: (n, dim) from `embed`.
            left: (k,) rows of references.
            right: (k,) rows of what they are compared with.

        Raises:
            BadInput: the head was trained with the linear block.
        """
        if "ranking.stretch" not in self.state:
            raise BadInput("only the antisymmetric ranking block's answer is one of distances")
        unit = np.asarray(embedding, dtype=np.float64)
        unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
        bias, stretch, log_scale = (
            self.state[f"ranking.{name}"].numpy().astype(np.float64)
            for name in ("bias", "stretch", "log_scale")
        )
        # sum_k s_k (r_k - x_k)^2 from products of whole matrices: all pairs cost one of them.
        weighted = unit * (1 + stretch)
        squares = np.einsum("nd,nd->n", weighted, unit)
        r, x = np.asarray(left), np.asarray(right)
        cross = np.einsum("kd,kd->k", weighted[r], unit[x])
        distances = squares[r] + squares[x] - 2 * cross
        return np.asarray(np.exp(log_scale) * distances - (unit @ bias)[x])


def rotated(features: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float32]:
    """(n, n) features with the same inner products, where n images have dim > n dimensions.

    n vectors span n dimensions at most, so nothing is lost, and a head on them can say all that a
    head on the long ones can; its steps are dim / n times cheaper. Axes are turned at random, for
    an optimiser that scales each axis by itself would blow up the last principal components.
    Where there are more images than dimensions the features come back as they are.

    Args:
        features: (n, dim).
        seed: of the rotation.
    """
    n, dim = features.shape
    if n >= dim:
        return np.asarray(features, dtype=np.float32)
    left, values, _ = np.linalg.svd(np.asarray(features, dtype=np.float64), full_matrices=False)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    return np.asarray((left * values) @ turn, dtype=np.float32)


def fit_head(
    features: NDArray[np.floating],
    image_ids: NDArray[np.int64],
    triples: Triples,
    config: TrainConfig,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> LinearHead:
    """The head of the best epoch; without a held-out part, of the last one.

    Args:
        features: (m, dim) frozen embeddings.
        image_ids: (m,) rising ids of the images in their rows; more than the triples need will do.
        triples: votes to learn from.
        config: of the adapter `head`.
        cancelled: asked before each step.

    Raises:
        BadInput: another adapter, no triples, images without a row, rows that do not fit.
        Cancelled: `cancelled` said so.
    """
    if config.adapter != "head":
        raise BadInput(f"only a head learns on embeddings, got the adapter {config.adapter!r}")
    if not len(triples):
        raise BadInput("there are no triples to train on: collect answers first")
    if features.ndim != 2 or len(features) != len(image_ids) or np.any(np.diff(image_ids) <= 0):
        raise BadInput(
            "expected a row of features for each of "
            f"{words.count(len(image_ids), 'rising image id')}, got shape {features.shape}"
        )
    missing = np.setdiff1d(triples.images, image_ids)
    if len(missing):
        raise BadInput(
            f"{words.count(len(missing), 'image')} of the triples have no row, e.g. id {missing[0]}"
        )
    model = HeadModel(features.shape[1], config)
    run = Learner(model, triples, config, device=_CPU, image_ids=image_ids, cancelled=cancelled)
    run.features = _Rows(features)
    run.begin()
    while not run.finished:
        run.epoch()
    return LinearHead(run.best, config.scale, tuple(run.curve))
