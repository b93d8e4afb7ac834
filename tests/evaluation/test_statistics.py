"""Each statistic against another library, a full enumeration, a closed form or a simulation."""

from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from cssim.errors import BadInput
from cssim.evaluation import statistics as st
from cssim.evaluation.accuracy import ByReference, by_reference


def sample(rows: int = 3, references: int = 40, n: int = 400, seed: int = 0):
    """Credits with an effect of the reference, and their sums per reference."""
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, references, n)
    p = np.clip(rng.normal(0.75, 0.15, (rows, references)), 0, 1)[:, reference]
    credits = (rng.random((rows, n)) < p).astype(float)
    return credits, reference, by_reference(credits, reference)


def test_cluster_error_equals_statsmodels():
    credits, reference, table = sample()
    for row, found in zip(credits, st.cluster_error(table.sums, table.counts), strict=True):
        fit = sm.OLS(row, np.ones(len(row))).fit(cov_type="cluster", cov_kwds={"groups": reference})
        assert found == pytest.approx(fit.bse[0], rel=1e-10)


def test_cluster_error_leaves_out_references_without_triples():
    _, _, table = sample()
    wider = ByReference(
        np.append(table.reference, 999),
        np.pad(table.sums, ((0, 0), (0, 1))),
        np.pad(table.counts, ((0, 0), (0, 1))),
    )
    assert st.cluster_error(wider.sums, wider.counts) == pytest.approx(
        st.cluster_error(table.sums, table.counts)
    )


def test_single_triples_per_reference_give_the_textbook_error():
    credits, _, _ = sample(rows=1)
    table = by_reference(credits, np.arange(400))
    expected = np.std(credits[0], ddof=1) / np.sqrt(400)
    assert st.cluster_error(table.sums, table.counts) == pytest.approx([expected])
    assert st.design_effect(float(expected), credits[0]) == pytest.approx(1)


def test_one_reference_has_no_error():
    assert np.isnan(st.cluster_error(np.array([[3.0]]), np.array([[4.0]]))).all()


def test_repeating_each_triple_doubles_the_design_effect():
    credits, reference, table = sample(rows=1, n=20_000)
    twice = by_reference(np.tile(credits, 2), np.tile(reference, 2))
    error = st.cluster_error(table.sums, table.counts)[0]
    assert st.cluster_error(twice.sums, twice.counts)[0] == pytest.approx(error)
    once = st.design_effect(error, credits[0])
    assert st.design_effect(error, np.tile(credits[0], 2)) == pytest.approx(2 * once, rel=1e-3)
    assert np.isnan(st.design_effect(0.0, np.ones(5)))
    assert np.isnan(st.design_effect(0.0, np.ones(1)))
    # Two triples: variance 1/2, so a mean of two has variance 1/4.
    assert st.design_effect(1.0, np.array([0.0, 1.0])) == pytest.approx(4)


def test_each_bootstrap_sample_draws_as_many_references_as_there_are():
    weights = st.draw_weights(7, 500, seed=3)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    assert weights.var() == pytest.approx(1 - 1 / 7, abs=0.05)
    assert np.array_equal(weights, st.draw_weights(7, 500, seed=3))
    assert not np.array_equal(weights, st.draw_weights(7, 500, seed=4))
    with pytest.raises(BadInput):
        st.draw_weights(0, 10, seed=0)


def test_samples_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch):
    monkeypatch.setattr(st, "_CELLS", 100)
    drawn = np.random.default_rng(3).integers(0, 7, (300, 7))
    naive = [[int((row == k).sum()) for k in range(7)] for row in drawn]
    assert st.draw_weights(7, 300, 3).tolist() == naive


def test_the_bootstrap_equals_resampling_the_triples_themselves():
    credits, reference, table = sample(references=5, n=60)
    weights = st.draw_weights(5, 20, seed=1)
    found = st.bootstrap(table.sums, table.counts, weights)
    for draw in range(20):
        times = weights[draw].astype(int)[np.searchsorted(table.reference, reference)]
        assert found[draw] == pytest.approx(np.repeat(credits, times, axis=1).mean(axis=1))


