"""Measures of how people answer, against naive loops, hand counts and another library."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chisquare
from sklearn.metrics import cohen_kappa_score

from cssim.evaluation import habits, people
from cssim.evaluation.consensus import dawid_skene, majority
from cssim.evaluation.people import NOBODY, Said
from cssim.types import Answer, JudgementKind
from tests.typed import present

START = datetime(2026, 1, 1, tzinfo=UTC)
TIE = Answer(JudgementKind.TIE)


def said(person, reference, a, b, closer, *, page=None, shown=(0, 1), ms=None, at=0, votes=1):
    """One choice; `closer` is an image id, or None for a tie."""
    order = (0, 1) if closer == a else (1, 0)
    answer = TIE if closer is None else Answer(JudgementKind.ANSWER, order)
    number = hash((reference, min(a, b), max(a, b))) if page is None else page
    moment = START + timedelta(minutes=at)
    return Said(person, number, reference, (a, b), answer, shown, ms, moment, votes)


def ranked(person, reference, candidates, order, classes=(), page=1):
    return Said(
        person, page, reference, candidates, Answer(JudgementKind.ANSWER, order, classes), order
    )


def crowd(seed=0, n=400):
    """Six people of different care on 40 questions, sides and orientation at random."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(n):
        reference, a, b = (int(i) for i in rng.choice(8, 3, replace=False))
        person = int(rng.integers(1, 7))
        truth = min(a, b) if (reference + a * b) % 2 else max(a, b)
        right = rng.random() < 0.5 + person / 14
        closer = truth if right else (a + b - truth)
        found.append(said(person, reference, a, b, closer, at=at, ms=int(rng.integers(300, 4000))))
    return found


def firsts(answers):
    """Without what a person says again to a question that they met before."""
    met = set()
    for one in answers:
        key = (one.person, one.reference, frozenset(one.candidates))
        if key not in met:
            met.add(key)
            yield one


def turned(reference, low, high, value):
    """A vote by the coin that names A and B: which image has the smaller id is no chance."""
    coin = zlib.crc32(f"{reference},{low},{high}".encode()) & 1
    return 1 - value if coin and value != 2 else value


def naive_alpha(answers):
    """Krippendorff's definition, pair by pair: 1 - Do / De."""
    units = defaultdict(list)
    for one in firsts(answers):
        for low, high, value in people.votes_of(one):
            units[one.reference, low, high].append(turned(one.reference, low, high, value))
    several = [values for values in units.values() if len(values) > 1]
    everything = [value for values in several for value in values]
    n = len(everything)
    observed = sum(
        sum(x != y for x, y in permutations(values, 2)) / (len(values) - 1) for values in several
    )
    counts = Counter(everything)
    expected = sum(counts[x] * counts[y] for x in counts for y in counts if x != y) / (n - 1)
    return 1 - observed / expected


def test_alpha_and_fleiss_are_those_of_their_definitions():
    answers = crowd()
    found = people.overall(answers)
    assert found.alpha == pytest.approx(naive_alpha(answers))
    units: dict[tuple[int, int, int], Counter[int]] = defaultdict(Counter)
    for one in firsts(answers):
        ((low, high, value),) = people.votes_of(one)
        units[one.reference, low, high][turned(one.reference, low, high, value)] += 1
    several = [c for c in units.values() if sum(c.values()) > 1]
    agree = [
        sum(x == y for x, y in permutations(list(c.elements()), 2))
        / (sum(c.values()) * (sum(c.values()) - 1))
        for c in several
    ]
    total = sum(sum(c.values()) for c in several)
    chance = sum((sum(c[v] for c in several) / total) ** 2 for v in (0, 1, 2))
    assert found.fleiss == pytest.approx((np.mean(agree) - chance) / (1 - chance))
    assert (found.questions, found.overlapping) == (len(units), len(several))


