import math

import numpy as np
import pytest
import torch

from cssim.training.config import TrainConfig
from cssim.training.data import Dataset
from cssim.training.model import CSModel, RankingBlock
from cssim.training.objective import agreement, choice_logits, set_scale
from tests.training.worlds import IMAGES, backbone, triples


def test_agreement_counts_even_margins_half_and_leaves_ties_out():
    margin = torch.tensor([1.0, -1.0, 0.0, 5.0, -2.0])
    share_a = torch.tensor([0.9, 0.6, 0.0, 0.5, 0.2])
    assert agreement(margin, share_a) == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert math.isnan(agreement(margin[3:4], share_a[3:4]))


def test_the_scale_at_the_start_is_the_best_of_its_grid(tmp_path):
    source = backbone(tmp_path)
    model = CSModel(source, TrainConfig(adapter="head"))
    ranking = model.ranking
    assert isinstance(ranking, RankingBlock)
    given = triples(20)
    data = Dataset(given, given.images, 0.2, 0.2, mean_votes=1.0)
    batch = data.batch(np.arange(len(given)))
    embeddings = torch.from_numpy(source.embed(IMAGES))[torch.from_numpy(given.images - 1)]

    def loss(power: float) -> float:
        with torch.no_grad():
            ranking.log_scale.fill_(power * math.log(2) / 2)
            p = torch.sigmoid(choice_logits(model, embeddings, batch)).double()
        votes_a, votes_b = torch.tensor(given.votes_a), torch.tensor(given.votes_b)
        return -float((votes_a * p.log() + votes_b * (1 - p).log()).sum())

    losses = [loss(power) for power in range(17)]
    set_scale(model, lambda rows: embeddings[rows], batch)
    found = float(ranking.log_scale.detach()) / (math.log(2) / 2)
    assert found == pytest.approx(int(np.argmin(losses)), abs=1e-5)
