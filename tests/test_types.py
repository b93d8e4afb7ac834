from dataclasses import FrozenInstanceError

import pytest

from cssim.errors import BadInput
from cssim.types import (
    Answer,
    Choice,
    Image,
    JobState,
    Judgement,
    JudgementKind,
    Page,
    PageMode,
    Role,
    Triple,
    check_page,
)

ANSWER, TIE = JudgementKind.ANSWER, JudgementKind.TIE
THREE = Page(1, 1, 10, (11, 12, 13))
TWO = Page(1, 1, 10, (11, 12), PageMode.CHOOSE)


def test_the_other_of_a_is_b_and_of_b_is_a():
    assert Choice.A.other is Choice.B
    assert Choice.B.other is Choice.A


def test_a_role_may_do_what_those_below_it_may():
    ladder = [Role.ANNOTATOR, Role.RESEARCHER, Role.ADMINISTRATOR]
    table = [[role.may(wanted) for wanted in ladder] for role in ladder]
    assert table == [[True, False, False], [True, True, False], [True, True, True]]


def test_done_failed_and_cancelled_jobs_are_finished():
    assert {state for state in JobState if state.finished} == {"done", "failed", "cancelled"}


def test_an_image_without_a_hash_is_not_available():
    assert not Image(1, "val/254").available
    assert Image(1, "a.png", sha256="0" * 64).available


@pytest.mark.parametrize(
    ("reference", "candidates", "mode", "reason"),
    [
        (10, (11,), PageMode.RANK, "2 to 5 candidates, got 1"),
        (10, (1, 2, 3, 4, 5, 6), PageMode.RANK, "2 to 5 candidates, got 6"),
        (10, (11, 12, 13), PageMode.CHOOSE, "has 2 candidates, got 3"),
        (10, (11, 11), PageMode.RANK, "must differ"),
        (10, (10, 11), PageMode.RANK, "its own candidate"),
    ],
)
def test_a_page_that_cannot_be_shown_is_refused_at_birth(reference, candidates, mode, reason):
    with pytest.raises(BadInput, match=reason):
        Page(1, 1, reference, candidates, mode)
    with pytest.raises(BadInput, match=reason):
        check_page(reference, candidates, mode)


def test_types_are_frozen():
    with pytest.raises(FrozenInstanceError):
        THREE.reference = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        (THREE, Answer(ANSWER, (2, 0, 1), (2, 2, 1))),
        (THREE, Answer(ANSWER, (0, 1, 2), (3, 3, 3))),
        (THREE, Answer(JudgementKind.SKIP)),
        (THREE, Answer(JudgementKind.RETRACT)),
        (TWO, Answer(ANSWER, (1, 0))),
        (TWO, Answer(TIE)),
    ],
)
def test_complete_answers_pass(page, answer):
    answer.check(page)


@pytest.mark.parametrize(
    ("page", "answer", "reason"),
    [
        (THREE, Answer(ANSWER, (0, 1), (1, 2, 3)), "order must name"),
        (THREE, Answer(ANSWER, (0, 1, 1), (1, 2, 3)), "order must name"),
        (THREE, Answer(ANSWER, (1, 2, 3), (1, 2, 3)), "order must name"),
        (THREE, Answer(ANSWER, (0, 1, 2)), "needs a class"),
        (THREE, Answer(ANSWER, (0, 1, 2), (1, 2)), "3 in all"),
        (THREE, Answer(ANSWER, (0, 1, 2), (0, 1, 2)), "from 1 to 5"),
        (THREE, Answer(ANSWER, (0, 1, 2), (2, 1, 3)), "contradicts"),
        (THREE, Answer(TIE), "only a page to choose on"),
        (TWO, Answer(TIE, (0, 1)), "carries no order"),
        (TWO, Answer(JudgementKind.SKIP, (), (1, 2)), "carries no order"),
    ],
)
def test_incomplete_or_contradictory_answers_are_refused(page, answer, reason):
    with pytest.raises(BadInput, match=reason):
        answer.check(page)


def test_classes_can_be_read_in_the_order_of_the_ranking():
    ranked = Judgement(1, 1, None, Answer(ANSWER, (2, 0, 1), (2, 5, 1)))
    assert ranked.classes_best_first == (1, 2, 5)
    assert Judgement(1, 1, None, Answer(TIE)).classes_best_first == ()


def test_the_majority_of_a_triple_and_its_share():
    assert Triple(1, 2, 3, 3, 1).choice is Choice.A
    assert Triple(1, 2, 3, 1, 3).choice is Choice.B
    assert Triple(1, 2, 3, 2, 2).choice is None
    assert Triple(1, 2, 3, 3, 1).share_a == 0.75


def test_a_triple_without_votes_is_refused():
    for votes in ((0, 0), (-1, 2)):
        with pytest.raises(BadInput, match="votes"):
            Triple(1, 2, 3, *votes)


def test_equal_classes_are_told_and_missing_ones_are_not_equal():
    assert Triple(1, 2, 3, 1, 0, 4, 4).same_class
    assert not Triple(1, 2, 3, 1, 0, 3, 4).same_class
    assert not Triple(1, 2, 3, 1, 0).same_class
