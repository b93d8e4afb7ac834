"""ViT-B/16 with random weights, photographs, and a CS cluster, to measure training with."""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.training.config import TrainConfig
from cssim.training.features import Features, crop
from cssim.training.learner import Learner
from cssim.training.model import CSModel, LinearRankingBlock
from cssim.triples import Triples

PAGES = 4
SAMPLES = 6 * PAGES
"""Three pairs a page, each in both orders."""


def save_vit(folder: Path) -> Path:
    """ViT-B/16 as the Hub has it, but with random weights: speed does not depend on them."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    ViTModel(ViTConfig(), add_pooling_layer=False).save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": 224, "width": 224},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 2,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


class World:
    """JPEG files of 500 x 375 pixels, and pages of three candidates with one reference."""

    def __init__(self, pages: int = PAGES) -> None:
        rng = np.random.default_rng(0)
        self.files = []
        for _ in range(1 + 3 * pages):
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            file = io.BytesIO()
            PIL.Image.fromarray(coarse).resize((500, 375), 3).save(file, "JPEG", quality=90)
            self.files.append(file.getvalue())
        rows = []
        for page in range(pages):
            for i, j in ((0, 1), (0, 2), (1, 2)):
                c = 1 + 3 * page
                rows.append((0, c + i, c + j, 1.0, 0.0, 1 + i, 1 + j, page))
        names = ("reference", "a", "b", "votes_a", "votes_b", "class_a", "class_b", "page")
        columns = np.array(rows, dtype=float).T
        self.triples = Triples(**dict(zip(names, columns, strict=True)))

    def load(self, image_id: int) -> PIL.Image.Image:
        """Decoded anew each time, as from a disk."""
        return PIL.Image.open(io.BytesIO(self.files[image_id])).convert("RGB")


def learner(folder: Path, world: World, precision: str, **settings: Any) -> Learner:
    """A run that is ready to take steps; what can be computed before the first one is."""
    backbone = load_backbone(str(folder), device="cpu", precision=precision)
    config = TrainConfig.from_dict({"validation_share": 0.0, "batch_pages": PAGES, **settings})
    model = CSModel(backbone, config)
    run = Learner(model, world.triples, config, device=backbone.device)
    with tempfile.TemporaryDirectory() as scratch:
        run.features = Features(
            model, backbone, world.load, world.triples.images, folder=Path(scratch)
        )
    return run


def epoch(run: Learner) -> int:
    """One pass over all pages: how many images were encoded."""
    if not run.curve:
        run.begin()
    return run.epoch().images


class Obvious:
    """The published way: three passes per triple, eight triples a step, each picture decoded again,
    swapped copies as samples of their own."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world = world
        self.backbone = load_backbone(str(folder), device="cpu", precision="float32")
        config = TrainConfig.from_dict({"recipe": "paper"})
        self.model = CSModel(self.backbone, config)
        learning = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(learning, lr=1e-4)

    def epoch(self) -> int:
        """One pass over all triples in both orders: how many images were encoded."""
        rng, encoded = np.random.default_rng(0), 0
        t = self.world.triples
        given = list(zip(t.reference, t.a, t.b, strict=True))
        samples = [(*s, 0) for s in given] + [(r, b, a, 1) for r, a, b in given]
        ranking = self.model.ranking
        assert isinstance(ranking, LinearRankingBlock)
        self.model.train()
        for start in range(0, len(samples), 8):
            part = samples[start : start + 8]
            vectors = []
            for place in range(3):
                pictures = [crop(self.world.load(int(s[place])), rng) for s in part]
                vectors.append(self.model(self.backbone.preprocess(pictures)))
                encoded += len(pictures)
            answers = torch.tensor([s[3] for s in part])
            scores = ranking.linear(torch.cat(vectors, dim=1))
            loss = torch.nn.functional.cross_entropy(scores, answers)
            r, a, b = (torch.nn.functional.normalize(v) for v in vectors)
            gap = (r - a).square().sum(1) - (r - b).square().sum(1)
            loss = loss + 0.1 * (0.4 - (2 * answers - 1) * gap).clamp(min=0).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return encoded


def peak_gib() -> float:
    """Largest resident memory of this process so far.

    Not `getrusage`: a process that another one started begins there with the other's peak.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, flags=re.MULTILINE)
    assert found is not None
    return int(found[1]) / 2**20


if __name__ == "__main__":  # in a process of its own, whose peak is that of one run
    world = World(pages=16)
    run = learner(Path(sys.argv[1]), world, "float32", last_blocks=None, batch_pages=16)
    epoch(run)
    print(peak_gib())
