"""The shelf of cached vectors: distances and neighbours against the obvious computation."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.embeddings.reading import CachedRows
from cssim.errors import BadInput, NotFound
from cssim.services import gallery
from cssim.services.encoding import encoder_of
from cssim.services.library import load_triples
from cssim.services.vectors import Shelf, load_shelf, shelf_state
from cssim.services.workspace import Workspace
from cssim.types import Image
from tests.services.ensemble_world import embed
from tests.world import World


@pytest.fixture
def embedded(filled: Workspace) -> Workspace:
    embed(filled, ["histogram"])
    return filled


def naive_distance(ws: Workspace, shelf: Shelf, one: Image, other: Image) -> float:
    """1 - cosine of what the encoder gives now, without cache, arrays or ranking."""
    encoder = encoder_of(ws, shelf.by_name["histogram"])
    x, y = (encoder.embed([ws.store.open(str(i.sha256))])[0].astype(float) for i in (one, other))
    dot = sum(a * b for a, b in zip(x, y, strict=True))
    return float(1 - dot / (sum(a * a for a in x) ** 0.5 * sum(b * b for b in y) ** 0.5))


def test_neighbours_are_those_of_a_naive_loop(embedded: Workspace) -> None:
    shelf = load_shelf(embedded)
    model = shelf.by_name["histogram"].id
    query = shelf.images[3]
    found = shelf.nearest(model, query.id, 4)
    naive = sorted(
        (naive_distance(embedded, shelf, query, one), one.id)
        for one in shelf.images
        if one.id != query.id
    )
    assert [near.image.id for near in found] == [image_id for _, image_id in naive[:4]]
    assert [near.distance for near in found] == pytest.approx([d for d, _ in naive[:4]], abs=1e-6)


def test_asking_for_more_neighbours_than_there_are_gives_all_others(embedded: Workspace) -> None:
    shelf = load_shelf(embedded)
    found = shelf.nearest(shelf.by_name["histogram"].id, shelf.images[0].id, 500)
    assert {near.image.id for near in found} == {one.id for one in shelf.images[1:]}


def test_distances_of_triples_are_those_of_a_naive_loop(embedded: Workspace) -> None:
    shelf = load_shelf(embedded)
    triples = load_triples(embedded, list(gallery.cluster_states(embedded)))[:3]
    found = shelf.distances(shelf.by_name["histogram"].id, triples)
    for row, triple in enumerate(triples.rows()):
        reference = shelf.image(triple.reference)
        for column, other in enumerate((triple.a, triple.b)):
            naive = naive_distance(embedded, shelf, reference, shelf.image(other))
            assert found[row, column] == pytest.approx(naive, abs=1e-6)


def test_what_is_not_embedded_is_nan_in_triples_and_named_elsewhere(filled: Workspace) -> None:
    embed(filled, ["histogram"])
    shelf = load_shelf(filled)
    # A model that has embedded nothing: its row of the cache is empty.
    model = shelf.by_name["histogram"]
    empty = Shelf(shelf.images, shelf.models, {model.id: _nothing(shelf)})
    triples = load_triples(filled, list(gallery.cluster_states(filled)))[:2]
    assert np.isnan(empty.distances(model.id, triples)).all()
    assert empty.missing(model.id) == len(shelf.images)
    with pytest.raises(BadInput, match="histogram has not embedded 1 of 1"):
        empty.nearest(model.id, shelf.images[0].id, 3)
    with pytest.raises(NotFound, match="no picture 99999"):
        shelf.image(99_999)


def _nothing(shelf: Shelf) -> CachedRows:
    n = len(shelf.images)
    return CachedRows((), np.full(n, -1), np.zeros(n, dtype=np.int64))


def test_the_state_changes_with_pictures_models_and_embeddings(
    filled: Workspace, world: World
) -> None:
    states = [shelf_state(filled)]
    assert shelf_state(filled) == states[0]
    embed(filled, ["histogram"])
    states.append(shelf_state(filled))
    embed(filled, ["hog"])
    states.append(shelf_state(filled))
    assert len(set(states)) == 3
