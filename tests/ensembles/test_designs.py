"""Designs: which members they take, what they may look at, and what they answer."""

import numpy as np
import pytest

from cssim.ensembles.designs import DESIGNS, Design, Members, answer, left_out_groups
from cssim.ensembles.strategies import STRATEGIES, strategy
from cssim.errors import BadInput

GROUP = ("frozen", "CS", "CS", "global", "global")


def world(n: int = 400, k: int = 300) -> tuple[Members, np.ndarray, np.ndarray]:
    """Members that are right more and more often, the second global model the most."""
    rng = np.random.default_rng(0)
    truth = [rng.integers(0, 2, size) for size in (n, k)]
    parts = []
    for share in (0.55, 0.6, 0.65, 0.7, 0.9):
        rows = []
        for side in truth:
            right = rng.random(len(side)) < share
            says_a = np.where(right, side == 1, side == 0)
            near, far = rng.uniform(0, 0.5, len(side)), rng.uniform(0.5, 1, len(side))
            rows.append(np.stack([np.where(says_a, near, far), np.where(says_a, far, near)], 1))
        parts.append(rows)
    known, new = (np.stack([rows[i] for rows in parts]) for i in (0, 1))
    return Members(GROUP, known, new, refitted=1 - new[-2:]), truth[0].astype(float), truth[1]


def test_designs_name_strategies_and_groups_that_exist() -> None:
    for name, design in DESIGNS.items():
        assert name == design.name
        assert design.strategy in STRATEGIES
        assert set(design.groups) <= set(GROUP)
    assert DESIGNS["frozen"].labels_from == "none"
    assert DESIGNS["all stacked"].labels_from == "training"
    assert DESIGNS["global, all labels"].labels_from == "training and validation"


def test_a_design_is_its_strategy_on_its_members() -> None:
    members, share_a, _ = world()
    for design in DESIGNS.values():
        if design.refitted or design.pooled:
            continue
        chosen = [i for i, group in enumerate(GROUP) if group in design.groups]
        fitted = strategy(design.strategy).fit(members.known[chosen], share_a)
        naive = fitted.combine(members.new[chosen])
        np.testing.assert_array_equal(answer(design, members, share_a), naive)


def test_the_best_is_chosen_on_validation_alone() -> None:
    members, share_a, _ = world()
    best = answer(DESIGNS["global"], members, share_a)
    np.testing.assert_array_equal(best, members.new[4])
    upside_down = Members(GROUP, members.known, members.new[:, :, ::-1], members.refitted)
    still = answer(DESIGNS["global"], upside_down, share_a)
    np.testing.assert_array_equal(still, members.new[4][:, ::-1])  # new answers choose nothing


def test_refitted_models_take_the_place_of_those_that_were_chosen() -> None:
    members, share_a, _ = world()
    again = answer(DESIGNS["global, all labels"], members, share_a)
    np.testing.assert_array_equal(again, 1 - members.new[4])
    np.testing.assert_array_equal(members.again()[:3], members.new[:3])
    bare = Members(GROUP, members.known, members.new)
    with pytest.raises(BadInput, match="not trained again"):
        answer(DESIGNS["global, all labels"], bare, share_a)


def test_pooled_cs_models_are_one_member_with_one_weight() -> None:
    members, share_a, _ = world()
    parts = []
    for side in (members.known, members.new):
        mean = np.zeros(side.shape[1:])
        for k in (1, 2):
            gaps = members.known[k][:, 1] - members.known[k][:, 0]
            mean += side[k] / np.sqrt(np.mean(gaps**2)) / 2
        parts.append(np.stack([mean, side[0], side[3], side[4]]))
    naive = strategy("stacking").fit(parts[0], share_a).combine(parts[1])
    np.testing.assert_allclose(answer(DESIGNS["all pooled"], members, share_a), naive, rtol=1e-12)
    again = answer(DESIGNS["all pooled, all labels"], members, share_a)
    assert not np.allclose(again, naive)


def test_groups_left_out_are_the_design_without_them() -> None:
    members, share_a, _ = world()
    found = left_out_groups(DESIGNS["all stacked"], members, share_a)
    assert list(found) == ["CS", "frozen", "global"]
    without = Design("", "", ("CS", "frozen"), "stacking")
    np.testing.assert_array_equal(found["global"], answer(without, members, share_a))
    assert left_out_groups(DESIGNS["CS stacked"], members, share_a) == {}


def test_nonsense_is_refused() -> None:
    members, share_a, _ = world()
    few = Members(GROUP[:1], members.known[:1], members.new[:1])
    with pytest.raises(BadInput, match="none are CS"):
        answer(DESIGNS["best CS"], few, share_a)
    with pytest.raises(BadInput, match="5 members have distances of 4"):
        Members(GROUP, members.known[:4], members.new)
