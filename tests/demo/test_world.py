"""The demo world: pages, references, and that what counts in one context does not in another."""

from collections import Counter

import numpy as np
import pytest

from cssim.demo.annotators import CONTEXT_WEIGHT, WEIGHTS, context_distance, kindred, true_distance
from cssim.demo.scenes import CONTEXTS, SCALES, Scene, random_scene
from cssim.demo.world import FULL, SMALL, answers, likely_pages, names, scene_of, telling
from cssim.errors import BadInput
from cssim.types import Page, PageMode

HALF = [name for context in CONTEXTS for name in names(context, 0, 60)]


def drawn_pages(seed: int = 0, per_reference: int = 12) -> list[tuple[str, tuple[str, ...]]]:
    references = [name for context in CONTEXTS for name in names(context, 0, 25)]
    return likely_pages(references, HALF, per_reference, 3, np.random.default_rng(seed))


def by_rule(context: str, reference: Scene, other: Scene) -> float:
    """How far `other` is to somebody who judges every reference as one of `context`."""
    weights = WEIGHTS[context]
    far = sum(
        weights.get(scale, 0.0) * abs(getattr(reference, scale) - getattr(other, scale))
        for scale in SCALES
    )
    same_kind = (reference.context, reference.kind) == (other.context, other.kind)
    apart = CONTEXT_WEIGHT * context_distance(reference.context, other.context)
    return float(apart + far) + (0.0 if same_kind else 0.5 * weights.get("kind", 0.0))


@pytest.fixture(scope="module")
def oracles() -> np.ndarray:
    """(8, 8): agreement of the rule of one context (row) with the truth around another (column)."""
    right = np.zeros((8, 8))
    total = np.zeros(8)
    for reference_name, group in drawn_pages():
        reference = scene_of(reference_name)
        others = [scene_of(name) for name in group]
        true = [true_distance(reference, other) for other in others]
        column = CONTEXTS.index(reference.context)
        total[column] += 3
        for row, context in enumerate(CONTEXTS):
            said = [by_rule(context, reference, other) for other in others]
            for i, j in ((0, 1), (0, 2), (1, 2)):
                right[row, column] += (said[i] < said[j]) == (true[i] < true[j])
    return right / total


def test_the_rule_of_a_context_is_the_truth_there(oracles):
    assert np.diag(oracles) == pytest.approx(1.0)


def test_the_rule_of_a_context_is_much_poorer_elsewhere(oracles):
    elsewhere = (oracles.sum(axis=1) - 1) / 7
    assert elsewhere.max() < 0.85
    assert elsewhere.mean() < 0.75


def test_no_rule_will_do_for_another_context(oracles):
    others = oracles - np.diag(np.full(8, np.inf))
    assert others.max() < 0.97


def test_contexts_are_led_by_at_least_four_attributes():
    leading = Counter(max(w, key=lambda name: w[name]) for w in WEIGHTS.values())
    assert len(leading) >= 4
    assert max(leading.values()) <= 3


def test_most_candidates_are_near_in_context():
    shares: Counter[str] = Counter()
    pages = drawn_pages()
    for reference, group in pages:
        own = reference.partition("/")[0]
        for name in group:
            context = name.partition("/")[0]
            shares["own" if context == own else "kin" if context in kindred(own) else "far"] += 1
    total = 3 * len(pages)
    assert shares["own"] / total > 0.55
    assert shares["kin"] / total > 0.12
    assert shares["far"] / total > 0.1


def test_no_page_comes_twice_and_none_shows_its_reference():
    pages = drawn_pages()
    assert len({(r, frozenset(c)) for r, c in pages}) == len(pages) == 8 * 25 * 12
    assert all(r not in c and len(set(c)) == 3 for r, c in pages)


def test_the_same_seed_draws_the_same_pages():
    assert drawn_pages(3, 2) == drawn_pages(3, 2)
    assert drawn_pages(3, 2) != drawn_pages(4, 2)


def test_too_few_pictures_for_the_pages_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="need more than 3 pictures"):
        likely_pages(["ocean/0000.jpg"], names("ocean", 0, 3), 1, 3, rng)
    with pytest.raises(BadInput, match="fewer than 9 pages"):
        likely_pages(["ocean/0000.jpg"], names("ocean", 0, 5), 9, 3, rng)


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_reference_of_a_cluster_stands_at_the_edge_of_what_leads(context):
    own = names(context, 0, 60)
    lead = max((s for s in WEIGHTS[context] if s != "kind"), key=lambda s: WEIGHTS[context][s])
    assert abs(getattr(scene_of(telling(own)), lead) - 0.5) > 0.3


def test_kindred_contexts_are_closer_than_others():
    for context in CONTEXTS:
        near = kindred(context)
        assert context not in near
        for other in CONTEXTS:
            if other != context:
                assert (context_distance(context, other) < 1.0) is (other in near)


def test_names_lead_back_to_their_scenes():
    assert scene_of("city/0012.jpg").context == "city"
    assert scene_of("city/0012.jpg") != random_scene("city", 1, 12)


def test_the_sets_are_as_large_as_promised():
    assert 3 * FULL.cluster_pages >= 1000
    assert FULL.validation_references >= 300
    assert FULL.test_references >= 250
    assert 8 * FULL.per_context >= FULL.validation_references
    assert 8 * FULL.test_per_context >= FULL.test_references
    assert SMALL.cluster_pages < FULL.cluster_pages


def test_the_same_pages_get_the_same_answers_and_another_set_others():
    pages: list[Page] = []
    scenes: dict[int, Scene] = {}
    for number, (reference, group) in enumerate(drawn_pages(0, 1)[:20]):
        ids = [10 * number + i for i in range(4)]
        scenes |= dict(zip(ids, (scene_of(name) for name in (reference, *group)), strict=True))
        pages.append(Page(number + 1, 1, ids[0], tuple(ids[1:]), PageMode.RANK))
    first = answers(pages, scenes, "ocean", 3)
    assert first == answers(pages, scenes, "ocean", 3)
    assert first != answers(pages, scenes, "city", 3)
    assert len(first) == 60
    for page in pages:
        assert len({given.person for given in first if given.page_id == page.id}) == 3
