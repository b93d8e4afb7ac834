import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cssim.embeddings.encoder import Encoder
from cssim.errors import BadInput, NotFound, Unavailable
from cssim.training.checkpoint import CARD, TENSORS, load_model, read_card
from cssim.training.config import TrainConfig
from cssim.training.loop import fit
from tests.embeddings.small_models import save_small
from tests.training.worlds import IMAGES, backbone, load, triples


@pytest.fixture
def run(tmp_path):
    """A folder with a trained head, on the backbone in `b` beside it."""
    settings = TrainConfig.from_dict({"adapter": "head", "epochs": 2, "lr": 0.01})
    for _ in fit(backbone(tmp_path / "b"), triples(), load, settings, folder=tmp_path / "run"):
        pass
    return tmp_path / "run"


def test_a_loaded_model_is_an_encoder_with_a_card(run):
    model = load_model(run, precision="float32")
    assert isinstance(model, Encoder)
    assert model.name == "run"
    assert model.embed(IMAGES[:3]).shape == (3, model.dim)
    assert model.embed([]).shape == (0, model.dim)
    assert model.info.data_fingerprint == triples().fingerprint
    assert list(model.info.references) == [1]
    assert model.info.metrics["parameters"] == 2 * 4 * 32 + 2 * 32 + 1
    assert not any(p.requires_grad for p in model.model.parameters())


def test_threads_may_share_a_model_whose_last_blocks_learned(tmp_path):
    """A server asks from many threads at once, and each must hear its own answer."""
    settings = TrainConfig.from_dict({"adapter": "lora", "last_blocks": 1, "epochs": 1})
    for _ in fit(backbone(tmp_path / "b"), triples(), load, settings, folder=tmp_path / "run"):
        pass
    model = load_model(tmp_path / "run", precision="float32")
    assert model.model.has_front
    asked = [IMAGES[i : i + 1] for i in range(8)] * 8
    alone = [model.embed(images) for images in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(model.embed, asked))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_the_fingerprint_is_of_content_and_precision(run, tmp_path):
    model = load_model(run, precision="float32")
    moved = shutil.copytree(run, tmp_path / "moved")
    assert load_model(moved, precision="float32").fingerprint == model.fingerprint
    assert load_model(run, precision="bfloat16").fingerprint != model.fingerprint


def test_a_folder_without_a_finished_model_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no finished model"):
        load_model(tmp_path)


def test_damaged_files_are_refused(run):
    data = (run / TENSORS).read_bytes()
    (run / TENSORS).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BadInput, match="copy the folder again"):
        load_model(run)
    (run / TENSORS).unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        load_model(run)
    (run / CARD).write_text("{")
    with pytest.raises(BadInput, match="model card"):
        read_card(run)


def test_a_card_of_a_newer_format_is_refused(run):
    card = json.loads((run / CARD).read_text())
    (run / CARD).write_text(json.dumps({**card, "format": 2}))
    with pytest.raises(BadInput, match="update CS-Sim"):
        read_card(run)


def test_a_backbone_with_other_weights_or_none_is_refused(run, tmp_path):
    save_small("vit", tmp_path / "b", seed=1)
    with pytest.raises(BadInput, match="other weights"):
        load_model(run)
    shutil.rmtree(tmp_path / "b")
    with pytest.raises((NotFound, Unavailable)):
        load_model(run)


def test_models_of_one_run_embed_equally_after_a_round_trip(run, tmp_path):
    again = shutil.copytree(run, tmp_path / "again")
    np.testing.assert_array_equal(
        load_model(run, precision="float32").embed(IMAGES),
        load_model(again, precision="float32").embed(IMAGES),
    )
