"""Which pages of its own cluster a CS model may be judged on."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.services.crossing import _trained_pages
from cssim.training.config import SPLITS, TrainConfig
from cssim.training.data import split
from cssim.types import Cluster, ClusterKind, ModelInfo, ModelKind
from tests.training.worlds import triples

SEA = Cluster(7, "sea", ClusterKind.CONTEXT)


def model(by: str, share: float, data: str) -> ModelInfo:
    config = TrainConfig(adapter="head", split=by, validation_share=share, seed=3)
    return ModelInfo(
        1, "cs", ModelKind.CS, "tiny", (7,), config=config.to_dict(), data_fingerprint=data
    )


@pytest.mark.parametrize("by", SPLITS)
def test_no_pair_that_was_trained_on_is_judged(by: str) -> None:
    """Not even one of a page that the published split cuts in two."""
    answers = triples(30, candidates=2 if by == "strict" else 3, references=3)
    share = 0.4 if by == "strict" else 0.2 + 1 / len(answers)
    train, held = split(answers, share, by=by, seed=3)
    cut = np.intersect1d(train.page, held.page)
    assert len(cut) == (by == "paper")
    seen = _trained_pages(model(by, share, answers.fingerprint), [(SEA, answers)])
    judged = answers[~np.isin(answers.page, seen)]
    assert not np.isin(judged.page, train.page).any()
    assert set(judged.page.tolist()) == set(held.page.tolist()) - set(cut.tolist())


def test_other_answers_or_nothing_held_out_say_nothing() -> None:
    answers = triples(30)
    for other in (model("page", 0.2, "other answers"), model("page", 0.0, answers.fingerprint)):
        assert not len(_trained_pages(other, [(SEA, answers)]))
