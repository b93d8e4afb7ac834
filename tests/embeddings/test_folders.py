"""What folders say of themselves against the networks that are loaded from them."""

import json

import pytest

from cssim.embeddings.backbones import SHIPPED, load_backbone, resolve, shipped
from cssim.embeddings.folders import input_size, millions
from tests.embeddings.small_models import FAMILIES, SIZE, save_small


@pytest.mark.parametrize("family", FAMILIES)
def test_the_parameters_are_those_of_the_loaded_image_tower(family, tmp_path):
    folder = save_small(family, tmp_path)
    body = load_backbone(str(folder), device="cpu", precision="float32").module.body
    counted = sum(parameter.numel() for parameter in body.parameters()) / 1e6
    assert millions(folder) == pytest.approx(counted, abs=6e-4)
    assert input_size(folder) == SIZE


def test_shipped_backbones_say_what_the_registry_says_of_others():
    for name in shipped():
        spec = resolve(name)
        assert spec.input_size == input_size(SHIPPED / name) > 0
        assert spec.parameters == millions(SHIPPED / name) > 0


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ({"size": {"shortest_edge": 256}}, 256),
        ({"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224}, 224),
        ({"size": 384}, 384),
        ({"image_processor": {"size": {"height": 96, "width": 96}}}, 96),
        ({}, 0),
        ([], 0),
    ],
)
def test_the_input_size_is_what_the_network_sees(words, size, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(words))
    assert input_size(tmp_path) == size


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{]"])
def test_damaged_weights_have_no_known_size(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    assert millions(tmp_path) == 0
    assert input_size(tmp_path) == 0
