"""Which regime: splits that keep references apart, and verdicts on curves whose truth is known."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.regime import nested_splits, regime


def test_each_size_contains_the_smaller_ones_and_nothing_held_out():
    references = np.repeat(np.arange(40) * 3, 5)
    splits = nested_splits(references, [16, 8], splits=4, seed=1)
    assert len({tuple(split.held) for split in splits}) == 4
    for split in splits:
        assert [len(split.train[size]) for size in (8, 16)] == [8, 16]
        assert set(split.train[8]) < set(split.train[16])
        assert sorted([*split.train[16], *split.held]) == sorted(set(references.tolist()))
    again = nested_splits(references, [16, 8], splits=4, seed=1)
    assert all(np.array_equal(a.held, b.held) for a, b in zip(splits, again, strict=True))


def test_references_for_validation_are_kept_apart():
    for split in nested_splits(np.arange(20), [4, 8], splits=3, validation=5):
        assert [len(split.validation), len(split.held)] == [5, 7]
        assert len({*split.train[8], *split.validation, *split.held}) == 20
    (whole,) = nested_splits(np.arange(8), [4, 8], splits=1, hold=False)
    assert len(whole.held) == 0
    with pytest.raises(BadInput, match="5 references for validation"):
        nested_splits(np.arange(12), [8], validation=5)


def drawn(truth, n: int = 8000):
    """Credits of designs that share their luck: a triple is as hard for one as for the other."""
    rng = np.random.default_rng(0)
    luck, reference = rng.random(n), rng.integers(0, 80, n)
    return {
        name: {size: (luck < p).astype(float) for size, p in own.items()}
        for name, own in truth.items()
    }, reference


TRUTH = {
    "frozen": {1000: 0.75, 2000: 0.75, 4000: 0.75},
    "cs": {1000: 0.80, 2000: 0.81, 4000: 0.82},
    "global": {1000: 0.76, 2000: 0.80, 4000: 0.84},
}


def test_the_leader_changes_where_the_curves_cross():
    designs, reference = drawn(TRUTH)
    found = regime(designs, reference, draws=300)
    assert [at.leader for at in found.at] == ["cs", "cs", "global"]
    assert found.at[2].tied == ("global",)
    crossing = found.crossings["cs", "global"]
    assert crossing.value == pytest.approx(2000 * 2 ** (1 / 3), rel=0.1)
    assert crossing.value is not None
    assert crossing.low is not None
    assert crossing.high is not None
    assert 2000 < crossing.low <= crossing.value <= crossing.high < 4000
    assert found.crossings["global", "cs"].value is None
    assert found.gains["frozen"].value == pytest.approx(0)
    gain = found.gains["global"].value
    assert gain is not None
    assert 0.003 < gain < 0.02
    assert found.advice.startswith("At 4,000 labels global leads; 500 more labels would add about")
    assert found.advice.endswith("points to global, if its curve goes on as it did.")


def test_designs_that_references_cannot_tell_apart_are_tied():
    designs, reference = drawn({"a": {1: 0.8, 2: 0.81}, "b": {1: 0.7, 2: 0.7}})
    designs["c"] = {size: np.roll(row, 1) for size, row in designs["a"].items()}
    found = regime(designs, reference, draws=50)
    assert set(found.at[0].tied) == {"a", "c"}
    assert "not to be told from" in found.advice


def test_splits_joined_end_to_end_do_not_pretend_to_more_references():
    designs, reference = drawn(TRUTH)
    twice = {n: {s: np.tile(row, 2) for s, row in own.items()} for n, own in designs.items()}
    one, two = (
        regime(d, r, draws=300).curves[0]
        for d, r in ((designs, reference), (twice, np.tile(reference, 2)))
    )
    assert two.high - two.low == pytest.approx(one.high - one.low)


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="nothing to hold out"):
        nested_splits(np.arange(8), [8])
    with pytest.raises(BadInput, match="two sizes"):
        regime({"a": {1: np.ones(3), 2: np.ones(3)}, "b": {2: np.ones(3)}}, np.arange(3))
    with pytest.raises(BadInput, match="two sizes"):
        regime({}, np.arange(3))
