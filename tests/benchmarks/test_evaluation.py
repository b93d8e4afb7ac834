"""A whole evaluation against the paper-style loops, stage by stage and together, in one run.

8 models on triples like the released validation set (4,003 pages of three candidates, so 12,009
triples; 1,320 references; 768 dimensions): distances, accuracy by reference, competence map,
weights, ensemble answers.
"""

import tracemalloc

import numpy as np
import pytest

from cssim.ensembles.competence import competence_map
from cssim.ensembles.distances import triple_distances
from cssim.ensembles.fitted import Fitted
from cssim.evaluation.accuracy import by_reference, soft_credit

MODELS, TRIPLES, REFERENCES, IMAGES, DIM = 8, 12_009, 1_320, 5_000, 768
WHOLE = "whole evaluation, 8 models x 12,009 triples x 768 dimensions"
SUM = Fitted("uniform", (1 / MODELS,) * MODELS, (1.0,) * MODELS)


class World:
    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.embeddings = rng.normal(size=(MODELS, IMAGES, DIM)).astype(np.float32)
        references = rng.choice(IMAGES, REFERENCES, replace=False)
        pages = np.concatenate([references, rng.choice(references, TRIPLES // 3 - REFERENCES)])
        others = np.setdiff1d(np.arange(IMAGES), references)
        ranked = np.stack([rng.choice(others, 3, replace=False) for _ in pages])
        self.reference = np.repeat(pages, 3)
        self.a = ranked[:, [0, 0, 1]].ravel()  # three pairs of each page of three candidates
        self.b = ranked[:, [1, 2, 2]].ravel()
        self.share = rng.integers(0, 2, TRIPLES).astype(float)
        self.ids = np.unique(self.reference)
        self.points = rng.normal(size=(IMAGES, 2))


@pytest.fixture(scope="module")
def world():
    return World()


def cosine(x, y):
    return np.dot(x, y) / (np.linalg.norm(x) * np.linalg.norm(y))


def loops(w: World):
    """One triple, one model, one cell at a time; distances once to predict, once to combine."""
    right: dict = {}
    for m, e in enumerate(w.embeddings):
        for t in range(TRIPLES):
            r, a, b = e[w.reference[t]], e[w.a[t]], e[w.b[t]]
            says_b = 1 - cosine(r, a) > 1 - cosine(r, b)
            right.setdefault((m, w.reference[t]), []).append(says_b != bool(w.share[t]))
    accuracy = np.array([[np.mean(right[m, r]) for r in w.ids] for m in range(MODELS)])
    own = w.points[w.ids]
    edges = [np.linspace(own[:, k].min(), own[:, k].max(), 201) for k in (0, 1)]
    cells = np.stack([np.clip(np.digitize(own[:, k], edges[k]) - 1, 0, 199) for k in (0, 1)])
    held: dict = {}
    for g, (x, y) in enumerate(cells.T):
        held.setdefault((y, x), []).append(g)
    weights = np.full((200, 200, MODELS), 1 / MODELS)
    for i in range(200):
        for j in range(200):
            window = ((y, x) for y in range(i - 5, i + 5) for x in range(j - 5, j + 5))
            inside = [g for cell in window for g in held.get(cell, ())]
            if inside:
                mean = accuracy[:, inside].mean(axis=1)
                raw = np.where(mean > 0.75, mean, 0)
                raw = raw if raw.any() else np.eye(MODELS)[mean.argmax()]
                weights[i, j] = raw / raw.sum()
    where = {int(r): weights[y, x] for r, (x, y) in zip(w.ids, cells.T, strict=True)}
    out = np.zeros((TRIPLES, 2))
    for t in range(TRIPLES):
        for m, e in enumerate(w.embeddings):
            r, weight = e[w.reference[t]], where[int(w.reference[t])][m]
            out[t, 0] += weight * (1 - cosine(r, e[w.a[t]]))
            out[t, 1] += weight * (1 - cosine(r, e[w.b[t]]))
    return accuracy, out


def arrays(w: World):
    distances = triple_distances(list(w.embeddings), w.reference, w.a, w.b)
    accuracy = by_reference(soft_credit(distances, w.share), w.reference).accuracy
    competence = competence_map(w.points[w.ids], accuracy)
    weights = competence.weights_at(w.points[w.ids])[np.searchsorted(w.ids, w.reference)]
    return accuracy, SUM.weigh(distances, weights)


@pytest.mark.benchmark(group=WHOLE)
def test_evaluate_by_obvious(benchmark, world):
    benchmark.pedantic(loops, (world,), rounds=1, iterations=1)


@pytest.mark.benchmark(group=WHOLE)
def test_evaluate_by_arrays(benchmark, world):
    accuracy, combined = benchmark.pedantic(arrays, (world,), rounds=5, warmup_rounds=1)
    expected, answers = loops(world)
    assert accuracy == pytest.approx(expected, abs=1e-12)
    # Exact sums and float sums part at means of exactly 3/4 alone.
    same = np.isclose(combined, answers, atol=1e-5).all(axis=1)
    assert same.mean() > 0.98


STAGE = "distances of 8 models on 12,009 triples"


@pytest.mark.benchmark(group=STAGE)
def test_distances_by_obvious(benchmark, world):
    def one_by_one():
        return [
            [(1 - cosine(e[r], e[a]), 1 - cosine(e[r], e[b])) for r, a, b in rows]
            for e in world.embeddings
        ]

    rows = list(zip(world.reference, world.a, world.b, strict=True))
    found = np.array(benchmark.pedantic(one_by_one, rounds=1, iterations=1))
    arrays = triple_distances(list(world.embeddings), world.reference, world.a, world.b)
    assert found == pytest.approx(arrays, abs=1e-5)


@pytest.mark.benchmark(group=STAGE)
def test_distances_by_arrays(benchmark, world):
    benchmark(triple_distances, list(world.embeddings), world.reference, world.a, world.b)


@pytest.mark.benchmark(group="8 models x 20,000 images from mapped float16, under 1 GiB")
def test_mapped_by_obvious(benchmark, tmp_path):
    files = mapped(tmp_path)
    benchmark.pedantic(peak, (files, True), rounds=1, iterations=1)


@pytest.mark.benchmark(group="8 models x 20,000 images from mapped float16, under 1 GiB")
def test_mapped_by_arrays(benchmark, tmp_path):
    files = mapped(tmp_path)
    used = benchmark.pedantic(peak, (files, False), rounds=1, iterations=1)
    assert used < 2**30


def mapped(folder):
    """Memory-mapped float16 of 8 models, as the cache of embeddings keeps them."""
    rng = np.random.default_rng(0)
    for m in range(MODELS):
        np.save(folder / f"{m}.npy", rng.normal(size=(20_000, DIM)).astype(np.float16))
    return [np.load(folder / f"{m}.npy", mmap_mode="r") for m in range(MODELS)]


def peak(files, widened: bool) -> int:
    """Bytes allocated at most while all distances are computed."""
    rng = np.random.default_rng(1)
    reference, a, b = rng.integers(0, 20_000, (3, TRIPLES))
    tracemalloc.start()
    try:
        triple_distances(
            [f.astype(np.float64) for f in files] if widened else files, reference, a, b
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
