"""The tool that counts triples a second, on pictures of a few pixels."""

from dataclasses import replace

import pytest

from tests.embeddings.small_models import save_small
from tests.experiments import speed
from tests.experiments.people import People


@pytest.fixture
def people(data):
    whole = People.read(data)
    return replace(whole, triples=whole.triples[whole.triples.reference == 1])


def test_the_published_way_is_the_measure_of_the_others(people, tmp_path):
    found = speed.measured(save_small("vit", tmp_path), people, [1, None], rounds=1)
    assert [row["way"] for row in found] == [
        "obvious",
        "last 1 blocks, cached",
        "all blocks",
        "head",
    ]
    assert found[0]["ratio"] == 1
    first = found[0]["triples_a_second"]
    for row in found[1:]:
        assert row["ratio"] == pytest.approx(row["triples_a_second"] / first)


def test_ways_learn_from_all_they_claim(people, tmp_path):
    found = speed.ways(save_small("vit", tmp_path), people, [1])
    encoded = {name: work() for name, (work, _) in found.items()}
    assert encoded["obvious"] == 3 * 2 * speed.OBVIOUS
    assert encoded["head"] == encoded["last 1 blocks, cached"] <= 3 * len(people.triples)
