"""The paper's procedure, faithful to its release, against a naive re-implementation.

On the real layout of the released labels (references, triples, clusters) with random embeddings,
since the images themselves are not to be had.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cssim.ensembles.competence import competence_map
from cssim.ensembles.distances import triple_distances
from cssim.ensembles.maps import MapWeights
from cssim.ensembles.projection import paper_projection
from cssim.ensembles.strategies import strategy
from tests.conftest import SHARED

MODELS, DIM = 8, 12


def rankings(path: Path) -> np.ndarray:
    """(rankings, 4): reference and candidates, closest first, of a released text file."""
    rows = []
    for line in path.read_text().splitlines():
        fields = line.split()
        if len(fields) == 7 and fields[0].isdigit():
            rows.append([int(fields[i]) for i in (0, 1, 3, 5)])
    return np.array(rows)


def triples_of(found: np.ndarray, rng: np.random.Generator):
    """Reference, A, B and whether A is closer, of the three pairs of each ranking."""
    rows = [(r[0], r[i], r[j]) for r in found for i, j in ((1, 2), (1, 3), (2, 3))]
    reference, closer, farther = np.array(rows).T
    flip = rng.random(len(rows)) < 0.5
    a, b = np.where(flip, farther, closer), np.where(flip, closer, farther)
    return reference, a, b, ~flip


@pytest.fixture(scope="module")
def layout() -> dict:
    folder = SHARED / "cosis"
    if not folder.is_dir():
        pytest.skip("needs the released labels in ../shared/data/cosis")
    rng = np.random.default_rng(0)
    files = {path.name: path for path in folder.glob("*.txt")}
    validation = triples_of(rankings(files["mulref_val.txt"]), rng)
    test = triples_of(rankings(files["mulref_test.txt"]), rng)
    assert (len(validation[0]), len(test[0])) == (12_009, 10_005)
    clusters = [int(name[5:-4]) for name in sorted(files) if name.startswith("dist_")]
    assert len(clusters) == 8
    return {
        "validation": validation,
        "test": test,
        "clusters": clusters,
        "val_images": rng.normal(size=(MODELS, 5000, DIM)).astype(np.float32),
        "test_images": rng.normal(size=(MODELS, 15000, DIM)).astype(np.float32),
        "val_looks": rng.normal(size=(5000, 20)).astype(np.float32),
        "test_looks": rng.normal(size=(15000, 20)).astype(np.float32),
    }


def cosine_distance(x, y) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    return float(1 - np.dot(x, y) / (np.sqrt(np.dot(x, x)) * np.sqrt(np.dot(y, y))))


@pytest.fixture(scope="module")
def right(layout) -> dict:
    """Whether each model answers each validation triple rightly, by model and reference."""
    found: dict = {}
    columns = (column.tolist() for column in layout["validation"])
    for r, x, y, truth in zip(*columns, strict=True):
        for m in range(MODELS):
            e = layout["val_images"][m]
            prediction = not cosine_distance(e[r], e[x]) > cosine_distance(e[r], e[y])
            found.setdefault((m, r), []).append(prediction == truth)
    return found


def naive_weights(layout, right, rule: str):
    """The paper's steps with loops and dictionaries: weights of a test reference, by its id."""
    reference = layout["validation"][0].tolist()
    ids = sorted(set(reference))
    drawn = list(ids)
    np.random.RandomState(2).shuffle(drawn)
    fit_on = drawn[:320] + layout["clusters"]
    pca = PCA(2, svd_solver="full").fit(layout["val_looks"][fit_on].astype(np.float64))
    points = pca.transform(layout["val_looks"][ids].astype(np.float64))
    edges = [np.linspace(points[:, k].min(), points[:, k].max(), 201) for k in (0, 1)]

    def cell(point) -> tuple[int, int]:
        x, y = (int(min(199, max(0, np.digitize(point[k], edges[k]) - 1))) for k in (0, 1))
        return x, y

    by_cell: dict = {}
    for i, point in zip(ids, points, strict=True):
        by_cell.setdefault(cell(point), []).append(i)

    def weights(image: int) -> list[float]:
        column, row = cell(pca.transform(layout["test_looks"][[image]].astype(np.float64))[0])
        inside = sorted(
            i
            for x in range(column - 5, column + 5)
            for y in range(row - 5, row + 5)
            for i in by_cell.get((x, y), [])
        )
        if not inside:
            return [1 / MODELS] * MODELS if rule != "max" else [1 / MODELS] + [0.0] * (MODELS - 1)
        mean = []
        for m in range(MODELS):
            total = 0.0
            for i in inside:
                total += float(np.mean(right[m, i]))
            mean.append(total / len(inside))
        raw = [x if rule == "avg" or (rule == "thres" and x > 0.75) else 0.0 for x in mean]
        if not any(raw):
            raw[mean.index(max(mean))] = 1.0
        return [x / sum(raw) for x in raw]

    return weights


