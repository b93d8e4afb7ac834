"""What the parts of a training recipe are worth on people's answers.

    python -m tests.experiments.recipe_parts run parts DATA RESULTS.jsonl --backbone FOLDER \\
        --set adapter=head --references 40 --seeds 3
    python -m tests.experiments.recipe_parts table parts RESULTS.jsonl

DATA holds `triplets.csv` and `images/`: references are drawn by a seeded permutation, the first
ones each get models of their own, and `--unseen` others are never trained on and give the global
accuracy. With `--project`, DATA is the home folder of that project: its clusters of one context
each are trained on, and its test sets judge. Each finished trial is one line of RESULTS, and a call
that was stopped goes on where it was. The table is made from these lines alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch

from cssim.cli.models import setting
from tests.experiments import tables
from tests.experiments.people import People
from tests.experiments.studies import STUDIES
from tests.experiments.trial import Bench, Trial


@click.group(help=__doc__)
def main() -> None:
    """The command."""


@main.command()
@click.argument("study", type=click.Choice(sorted(STUDIES)))
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("results", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--backbone", "backbones", multiple=True, required=True, help="Folder or name.")
@click.option("--references", default=8, show_default=True, help="How many are trained on.")
@click.option("--first", default=0, show_default=True, help="Start at this one of them.")
@click.option("--unseen", default=60, show_default=True, help="References that only judge.")
@click.option("--seeds", default=1, show_default=True)
@click.option("--variant", "variants", multiple=True, help="Only these; default all.")
@click.option("--by", type=click.Choice(["page", "strict"]), default="page", show_default=True)
@click.option("--project", default="", help="DATA is the home folder of this project.")
@click.option("--set", "given", multiple=True, help="SETTING=VALUE for all variants.")
@click.option("--scratch", type=click.Path(path_type=Path), default=Path("build/experiments"))
def run(
    study: str,
    data: Path,
    results: Path,
    backbones: tuple[str, ...],
    references: int,
    first: int,
    unseen: int,
    seeds: int,
    variants: tuple[str, ...],
    by: str,
    project: str,
    given: tuple[str, ...],
    scratch: Path,
) -> None:
    """Train what is not yet among the results."""
    torch.set_num_threads(1)
    people = People.of_project(data, project) if project else People.read(data)
    drawn, others = people.divided(len(set(people.triples.reference.tolist())) - unseen)
    chosen, common = drawn[first:references], dict(map(setting, given))
    scratch.mkdir(parents=True, exist_ok=True)
    bench = Bench(people, others, scratch)
    done = {_identity(row) for row in read(results)}
    trials = [
        Trial(study, name, {**common, **settings}, backbone, reference, seed, by)
        for seed in range(seeds)
        for reference in chosen
        for backbone in backbones
        for name, (_, settings) in STUDIES[study].items()
        if (name in variants if variants else _fits({**common, **settings}))
    ]
    left = [trial for trial in trials if _identity(trial.key(people)) not in done]
    for number, trial in enumerate(left, 1):
        row = bench.run(trial)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        right, counted = row["local"]
        click.echo(
            f"{number}/{len(left)} {row['backbone']} {row['reference']} seed {row['seed']} "
            f"{row['adapter']} {row['variant']}: local {right / counted:.3f}, "
            f"global {sum(row['global']) / sum(row['global_counts']):.3f}, "
            f"{row.get('seconds', 0)} s, {row.get('epochs', 0)} epochs"
        )


@main.command()
@click.argument("study", type=click.Choice(sorted(STUDIES)))
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--adapter", default="", help="Only trials of this adapter.")
@click.option("--by", default="page", show_default=True)
@click.option("--differences", is_flag=True, help="All backbones in one table, only differences.")
def table(study: str, results: Path, adapter: str, by: str, differences: bool) -> None:
    """Print the Markdown table of the results."""
    rows = [r for r in read(results) if r["study"] == study and r["by"] == by]
    rows = [r for r in rows if not adapter or r["adapter"] == adapter]
    click.echo((tables.differences if differences else tables.markdown)(rows, STUDIES[study]))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows that are there so far."""
    if path.is_file():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _fits(settings: dict[str, Any]) -> bool:
    """Heads learn on embeddings that were computed once: they cannot augment pictures."""
    return not (settings.get("adapter") == "head" and settings.get("augment"))


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("study", "variant", "adapter", "backbone", "reference", "seed", "by")
    return tuple(row[name] for name in names)


if __name__ == "__main__":
    main()
