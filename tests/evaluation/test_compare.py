"""The numbers of a comparison against the statistics they are made of, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation import statistics as st
from cssim.evaluation.accuracy import by_reference, human_ceiling, macro
from cssim.evaluation.compare import CEILING, CHANCE, compare
from cssim.evaluation.leakage import TRAINED
from cssim.evaluation.report import (
    CompareSettings,
    Comparison,
    Contender,
    EvaluatedSet,
)
from tests.typed import present

QUICK = CompareSettings(anchor="plain", draws=400, flips=400)
ROWS = (
    Contender("plain"),
    Contender("good", "ensemble", members=("plain", "poor"), run="12"),
    Contender("poor", "cs", trained_on="sea", leakage="3 of 30 references seen"),
    Contender("absent", unavailable="weights not on this machine"),
)


def world(n: int = 900, references: int = 30, seed: int = 0):
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, references, n)
    level = rng.normal(0, 0.05, references)[reference]
    names = {"plain": 0.75, "good": 0.9, "poor": 0.6}
    credits = {k: (rng.random(n) < p + level).astype(float) for k, p in names.items()}
    return credits, reference


@pytest.fixture(scope="module")
def compared() -> Comparison:
    credits, reference = world()
    a = np.random.default_rng(1).integers(0, 6, 900)
    return compare(ROWS, credits, reference, settings=QUICK, votes=(a, 5 - a))


def test_rows_stand_in_order_with_ceiling_and_chance_last(compared):
    names = [row.name for row in compared.rows]
    assert names == ["plain", "good", "poor", "absent", CEILING, CHANCE]
    assert compared.row(CHANCE).accuracy == 0.5


def test_each_number_is_that_of_its_statistic(compared):
    credits, reference = world()
    stack = np.stack(list(credits.values()))
    table = by_reference(stack, reference)
    errors = st.cluster_error(table.sums, table.counts)
    weights = st.draw_weights(30, 400, 0)
    low, high = st.interval(st.bootstrap(table.sums, table.counts, weights))
    for i, name in enumerate(credits):
        row = compared.row(name)
        assert row.accuracy == pytest.approx(credits[name].mean())
        assert row.error == pytest.approx(errors[i])
        assert (row.low, row.high) == pytest.approx((low[i], high[i]))
        assert row.macro == pytest.approx(macro(stack, reference)[i])
        assert row.effect == pytest.approx(st.design_effect(errors[i], credits[name]))
        assert (row.triples, row.references) == (900, 30)


def test_differences_are_paired_and_adjusted(compared):
    credits, reference = world()
    gaps = np.stack([credits[name] - credits["plain"] for name in ("good", "poor")])
    table = by_reference(gaps, reference)
    p = st.sign_flip(table.sums, 1, flips=400)
    weights = st.draw_weights(30, 400, 0)
    low, high = st.interval(st.bootstrap(table.sums, table.counts, weights))
    errors = st.cluster_error(table.sums, table.counts)
    for i, name in enumerate(("good", "poor")):
        row = compared.row(name)
        assert row.difference == pytest.approx(gaps[i].mean())
        assert (row.difference_low, row.difference_high) == pytest.approx((low[i], high[i]))
        assert row.difference_error == pytest.approx(errors[i])
        assert row.p == pytest.approx(p[i])
        assert row.p_holm == pytest.approx(st.holm(p)[i])
    assert compared.row("plain").difference is None
    assert compared.detectable == pytest.approx(st.detectable(float(np.median(errors))))


def test_the_tie_group_is_the_leader_alone_where_the_others_are_plainly_worse(compared):
    assert [compared.row(name).tied for name in ("good", "plain", "poor")] == [True, False, False]
    assert compared.row(CHANCE).tied is None


def test_equal_rows_tie_with_p_one():
    credits, reference = world()
    twins = {"plain": credits["plain"], "twin": credits["plain"]}
    found = compare((ROWS[0], Contender("twin")), twins, reference, settings=QUICK)
    assert (found.row("twin").difference, found.row("twin").p_holm) == (0.0, 1.0)
    assert found.row("twin").tied
    assert found.row("plain").tied


def test_a_row_that_is_not_available_carries_its_reason_and_no_number(compared):
    row = compared.row("absent")
    assert row.reason == "weights not on this machine"
    numbers = [getattr(row, f) for f in ("accuracy", "error", "low", "macro", "p", "tied")]
    assert numbers == [None] * 6
    assert row.triples == 0


def test_an_anchor_that_is_not_available_compares_nothing_and_says_so():
    credits, reference = world()
    settings = replace(QUICK, anchor="absent")
    found = compare(ROWS, credits, reference, settings=settings)
    for row in found.rows:
        assert (row.difference, row.p, row.p_holm) == (None, None, None)
    assert found.detectable is None
    assert found.row("good").tied
    assert any("anchor absent is not available" in note for note in found.notes)


def test_without_an_anchor_there_are_no_differences_but_a_leader():
    credits, reference = world()
    found = compare(ROWS, credits, reference, settings=replace(QUICK, anchor=None))
    assert [row.difference for row in found.rows] == [None] * 5
    assert [found.row(name).tied for name in ("plain", "good", "poor")] == [False, True, False]


def test_the_human_ceiling_has_an_interval_and_competes_with_nobody(compared):
    a = np.random.default_rng(1).integers(0, 6, 900)
    row = compared.row(CEILING)
    assert row.accuracy == pytest.approx(human_ceiling(a, 5 - a).others)
    assert row.low < row.accuracy < row.high
    assert (row.tied, row.difference) == (None, None)


def test_lone_voters_give_no_ceiling_and_a_note():
    credits, reference = world()
    found = compare(ROWS, credits, reference, settings=QUICK, votes=(np.ones(900), np.zeros(900)))
    assert CEILING not in [row.name for row in found.rows]
    assert any("No human ceiling" in note for note in found.notes)


def test_rows_that_were_trained_on_the_set_are_marked_below_the_table():
    credits, reference = world()
    rows = (*ROWS[:2], replace(ROWS[2], leakage=TRAINED), ROWS[3])
    notes = compare(rows, credits, reference, settings=QUICK).notes
    assert any("evaluated on request: poor" in note for note in notes)


def test_few_references_are_warned_about():
    credits, reference = world()
    few = compare(ROWS, credits, reference % 12, settings=QUICK)
    many = compare(ROWS, credits, reference, settings=QUICK)
    assert any("Only 12 references" in note for note in few.notes)
    assert not any("Only" in note for note in many.notes)


def test_nobody_available_leaves_chance_alone_with_a_number():
    _, reference = world()
    found = compare(ROWS[3:], {}, reference, settings=replace(QUICK, anchor=None))
    assert [(row.accuracy, row.macro) for row in found.rows] == [(None, None), (0.5, 0.5)]


def test_macro_averages_over_contexts_where_they_are_given():
    credits, reference = world()
    contexts = np.where(reference < 3, "sea", "city")
    found = compare(ROWS, credits, reference, settings=QUICK, contexts=contexts)
    own = credits["good"]
    expected = (own[contexts == "sea"].mean() + own[contexts == "city"].mean()) / 2
    assert found.row("good").macro == pytest.approx(expected)
    assert found.macro_over == "contexts"


def test_even_votes_are_left_out_of_a_strict_comparison():
    credits, reference = world()
    hidden = np.arange(900) % 3 == 0
    strict = {k: np.where(hidden, np.nan, v) for k, v in credits.items()}
    a = np.ones(900)
    settings = replace(QUICK, credit="strict")
    found = compare(ROWS, strict, reference, settings=settings, votes=(a, a))
    assert found.row("good").triples == 600
    assert found.row("good").accuracy == pytest.approx(credits["good"][~hidden].mean())
    assert found.ceiling is None
    assert CEILING not in [row.name for row in found.rows]


def test_rows_with_gaps_of_their_own_are_paired_where_both_have_credits():
    credits, reference = world()
    half = np.arange(900) < 450
    gappy = {**credits, "good": np.where(half, credits["good"], np.nan)}
    found = compare(ROWS, gappy, reference, settings=QUICK).row("good")
    assert found.triples == 450
    expected = (credits["good"] - credits["plain"])[half].mean()
    assert found.difference == pytest.approx(expected)


def test_a_row_of_which_no_triple_counts_says_so():
    credits, reference = world()
    empty = {**credits, "poor": np.full(900, np.nan)}
    row = compare(ROWS, empty, reference, settings=QUICK).row("poor")
    assert "no triple" in row.reason
    assert row.accuracy is None
    assert row.p is None


def test_a_single_reference_gives_accuracy_without_an_interval():
    credits, _ = world()
    row = compare(ROWS, credits, np.zeros(900, dtype=int), settings=QUICK).row("good")
    assert row.accuracy == pytest.approx(credits["good"].mean())
    assert [row.error, row.low, row.high, row.difference_low] == [None] * 4


def test_references_with_one_triple_each_give_intervals_of_differences():
    credits, _ = world()
    row = compare(ROWS, credits, np.arange(900), settings=QUICK).row("good")
    assert (row.references, row.triples) == (900, 900)
    assert present(row.difference_low) < present(row.difference) < present(row.difference_high)


def test_the_same_seed_gives_the_same_comparison_and_another_does_not():
    credits, reference = world()
    once = compare(ROWS, credits, reference, settings=QUICK)
    assert compare(ROWS, credits, reference, settings=QUICK).fingerprint == once.fingerprint
    other = compare(ROWS, credits, reference, settings=replace(QUICK, seed=1))
    assert other.fingerprint != once.fingerprint
    assert other.row("good").accuracy == once.row("good").accuracy


def test_json_gives_back_the_same_comparison(compared):
    full = replace(
        compared,
        sets=(EvaluatedSet("held out", "test", 900, 30, looks=3, fingerprint="ab"),),
        fingerprints={"data": "ab"},
    )
    text = json.dumps(full.to_dict(), allow_nan=False)
    assert Comparison.from_dict(json.loads(text)) == full


def test_what_is_not_a_comparison_is_refused(compared):
    with pytest.raises(BadInput, match="version"):
        Comparison.from_dict({})
    values = compared.to_dict()
    del values["rows"]
    with pytest.raises(BadInput, match="rows"):
        Comparison.from_dict(values)
    with pytest.raises(BadInput, match="no row 'x'"):
        compared.row("x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": CompareSettings(anchor="nobody")}, "anchor"),
        ({"contenders": (*ROWS, ROWS[0])}, "distinct"),
        ({"contenders": (*ROWS, Contender(CHANCE))}, "distinct"),
        ({"contenders": ROWS[:2]}, "not listed: poor"),
        ({"contenders": (*ROWS, Contender("new"))}, "reason"),
        ({"reference": np.zeros(3, dtype=int)}, "shape"),
    ],
)
def test_nonsense_is_refused(change, message):
    credits, reference = world()
    call = {"contenders": ROWS, "credits": credits, "reference": reference, **change}
    with pytest.raises(BadInput, match=message):
        compare(**call)


def test_credits_are_shares():
    _, reference = world()
    with pytest.raises(BadInput, match=r"outside 0\.\.1"):
        compare(ROWS[:1], {"plain": np.full(900, 79.0)}, reference)


@pytest.mark.parametrize(
    "values", [{"credit": "kind"}, {"draws": 5}, {"level": 95}, {"power": 0.1}]
)
def test_settings_refuse_nonsense(values):
    with pytest.raises(BadInput):
        CompareSettings(**values)


@pytest.mark.parametrize(("references", "said"), [(5, True), (6, True), (7, False), (12, False)])
def test_where_no_difference_can_be_found_the_table_says_so(references, said):
    """Two rows as plainly apart as can be: 2 x 2 / 2^6 is above 5 %, 2 x 2 / 2^7 is not."""
    reference = np.repeat(np.arange(references), 4)
    credits = {"plain": 0.5, "good": 1.0, "poor": 0.0}
    stack = {name: np.full(len(reference), value) for name, value in credits.items()}
    found = compare(ROWS, stack, reference, settings=QUICK)
    assert any("no difference can be found" in note for note in found.notes) == said
    p = [row.p_holm for row in found.rows if row.p_holm is not None]
    assert (min(p) > 0.05) == said
    if references == 5:
        words = "With 5 references no difference can be found: adjusted for 2 rows, no p is below"
        assert any(note == f"{words} {min(p):.2f}." for note in found.notes)
