import pytest
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.embeddings.class_token import keep_class_token
from cssim.training.config import TrainConfig
from cssim.training.model import CSModel
from tests.embeddings.small_models import FAMILIES, pictures, save_small

KNOWN = ["clip", "deit", "dinov2", "dinov2_with_registers", "vit"]


@pytest.fixture
def backbone(request, tmp_path):
    return load_backbone(
        str(save_small(request.param, tmp_path)), device="cpu", precision="float32"
    )


def whole(module):
    """Let the last block work on every token again."""
    narrowed = [m for m in module.modules() if "forward" in vars(m)]
    assert len(narrowed) == 1
    del narrowed[0].forward


@pytest.mark.parametrize("backbone", KNOWN, indirect=True)
def test_the_embedding_is_that_of_the_whole_last_block(backbone):
    few = backbone.embed(pictures(5))
    whole(backbone.module)
    assert few == pytest.approx(backbone.embed(pictures(5)), abs=2e-6)


@pytest.mark.parametrize("backbone", KNOWN, indirect=True)
def test_the_last_block_hands_on_one_token(backbone):
    pixels = backbone.preprocess(pictures(2))
    assert backbone.module.body(pixel_values=pixels).last_hidden_state.shape[:2] == (2, 1)


@pytest.mark.parametrize("backbone", ["clip", "dinov2", "vit"], indirect=True)
@pytest.mark.parametrize("last_blocks", [1, None])
def test_lora_learns_by_the_same_gradients(backbone, last_blocks):
    config = TrainConfig.from_dict({"last_blocks": last_blocks})
    pixels = backbone.preprocess(pictures(4))
    gradients = []
    for narrow in (True, False):
        model = CSModel(backbone, config)
        with torch.no_grad():
            for name, parameter in model.adapter_parameters():
                if "lora_B" in name:
                    parameter.copy_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter))
        if not narrow:
            whole(model.network)
        model(pixels).square().sum().backward()
        gradients.append({name: p.grad for name, p in model.adapter_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(g is not None and g.abs().max() > 0 for g in gradients[1].values())
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backbone", sorted(set(FAMILIES) - set(KNOWN)), indirect=True)
def test_networks_of_other_layouts_stay_as_they_are(backbone):
    before = backbone.embed(pictures(2))
    assert not keep_class_token(backbone.module.body)
    assert (backbone.embed(pictures(2)) == before).all()
