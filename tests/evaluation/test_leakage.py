"""Shared ids are counted, and an evaluation on seen answers is refused."""

import pytest

from cssim.errors import BadInput, LeakedEvaluation
from cssim.evaluation.leakage import (
    SetIds,
    Training,
    member_leak,
    overlap,
    refuse_leaks,
    summary,
)


def test_shared_images_and_references_are_counted_once_each():
    left = SetIds.of("train", [1, 1, 2], [10, 11, 12], [11, 12, 3])
    right = SetIds.of("test", [2, 3, 4, 4], [10, 10, 1, 20], [20, 21, 22, 23])
    found = overlap(left, right)
    assert found.shared_images == len({1, 2, 3, 10})
    assert found.shared_references == len({2})
    assert found.references_seen == len({2, 3})
    assert (found.right_images, found.right_references) == (9, 3)
    assert str(found) == "test shares 4 of its 9 images and 1 of its 3 references with train"


def test_sets_with_nothing_in_common():
    found = overlap(SetIds.of("x", [1], [2], [3]), SetIds.of("y", [4], [5], [6]))
    assert (found.shared_images, found.shared_references, found.references_seen) == (0, 0, 0)


def test_a_member_trained_on_the_evaluated_cluster_is_refused_unless_asked_for():
    sea = Training("sea", clusters=frozenset({7}), references=frozenset({1, 2}))
    leak = member_leak(sea, clusters=[3, 7], reference=[2, 2, 5])
    assert leak.trained_on_it
    assert str(leak) == "trained on this set"
    with pytest.raises(LeakedEvaluation, match="sea"):
        refuse_leaks([leak], allow=False)
    refuse_leaks([leak], allow=True)


def test_shared_references_of_another_cluster_are_shown_and_not_refused():
    sea = Training("sea", clusters=frozenset({7}), references=frozenset({1, 2}))
    leak = member_leak(sea, clusters=[3], reference=[2, 2, 5])
    assert str(leak) == "1 of 2 references seen"
    refuse_leaks([leak], allow=False)


def test_pages_decide_where_both_sides_know_them():
    half = Training("half", frozenset({7}), frozenset({1}), pages=frozenset({100, 101}))
    assert not member_leak(half, [7], [1, 1], pages=[102, 103]).trained_on_it
    assert member_leak(half, [7], [1, 1], pages=[101, 103]).trained_on_it
    assert member_leak(half, [7], [1, 1]).trained_on_it


def test_a_row_shows_the_worst_of_its_members():
    frozen = member_leak(Training("frozen"), [7], [1, 2])
    seen = member_leak(Training("seen", references=frozenset({1})), [7], [1, 2])
    trained = member_leak(Training("trained", frozenset({7})), [7], [1, 2])
    assert summary([frozen]) == "none"
    assert summary([frozen, seen]) == "1 of 2 references seen"
    assert summary([trained, seen, frozen]) == "trained on this set"
    with pytest.raises(BadInput):
        summary([])
