import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.training.data import Dataset, composition, split
from cssim.triples import Triples
from tests.training.worlds import triples


def rows(part) -> set[tuple[int, ...]]:
    return set(zip(part.page.tolist(), part.a.tolist(), part.b.tolist(), strict=True))


def test_pages_are_never_parted_and_nothing_is_lost():
    given = triples(20)
    train, held = split(given, 0.2, by="page", seed=3)
    assert not set(train.page) & set(held.page)
    assert len(set(held.page)) == 4
    assert rows(train) | rows(held) == rows(given)
    assert len(train) + len(held) == len(given)


def test_a_split_by_reference_shares_no_reference():
    train, held = split(triples(20, references=5), 0.4, by="reference")
    assert not set(train.reference) & set(held.reference)
    assert len(set(held.reference)) == 2
    assert len(train) + len(held) == 60


def test_a_strict_split_shares_no_candidate():
    given = triples(200, candidates=2)
    train, held = split(given, 0.2, by="strict", seed=1)
    assert not (set(train.a) | set(train.b)) & (set(held.a) | set(held.b))
    assert 0.05 < len(held) / (len(held) + len(train)) < 0.4
    assert rows(train) | rows(held) < rows(given)


@pytest.mark.parametrize("candidates", [2, 3, 4, 5])
def test_a_strict_split_holds_its_share_of_pages_of_any_size(candidates):
    shown = np.random.default_rng(0).permuted(np.tile(np.arange(1, 201), (8000, 1)), axis=1)
    i, j = np.triu_indices(candidates, 1)
    a, b = shown[:, i].ravel(), shown[:, j].ravel()
    one, none = np.ones(len(a)), np.full(len(a), np.nan)
    page = np.repeat(np.arange(8000), len(i))
    given = Triples(np.zeros(len(a), dtype=np.int64), a, b, one, one, none, none, page)
    train, held = split(given, 0.2, by="strict")
    pages = [len(set(part.page.tolist())) for part in (train, held)]
    assert pages[1] / sum(pages) == pytest.approx(0.2, abs=0.04)


def test_a_seed_gives_the_same_split_and_another_another():
    given = triples(20)
    assert rows(split(given, 0.3, seed=1)[1]) == rows(split(given, 0.3, seed=1)[1])
    assert rows(split(given, 0.3, seed=1)[1]) != rows(split(given, 0.3, seed=2)[1])


def test_no_share_holds_nothing_out():
    train, held = split(triples(4), 0.0)
    assert (len(train), len(held)) == (12, 0)


def test_impossible_splits_are_refused():
    with pytest.raises(BadInput, match="too few"):
        split(triples(1), 0.2)
    with pytest.raises(BadInput, match="too few"):
        split(triples(9), 0.2, by="reference")
    with pytest.raises(BadInput, match="by='mood'"):
        split(triples(9), 0.2, by="mood")


def dataset(given) -> Dataset:
    return Dataset(given, given.images, 0.2, 0.2, mean_votes=2.0)


def test_batches_of_single_triples_hold_each_once_as_it_is_and_once_swapped():
    given = triples(7)
    batches = list(dataset(given).single_batches(8, np.random.default_rng(0)))
    assert [len(batch.reference) for batch in batches] == [8] * 5 + [2]
    found = [
        tuple(given.images[batch.images[place[i]]] for place in (batch.reference, batch.a, batch.b))
        for batch in batches
        for i in range(len(batch.reference))
    ]
    asked = list(zip(given.reference, given.a, given.b, strict=True))
    assert sorted(found) == sorted(asked + [(r, b, a) for r, a, b in asked])


def test_a_batch_lists_each_distinct_image_once_and_points_back():
    given = triples(6)
    batch = dataset(given).batch(np.arange(len(given)))
    ids = given.images[batch.images.numpy()]
    assert len(set(ids)) == len(ids)
    for name in ("reference", "a", "b"):
        np.testing.assert_array_equal(ids[getattr(batch, name).numpy()], getattr(given, name))


