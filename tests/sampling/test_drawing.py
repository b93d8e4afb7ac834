from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cssim.errors import BadInput
from cssim.sampling import draw_pages, draw_references
from cssim.sampling.drawing import draw_stratified


def rng(seed=0):
    return np.random.default_rng(seed)


@given(st.integers(2, 5), st.integers(1, 30), st.integers(10, 60), st.integers(0, 9))
@settings(max_examples=60)
def test_pages_are_what_they_should_be(candidates, count, images, seed):
    pages = draw_pages([1, 2], range(1, images + 1), count, candidates, rng(seed))
    assert [reference for reference, _ in pages] == [1] * count + [2] * count
    for reference, group in pages:
        assert len(set(group)) == len(group) == candidates
        assert reference not in group
        assert set(group) <= set(range(1, images + 1))
    assert len({(reference, frozenset(group)) for reference, group in pages}) == 2 * count


def test_the_same_seed_draws_the_same_pages_whatever_the_order_of_the_images():
    first = draw_pages([1], range(50), 20, 3, rng(4))
    assert draw_pages([1], list(reversed(range(50))), 20, 3, rng(4)) == first
    assert draw_pages([1], range(50), 20, 3, rng(5)) != first


def test_images_come_about_equally_often():
    pages = draw_pages([0], range(31), 100, 3, rng())
    seen = Counter(image for _, group in pages for image in group)
    assert sum(seen.values()) == 300
    assert set(seen) == set(range(1, 31))
    assert max(seen.values()) - min(seen.values()) <= 2


def test_all_different_pages_of_a_small_pool_can_be_drawn():
    pages = draw_pages([0], range(6), 10, 2, rng())
    assert len({frozenset(group) for _, group in pages}) == 10


@pytest.mark.parametrize(
    ("images", "count", "candidates", "reason"),
    [
        (range(5), 7, 2, "7 pages of 2 candidates need more images: 4 give 6"),
        (range(3), 1, 3, "2 give 0"),
        (range(9), 1, 1, "2 to 5 candidates"),
        (range(9), 1, 6, "2 to 5 candidates"),
        (range(9), 0, 2, "at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(images, count, candidates, reason):
    with pytest.raises(BadInput, match=reason):
        draw_pages([0], images, count, candidates, rng())


def test_references_differ_and_follow_the_seed():
    drawn = draw_references(range(100), 10, rng(1))
    assert len(set(drawn)) == 10
    assert set(drawn) <= set(range(100))
    assert draw_references(list(reversed(range(100))), 10, rng(1)) == drawn
    assert draw_references(range(100), 10, rng(2)) != drawn
    assert sorted(draw_references([3, 1, 2, 2], 3, rng())) == [1, 2, 3]


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_or_too_many_references_are_refused(count):
    with pytest.raises(BadInput, match="there are 3 images"):
        draw_references([1, 2, 3], count, rng())


STRATA = [list(range(10)), list(range(10, 30)), list(range(30, 33)), list(range(33, 60))]


def test_strata_come_equally_often_however_large_they_are():
    pages = draw_stratified([100], STRATA, 200, 3, np.random.default_rng(0))
    of = {image: at for at, members in enumerate(STRATA) for image in members}
    counts = Counter(of[image] for _, candidates in pages for image in candidates)
    assert max(counts.values()) - min(counts.values()) <= 0.08 * 600
    assert all(len({of[i] for i in candidates}) == 3 for _, candidates in pages)
    assert len({frozenset(candidates) for _, candidates in pages}) == 200


def test_a_stratified_page_never_shows_its_reference_or_an_image_twice():
    strata = [[1, 2, 3, 4, 5], [4, 5, 6, 7, 8]]
    for reference, candidates in draw_stratified([1, 5], strata, 20, 3, np.random.default_rng(1)):
        assert reference not in candidates
        assert len(set(candidates)) == 3


def test_small_strata_are_filled_up_and_none_is_an_error():
    pages = draw_stratified([9], [[1, 2], [3]], 3, 2, np.random.default_rng(0))
    assert {frozenset(c) for _, c in pages} == {frozenset(p) for p in ((1, 2), (1, 3), (2, 3))}
    with pytest.raises(BadInput, match="at least one tag"):
        draw_stratified([1], [[], []], 3, 2, np.random.default_rng(0))
