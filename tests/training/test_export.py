"""What is exported is read by transformers and peft alone, and embeds as it did here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.training.checkpoint import ModelCard, TrainedModel, load_model, save_model
from cssim.training.config import TrainConfig
from cssim.training.export import export_trained
from cssim.training.model import CSModel
from tests.embeddings.small_models import FAMILIES, SIZE, pictures, save_small

CASES = [(family, "lora") for family in FAMILIES] + [
    ("vit", "head"),
    ("vit", "full"),
    ("mobilenet_v2", "full"),
]
MERGED = ("mobilenet_v1", "mobilenet_v2")
"""Families in whose own code peft's wrapper does not run."""
PLAIN = """
import contextlib, json, os, sys
import PIL.Image, torch
images = [PIL.Image.open(f"{i}.png") for i in range(3)]
home, found = os.getcwd(), {}
torch.set_num_threads(1)
for name in sorted(os.listdir("out")):
    os.chdir(os.path.join(home, "out", name))
    codes = open("codes").read().split("#next\\n")
    found[name] = []
    for code in codes:
        place = {"images": images}
        with torch.inference_mode(), contextlib.redirect_stdout(sys.stderr):
            exec(code, place)
        found[name].append(place["embedding"].tolist())
assert not [module for module in sys.modules if module.startswith("cssim")]
print(json.dumps(found))
"""


def trained(family: str, adapter: str, folder: Path) -> TrainedModel:
    """A model whose adapter is far from where it began, saved and loaded."""
    _cropping(save_small(family, folder / "network"))
    source = load_backbone(str(folder / "network"), device="cpu", precision="float32")
    config = TrainConfig.from_dict({"adapter": adapter, "last_blocks": 2, "rank": 2})
    model = CSModel(source, config)
    generator = torch.Generator().manual_seed(1)
    state = {
        name: tensor + 0.05 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in model.trained_state().items()
    }
    card = ModelCard(source.name, source.weights, config.to_dict(), "data", (), 0)
    save_model(folder / "saved", state, card)
    return load_model(folder / "saved", device="cpu", precision="float32")


def _cropping(network: Path) -> None:
    """Give the backbone a processor that crops, as many published ones have: ours never does."""
    file = network / "preprocessor_config.json"
    words = json.loads(file.read_text()) | {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": SIZE + 8},
        "do_center_crop": True,
        "crop_size": {"height": SIZE, "width": SIZE},
    }
    file.write_text(json.dumps(words))


def codes_of(folder: Path) -> list[str]:
    """The README's Python as it stands; what a second block loads is asked as in the first."""
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    first = blocks[0]
    return [first, *(_with_network(first, block) for block in blocks[1:])]


def _with_network(first: str, other: str) -> str:
    return first.replace("network = network.eval()\n", f"{other}network = network.eval()\n")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """The exports of all cases, and what each model makes of three pictures here."""
    home = tmp_path_factory.mktemp("exports")
    images = pictures(3, seed=5)
    for i, image in enumerate(images):
        image.save(home / f"{i}.png")
    expected = {}
    for family, adapter in CASES:
        name = f"{family}-{adapter}"
        model = trained(family, adapter, home / name)
        folder = home / "out" / name
        folder.mkdir(parents=True)
        export_trained(model, home / name / "saved", folder)
        (folder / "codes").write_text("#next\n".join(codes_of(folder)))
        expected[name] = model.embed(images)
        assert not np.allclose(expected[name], model.backbone.embed(images), atol=1e-3)
    return home, expected


@pytest.fixture(scope="module")
def read(exported: tuple[Path, dict[str, np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """What plain Python reads in one process, by the lines of each README."""
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], cwd=exported[0], capture_output=True, text=True, check=False,
        env={"HF_HUB_OFFLINE": "1", "PATH": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: [np.array(one) for one in rows] for name, rows in found.items()}


@pytest.mark.parametrize(("family", "adapter"), CASES)
def test_the_readme_reads_it_without_cssim_and_gives_the_same_embeddings(
    exported: tuple[Path, dict[str, np.ndarray]],
    read: dict[str, list[np.ndarray]],
    family: str,
    adapter: str,
) -> None:
    name = f"{family}-{adapter}"
    wanted = exported[1][name]
    scale = np.abs(wanted).max()
    assert len(read[name]) == (2 if adapter == "lora" and family in MERGED else 1)
    for found in read[name]:
        np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("family", "adapter"), CASES)
def test_the_lines_name_what_the_folder_holds(
    exported: tuple[Path, dict[str, np.ndarray]], family: str, adapter: str
) -> None:
    folder = exported[0] / "out" / f"{family}-{adapter}"
    text = codes_of(folder)[0]
    peft = adapter == "lora" and family not in MERGED
    assert ('PeftModel.from_pretrained(network, "adapter")' in text) == peft
    assert (folder / "adapter").is_dir() == (adapter == "lora")
    assert (folder / "network").is_dir() == (adapter == "full" or family in MERGED)
    if family not in ("clip", "siglip"):
        assert "AutoModel.from_pretrained(" in text
