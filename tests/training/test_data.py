import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.training.data import Dataset, split
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
    assert not set(train.a) | set(train.b) <= set(held.a) | set(held.b)
    assert not (set(train.a) | set(train.b)) & (set(held.a) | set(held.b))
    assert 0.05 < len(held) / (len(held) + len(train)) < 0.4
    assert rows(train) | rows(held) < rows(given)


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
