import json
from dataclasses import fields

import pytest

from cssim.errors import BadSetting
from cssim.training.config import TrainConfig


@pytest.mark.parametrize("adapter", ["lora", "head", "full"])
def test_a_config_survives_json(adapter):
    config = TrainConfig(adapter=adapter, targets=("q_proj",), rank=2, seed=5)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_every_field_is_filled_in_at_birth():
    config = TrainConfig.from_dict({"adapter": "head"})
    empty = [f.name for f in fields(config) if getattr(config, f.name) is None]
    assert set(empty) <= {"last_blocks"}
    assert config.scale == 1.0
    assert TrainConfig(rank=4, alpha=8).scale == 2.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"adapter": "magic"},
        {"split": "mood"},
        {"rank": 0},
        {"dropout": 1.0},
        {"epochs": 0},
        {"validation_share": 0.95},
        {"adapter": "head", "augment": True},
        {"momentum": 0.9},
        {"rank": "four"},
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(BadSetting):
        TrainConfig.from_dict(wrong)
