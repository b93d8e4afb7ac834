"""A whole evaluation against the paper-style loops, stage by stage and together, in one run.

8 models on triples like the released validation set (4,003 pages of three candidates, so 12,009
triples; 1,320 references; 768 dimensions): distances, accuracy by reference, competence map,
weights, ensemble answers.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cssim.ensembles.competence import competence_map
from cssim.ensembles.distances import triple_distances
from cssim.ensembles.fitted import Fitted
from cssim.evaluation import statistics
from cssim.evaluation.accuracy import by_reference, soft_credit

ROOT = Path(__file__).resolve().parent.parent.parent
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


STAGES = "8 models on 12,009 triples, "


class Parts:
    """What each stage is given: the results of the stages before it."""

    def __init__(self, w: World) -> None:
        self.distances = triple_distances(list(w.embeddings), w.reference, w.a, w.b)
        self.credit = soft_credit(self.distances, w.share)
        self.accuracy = by_reference(self.credit, w.reference).accuracy
        self.points = w.points[w.ids]
        self.map = competence_map(self.points, self.accuracy)
        self.which = np.searchsorted(w.ids, w.reference)
        self.weights = self.map.weights_at(self.points)[self.which]


@pytest.fixture(scope="module")
def parts(world):
    return Parts(world)


@pytest.mark.benchmark(group=STAGES + "accuracy by reference")
def test_accuracies_by_obvious(benchmark, world, parts):
    def loop():
        right: dict = {}
        for m in range(MODELS):
            for t in range(TRIPLES):
                right.setdefault((m, world.reference[t]), []).append(parts.credit[m, t])
        return np.array([[np.mean(right[m, r]) for r in world.ids] for m in range(MODELS)])

    found = benchmark.pedantic(loop, rounds=1, iterations=1)
    assert found == pytest.approx(parts.accuracy, abs=1e-12)


@pytest.mark.benchmark(group=STAGES + "accuracy by reference")
def test_accuracies_by_arrays(benchmark, world, parts):
    benchmark(lambda: by_reference(parts.credit, world.reference).accuracy)


def cells_of(parts):
    edges = parts.map.edges
    own = np.clip(
        [np.digitize(parts.points[:, k], edges[k]) - 1 for k in (0, 1)], 0, len(edges[0]) - 2
    )
    return own.T


def naive_map(parts):
    """(models, 200, 200): the mean of the references in each cell's window, cell by cell."""
    held: dict = {}
    for g, (x, y) in enumerate(cells_of(parts)):
        held.setdefault((y, x), []).append(g)
    out = np.full((MODELS, 200, 200), np.nan)
    for i in range(200):
        for j in range(200):
            window = ((y, x) for y in range(i - 5, i + 5) for x in range(j - 5, j + 5))
            inside = [g for cell in window for g in held.get(cell, ())]
            if inside:
                out[:, i, j] = parts.accuracy[:, inside].mean(axis=1)
    return out


@pytest.mark.benchmark(group=STAGES + "competence map")
def test_map_by_obvious(benchmark, parts):
    found = benchmark.pedantic(naive_map, (parts,), rounds=1, iterations=1)
    assert found == pytest.approx(parts.map.accuracy, abs=1e-12, nan_ok=True)


@pytest.mark.benchmark(group=STAGES + "competence map")
def test_map_by_exact_sums(benchmark, parts):
    benchmark(competence_map, parts.points, parts.accuracy)


@pytest.mark.benchmark(group=STAGES + "competence map")
def test_map_by_the_papers_sums(benchmark, parts):
    benchmark(competence_map, parts.points, parts.accuracy, faithful=True)


@pytest.mark.benchmark(group=STAGES + "weights of each triple from the map")
def test_weights_by_obvious(benchmark, parts):
    def loop():
        out = np.empty((TRIPLES, MODELS))
        cells = cells_of(parts)[parts.which]
        for t, (x, y) in enumerate(cells):
            mean = np.nan_to_num(parts.map.accuracy[:, y, x])
            raw = np.where(mean > 0.75, mean, 0)
            raw = raw if raw.any() else np.eye(MODELS)[mean.argmax()]
            out[t] = raw / raw.sum()
        return out

    found = benchmark.pedantic(loop, rounds=1, iterations=1)
    assert np.isclose(found, parts.weights, atol=1e-12).all(axis=1).mean() > 0.98


@pytest.mark.benchmark(group=STAGES + "weights of each triple from the map")
def test_weights_by_arrays(benchmark, parts):
    benchmark(lambda: parts.map.weights_at(parts.points)[parts.which])