def test_bootstrap_spread_agrees_with_the_closed_form():
    _, _, table = sample(references=200, n=2000)
    samples = st.bootstrap(table.sums, table.counts, st.draw_weights(200, 4000, seed=2))
    assert samples.std(axis=0) == pytest.approx(st.cluster_error(table.sums, table.counts), rel=0.1)


def test_all_27_samples_of_three_references_give_the_exact_quantiles():
    table = by_reference(np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([1, 1, 2, 3]))
    every = np.array([np.bincount(d, minlength=3) for d in product(range(3), repeat=3)], float)
    samples = st.bootstrap(table.sums, table.counts, every)
    by_hand = [np.mean([c for i in d for c in ([1, 1], [0], [0])[i]]) for d in
               product(range(3), repeat=3)]  # fmt: skip
    assert samples[:, 0] == pytest.approx(by_hand)
    assert st.interval(samples, 0.9)[:, 0] == pytest.approx(np.quantile(by_hand, [0.05, 0.95]))


def test_samples_without_any_triple_of_a_row_are_left_out():
    sums, counts = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 0.0]])
    samples = st.bootstrap(sums, counts, np.array([[2.0, 0.0], [0.0, 2.0]]))
    assert samples[0, 0] == 0.5
    assert np.isnan([samples[1, 0], samples[0, 1], samples[1, 1]]).all()
    assert st.interval(samples)[:, 0].tolist() == [0.5, 0.5]
    assert np.isnan(st.interval(samples)[:, 1]).all()


def test_flips_of_eight_references_are_enumerated_exactly():
    differences = np.random.default_rng(5).normal(0.4, 1, (3, 8))
    found = st.sign_flip(differences, seed=0)
    for row, p in zip(differences, found, strict=True):
        totals = [
            abs(sum(s * d for s, d in zip(signs, row, strict=True)))
            for signs in product((-1, 1), repeat=8)
        ]
        assert p == pytest.approx(np.mean([t >= abs(sum(row)) - 1e-12 for t in totals]))


def test_drawn_flips_agree_with_the_enumeration(monkeypatch):
    differences = np.random.default_rng(6).normal(0.3, 1, (4, 11))
    exact = st.sign_flip(differences, seed=0)
    monkeypatch.setattr(st, "EXHAUSTIVE", 0)
    assert st.sign_flip(differences, seed=1, flips=20_000) == pytest.approx(exact, abs=0.015)


def test_no_difference_has_p_one_and_a_plain_one_has_the_smallest_p():
    differences = np.stack([np.zeros(40), np.ones(40)])
    assert st.sign_flip(differences, seed=0, flips=999).tolist() == [1.0, 1 / 1000]
    assert st.sign_flip(np.ones((1, 4)), seed=0).tolist() == [2 / 16]


@pytest.mark.parametrize("references", [1, 2, 5, 12, 13, 40])
def test_no_p_is_below_the_least_one_and_the_plainest_difference_has_it(references):
    plain = np.stack([np.ones(references), np.linspace(1, 2, references)])
    least = st.least_p(references, flips=1_000)
    assert st.sign_flip(plain, seed=0, flips=1_000) == pytest.approx(least, abs=1 / 1_001)
    assert st.sign_flip(plain, seed=0, flips=1_000).min() >= least


def test_p_is_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(7)
    p = st.sign_flip(rng.normal(size=(2000, 30)), seed=3, flips=499)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.035)


def test_holm_equals_statsmodels():
    rng = np.random.default_rng(8)
    for _ in range(20):
        p = np.round(rng.random(9) ** 3, 3)
        assert st.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert st.holm(np.zeros(0)).tolist() == []


