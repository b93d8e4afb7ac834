"""Triples a second in training one CS model, against the published way, in one run.

    python -m tests.experiments.speed DATA --backbone FOLDER --backbone FOLDER

The published way (`tests.benchmarks.vit.Obvious`): three passes for each triple, eight triples a
step, each picture decoded and cropped again, swapped copies as samples of their own; measured on
so few triples that it ends. Ours is the recipe `default` on all triples of one reference. Rounds of
both alternate; the best round counts. Seconds are processor time of one thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.training.config import TrainConfig
from cssim.training.learner import Learner
from cssim.training.linear import HeadModel, _Rows
from tests.benchmarks import vit
from tests.experiments.people import People

OBVIOUS = 8
"""Triples of the published way in one round: two steps, 48 images."""


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, all threads: other work on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def ways(backbone: Path, people: People, depths: list[int | None]) -> dict[str, Any]:
    """By name: (what to time, how many triples it learns from)."""
    world = cast(vit.World, people)
    few = cast(vit.World, replace(people, triples=people.triples[:OBVIOUS]))
    obvious = vit.Obvious(backbone, few)
    found: dict[str, Any] = {"obvious": (obvious.epoch, OBVIOUS)}
    settings = {"batch_pages": 16, "patience": 100_000}
    for depth in depths:
        run = vit.learner(backbone, world, "float32", last_blocks=depth, **settings)
        run.begin()  # what comes once in a training is no part of an epoch
        name = "all blocks" if depth is None else f"last {depth} blocks, cached"
        found[name] = (lambda run=run: vit.epoch(run), len(people.triples))
    found["head"] = (head(backbone, people), len(people.triples))
    return found


def head(backbone: Path, people: People) -> Callable[[], object]:
    """An epoch of a head on embeddings that were computed before."""
    network = load_backbone(str(backbone), device="cpu", precision="float32")
    features = network.embed([people.load(int(i)) for i in people.triples.images])
    config = TrainConfig.from_dict({"adapter": "head", "validation_share": 0.0})
    model = HeadModel(features.shape[1], config)
    run = Learner(model, people.triples, config, device=torch.device("cpu"))
    run.features = _Rows(features)
    run.begin()
    return lambda: vit.epoch(run)


def measured(backbone: Path, people: People, depths: list[int | None], rounds: int) -> list[Any]:
    """A row for each way, the published one first; triples a second in the best round."""
    all_ways = ways(backbone, people, depths)
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, (work, triples) in all_ways.items():
            best[name] = max(best.get(name, 0.0), triples / seconds(work))
    return [
        {"backbone": backbone.name, "way": n, "triples_a_second": v, "ratio": v / best["obvious"]}
        for n, v in best.items()
    ]


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--backbone", "backbones", multiple=True, required=True, type=Path)
@click.option("--rounds", default=3, show_default=True)
@click.option("--triples", default=0, help="Learn from only so many; default all.")
@click.option("--last-blocks", "depths", multiple=True, type=int, default=(4,), show_default=True)
def main(
    data: Path, backbones: tuple[Path, ...], rounds: int, triples: int, depths: tuple[int, ...]
) -> None:
    """One line of JSON for each backbone and way."""
    torch.set_num_threads(1)
    people = People.read(data)
    reference = people.divided(1)[0][0]
    of_reference = people.triples[people.triples.reference == reference]
    own = replace(people, triples=of_reference[: triples or len(of_reference)])
    for backbone in backbones:
        for row in measured(backbone, own, [*depths, None], rounds):
            click.echo(json.dumps(row))


if __name__ == "__main__":
    main()
