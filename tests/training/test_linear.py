"""Heads on embeddings: what the training loop finds with pictures, seconds faster."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cssim.errors import BadInput, Cancelled
from cssim.training.checkpoint import read_tensors
from cssim.training.config import TrainConfig
from cssim.training.data import split
from cssim.training.linear import HeadModel, fit_head, rotated
from cssim.training.loop import fit
from cssim.triples import Triples
from tests.training.worlds import IMAGES, backbone, load, triples

CONFIG = TrainConfig(adapter="head", rank=3, epochs=4, batch_pages=3, seed=5)


def test_it_agrees_with_training_on_pictures(tmp_path: Path) -> None:
    network = backbone(tmp_path / "network")
    answers = triples(12, references=2)
    curve = list(fit(network, answers, load, CONFIG, folder=tmp_path / "run"))
    features = network.embed(IMAGES)
    found = fit_head(features, np.arange(1, len(IMAGES) + 1), answers, CONFIG)
    stored, _ = read_tensors(tmp_path / "run" / "model.safetensors")
    assert set(stored) == set(found.state)
    for name, value in stored.items():
        torch.testing.assert_close(found.state[name], value, rtol=1e-4, atol=1e-5)
    for one, other in zip(curve, found.curve, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert (one.accuracy, one.best) == (other.accuracy, other.best)


def test_embeddings_and_ranking_answers_equal_those_of_the_module() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(14, 6)).astype(np.float32)
    config = TrainConfig(adapter="head", rank=2, alpha=3.0, epochs=6, lr=0.05, validation_share=0)
    head = fit_head(features, np.arange(1, 15), triples(12), config)
    model = HeadModel(6, config)
    model.load_trained_state(dict(head.state))
    embedded = model.leave(torch.from_numpy(features)).detach()
    np.testing.assert_allclose(head.embed(features), embedded.numpy(), rtol=1e-5, atol=1e-6)
    r, a, b = ([0, 1, 2], [3, 4, 5], [6, 7, 2])
    odds = model.ranking(embedded[r], embedded[a], embedded[b]).detach().numpy()
    to_a, to_b = (head.ranking_distances(head.embed(features), r, x) for x in (a, b))
    np.testing.assert_allclose(to_b - to_a, odds, rtol=1e-4, atol=1e-5)


def test_rotated_features_keep_all_inner_products_in_as_many_dimensions_as_images() -> None:
    features = np.random.default_rng(4).normal(size=(9, 40)).astype(np.float32)
    short = rotated(features)
    assert short.shape == (9, 9)
    np.testing.assert_allclose(short @ short.T, features @ features.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(rotated(features.T), features.T)  # more images: as they are


def test_a_head_on_a_head_starts_where_the_first_one_ended() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(14, 6)).astype(np.float32)
    ids = np.arange(1, 15)
    first = fit_head(features, ids, triples(12), CONFIG)
    still = TrainConfig(adapter="head", rank=3, epochs=1, lr=0.0)
    second = fit_head(first.embed(features), ids, triples(9, seed=2), still)
    np.testing.assert_allclose(
        second.embed(first.embed(features)), first.embed(features), rtol=1e-6
    )


def test_dropout_changes_what_is_learned_and_nothing_else() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(14, 6)).astype(np.float32)
    options: dict[str, Any] = {"adapter": "head", "rank": 3, "epochs": 3, "lr": 0.01}
    heads = [
        fit_head(features, np.arange(1, 15), triples(12), TrainConfig(**options, dropout=share))
        for share in (0.0, 0.5, 0.5)
    ]
    assert heads[0].curve[0].loss == heads[1].curve[0].loss  # untrained, and never dropped
    assert not torch.equal(heads[0].state["head.up.weight"], heads[1].state["head.up.weight"])
    assert torch.equal(heads[1].state["head.up.weight"], heads[2].state["head.up.weight"])


def test_where_the_held_out_pages_are_all_ties_the_loss_says_which_epoch_is_best() -> None:
    """They have no majority and so no accuracy; the untrained model would be kept for ever."""
    features = np.random.default_rng(1).normal(size=(14, 6)).astype(np.float32)
    given = triples(12)
    held = np.isin(given.page, split(given, 0.3, seed=CONFIG.seed)[1].page)
    columns = {f: np.where(held, 1.0, getattr(given, f)) for f in ("votes_a", "votes_b")}
    config = replace(CONFIG, validation_share=0.3, epochs=30, lr=1e-3)
    curve = fit_head(features, np.arange(1, 15), replace(given, **columns), config).curve
    assert all(np.isnan(epoch.accuracy) for epoch in curve)
    best = max(epoch.number for epoch in curve if epoch.best)
    assert best == min(range(len(curve)), key=lambda number: curve[number].loss) > 0


def test_a_run_of_a_cluster_takes_a_second() -> None:
    """2,000 images of 1,280 dimensions, 225 triples of one reference, rank 64, all 60 epochs."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(2000, 1280)).astype(np.float32)
    n = 225
    a, b = rng.integers(1, 2000, (2, n))
    answers = Triples(
        np.zeros(n, dtype=np.int64), a, b, a < b, a >= b, np.full(n, np.nan), np.full(n, np.nan),
        np.arange(n),
    )  # fmt: skip
    config = TrainConfig(adapter="head", rank=64, patience=60)
    start = time.process_time()
    head = fit_head(features, np.arange(2000), answers, config)
    assert len(head.curve) == 61
    assert time.process_time() - start < 8  # about 1.5 s on a quiet core


def test_nonsense_is_refused() -> None:
    features, ids, answers = np.zeros((14, 4)), np.arange(1, 15), triples(6)
    with pytest.raises(BadInput, match="only a head"):
        fit_head(features, ids, answers, TrainConfig(adapter="lora"))
    with pytest.raises(BadInput, match="no triples"):
        fit_head(features, ids, answers[:0], CONFIG)
    with pytest.raises(BadInput, match="rising"):
        fit_head(features, ids[::-1], answers, CONFIG)
    with pytest.raises(BadInput, match=r"no row, e\.g\. id 14"):
        fit_head(features[:-1], ids[:-1], answers, CONFIG)
    with pytest.raises(Cancelled):
        fit_head(features, ids, answers, CONFIG, cancelled=lambda: True)
