"""Shared ids are counted, and an evaluation on seen answers is refused."""

import pytest

from cssim.errors import BadInput, LeakedEvaluation
from cssim.evaluation.leakage import (
    SetIds,
    Training,
    member_leak,
    overlap,
    refuse_leaks,
    row_leak,
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
    with pytest.raises(LeakedEvaluation) as told:
        refuse_leaks([leak, leak], allow=False)
    assert str(told.value).count(leak.member) == 1


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


def test_a_row_has_seen_what_any_of_its_members_has_seen():
    frozen, trained = Training("frozen"), Training("trained", frozenset({7}))
    one, other = (Training(f"{i}", frozenset({i}), frozenset({i, 9})) for i in (1, 2))
    asked = ([7], [1, 1, 2, 3, 9])
    assert str(row_leak([frozen], *asked)) == "none"
    assert str(row_leak([frozen, one], *asked)) == "2 of 4 references seen"
    assert str(row_leak([one, frozen, other], *asked)) == "3 of 4 references seen"
    nearly = row_leak([one, other], *asked, near=[(1, 3), (9, 2), (5, 9)])
    assert str(nearly) == "3 of 4 references seen, 1 nearly"  # 2 is seen, so not nearly
    leaked = row_leak([one, trained, frozen], *asked)
    assert (str(leaked), leaked.member) == ("trained on this set", "trained")
    with pytest.raises(BadInput):
        row_leak([], *asked)


def test_near_duplicates_are_counted_beside_what_is_shared():
    left = SetIds.of("train", [1, 1, 2], [10, 11, 12], [11, 12, 3])
    right = SetIds.of("test", [2, 4, 5], [10, 20, 6], [20, 21, 22])
    near = [(1, 4), (3, 4), (12, 20), (11, 10), (2, 2), (4, 5), (99, 5)]
    found = overlap(left, right, near, {4: "four.jpg", 1: "one.jpg"})
    assert (found.shared_images, found.shared_references) == (2, 1)
    assert found.near_images == len({4, 20})  # 10 is shared, and 4 and 99 are not of the left
    assert found.near_references == len({4})
    assert found.near_pairs == (("one.jpg", "four.jpg"), ("3", "four.jpg"), ("12", "20"))
    assert "2 further images of it, 1 of them references, are near duplicates" in str(found)
    assert overlap(left, right, []).near_images == 0
    assert overlap(left, right).near_images is None


def test_references_nearly_seen_are_marked_and_not_refused():
    sea = Training("sea", references=frozenset({1, 2}))
    near = [(1, 4), (2, 4), (2, 5), (1, 2), (7, 6)]
    nearly = member_leak(sea, [3], [4, 5, 6, 8], near=near)
    both = member_leak(sea, [3], [1, 2, 4, 6], near=near)
    assert str(nearly) == "2 of 4 references nearly seen"
    assert str(both) == "2 of 4 references seen, 1 nearly"
    refuse_leaks([nearly, both], allow=False)
