"""A small world on disk for tests of the whole loop: pictures, a CSV of answers, a tiny network."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from tests.embeddings.small_models import pictures, save_small

IMAGES, REFERENCES = 14, 5


@dataclass(frozen=True)
class World:
    """Where its parts lie."""

    images: Path
    answers: Path
    network: Path
    references: tuple[str, ...]
    """Names, in the order of the file; each has the same number of triples."""
    triples: int
    """Per reference."""


def make_world(folder: Path, *, seed: int = 3) -> World:
    """Pictures whose likeness is that of their mean colours, as judged by four people.

    Near calls divide the people: 3 to 1, or 2 to 2.
    """
    images = folder / "pictures"
    images.mkdir(parents=True)
    colours = {}
    for i, picture in enumerate(pictures(IMAGES, seed=seed)):
        name = f"picture {i:02}.png"
        picture.save(images / name)
        colours[name] = np.asarray(picture, dtype=float).mean(axis=(0, 1))
    names = sorted(colours)
    rows = []
    for reference in names[:REFERENCES]:
        others = [name for name in names[REFERENCES:] if name != reference]
        for a, b in combinations(others, 2):
            gap = float(
                np.linalg.norm(colours[reference] - colours[b])
                - np.linalg.norm(colours[reference] - colours[a])
            )
            votes = 2 + round(2 * np.tanh(gap / 8))
            answer = "tie" if votes == 2 else "A" if votes > 2 else "B"
            rows.append((reference, a, b, answer, votes, 4 - votes))
    with (folder / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("ref", "a", "b", "answer", "n_a", "n_b"))
        writer.writerows(rows)
    save_small("vit", folder / "tiny")
    return world_in(folder)


def world_in(folder: Path) -> World:
    """The world that `make_world` left in a folder."""
    with (folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        references = [row["ref"] for row in csv.DictReader(file)]
    names = tuple(dict.fromkeys(references))
    return World(
        images=folder / "pictures",
        answers=folder / "answers.csv",
        network=folder / "tiny",
        references=names,
        triples=len(references) // len(names),
    )
