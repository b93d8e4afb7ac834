"""The whole loop by command line on a tiny world, with the table's numbers checked the slow way."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from cssim import load_ensemble
from cssim.cli import main
from cssim.embeddings.encoder import load_encoder
from tests.conftest import ROOT
from tests.world import IMAGES, REFERENCES, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    torch.set_num_threads(1)
    return make_world(tmp_path)


def run(*words: object) -> Result:
    """One call of the command line; it must succeed."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


def ask(*words: object) -> Any:
    """What a command prints as JSON on stdout."""
    return json.loads(run(*words, "--json").stdout)


def test_the_loop_from_pictures_to_a_table_that_holds(world: World, tmp_path: Path) -> None:
    assert ask("images", "add", world.images)["added"] == IMAGES
    assert ask("images", "add", world.images)["added"] == 0

    [report] = ask(
        "labels", "import", world.answers, "--cluster", "w", "--validation-share", "0.34",
        "--reference", world.references[0], "--reference", world.references[1],
    )  # fmt: skip
    contexts = [c["name"] for c in report["clusters"] if c["kind"] == "context"]
    kinds = {c["name"]: c["kind"] for c in report["clusters"]}
    assert len(contexts) == 2
    assert kinds["w-test"] == "test"
    assert sum(c["pages"] for c in report["clusters"]) == REFERENCES * world.triples

    assert ask("embed", "histogram", world.network)["models"] == ["histogram", "tiny"]
    trained = ask(
        "train", *contexts, "--backbone", world.network, "--set", "epochs=2", "--set", "lr=0.01",
        "--set", "last_blocks=1", "--name", "first", "--name", "second",
    )  # fmt: skip
    assert [(m["name"], m["kind"]) for m in trained] == [("first", "cs"), ("second", "cs")]
    run("ensemble", "build", "all", "--fit-on", "w-validation")

    table = ask_table("--on", "w-test", "--credit", "strict", "--draws", "200")
    rows = {row["name"]: row for row in table["rows"]}
    test_rows = answers_of(world, references_of(tmp_path, "w-test"))
    assert rows["tiny"]["triples"] == len([r for r in test_rows if r["answer"] != "tie"])
    assert rows["tiny"]["accuracy"] == pytest.approx(slow_accuracy(world, test_rows))
    folder = tmp_path / "home" / str(ask("ensemble", "list")[0]["path"])
    assert rows["all"]["members"] == ["first", "second"]
    assert rows["all"]["accuracy"] == pytest.approx(asked_accuracy(world, folder, test_rows))
    assert rows["Chance"]["accuracy"] == 0.5
    assert table["sets"][0]["looks"] == 1

    text = run("compare", "--on", "w-test", "--draws", "200").stdout
    assert "test set opened twice" in text
    assert "share of the voters who agree" in text

    answer = ask("ask", "all", *sorted(world.images.iterdir())[:3])
    assert answer["choice"] in ("A", "B")
    assert [job["state"] for job in ask("jobs", "list")] == ["done"] * 6


def ask_table(*words: object) -> Any:
    return json.loads(run("compare", *words, "--format", "json").stdout)


def references_of(folder: Path, cluster: str) -> set[str]:
    """Names of the references of a cluster, by way of an export."""
    path = folder / f"{cluster}.csv"
    run("labels", "export", cluster, path)
    with path.open(encoding="utf-8", newline="") as file:
        return {row["ref"] for row in csv.DictReader(file)}


def answers_of(world: World, references: set[str]) -> list[dict[str, str]]:
    """Rows of the original file."""
    with world.answers.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["ref"] in references]


def slow_accuracy(world: World, rows: list[dict[str, str]]) -> float:
    """Agreement of the plain network with the majority, one triple after the other."""
    from PIL import Image

    network = load_encoder(str(world.network))

    def vector(name: str) -> Any:
        with Image.open(world.images / name) as image:
            return network.embed([image.convert("RGB")])[0].astype(float)

    right = []
    for row in rows:
        if row["answer"] != "tie":
            r, a, b = (vector(row[column]) for column in ("ref", "a", "b"))
            closeness = [x @ r / np.linalg.norm(x) / np.linalg.norm(r) for x in (a, b)]
            right.append(("A" if closeness[0] > closeness[1] else "B") == row["answer"])
    return float(np.mean(right))


def asked_accuracy(world: World, folder: Path, rows: list[dict[str, str]]) -> float:
    """Agreement of the saved ensemble, asked as a program would ask it."""
    ensemble = load_ensemble(folder)
    right = [
        ensemble.closer(*(world.images / row[c] for c in ("ref", "a", "b"))).choice == row["answer"]
        for row in rows
        if row["answer"] != "tie"
    ]
    return float(np.mean(right))


def test_queued_work_is_done_by_a_worker_process(world: World, tmp_path: Path) -> None:
    run("images", "add", world.images)
    run("labels", "import", world.answers, "--cluster", "w", "--kind", "validation")
    queued = run("embed", "histogram", "hog", "--detach")
    assert "queued job 1 (embed)" in queued.stdout
    assert "no worker is alive" in queued.stderr
    environment = dict(os.environ)
    worker = subprocess.run(
        [sys.executable, "-m", "cssim", "worker", "--drain"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "job 1 (embed): done" in worker.stdout
    table = ask_table("--on", "w", "--draws", "200", "--anchor", "hog")
    assert [row["name"] for row in table["rows"]][:2] == ["histogram", "hog"]