def test_wilson_equals_statsmodels_and_takes_as_many_answers_as_have_the_error():
    for k, n in ((0, 1), (0, 5), (3, 10), (10, 10), (79, 100)):
        expected = proportion_confint(k, n, method="wilson")
        assert st.wilson(k / n, n) == pytest.approx(expected)
    assert st.wilson(0.8, 100, error=0.08) == pytest.approx(st.wilson(0.8, 25))
    assert st.wilson(0.8, 100, error=0.05) == pytest.approx(st.wilson(0.8, 64))
    for unknown in (0.01, 0.0, float("nan")):  # 0.01 speaks for 1,600 answers
        assert st.wilson(0.8, 100, error=unknown) == st.wilson(0.8, 100)
    assert st.wilson(1.0, 100, error=0.05) == st.wilson(1.0, 100)
    with pytest.raises(BadInput):
        st.wilson(0.5, 0)


def test_the_detectable_difference_is_found_as_often_as_promised():
    assert st.detectable(1.0) == pytest.approx(2.8016, abs=1e-4)
    rng = np.random.default_rng(9)
    size = st.detectable(0.01, alpha=0.05, power=0.9)
    found = np.abs(rng.normal(size, 0.01, 20_000)) > 1.959964 * 0.01
    assert found.mean() == pytest.approx(0.9, abs=0.01)


def test_the_tie_group_holds_the_leader_and_whoever_cannot_be_told_from_it():
    tied = st.tie_group(np.array([0.001, 0.0, 0.02, 0.6]), leader=1)
    assert tied.tolist() == [False, True, False, True]
    assert st.tie_group(np.array([0.03, 1.0, 0.03, 0.6]), leader=1).all()
    assert st.tie_group(np.array([1.0]), leader=0).tolist() == [True]


def test_the_best_row_stands_in_the_tie_group_and_an_equal_one_may_not():
    """The leader is chosen for being first, so the group is no test of each row left out."""
    rng = np.random.default_rng(13)
    best_out = some_out = 0
    for study in range(300):
        credit = rng.normal(size=(8, 40))  # all equally good, so any of them is the best
        leader = int(np.argmax(credit.sum(axis=1)))
        p = st.sign_flip(credit - credit[leader], seed=study, flips=499)
        tied = st.tie_group(p, leader)
        best_out += not tied[0]
        some_out += not tied.all()
    assert best_out <= 0.05 * 300
    assert 0.05 * 300 < some_out < 0.25 * 300


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(10)
    references, each, truth, covered, worlds = 120, 10, 0.75, 0, 300
    weights = st.draw_weights(references, 600, seed=0)
    for _ in range(worlds):
        p = rng.beta(7.5, 2.5, references)
        sums = rng.binomial(each, p)[None].astype(float)
        samples = st.bootstrap(sums, np.full((1, references), float(each)), weights)
        low, high = st.interval(samples)[:, 0]
        covered += low <= truth <= high
    assert 0.92 <= covered / worlds <= 0.98


def test_intervals_cover_the_truth_on_the_layout_of_the_cosis_test_set(shared):
    """Triples share references and pages as in the release; both have effects of their own."""
    lines = (shared / "cosis" / "mulref_test.txt").read_text().splitlines()
    reference = np.repeat([int(line.split()[0]) for line in lines if line[:1].isdigit()], 3)
    _, which = np.unique(reference, return_inverse=True)
    counts = np.bincount(which).astype(float)
    assert (len(counts), len(which)) == (1010, 10005)
    rng, worlds = np.random.default_rng(11), 1000
    sums = np.empty((worlds, len(counts)))
    for world in range(worlds):
        pages = np.repeat(rng.normal(0, 0.5, len(which) // 3), 3)
        log_odds = 1.3 + rng.normal(0, 0.8, len(counts))[which] + pages
        right = rng.random(len(which)) < 1 / (1 + np.exp(-log_odds))
        sums[world] = np.bincount(which, weights=right)
    truth = np.mean(1 / (1 + np.exp(-1.3 - rng.normal(0, np.hypot(0.5, 0.8), 1_000_000))))
    shares = np.broadcast_to(counts, sums.shape)
    weights = st.draw_weights(len(counts), 600, seed=0)
    low, high = st.interval(st.bootstrap(sums, shares, weights))
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97
    error = st.cluster_error(sums, shares)
    closed = np.abs(sums.sum(axis=1) / len(which) - truth) <= 1.96 * error
    assert 0.93 <= closed.mean() <= 0.97
