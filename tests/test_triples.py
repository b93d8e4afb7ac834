from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssim.errors import BadInput
from cssim.triples import Triples, standing, triples_from
from cssim.types import Answer, Judgement, JudgementKind, Page, PageMode

ANSWER, TIE = JudgementKind.ANSWER, JudgementKind.TIE
SKIP, RETRACT = JudgementKind.SKIP, JudgementKind.RETRACT


def judged(id, page, kind=ANSWER, order=(), classes=(), **rest):
    return Judgement(id, page, None, Answer(kind, order, classes), **rest)


def choose(id=1, reference=10, candidates=(11, 12)):
    return Page(id, 1, reference, candidates, PageMode.CHOOSE)


def votes(triples):
    """Votes of each candidate against the other, whichever of them is called a."""
    found = {}
    for i in range(len(triples)):
        a, b = int(triples.a[i]), int(triples.b[i])
        found[(int(triples.reference[i]), a, b)] = float(triples.votes_a[i])
        found[(int(triples.reference[i]), b, a)] = float(triples.votes_b[i])
    return found


def test_a_ranked_page_of_three_gives_three_triples():
    page = Page(1, 1, 10, (11, 12, 13))
    triples = triples_from([page], [judged(1, 1, order=(1, 2, 0), classes=(5, 1, 3))])
    assert votes(triples) == {
        (10, 12, 13): 1, (10, 13, 12): 0,
        (10, 12, 11): 1, (10, 11, 12): 0,
        (10, 13, 11): 1, (10, 11, 13): 0,
    }  # fmt: skip
    classes = {11: 5, 12: 1, 13: 3}
    assert triples.class_a.tolist() == [classes[i] for i in triples.a.tolist()]
    assert triples.class_b.tolist() == [classes[i] for i in triples.b.tolist()]


def test_votes_add_up_and_a_tie_counts_half_on_each_side():
    log = [
        judged(1, 1, order=(0, 1), votes=3),
        judged(2, 1, order=(1, 0)),
        judged(3, 1, kind=TIE, votes=2),
    ]
    assert votes(triples_from([choose()], log)) == {(10, 11, 12): 4.0, (10, 12, 11): 2.0}


def test_only_standing_answers_count():
    log = [
        judged(1, 1, order=(0, 1)),
        judged(2, 1, order=(1, 0), supersedes=1),
        judged(3, 2, order=(0, 1)),
        judged(4, 2, kind=RETRACT, supersedes=3),
        judged(5, 3, kind=SKIP),
    ]
    assert [j.id for j in standing(log)] == [2]
    triples = triples_from([choose(1), choose(2), choose(3)], log)
    assert votes(triples) == {(10, 11, 12): 0, (10, 12, 11): 1}


def test_a_correction_of_a_correction_leaves_the_last_one():
    log = [
        judged(1, 1, order=(0, 1)),
        judged(2, 1, order=(1, 0), supersedes=1),
        judged(3, 1, order=(0, 1), supersedes=2),
    ]
    assert [j.id for j in standing(log)] == [3]


def test_classes_are_averaged_over_the_voters_who_gave_them():
    page = Page(1, 1, 10, (11, 12))
    log = [
        judged(1, 1, order=(0, 1), classes=(1, 2), votes=3),
        judged(2, 1, order=(0, 1), classes=(5, 5)),
    ]
    triples = triples_from([page], log)
    by_image = dict(
        zip([*triples.a.tolist(), *triples.b.tolist()], [*triples.class_a, *triples.class_b],
            strict=True)
    )  # fmt: skip
    assert by_image == {11: (3 * 1 + 5) / 4, 12: (3 * 2 + 5) / 4}


def test_classes_are_not_a_number_where_nobody_gave_any_and_then_never_the_same():
    triples = triples_from([choose()], [judged(1, 1, order=(0, 1))])
    assert np.isnan(triples.class_a).all()
    assert not triples.same_class.any()


def test_which_candidate_is_called_a_says_nothing_about_the_answer():
    pages = [choose(i, 10, (1000 + i, 5000 - i)) for i in range(1, 1001)]
    log = [judged(page.id, page.id, order=(0, 1)) for page in pages]
    share = float(triples_from(pages, log).share_a.mean())
    assert 0.45 < share < 0.55  # a fair coin leaves this range once in 600