def test_a_batch_carries_shares_weights_and_margins():
    given = triples(6)
    batch = dataset(given).batch(np.array([0, 5]))
    for place, i in enumerate((0, 5)):
        votes = given.votes_a[i] + given.votes_b[i]
        assert float(batch.share_a[place]) == pytest.approx(given.votes_a[i] / votes)
        assert float(batch.weight[place]) == pytest.approx(votes / 2)
        gap = abs(given.class_a[i] - given.class_b[i])
        assert float(batch.margin[place]) == pytest.approx(0.2 + gap / 5)


@pytest.mark.parametrize("pages", [1, 4, 5, 100])
def test_batches_hold_whole_pages_and_every_triple_once(pages):
    given = triples(10)
    data = dataset(given)
    sizes = [len(batch) for batch in data.batches(pages, np.random.default_rng(0))]
    assert sum(sizes) == len(given)
    assert len(sizes) == -(-10 // pages)
    assert set(sizes[:-1]) <= {3 * pages}


def test_batches_are_shuffled_only_with_a_generator():
    data = dataset(triples(10))
    plain = [batch.a.tolist() for batch in data.batches(4)]
    assert plain == [batch.a.tolist() for batch in data.batches(4)]
    mixed = [batch.a.tolist() for batch in data.batches(4, np.random.default_rng(1))]
    assert plain != mixed


def test_parts_of_a_batch_hold_few_images_and_all_triples_in_order():
    given = triples(20, references=4)
    data = Dataset(given, given.images, 0.2, 0.2, 1.0)
    whole = data.batch(np.arange(len(given)))
    for limit in (3, 5, 100):
        parts = list(whole.parts(limit))
        assert all(len(part.images) <= limit for part, _ in parts)
        for part, places in parts:
            assert part.images.tolist() == whole.images[places].tolist()
        for name in ("reference", "a", "b"):
            ids = [p.images[getattr(p, name)] for p, _ in parts]
            assert np.concatenate(ids).tolist() == whole.images[getattr(whole, name)].tolist()
        for name in ("share_a", "weight", "margin"):
            joined = np.concatenate([getattr(part, name) for part, _ in parts])
            assert joined.tolist() == getattr(whole, name).tolist()
    assert len(parts) == 1


def test_the_published_split_cuts_the_rows_in_their_order():
    given = triples(10)
    train, held = split(given, 1 / 3, by="paper")
    assert (len(train), len(held)) == (20, 10)
    assert train.page.tolist() + held.page.tolist() == given.page.tolist()
    assert set(train.page) & set(held.page) == {given.page[20]}  # the cut parts a page


def test_what_triples_are_made_of_is_counted_as_a_loop_does():
    given = triples(9, references=2)
    columns = {f: getattr(given, f).copy() for f in ("reference", "a", "b", "page")}
    votes_a, votes_b = given.votes_a.copy(), given.votes_b.copy()
    class_a, class_b = given.class_a.copy(), given.class_b.copy()
    votes_a[:3], votes_b[:3] = 1.0, 1.0
    votes_a[3], votes_b[3] = 1.0, 0.0
    class_a[5] = np.nan
    mixed = Triples(**columns, votes_a=votes_a, votes_b=votes_b, class_a=class_a, class_b=class_b)
    found = composition(mixed)
    rows = list(zip(votes_a, votes_b, class_a, class_b, strict=True))
    assert found["ties"] == sum(a == b for a, b, _, _ in rows)
    assert found["one_vote"] == sum(a + b <= 1 for a, b, _, _ in rows)
    assert found["several_votes"] == sum(a + b > 1 for a, b, _, _ in rows)
    assert found["equal_classes"] == sum(c == d for _, _, c, d in rows)
    for step in (1, 2, 3, 4):
        assert found[f"class_gap_{step}"] == sum(abs(c - d) == step for _, _, c, d in rows)
    assert found["no_classes"] == 1
    assert found["pages"] == 9
    assert found["references"] == 2
    gaps = sum(found[f"class_gap_{step}"] for step in (1, 2, 3, 4))
    assert gaps + found["equal_classes"] + found["no_classes"] == found["triples"] == len(mixed)