def test_fleiss_own_example_comes_out():
    """Fleiss 1971 as worked through in textbooks: 10 units, 14 people, kappa 0.210."""
    table = np.array(
        [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
         [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    )  # fmt: skip
    assert people.fleiss_kappa(table) == pytest.approx(0.210, abs=5e-4)
    assert people.fleiss_kappa(np.array([[1, 0]])) is None


def test_agreement_with_the_others_leaves_the_persons_own_votes_out():
    answers = [
        said(1, 9, 2, 3, 2), said(2, 9, 2, 3, 2), said(3, 9, 3, 2, 3),  # others of 1: one of two
        said(1, 9, 4, 5, 4), said(2, 9, 4, 5, 5),  # none of one
        said(1, 9, 6, 7, 6),  # nobody else
    ]  # fmt: skip
    found = people.with_others(answers, people.pair_votes(answers))
    assert found[1].agreement.share == pytest.approx((0.5 + 0) / 2)
    assert found[1].agreement.n == 2


def test_nobody_agrees_with_themselves():
    alone = [said(1, 9, 2, 3, 2, page=1), said(1, 9, 2, 3, 2, page=2), said(1, 9, 3, 2, 3, page=3)]
    found = people.overall(alone)
    assert (found.questions, found.overlapping, found.alpha, found.fleiss) == (1, 0, None, None)
    assert np.isnan(found.agreement)
    assert people.with_others(alone, people.pair_votes(alone))[1].agreement.n == 0
    both = [*alone, said(2, 9, 2, 3, 3)]
    assert people.overall(both).agreement == 0.0
    others = people.with_others(both, people.pair_votes(both))
    assert [(others[i].agreement.share, others[i].agreement.n) for i in (1, 2)] == [(0, 1), (0, 1)]
    assert people.pair_votes(both, once=False).counts.sum() == 4


def test_excluded_people_are_compared_but_are_nobodys_measure():
    answers = [said(1, 9, 2, 3, 2), said(2, 9, 2, 3, 2), said(3, 9, 2, 3, 3)]
    votes = people.pair_votes(answers, frozenset({3}))
    found = people.with_others(answers, votes)
    assert (found[1].agreement.share, found[3].agreement.share) == (1.0, 0.0)
    assert people.overall(answers, frozenset({3})).agreement == 1.0


def test_vote_counts_of_nobody_weigh_as_many_people():
    answers = [said(1, 9, 2, 3, 2), said(NOBODY, 9, 2, 3, 2, votes=3), said(NOBODY, 9, 2, 3, 3)]
    found = people.with_others(answers, people.pair_votes(answers))
    assert list(found) == [1]
    assert found[1].agreement.share == pytest.approx(0.75)


def test_kappa_with_the_majority_is_scikit_learns():
    answers = list(firsts(crowd(3)))
    found = people.with_others(crowd(3), people.pair_votes(crowd(3)))
    mine, theirs = [], []
    for one in (a for a in answers if a.person == 2):
        ((low, high, value),) = people.votes_of(one)
        others = [
            people.votes_of(o)[0][2]
            for o in answers
            if o is not one
            and (o.reference, *people.votes_of(o)[0][:2]) == (one.reference, low, high)
        ]
        top = Counter(others).most_common(2)
        if top and (len(top) == 1 or top[0][1] > top[1][1]):
            mine.append(turned(one.reference, low, high, value))
            theirs.append(turned(one.reference, low, high, top[0][0]))
    assert found[2].kappa == pytest.approx(cohen_kappa_score(mine, theirs))


def test_drift_is_the_later_half_minus_the_earlier_with_newcombes_interval():
    """Newcombe 1998, table II, method 10: 9/10 against 3/10 gives 0.1705 to 0.8090."""
    credit = np.concatenate([np.repeat([1.0, 0.0], [3, 7]), np.repeat([1.0, 0.0], [9, 1])])
    assert people._drift(credit) == pytest.approx((0.6, 0.1705, 0.8090), abs=5e-5)
    assert people._drift(credit[:10])[0] == pytest.approx(0 - 3 / 5)
    assert np.isnan(people._drift(credit[:9])[0])


def test_self_agreement_compares_pairs_whatever_the_order_on_the_page():
    first, again = said(1, 9, 2, 3, 3), said(1, 9, 3, 2, 3)
    whole = ranked(1, 9, (2, 3, 4), (0, 1, 2)), ranked(1, 9, (4, 3, 2), (2, 0, 1))
    assert people.self_agreement([(first, again)])[1].share == 1.0
    assert people.self_agreement([whole])[1].share == pytest.approx(2 / 3)


def test_sides_are_tested_by_the_binomial_or_chi_squared():
    answers = [said(1, 9, 2, 3, 2 if i < 15 else 3, shown=(0, 1)) for i in range(20)]
    found = present(habits.sides(answers))
    assert (found.side, found.places, found.share.share) == (0, 2, 0.75)
    assert found.p == pytest.approx(binomtest(15, 20).pvalue)
    three = [
        Said(
            1,
            i,
            9,
            (2, 3, 4),
            Answer(JudgementKind.ANSWER, (k, (k + 1) % 3, (k + 2) % 3)),
            (2, 0, 1),
        )
        for i, k in enumerate([2] * 12 + [0] * 6 + [1] * 3)
    ]
    found = present(habits.sides(three))
    assert (found.side, found.places, found.share.n) == (0, 3, 21)
    assert found.p == pytest.approx(chisquare([12, 6, 3]).pvalue)
    assert habits.sides([said(1, 9, 2, 3, None)]) is None


def test_pace_counts_too_fast_answers_and_ignores_broken_clocks():
    answers = [said(1, 9, 2, 3, 2, ms=ms, at=at) for at, ms in enumerate((100, 900, -50, 700))]
    found = habits.pace(answers, 800)
    assert (found.median_ms, found.fast.n) == (700.0, 3)
    assert found.fast.share == pytest.approx(2 / 3)


def test_slowing_is_told_from_ten_answers_on():
    times = [1000] * 5 + [1500] * 5
    answers = [said(1, 9, 2, 3, 2, ms=ms, at=at) for at, ms in enumerate(times)]
    assert habits.pace(answers[::-1], 800).slowing == pytest.approx(1.5)
    assert np.isnan(habits.pace(answers[:9], 800).slowing)
    nothing = habits.pace([], 800)
    assert nothing.fast.n == 0
    assert np.isnan([nothing.median_ms, nothing.slowing]).all()


def test_circles_are_counted_over_pages_and_never_within_one():
    circle = [said(1, 9, 1, 2, 1, page=1), said(1, 9, 2, 3, 2, page=2), said(1, 9, 1, 3, 3, page=3)]
    assert (people.cycles(circle).share, people.cycles(circle).n) == (1.0, 1)
    straight = [*circle[:2], said(1, 9, 1, 3, 1, page=3)]
    assert people.cycles(straight).share == 0.0
    assert people.cycles([ranked(1, 9, (1, 2, 3), (0, 1, 2))]).n == 0
    assert people.cycles([*circle[:2], said(1, 9, 1, 3, None, page=3)]).n == 0
    assert people.cycles([*circle, said(1, 9, 1, 3, None, page=4)]).n == 0  # a tie, the latest
    assert people.cycles([*circle, said(1, 9, 1, 3, 1, page=4)]).share == 0.0


def test_circles_of_random_answers_are_a_quarter():
    rng = np.random.default_rng(0)
    answers = [
        said(1, reference, a, b, a if rng.random() < 0.5 else b, page=(reference, a, b))
        for reference in range(100, 140)
        for a, b in combinations(range(6), 2)
    ]
    found = people.cycles(answers)
    assert found.n == 40 * 20
    assert found.low < 0.25 < found.high


def test_the_most_frequent_class_is_found():
    answers = [
        ranked(1, 9, (1, 2, 3), (0, 1, 2), (3, 3, 4)),
        ranked(1, 9, (1, 2, 3), (0, 1, 2), (3, 3, 3)),
    ]
    value, share = present(habits.constant_class(answers))
    assert (value, share.n) == (3, 6)
    assert share.share == pytest.approx(5 / 6)


def naive_dawid_skene(votes, questions, persons, rounds):
    """The model as published, answer by answer, without smoothing; two values."""
    truth = {
        i: [np.mean([v == j for q, _, v in votes if q == i]) for j in (0, 1)]
        for i in range(questions)
    }
    for _ in range(rounds):
        prior = [np.mean([truth[i][j] for i in range(questions)]) for j in (0, 1)]
        table = {}
        for w in range(persons):
            for j in (0, 1):
                own = [(truth[q][j], v) for q, p, v in votes if p == w]
                total = sum(t for t, _ in own)
                for value in (0, 1):
                    hits = sum(t for t, v in own if v == value)
                    table[w, j, value] = hits / total if total else 0.5
        for i in range(questions):
            raw = [
                prior[j] * np.prod([table[p, j, v] for q, p, v in votes if q == i]) for j in (0, 1)
            ]
            truth[i] = [r / sum(raw) for r in raw]
    return np.array([truth[i] for i in range(questions)])


def test_dawid_and_skene_are_a_naive_loop():
    rng = np.random.default_rng(4)
    right = rng.integers(0, 2, 25)
    votes = [
        (q, w, int(right[q] if rng.random() < skill else 1 - right[q]))
        for q in range(25)
        for w, skill in enumerate((0.9, 0.75, 0.7, 0.6))
    ]
    columns = [np.array(column) for column in zip(*votes, strict=True)]
    found = dawid_skene(*columns, values=2, smoothing=0, rounds=30, tolerance=0)
    assert found.posterior == pytest.approx(naive_dawid_skene(votes, 25, 4, 30), abs=1e-9)
    assert found.skill.argmax() == 0


def test_the_model_trusts_the_careful_against_two_careless_ones():
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 300)
    votes = [
        (q, w, int(right[q] if rng.random() < skill else 1 - right[q]))
        for q in range(300)
        for w, skill in enumerate((0.97, 0.6, 0.6, 0.55, 0.55))
    ]
    question, person, value = (np.array(column) for column in zip(*votes, strict=True))
    found = dawid_skene(question, person, value, values=2)
    counts = np.stack([np.bincount(question[value == v], minlength=300) for v in (0, 1)], axis=1)
    by_model = (found.posterior.argmax(axis=1) == right).mean()
    by_majority = (majority(counts.astype(float)) == right).mean()
    assert by_model > 0.92
    assert by_majority < 0.87
    assert found.skill == pytest.approx([0.97, 0.6, 0.6, 0.55, 0.55], abs=0.1)


def test_no_majority_where_votes_are_even():
    assert majority(np.array([[2, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 3]])).tolist() == [
        0,
        -1,
        -1,
        2,
    ]


def test_the_people_of_the_recorded_study_by_pandas(shared):
    """416 people, 20,086 answers: alpha by the naive loop, and every number of three people."""
    data = pd.read_csv(shared / "human_alien_eggs" / "triplets.csv")
    names = {n: i for i, n in enumerate(sorted({*data.ref, *data.a, *data.b}))}
    numbers, _ = pd.factorize(data.annotator)
    answers = [
        said(int(p), names[r], names[a], names[b], names[a if closer == "A" else b], ms=ms, at=at)
        for at, (p, r, a, b, closer, ms) in enumerate(
            zip(numbers, data.ref, data.a, data.b, data.answer, data.response_ms, strict=True)
        )
    ]
    found = people.overall(answers)
    assert len(answers) == 20_086
    assert len(set(numbers)) == 416
    assert found.alpha == pytest.approx(naive_alpha(answers), abs=1e-9)
    assert 0.45 < present(found.alpha) < 0.46
    data["low"] = data[["a", "b"]].min(axis=1)
    data["question"] = data.ref + data.low + data[["a", "b"]].max(axis=1)
    data["value"] = np.where(data.answer == "A", data.a, data.b) == data.low
    votes = people.pair_votes(answers)
    others = people.with_others(answers, votes)
    for name in ("p000", "p137", "p415"):
        own = data[data.annotator == name]
        number = int(numbers[own.index[0]])
        rest = data.drop(own.index).drop_duplicates(["annotator", "question"])
        shares = []
        for _, row in own.drop_duplicates("question").iterrows():
            same = rest[rest.question == row.question]
            if len(same):
                shares.append((same.value == row.value).mean())
        assert others[number].agreement.n == len(shares)
        assert others[number].agreement.share == pytest.approx(np.mean(shares))
        mine = [one for one in answers if one.person == number]
        left = (own.answer == "A").sum()
        side = present(habits.sides(mine))
        assert side.p == pytest.approx(binomtest(int(left), len(own)).pvalue)
        speed = habits.pace(mine, 800)
        assert speed.median_ms == own.response_ms[own.response_ms >= 0].median()
        assert speed.fast.share == (own.response_ms[own.response_ms >= 0] < 800).mean()
