"""What the forms offer exists."""

from __future__ import annotations

import pytest
import torch

from cssim.embeddings.backbones import FAMILIES as FAMILY_OF
from cssim.embeddings.backbones import LORA_TARGETS
from cssim.services.offers import LAYERS, BackboneOffer, lora_layers
from tests.embeddings.small_models import BUILDERS


def offer(family: str) -> BackboneOffer:
    return BackboneOffer(family, True, True, "", 1.0, "", family)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_each_layer_that_is_offered_is_in_a_network_of_the_family(name: str) -> None:
    with torch.device("meta"):
        network = BUILDERS[name]()
    family = FAMILY_OF[network.config.model_type]
    adaptable = (torch.nn.Linear, torch.nn.Conv2d)
    there = {n.rsplit(".", 1)[-1] for n, m in network.named_modules() if isinstance(m, adaptable)}
    absent = set(LAYERS[family]) - there
    assert not absent or (name == "dinov3" and absent == {"fc1", "fc2"})
    assert set(LORA_TARGETS[family]) <= set(LAYERS[family])


def test_layers_of_several_families_come_without_repetition() -> None:
    layers, default = lora_layers([offer("vit"), offer("clip"), offer("cnn")])
    assert len(set(layers)) == len(layers)
    assert {"o_proj", "out_proj", "convolution"} <= set(layers)
    assert default == ("q_proj", "v_proj", "convolution")
    assert lora_layers([offer("unknown")]) == ((), ())
