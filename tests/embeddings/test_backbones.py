import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cssim.embeddings import backbones
from cssim.embeddings.backbones import REGISTRY, load_backbone, resolve, status
from cssim.embeddings.checkpoints import CHECKPOINTS
from cssim.embeddings.encoder import Encoder, load_encoder
from cssim.errors import BadInput, NotFound, Unavailable
from tests.embeddings.small_models import FAMILIES, pictures, save_small


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test asks the Hub, and none sees what this machine's cache of it holds."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def reference_embedding(family: str, folder: Path, pixels: torch.Tensor):
    """The embedding as the family's own class gives it, without our pooling."""
    import transformers as hf

    with torch.no_grad():
        if family == "clip":
            model = hf.CLIPModel.from_pretrained(folder).eval()
            vision = model.vision_model(pixel_values=pixels)
            return model.visual_projection(vision.pooler_output).numpy()
        model = hf.AutoModel.from_pretrained(folder).eval()
        out = model(pixel_values=pixels)
    if family in ("vit", "deit", "dinov2", "dinov2_with_registers", "dinov3"):
        return out.last_hidden_state[:, 0].numpy()
    return out.pooler_output.reshape(len(pixels), -1).numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_pooled_as_it_means_itself(family, tmp_path):
    folder = save_small(family, tmp_path / family)
    backbone = load_backbone(str(folder), device="cpu", precision="float32")
    images = pictures(3)
    pixels = backbone.preprocess(images)
    vectors = backbone.embed(images)
    assert vectors.shape == (3, backbone.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, reference_embedding(family, folder, pixels), atol=2e-5)
    assert isinstance(backbone, Encoder)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_gives_what_single_images_give(family, tmp_path):
    backbone = load_backbone(str(save_small(family, tmp_path / "m")), precision="float32")
    images = pictures(5)
    one_by_one = np.concatenate([backbone.embed([image]) for image in images])
    np.testing.assert_allclose(backbone.embed(images), one_by_one, atol=2e-5)
    assert backbone.embed([]).shape == (0, backbone.dim)


def test_bfloat16_agrees_with_float32_nearly(tmp_path):
    folder = str(save_small("vit", tmp_path / "m"))
    exact = load_backbone(folder, precision="float32")
    rough = load_backbone(folder, precision="bfloat16")
    u, v = exact.embed(pictures(4)), rough.embed(pictures(4))
    cosine = np.sum(u * v, axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    assert cosine.min() > 0.999
    assert rough.precision == "bfloat16"
    assert not np.array_equal(u, v)


def test_the_fingerprint_follows_content_not_place(tmp_path):
    folder = save_small("resnet", tmp_path / "a")
    first = load_backbone(str(folder), precision="float32")
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "b")
    assert load_backbone(str(moved), precision="float32").fingerprint == first.fingerprint
    other = save_small("resnet", tmp_path / "c", seed=1)
    assert load_backbone(str(other), precision="float32").fingerprint != first.fingerprint
    rough = load_backbone(str(folder), precision="bfloat16")
    assert rough.fingerprint != first.fingerprint
    assert rough.weights == first.weights


def test_other_preprocessing_is_another_fingerprint(tmp_path):
    folder = save_small("resnet", tmp_path / "a")
    before = load_backbone(str(folder), precision="float32").fingerprint
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text().replace("0.5, 0.4, 0.3", "0.5, 0.5, 0.5"))
    assert load_backbone(str(folder), precision="float32").fingerprint != before


def test_names_are_looked_up_in_folders_before_the_hub(tmp_path, monkeypatch):
    models = tmp_path / "models"
    save_small("vit", models / "facebook" / "dino-vits16")
    save_small("resnet", models / "somebody" / "net")
    monkeypatch.setattr(backbones, "SHIPPED", tmp_path / "shipped")
    save_small("vit", tmp_path / "shipped" / "tiny-dino")
    assert resolve("dino-vits16", models=models).folder == models / "facebook" / "dino-vits16"
    assert resolve("facebook/dino-vits16", models=models).name == "dino-vits16"
    assert resolve("somebody/net", models=models).family == "cnn"
    assert resolve("tiny-dino").folder == tmp_path / "shipped" / "tiny-dino"
    assert resolve(str(models / "somebody" / "net")).folder == models / "somebody" / "net"
    assert backbones.known()[0] == "tiny-dino"
    assert load_encoder("tiny-dino").dim == 32


