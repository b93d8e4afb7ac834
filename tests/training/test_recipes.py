"""The published recipe, and the global rival: what they set, and what a step of them costs."""

from collections.abc import Generator

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cssim.errors import BadInput, BadSetting
from cssim.training.config import RECIPES, TrainConfig
from cssim.training.data import Dataset
from cssim.training.linear import fit_head
from cssim.training.loop import fit
from cssim.training.model import CSModel, LinearRankingBlock
from cssim.training.objective import batch_loss
from cssim.triples import Triples
from tests.training.worlds import backbone, load, triples


def paper(**settings) -> TrainConfig:
    return TrainConfig.from_dict({"recipe": "paper", "targets": ["q_proj", "v_proj"], **settings})


def test_the_paper_recipe_is_that_of_liao_and_chen():
    config = paper()
    assert (config.adapter, config.rank, config.scale, config.last_blocks) == ("lora", 4, 1.0, None)
    assert (config.batch_triples, config.epochs, config.lr) == (8, 25, 1e-4)
    assert (config.weight_decay, config.schedule, config.validation_share) == (0.0, "constant", 0.0)
    assert (config.choice_weight, config.order_weight) == (1.0, 0.1)
    assert config.augment
    assert not config.soft
    assert paper(adapter="full").lr == 1e-5


def test_what_is_said_beside_a_recipe_wins():
    config = paper(epochs=2, lr=0.5)
    assert (config.epochs, config.lr, config.ranking_lr) == (2, 0.5, 0.5)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_spelt_out_in_the_config_that_is_kept(name):
    config = TrainConfig.from_dict({"recipe": name})
    assert "recipe" not in config.to_dict()
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(BadSetting, match="default, paper, global"):
        TrainConfig.from_dict({"recipe": "cake"})


def test_single_triples_come_in_both_orders_with_images_of_their_own():
    given = triples(4)
    data = Dataset(given, given.images, 0.2, 0.2, 1.0, soft=False)
    batches = list(data.single_batches(5, np.random.default_rng(0)))
    assert [len(b) for b in batches] == [5, 5, 5, 5, 4]
    seen = []
    for batch in batches:
        assert len(batch.images) == 3 * len(batch)
        ids = given.images[batch.images.numpy()]
        rows = (ids[batch.reference], ids[batch.a], ids[batch.b], batch.share_a.numpy())
        seen += list(zip(*(r.tolist() for r in rows), strict=True))
    wanted = []
    for row, share in enumerate(given.share_a):
        r, a, b = (int(x[row]) for x in (given.reference, given.a, given.b))
        wanted += [(r, a, b, float(share > 0.5)), (r, b, a, float(share < 0.5))]
    assert sorted(seen) == sorted(wanted)


def test_a_step_of_the_paper_costs_what_three_passes_and_the_printed_formulas_give(tmp_path):
    source, given = backbone(tmp_path), triples(4)
    config = paper(augment=False)
    model = CSModel(source, config)
    assert isinstance(model.ranking, LinearRankingBlock)
    votes = float(np.mean(given.votes_a + given.votes_b))
    data = Dataset(given, given.images, 0.2, 0.2, votes, soft=False)
    pixels = source.preprocess([load(int(i)) for i in given.images])
    for batch in data.single_batches(8, np.random.default_rng(1)):
        r, a, b = (model(pixels[batch.images[i]]) for i in (batch.reference, batch.a, batch.b))
        answer = (batch.share_a < 0.5).long()  # 0: A is closer
        scores = model.ranking.linear(torch.cat([r, a, b], dim=1))
        choice = (batch.weight * F.cross_entropy(scores, answer, reduction="none")).mean()
        d1, d2 = ((F.normalize(r) - F.normalize(x)).square().sum(1) for x in (a, b))
        s = 2.0 * answer - 1
        order = (batch.weight * (batch.margin - s * (d1 - d2)).clamp(min=0)).mean()
        ours = batch_loss(model, model(pixels[batch.images]), batch, config)
        torch.testing.assert_close(ours, choice + 0.1 * order, rtol=1e-5, atol=1e-6)


def test_the_paper_recipe_trains_and_goes_on_where_it_was_left(tmp_path):
    source, given = backbone(tmp_path / "net"), triples(6)
    config = paper(epochs=2, lr=1e-2)
    whole = list(fit(source, given, load, config, folder=tmp_path / "whole"))
    assert [e.number for e in whole] == [0, 1, 2]
    assert whole[1].images == 2 * len(given) * 3
    assert whole[2].lr == config.lr
    halves = fit(source, given, load, config, folder=tmp_path / "halves")
    assert isinstance(halves, Generator)
    first = [next(halves), next(halves)]
    halves.close()
    rest = list(fit(source, given, load, config, folder=tmp_path / "halves"))
    losses = [e.train_loss for e in [*first, *rest]]
    assert losses[1:] == [e.train_loss for e in whole[1:]]


def test_majority_targets_leave_ties_out():
    rng, given = np.random.default_rng(0), triples(8)
    features = rng.normal(size=(14, 6)).astype(np.float32)
    columns = {f: getattr(given, f) for f in ("reference", "a", "b", "class_a", "class_b", "page")}
    even = Triples(**columns, votes_a=np.ones(len(given)), votes_b=np.ones(len(given)))
    config = TrainConfig(adapter="head", soft=False, epochs=1, validation_share=0.0)
    with pytest.raises(BadInput, match="every triple is a tie"):
        fit_head(features, np.arange(1, 15), even, config)
    half = columns | {"votes_a": given.votes_a.copy(), "votes_b": given.votes_b.copy()}
    half["votes_a"][:12] = half["votes_b"][:12] = 1.0
    kept = fit_head(features, np.arange(1, 15), Triples(**half), config)
    alone = fit_head(features, np.arange(1, 15), Triples(**half)[12:], config)
    for name, tensor in kept.state.items():
        torch.testing.assert_close(tensor, alone.state[name])


def test_the_linear_block_has_no_distance_of_its_own():
    features = np.random.default_rng(0).normal(size=(14, 6)).astype(np.float32)
    config = TrainConfig(adapter="head", block="linear", epochs=1, validation_share=0.0)
    head = fit_head(features, np.arange(1, 15), triples(8), config)
    with pytest.raises(BadInput, match="antisymmetric"):
        head.ranking_distances(head.embed(features), [0], [1])


def test_the_global_recipe_is_a_hinge_of_a_twentieth_on_cosine_distances():
    config = TrainConfig.from_dict({"recipe": "global"})
    from cssim.training.losses import order_loss

    u = F.normalize(torch.randn(9, 5, generator=torch.Generator().manual_seed(0)))
    r, a, b = u[:3], u[3:6], u[6:]
    cosine = [1 - (r * x).sum(1) for x in (a, b)]
    hinge = (0.05 - (cosine[1] - cosine[0])).clamp(min=0).mean()  # A is closer
    margin = torch.full((3,), config.margin)
    ours = order_loss(2 * cosine[0], 2 * cosine[1], torch.ones(3), margin, torch.ones(3))
    torch.testing.assert_close(ours, 2 * hinge)
    assert config.rank == 16
    assert config.choice_weight == 0
    assert config.class_margin == 0
