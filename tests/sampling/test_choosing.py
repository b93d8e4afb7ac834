"""Medoids, scores of pages and the choice among them, against naive loops and hand-made cases."""

from itertools import combinations
from math import log2

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.sampling import active
from cssim.sampling.medoids import k_medoids


def cost(vectors, rows):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return (1 - unit @ unit[list(rows)].T).min(axis=1).mean()


def test_medoids_of_clear_groups_are_one_of_each_the_largest_first():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3] * 10
    sizes = (30, 12, 6)
    vectors = np.concatenate(
        [centre + rng.normal(0, 0.3, (n, 8)) for centre, n in zip(centres, sizes, strict=True)]
    )
    found = k_medoids(vectors, 3, rng)
    assert found.sizes.tolist() == list(sizes)
    assert [int(np.searchsorted(np.cumsum(sizes), row, "right")) for row in found.rows] == [0, 1, 2]


def test_medoids_are_nearly_as_good_as_the_best_of_all_pairs():
    vectors = np.random.default_rng(3).normal(size=(25, 4))
    best = min(cost(vectors, pair) for pair in combinations(range(25), 2))
    found = min(
        (k_medoids(vectors, 2, np.random.default_rng(seed)) for seed in range(5)),
        key=lambda medoids: medoids.cost,
    )
    assert found.cost == pytest.approx(cost(vectors, found.rows))
    assert best <= found.cost <= 1.03 * best


def test_equal_images_still_give_different_medoids_and_too_many_are_refused():
    assert len(set(k_medoids(np.ones((4, 2)), 3, np.random.default_rng(0)).rows.tolist())) == 3
    with pytest.raises(BadInput, match="5 medoids"):
        k_medoids(np.ones((4, 2)), 5, np.random.default_rng(0))


def test_disagreement_is_none_where_all_agree_and_one_where_they_split_evenly():
    margins = np.array([[1.0, 1.0, 0.0], [2.0, -1.0, 1.0], [0.5, 1.0, -1.0], [1.0, -1.0, 0.0]])
    assert active.disagreement(margins).tolist() == [0.0, 1.0, 1.0]
    assert active.disagreement([[1.0], [1.0], [1.0], [-1.0]])[0] == pytest.approx(0.75)


def test_information_is_the_naive_mutual_information():
    margins = np.random.default_rng(0).normal(size=(3, 5))

    def entropy(p):
        return -p * log2(p) - (1 - p) * log2(1 - p)

    for pair in range(5):
        chances = [1 / (1 + np.exp(-2 * m)) for m in margins[:, pair]]
        expected = entropy(np.mean(chances)) - np.mean([entropy(p) for p in chances])
        assert active.information(margins)[pair] == pytest.approx(expected)
    assert active.information([[0.0], [0.0]])[0] == pytest.approx(0)  # all unsure: nothing to learn
    assert active.information([[9.0], [-9.0]])[0] > 0.99  # sure and contrary: a whole bit


def test_margins_are_brought_to_one_spread_and_a_flat_model_stays_flat():
    scaled = active.standardised([[3.0, -4.0], [0.0, 0.0]])
    assert (scaled[0] ** 2).mean() == pytest.approx(1)
    assert scaled[1].tolist() == [0, 0]


def test_a_page_scores_the_mean_of_its_pairs():
    pages = [(1, (2, 3, 4)), (5, (6, 7))]
    pairs, page = active.pairs_of(pages)
    assert pairs.tolist() == [[1, 2, 3], [1, 2, 4], [1, 3, 4], [5, 6, 7]]
    assert active.page_scores([3, 6, 9, 5], page, 2).tolist() == [6, 5]


def naive_choice(pages, scores, count):
    used = dict.fromkeys((i for _, c in pages for i in c), 0)
    chosen: list[int] = []
    while len(chosen) < count:
        left = [at for at in range(len(pages)) if at not in chosen]
        values = {at: scores[at] / (1 + np.mean([used[i] for i in pages[at][1]])) for at in left}
        best = max(left, key=lambda at: (round(values[at], 12), -at))
        chosen.append(best)
        for image in pages[best][1]:
            used[image] += 1
    return chosen


def test_the_lazy_choice_is_the_one_of_a_naive_loop():
    rng = np.random.default_rng(5)
    pages = [(0, tuple(int(i) for i in rng.choice(np.arange(1, 15), 3, False))) for _ in range(60)]
    scores = rng.random(60)
    assert active.choose_pages(pages, scores, 25) == naive_choice(pages, scores, 25)


def test_no_reference_gets_more_than_its_share_of_the_choice():
    pages = [(r, (10 + i, 40 + i)) for r in (1, 2) for i in range(20)]
    scores = [1.0] * 20 + [0.1] * 20
    chosen = active.choose_pages(pages, scores, 10, per_reference=5)
    assert sorted(pages[at][0] for at in chosen) == [1] * 5 + [2] * 5
    with pytest.raises(BadInput, match="only 10 of 12"):
        active.choose_pages(pages, scores, 12, per_reference=5)


def test_a_share_stays_random():
    assert active.split_count(100) == (85, 15)
    assert active.split_count(2, 0.15) == (1, 1)
    assert active.split_count(7, 0.0) == (7, 0)


def test_uncertain_references_do_not_stand_next_to_each_other():
    points = np.array([0.0, 0.01, 5.0, 9.0])
    apart = np.abs(points[:, None] - points[None])
    assert active.spread_references([1.0, 0.99, 0.3, 0.5], apart, 3).tolist() == [0, 3, 2]
