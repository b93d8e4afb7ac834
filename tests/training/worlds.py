"""A small world to train on: pictures, a backbone on them, and triples with a known answer."""

from pathlib import Path

import numpy as np
import PIL.Image

from cssim.embeddings.backbones import load_backbone
from cssim.embeddings.network import Backbone
from cssim.triples import Triples
from tests.embeddings.small_models import pictures, save_small

IMAGES = pictures(14)


def load(image_id: int) -> PIL.Image.Image:
    return IMAGES[image_id - 1]


def backbone(folder: Path, family: str = "vit") -> Backbone:
    return load_backbone(str(save_small(family, folder)), device="cpu", precision="float32")


def triples(pages: int = 12, *, seed: int = 0, candidates: int = 3, references: int = 1) -> Triples:
    """Ranked pages: the candidate with the smaller id is closer; classes 1, 3 and 5 by thirds."""
    rng = np.random.default_rng(seed)
    rows = []
    for page in range(1, pages + 1):
        reference = 1 + page % references
        shown = rng.choice(np.arange(references + 1, len(IMAGES) + 1), candidates, replace=False)
        for i in range(candidates):
            for j in range(i + 1, candidates):
                a, b = int(shown[i]), int(shown[j])
                votes = (2.0, 1.0) if a < b else (0.0, 1.0)
                rows.append((reference, a, b, *votes, 1 + 2 * (a // 5), 1 + 2 * (b // 5), page))
    columns = np.array(rows, dtype=float).T
    names = ("reference", "a", "b", "votes_a", "votes_b", "class_a", "class_b", "page")
    return Triples(**dict(zip(names, columns, strict=True)))