def test_an_unknown_name_says_what_was_expected():
    with pytest.raises(NotFound, match="dino-vits16"):
        resolve("dinosaur")
    assert status("dinosaur")[0] is False


def test_an_absent_backbone_fails_fast_and_says_how_to_get_it():
    reachable, reason = status("clip-vitb32")
    assert not reachable
    assert "hf download openai/clip-vit-base-patch32" in reason
    assert "CSSIM_MODELS" in reason
    start = time.monotonic()
    with pytest.raises(Unavailable, match="hf download openai/clip-vit-base-patch32"):
        load_backbone("clip-vitb32")
    assert time.monotonic() - start < 10


def test_a_hub_that_does_not_answer_is_given_up_within_seconds(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be fetched"):
        load_backbone("dino-vits16")
    assert time.monotonic() - start < 10


def test_status_names_the_folder_and_needs_no_weights_for_metrics(tmp_path):
    save_small("vit", tmp_path / "facebook" / "dino-vitb16")
    assert status("dino-vitb16", models=tmp_path) == (
        True,
        f"in {tmp_path / 'facebook' / 'dino-vitb16'}",
    )
    assert status("hog") == (True, "needs no weights")


def test_missing_tensors_are_refused_instead_of_left_random(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_small("vit", tmp_path / "m")
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("layernorm.weight")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(Unavailable, match=r"layernorm\.weight"):
        load_backbone(str(folder))


def test_broken_folders_say_what_is_wrong(tmp_path):
    folder = save_small("vit", tmp_path / "m")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(BadInput, match=r"preprocessor_config\.json"):
        load_backbone(str(folder))
    cut = save_small("vit", tmp_path / "n")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:500])
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_backbone(str(cut))


def test_a_metric_has_no_backbone_but_an_encoder():
    assert load_encoder("histogram").dim == 512
    with pytest.raises(BadInput, match="load_encoder"):
        load_backbone("hog")


@pytest.mark.parametrize("spec", REGISTRY.values(), ids=lambda spec: spec.name)
def test_each_row_of_the_registry_says_what_a_person_wants_to_know(spec):
    assert spec.licence
    assert spec.pooling
    if spec.family != "metric":
        assert spec.hub.count("/") == 1 or spec.name in CHECKPOINTS
        assert spec.targets
        assert spec.input_size == 224
        assert 1 < spec.parameters < 400


def test_the_registry_loads_no_torch():
    code = (
        "import sys; from cssim.embeddings import backbones, classic, encoder, store; "
        "backbones.status('dino-vits16'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_real_mobilenet_gives_1280_numbers(shared):
    folder = shared / "weights" / "mobilenet_v2_1.0_224_qat"
    backbone = load_backbone(str(folder), device="cpu", precision="auto")
    assert (backbone.dim, backbone.precision) == (1280, "float32")
    vectors = backbone.embed(pictures(2))
    assert np.isfinite(vectors).all()
    assert vectors.min() >= 0  # ReLU6 before the average
    assert vectors.max() <= 6


def test_the_real_resnet_equals_the_plain_call_of_transformers(shared):
    from transformers import AutoModel

    folder = shared / "weights" / "resnet18_to_layer3"
    backbone = load_backbone(str(folder), device="cpu", precision="float32")
    images = pictures(2)
    with torch.no_grad():
        plain = AutoModel.from_pretrained(folder)(pixel_values=backbone.preprocess(images))
    np.testing.assert_allclose(
        backbone.embed(images), plain.pooler_output.flatten(1).numpy(), atol=1e-5
    )
    assert backbone.dim == 256
