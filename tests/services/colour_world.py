"""Pictures of mixed colours whose answers follow a known rule, for tests of learning curves.

A picture is a mixture of colours that count and of others; its histogram tells all of them, so the
frozen metric looks at both, and a head can learn which ones count.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.services import library
from cssim.services.encoding import register_frozen
from cssim.services.workspace import Workspace

SIDE = 24
KINDS = {"train": "validation", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class Rule:
    """Who answers how."""

    counts: slice
    """The colours that count."""
    careless: float = 0.0
    """Share of the training references whose people looked at the other colours instead."""
    pages: int = 24
    """Per training reference."""


def mixtures(images: int, colours: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(images, colours) shares of the pixels."""
    return rng.dirichlet(np.full(colours, 0.7), images)


def picture(shares: NDArray[np.float64], rng: np.random.Generator) -> PIL.Image.Image:
    """Pixels in these shares, in random order; colour k is a cell of the histogram."""
    k = rng.choice(len(shares), (SIDE, SIDE), p=shares)
    levels = np.array([16, 112, 208])
    return PIL.Image.fromarray(
        np.stack([levels[k % 3], levels[k // 3 % 3], levels[k // 9]], axis=-1).astype(np.uint8)
    )


def build(
    ws: Workspace,
    folder: Path,
    rule: Rule,
    *,
    references: dict[str, int],
    colours: int = 12,
    candidates: int = 30,
    seed: int = 0,
) -> None:
    """Pictures in, a cluster for each entry of `references`, and the histogram as frozen model."""
    rng = np.random.default_rng(seed)
    images = folder / "pictures"
    images.mkdir(parents=True)
    total = candidates + sum(references.values())
    shares = mixtures(total, colours, rng)
    names = [f"p{i:03}.png" for i in range(total)]
    seen = []
    for name, mixture in zip(names, shares, strict=True):
        made = picture(mixture, rng)
        made.save(images / name)
        seen.append(mixture)
    library.add_images(ws, [images])
    first = candidates
    for cluster, count in references.items():
        rows = []
        for i in range(first, first + count):
            rows += answers(rule, np.array(seen), i, candidates, cluster, (i - first) / count, rng)
        first += count
        path = folder / f"{cluster}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("ref", "a", "b", "answer", "n_a", "n_b"))
            writer.writerows([(*(names[j] for j in row[:3]), *row[3:]) for row in rows])
        library.import_labels(ws, path, cluster=cluster, kind=KINDS[cluster])
    register_frozen(ws, "histogram")


def answers(
    rule: Rule,
    shares: NDArray[np.float64],
    reference: int,
    candidates: int,
    cluster: str,
    place: float,
    rng: np.random.Generator,
) -> list[tuple[int, int, int, str, int, int]]:
    """Rows (reference, a, b, answer, votes) of one reference."""
    roots = np.sqrt(shares)
    counts = np.zeros(shares.shape[1], dtype=bool)
    counts[rule.counts] = True
    if cluster == "train" and place < rule.careless:
        counts = ~counts
    used = roots[:, counts] / np.linalg.norm(roots[:, counts], axis=1, keepdims=True)
    closeness = used[:candidates] @ used[reference]
    pages = rule.pages if cluster == "train" else 40
    rows = []
    for _ in range(pages):
        a, b = (int(x) for x in rng.choice(candidates, 2, replace=False))
        says_a = closeness[a] > closeness[b]
        rows.append((reference, a, b, "A" if says_a else "B", 3 * says_a, 3 * (not says_a)))
    return rows
