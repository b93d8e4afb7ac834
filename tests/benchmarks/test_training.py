"""Training LoRA on ViT-B/16: a pass over four pages against the published way of doing it."""

import subprocess
import sys

import pytest

from tests.benchmarks import vit

GROUP = f"train ViT-B/16 by LoRA, {vit.SAMPLES} samples of 4 pages"
pytestmark = pytest.mark.benchmark(group=GROUP)
PRECISIONS = ["float32", "bfloat16"]
"""Which is faster depends on the processor: bfloat16 by AMX, float32 without it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return vit.save_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def world():
    return vit.World()


def timed(benchmark, run, rounds: int = 3) -> int:
    return int(benchmark.pedantic(run, rounds=rounds, warmup_rounds=1))


def test_train_by_obvious(benchmark, folder, world):
    obvious = vit.Obvious(folder, world)
    # No round to warm up: one takes most of a minute.
    assert benchmark.pedantic(obvious.epoch, rounds=1) == 3 * vit.SAMPLES


@pytest.mark.parametrize("precision", PRECISIONS)
def test_train_by_whole_pages(benchmark, folder, world, precision):
    run = vit.learner(folder, world, precision, last_blocks=None)
    assert timed(benchmark, lambda: vit.epoch(run)) == 1 + 3 * vit.PAGES


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("blocks", [6, 4, 2, 1])
def test_train_by_last_blocks_cached(benchmark, folder, world, blocks, precision):
    run = vit.learner(folder, world, precision, last_blocks=blocks)
    assert timed(benchmark, lambda: vit.epoch(run)) == 1 + 3 * vit.PAGES


@pytest.mark.parametrize("precision", PRECISIONS)
def test_train_by_last_6_blocks_augmented(benchmark, folder, world, precision):
    run = vit.learner(folder, world, precision, last_blocks=6, augment=True)
    assert timed(benchmark, lambda: vit.epoch(run)) == 1 + 3 * vit.PAGES


@pytest.mark.benchmark(group="train ViT-B/16 by LoRA in all blocks, 16 pages a step, own process")
def test_train_in_less_than_four_gib(benchmark, folder):
    command = [sys.executable, "-m", "tests.benchmarks.vit", str(folder)]

    def peak() -> float:
        return float(subprocess.check_output(command, text=True, timeout=1200))

    gib = benchmark.pedantic(peak, rounds=1)
    benchmark.extra_info["peak GiB"] = gib
    assert gib < 4.0
