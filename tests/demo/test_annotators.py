"""Simulated people: the truth by hand, and what noise, bias and mode do to it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cssim.demo.annotators import (
    PEOPLE,
    WEIGHTS,
    SimulatedPerson,
    context_distance,
    judge,
    reason,
    true_answer,
    true_distance,
)
from cssim.demo.captions import VOCABULARY, caption, phrases
from cssim.demo.scenes import CONTEXTS, SCALES, Scene, random_scene, random_scenes
from cssim.types import JudgementKind, Page, PageMode

EXACT = SimulatedPerson("exact", noise=0.0, side_bias=0.0, strictness=0.0, pace_ms=1000)


def scene(context: str = "ocean", kind: int = 0, **values: float) -> Scene:
    return Scene(context, kind, seed=1, **({name: 0.5 for name in SCALES} | values))


def test_the_distance_to_itself_is_nothing():
    assert true_distance(scene(), scene()) == 0.0


def test_the_distance_by_hand():
    # abstract: warmth 1.4 x 0.25, another kind 0.5 x 0.5
    other = scene("abstract", kind=1, weather=1.0, warmth=0.25, density=0.0)
    assert true_distance(scene("abstract"), other) == pytest.approx(0.35 + 0.25)


def test_another_context_adds_its_distance_and_is_never_the_same_kind():
    # ocean to field: 0.5 x 0.8 for the context; abstract to ocean also 0.5 x 0.5 for the kind
    assert true_distance(scene(), scene("field")) == pytest.approx(0.4)
    assert true_distance(scene("abstract"), scene()) == pytest.approx(0.5 + 0.25)
    assert context_distance("ocean", "abstract") == 1.0


def test_what_counts_depends_on_the_context_of_the_reference():
    for context, stormy_is_farther in (("ocean", True), ("city", False)):
        stormy, crowded = scene(context, weather=1.0), scene(context, density=1.0)
        to_stormy, to_crowded = (true_distance(scene(context), x) for x in (stormy, crowded))
        assert (to_stormy > to_crowded) is stormy_is_farther


def test_every_context_weighs_attributes_that_exist():
    assert set(WEIGHTS) == set(CONTEXTS)
    for weights in WEIGHTS.values():
        assert set(weights) <= {*SCALES, "kind"}


def test_a_person_without_noise_tells_the_truth():
    rng = np.random.default_rng(0)
    for number in range(30):
        reference, *candidates = (random_scene("forest", 9, 4 * number + i) for i in range(4))
        answer = judge(EXACT, reference, candidates, (2, 0, 1), PageMode.RANK, rng).answer
        truth = [true_distance(reference, candidate) for candidate in candidates]
        assert list(answer.order) == sorted(range(3), key=truth.__getitem__)


def test_the_true_answer_is_that_of_a_person_without_noise():
    rng = np.random.default_rng(5)
    for mode, n in ((PageMode.RANK, 3), (PageMode.CHOOSE, 2)):
        reference, *candidates = (random_scene("city", 9, i) for i in range(n + 1))
        said = judge(EXACT, reference, candidates, tuple(range(n)), mode, rng).answer
        assert true_answer(reference, candidates, mode) == said


def test_the_reason_names_what_leads():
    assert reason("ocean") == "the weather"
    assert reason("forest") == "the season or hue"
    for context in CONTEXTS:
        assert reason(context)


def test_answers_fit_their_page():
    rng = np.random.default_rng(0)
    for mode, n in ((PageMode.RANK, 3), (PageMode.RANK, 5), (PageMode.CHOOSE, 2)):
        page = Page(1, 1, reference=1, candidates=tuple(range(2, n + 2)), mode=mode)
        for person in PEOPLE:
            scenes = [random_scene("city", 2, i) for i in range(n + 1)]
            said = judge(person, scenes[0], scenes[1:], tuple(range(n)), mode, rng)
            said.answer.check(page)
            assert 200 < said.response_ms < 60_000


def test_noise_errs_as_often_as_thurstone_says():
    # Two candidates 0.17 apart, noise 0.1 on each: the wrong one wins with probability
    # Phi(-0.17 / (0.1 sqrt 2)).
    person = replace(EXACT, noise=0.1)
    near, far = scene(weather=0.6), scene(weather=0.7)
    rng = np.random.default_rng(4)
    orders = [
        judge(person, scene(), (near, far), (0, 1), PageMode.RANK, rng).answer.order
        for _ in range(3000)
    ]
    expected = 0.5 * math.erfc(0.17 / (0.1 * math.sqrt(2)) / math.sqrt(2))
    wrong = np.mean([order == (1, 0) for order in orders])
    assert wrong == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 3000))


def test_a_side_bias_follows_the_screen_and_not_the_page():
    person = replace(EXACT, side_bias=0.2)
    rng = np.random.default_rng(0)
    twins = (scene(light=0.6), scene(light=0.6))
    for shown in ((0, 1), (1, 0)):
        answer = judge(person, scene(), twins, shown, PageMode.RANK, rng).answer
        assert answer.order[0] == shown[0]


def test_equal_candidates_tie_where_a_tie_is_allowed():
    twins = (scene(light=0.6), scene(light=0.6))
    rng = np.random.default_rng(0)
    said = judge(EXACT, scene(), twins, (0, 1), PageMode.CHOOSE, rng)
    assert said.answer.kind is JudgementKind.TIE


def test_all_five_classes_occur():
    rng = np.random.default_rng(3)
    scenes = [s for _, s in random_scenes(200, 8)]  # contexts in turn
    seen = set()
    for i in range(300):
        for candidates in (scenes[i + 1 : i + 4], scenes[i + 8 : i + 32 : 8]):  # other, same
            said = judge(EXACT, scenes[i], candidates, (0, 1, 2), PageMode.RANK, rng)
            seen |= set(said.answer.classes)
    assert seen == {1, 2, 3, 4, 5}


def test_people_are_marked_as_simulated_by_name():
    assert all("simulated" in person.name for person in PEOPLE)
    assert len({person.name for person in PEOPLE}) == 5


def test_hard_pages_take_longer():
    easy, hard = (scene(weather=0.5), scene(weather=1.0)), (scene(weather=0.6), scene(weather=0.61))
    rng = np.random.default_rng(1)
    times = [
        np.median(
            [judge(EXACT, scene(), c, (0, 1), PageMode.CHOOSE, rng).response_ms for _ in range(200)]
        )
        for c in (easy, hard)
    ]
    assert times[1] > 1.5 * times[0]


def test_a_caption_names_the_context_and_only_known_phrases():
    s = random_scene("ocean", 1, 2)
    words = caption(s, np.random.default_rng(0)).split(", ")
    assert words[0] == "ocean"
    assert set(words) <= set(VOCABULARY)
    assert phrases(s)[1] == s.subject
