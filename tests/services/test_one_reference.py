"""One reference: its places, its judges and how lists of neighbours differ."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.errors import BadInput, NotFound
from cssim.evaluation.statistics import wilson
from cssim.services import answering, experiments, gallery, one_reference
from cssim.services.library import load_triples
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace
from db import annotations as records


@pytest.fixture(scope="module")
def ws(embedded: Workspace) -> Workspace:
    return embedded


def clusters(ws: Workspace) -> list[int]:
    return list(gallery.cluster_states(ws))


def test_places_are_counted_page_by_page(filled: Workspace) -> None:
    with filled.database.reading() as session:
        pages = records.pages_of(session, clusters(filled))
    image_id = pages[0].candidates[0]
    found = one_reference.about(filled, image_id)
    assert found.image.id == image_id
    for place in found.places:
        own = [page for page in pages if page.cluster_id == place.cluster.id]
        assert place.as_reference == sum(page.reference == image_id for page in own)
        assert place.as_candidate == sum(image_id in page.candidates for page in own)
    counted = sum(one.as_reference + one.as_candidate for one in found.places)
    assert counted == sum(
        (page.reference == image_id) + (image_id in page.candidates) for page in pages
    )


def test_an_image_of_another_project_is_not_there(filled: Workspace) -> None:
    image_id = gallery.find_pictures(filled).images[0].id
    with pytest.raises(NotFound, match=f"no image {image_id}"):
        one_reference.about(filled.with_project("another"), image_id)
    with pytest.raises(NotFound, match="no image 99999"):
        one_reference.about(filled, 99_999)


def test_the_address_names_an_image_by_number() -> None:
    assert one_reference.checked_id(None) is None
    assert one_reference.checked_id("") is None
    assert one_reference.checked_id("12") == 12
    for bad in ("-1", "1 or 1", "²", "1" * 13):
        with pytest.raises(BadInput, match="by its number"):
            one_reference.checked_id(bad)


def test_answered_references_are_those_with_answers(filled: Workspace) -> None:
    triples = load_triples(filled, clusters(filled))
    found = one_reference.answered_references(filled, clusters(filled))
    assert {image.id for image, _ in found} == set(triples.reference.tolist())
    assert [image.name for image, _ in found] == sorted(image.name for image, _ in found)


def test_judges_agree_with_people_as_often_as_a_naive_loop_counts(ws: Workspace) -> None:
    shelf = load_shelf(ws)
    everything = load_triples(ws, clusters(ws))
    image_id = int(everything.reference[0])
    here = one_reference.of_reference(everything, image_id)
    assert len(here) == sum(int(r) == image_id for r in everything.reference)
    ensembles = [answering.ready(ws, one) for one in experiments.list_ensembles(ws)]
    kept: dict[str, np.ndarray] = {}
    found = one_reference.judges(shelf, ensembles, here, everything, image_id, kept=kept)
    assert [one.name for one in found] == ["histogram", "hog", "tiny", "both", "near", "voters"]
    for judge in found:
        credits = []
        for row, triple in enumerate(here.rows()):
            if judge.kind == "ensemble":
                ready = next(one for one in ensembles if one.info.name == judge.name)
                said = answering.answer(shelf, ready, image_id, triple.a, triple.b)["distances"]
            else:
                said = judge.distances[row]
            voters = triple.votes_a + triple.votes_b
            share = triple.votes_a / voters
            credits.append(0.5 if said[0] == said[1] else share if said[0] < said[1] else 1 - share)
        assert judge.credit == pytest.approx(credits)
        assert judge.accuracy == pytest.approx(sum(credits) / len(credits))
        assert (judge.low, judge.high) == wilson(judge.accuracy, len(here))
        assert not judge.trained_here
        assert not judge.fitted_here  # this one stands in a context set
    again = one_reference.judges(shelf, ensembles, here, everything, image_id, kept=kept)
    assert [one.overall for one in again] == [one.overall for one in found]
    whole = one_reference.judges(shelf, ensembles, everything, everything, image_id)
    assert [one.accuracy for one in whole] == pytest.approx([one.overall for one in found])


def test_weights_that_were_fitted_on_these_answers_are_marked(ws: Workspace) -> None:
    shelf = load_shelf(ws)
    ensembles = [answering.ready(ws, one) for one in experiments.list_ensembles(ws)]
    record = ensembles[0].record
    assert record is not None
    image_id = int(record.evidence.reference[0])
    everything = load_triples(ws, clusters(ws))
    here = one_reference.of_reference(everything, image_id)
    found = one_reference.judges(shelf, ensembles, here, everything, image_id)
    # Only nearest references learn weights; a vote and a plain sum have none to learn.
    assert [judge.name for judge in found if judge.fitted_here] == ["near"]


def test_rows_say_in_how_many_lists_a_picture_stands(ws: Workspace) -> None:
    shelf = load_shelf(ws)
    models = list(shelf.models.values())
    rows = one_reference.neighbour_rows(shelf, models, shelf.images[4].id, 3)
    lists = [{near.image.id for near in row.nearest} for row in rows]
    for row in rows:
        assert len(row.nearest) == 3
        for image_id, shared in row.shared.items():
            assert shared == sum(image_id in one for one in lists)