def test_the_same_question_is_asked_the_same_way_round_on_every_page():
    log = [judged(1, 1, order=(0, 1)), judged(2, 2, order=(0, 1))]
    pages = [choose(1, 10, (11, 12)), choose(2, 10, (12, 11))]
    triples = triples_from(pages, log)
    assert triples.a[0] == triples.a[1]
    assert triples.votes_a.tolist() in ([1, 0], [0, 1])


@given(st.data())
def test_the_votes_equal_those_of_a_naive_count(data):
    n = data.draw(st.integers(2, 5))
    page = Page(1, 1, 100, tuple(range(n)))
    orders = data.draw(st.lists(st.permutations(range(n)), min_size=1, max_size=6))
    log = [judged(i, 1, order=tuple(order)) for i, order in enumerate(orders, 1)]
    triples = triples_from([page], log)
    assert len(triples) == n * (n - 1) // 2
    expected = {}
    for x, y in combinations(range(n), 2):
        closer = sum(order.index(x) < order.index(y) for order in orders)
        expected[(100, x, y)], expected[(100, y, x)] = closer, len(orders) - closer
    assert votes(triples) == expected


def test_rows_and_columns_say_the_same():
    page = Page(4, 1, 10, (11, 12, 13))
    triples = triples_from([page], [judged(1, 4, order=(0, 1, 2), classes=(2, 2, 4))])
    for i, row in enumerate(triples.rows()):
        assert (row.reference, row.a, row.b) == (10, triples.a[i], triples.b[i])
        assert (row.votes_a, row.votes_b) == (triples.votes_a[i], triples.votes_b[i])
        assert row.same_class == triples.same_class[i] == ({row.a, row.b} == {11, 12})
        assert row.share_a == triples.share_a[i]
        assert row.page_id == 4
    (unsorted,) = triples_from([choose()], [judged(1, 1, TIE), judged(2, 1, order=(0, 1))]).rows()
    assert (unsorted.class_a, unsorted.class_b, unsorted.share_a) == (None, None, 0.75)


def test_a_selection_takes_all_columns_along():
    log = [judged(i, i, order=(0, 1)) for i in (1, 2, 3)]
    triples = triples_from([choose(1), choose(2, 20), choose(3, 30)], log)
    part = triples[np.array([True, False, True])]
    assert part.reference.tolist() == [10, 30]
    assert part.page.tolist() == [1, 3]
    assert len(triples[1:2]) == 1
    assert triples.images.tolist() == [10, 11, 12, 20, 30]


def test_putting_parts_together_gives_the_whole():
    log = [judged(i, i, order=(0, 1)) for i in (1, 2)]
    triples = triples_from([choose(1), choose(2, 20)], log)
    whole = Triples.concatenate([triples[:1], triples[1:]])
    for f in fields(Triples):
        assert np.array_equal(getattr(whole, f.name), getattr(triples, f.name), equal_nan=True)
    assert whole.fingerprint == triples.fingerprint
    assert len(Triples.concatenate([])) == 0


def test_the_fingerprint_follows_every_column_and_the_order():
    log = [judged(i, i, order=(0, 1)) for i in (1, 2)]
    triples = triples_from([choose(1), choose(2, 20)], log)
    seen = {triples.fingerprint, triples[np.array([1, 0])].fingerprint}
    for f in fields(Triples):
        columns = {g.name: getattr(triples, g.name).copy() for g in fields(Triples)}
        columns[f.name][0] = 3
        seen.add(Triples(**columns).fingerprint)
    assert len(seen) == 2 + len(fields(Triples))


def test_columns_cannot_be_written_to():
    triples = triples_from([choose()], [judged(1, 1, order=(0, 1))])
    with pytest.raises(ValueError, match="read-only"):
        triples.votes_a[0] = 9


def test_columns_of_different_lengths_and_questions_without_votes_are_refused():
    triples = triples_from([choose()], [judged(1, 1, order=(0, 1))])
    columns = {f.name: getattr(triples, f.name) for f in fields(Triples)}
    with pytest.raises(BadInput, match="shape"):
        Triples(**{**columns, "a": np.array([1, 2])})
    with pytest.raises(BadInput, match="vote"):
        Triples(**{**columns, "votes_a": np.array([0.0]), "votes_b": np.array([0.0])})