@pytest.mark.parametrize("rule", ["thres", "avg", "max"])
def test_map_weights_and_predictions_of_the_paper(layout, right, rule):
    reference, a, b, says_a = layout["validation"]
    looks = layout["val_looks"]
    plane = paper_projection(looks[reference], reference, looks[layout["clusters"]])
    fitted = strategy(f"map-{rule}").fit(
        triple_distances(list(layout["val_images"]), reference, a, b),
        says_a.astype(float),
        reference=reference,
        features=looks[reference],
        projection=plane,
        faithful=True,
    )
    assert isinstance(fitted.weighting, MapWeights)
    reference, a, b, _ = layout["test"]
    distances = triple_distances(list(layout["test_images"]), reference, a, b)
    features = layout["test_looks"][reference]
    found, combined = fitted.weights_at(features), fitted.combine(distances, features)
    weights = naive_weights(layout, right, rule)
    expected = {int(r): weights(int(r)) for r in np.unique(reference)}
    assert found == pytest.approx(np.array([expected[int(r)] for r in reference]), abs=1e-12)
    assert len(np.unique(found.round(6), axis=0)) > MODELS
    for t in range(0, len(reference), 7):
        r, x, y = int(reference[t]), int(a[t]), int(b[t])
        total = [0.0, 0.0]
        for m, w in enumerate(expected[r]):
            e = layout["test_images"][m]
            total[0] += w * cosine_distance(e[r], e[x])
            total[1] += w * cosine_distance(e[r], e[y])
        assert combined[t] == pytest.approx(total, abs=1e-12)
        assert (combined[t, 0] > combined[t, 1]) == (total[0] > total[1])


def test_the_whole_map_is_the_naive_one_cell_by_cell(layout, right):
    """Values, counts and, on this layout with its many means of exactly 3/4, who passes."""
    reference = layout["validation"][0]
    ids = np.unique(reference)
    accuracy = np.array([[np.mean(right[m, int(i)]) for i in ids] for m in range(MODELS)])
    looks = layout["val_looks"]
    plane = paper_projection(looks[reference], reference, looks[layout["clusters"]])
    points = plane(looks[ids])
    found = competence_map(points, accuracy, faithful=True)
    exact = competence_map(points, accuracy)
    edges = [np.linspace(points[:, k].min(), points[:, k].max(), 201) for k in (0, 1)]
    cells = [np.clip(np.digitize(points[:, k], edges[k]) - 1, 0, 199) for k in (0, 1)]
    fractions = [[Fraction(sum(right[m, int(i)]), len(right[m, int(i)])) for i in ids]
                 for m in range(MODELS)]  # fmt: skip
    rows, columns = np.meshgrid(range(0, 200, 3), range(0, 200, 3), indexing="ij")
    on_the_edge = 0
    for i, j in zip(rows.ravel(), columns.ravel(), strict=True):
        inside = np.flatnonzero(
            (cells[1] >= i - 5) & (cells[1] < i + 5) & (cells[0] >= j - 5) & (cells[0] < j + 5)
        )
        assert found.count[i, j] == exact.count[i, j] == len(inside)
        if not len(inside):
            assert np.isnan(found.accuracy[:, i, j]).all()
            continue
        for m in range(MODELS):
            total = 0.0
            for g in inside:
                total += accuracy[m, g]
            mean = total / len(inside)
            assert found.accuracy[m, i, j] == mean
            assert found.passes[m, i, j] == (mean > 0.75)
            true = sum((fractions[m][g] for g in inside), Fraction(0)) / len(inside)
            assert exact.passes[m, i, j] == (true > Fraction(3, 4))
            on_the_edge += true == Fraction(3, 4)
    assert on_the_edge > 50