@pytest.mark.benchmark(group=STAGES + "weighted answers, distances at hand")
def test_answers_by_obvious(benchmark, world, parts):
    """As the paper's script does it: distances once more, triple by triple."""

    def loop():
        out = np.zeros((TRIPLES, 2))
        for t in range(TRIPLES):
            for m, e in enumerate(world.embeddings):
                r, weight = e[world.reference[t]], parts.weights[t, m]
                out[t, 0] += weight * (1 - cosine(r, e[world.a[t]]))
                out[t, 1] += weight * (1 - cosine(r, e[world.b[t]]))
        return out

    found = benchmark.pedantic(loop, rounds=1, iterations=1)
    assert found == pytest.approx(SUM.weigh(parts.distances, parts.weights), abs=1e-5)


@pytest.mark.benchmark(group=STAGES + "weighted answers, distances at hand")
def test_answers_by_arrays(benchmark, parts):
    benchmark(SUM.weigh, parts.distances, parts.weights)


ROWS = "intervals of 20 rows, 5,000 draws of 1,010 references, 10,005 triples"


@pytest.fixture(scope="module")
def table():
    """Credits (20, n) on triples shared out over references as in the released test set."""
    rng = np.random.default_rng(0)
    which = np.sort(np.concatenate([np.arange(1010), rng.integers(0, 1010, 10_005 - 1010)]))
    return rng.integers(0, 2, (20, 10_005)).astype(float), which


@pytest.mark.benchmark(group=ROWS)
def test_intervals_by_obvious(benchmark, table):
    """Draw references, collect their triples, take the mean; of one draw in fifty."""
    credit, which = table
    draws = statistics.draw_weights(1010, 5_000, 0)[::50]
    own = [np.flatnonzero(which == g) for g in range(1010)]

    def loop():
        found = []
        for _ in range(50):
            for weight in draws:
                drawn = [own[g] for g in np.repeat(np.arange(1010), weight.astype(int))]
                found.append(credit[:, np.concatenate(drawn)].mean(axis=1))
        return np.array(found[: len(draws)])

    found = benchmark.pedantic(loop, rounds=1, iterations=1)
    sums = by_reference(credit, which)
    assert found == pytest.approx(statistics.bootstrap(sums.sums, sums.counts, draws))


@pytest.mark.benchmark(group=ROWS)
def test_intervals_by_products(benchmark, table):
    credit, which = table

    def whole():
        added = by_reference(credit, which)
        weights = statistics.draw_weights(len(added.reference), 5_000, 0)
        return statistics.interval(statistics.bootstrap(added.sums, added.counts, weights))

    found = benchmark.pedantic(whole, rounds=5, warmup_rounds=1)
    assert found.shape == (2, 20)
    assert benchmark.stats.stats.min < 2


MEMORY = "8 models x 20,000 images from mapped float16, under 1 GiB"


@pytest.mark.benchmark(group=MEMORY)
def test_mapped_by_obvious(benchmark, tmp_path):
    benchmark.pedantic(peak, (mapped(tmp_path), True), rounds=1, iterations=1)


@pytest.mark.benchmark(group=MEMORY)
def test_mapped_by_arrays(benchmark, tmp_path):
    used = benchmark.pedantic(peak, (mapped(tmp_path), False), rounds=1, iterations=1)
    benchmark.extra_info["MiB"] = round(used / 2**20)
    assert used < 2**30


def mapped(folder):
    """Files of float16 embeddings of 8 models, as the cache of embeddings keeps them."""
    rng = np.random.default_rng(0)
    for m in range(MODELS):
        np.save(folder / f"{m}.npy", rng.normal(size=(20_000, DIM)).astype(np.float16))
    return folder


WHOLE_PROCESS = """
import sys
import numpy as np
from cssim.ensembles.competence import competence_map
from cssim.ensembles.distances import triple_distances
from cssim.ensembles.fitted import Fitted
from cssim.evaluation.accuracy import by_reference, soft_credit

folder, widened = sys.argv[1], sys.argv[2] == "True"
files = [np.load(f"{folder}/{m}.npy", mmap_mode="r") for m in range(8)]
rng = np.random.default_rng(1)
reference, a, b = rng.integers(0, 20_000, (3, 12_009))
share = rng.integers(0, 2, 12_009).astype(float)
given = [f.astype(np.float64) for f in files] if widened else files
distances = triple_distances(given, reference, a, b)
table = by_reference(soft_credit(distances, share), reference)
points = rng.normal(size=(len(table.reference), 2))
found = competence_map(points, table.accuracy)
weights = found.weights_at(points)[np.searchsorted(table.reference, reference)]
Fitted("uniform", (1 / 8,) * 8, (1.0,) * 8).weigh(distances, weights)
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)
"""


def peak(folder, widened: bool) -> int:
    """Bytes resident at most, libraries and mapped files included, of a process that does it all.

    As Linux counts them: pages of mapped files that have been read belong to it.
    """
    command = [sys.executable, "-c", WHOLE_PROCESS, str(folder), str(widened)]
    return int(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout)
