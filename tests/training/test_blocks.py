import pytest
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.training.blocks import SplitNetwork, find_blocks
from tests.embeddings.small_models import pictures, save_small

BLOCKS = {
    "clip": 3,
    "convnext": 4,
    "dinov2": 3,
    "mobilenet_v1": 13,
    "mobilenet_v2": 16,
    "resnet": 4,
    "siglip": 3,
    "vit": 3,
}


@pytest.fixture
def backbone(request, tmp_path):
    return load_backbone(
        str(save_small(request.param, tmp_path)), device="cpu", precision="float32"
    )


@pytest.mark.parametrize("backbone", BLOCKS, indirect=True)
def test_each_family_has_its_blocks_and_is_entered_before_any_of_them(backbone, request):
    family = request.node.callspec.params["backbone"]
    body = backbone.module.body
    blocks = find_blocks(body)
    assert blocks is not None
    assert len(blocks.blocks) == BLOCKS[family]
    pixels = backbone.preprocess(pictures(2))
    with torch.inference_mode():
        whole = backbone.module(pixels)
        for last in range(1, len(blocks.blocks)):
            split = SplitNetwork(backbone.module, blocks, last)
            left = split.leave(split.enter(pixels), pixels.shape[1:])
            torch.testing.assert_close(left, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("backbone", ["mobilenet_v1"], indirect=True)
def test_a_depthwise_layer_and_the_pointwise_one_behind_it_are_one_block(backbone):
    blocks = find_blocks(backbone.module.body)
    assert blocks is not None
    for depthwise, pointwise in blocks.blocks:
        first, second = depthwise.convolution, pointwise.convolution
        assert isinstance(first, torch.nn.Conv2d)
        assert isinstance(second, torch.nn.Conv2d)
        assert first.groups == first.in_channels
        assert second.kernel_size == (1, 1)
