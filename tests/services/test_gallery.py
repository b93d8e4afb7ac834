"""What the library's pages look at."""

from __future__ import annotations

from cssim.services import gallery, library
from cssim.services.workspace import Workspace
from cssim.types import PageMode
from db import annotations as records
from db.annotations import NewJudgement
from tests.world import IMAGES, World


def test_pictures_are_found_by_tag_name_and_pixels(filled: Workspace, world: World) -> None:
    library.add_images(filled, [world.images / "picture 03.png"], tags=["sea"])
    every = gallery.find_pictures(filled)
    assert (len(every.images), every.total) == (IMAGES, IMAGES)
    assert gallery.find_pictures(filled, available=False).total == 0
    (only,) = gallery.find_pictures(filled, tag="sea").images
    assert only.name == "picture 03.png"
    found = gallery.find_pictures(filled, search=" PICTURE 1 ", offset=1, limit=2)
    assert [image.name for image in found.images] == ["picture 11.png", "picture 12.png"]
    assert found.total == 4
    assert gallery.tag_counts(filled) == {"sea": 1}


def test_a_context_sets_reference_is_found(filled: Workspace, world: World) -> None:
    ids = {one.cluster.id: one.cluster.context for one in library.cluster_summaries(filled)}
    found = gallery.first_references(filled, list(ids))
    named = [found[i].name for i, context in ids.items() if context]
    assert sorted(named) == sorted(world.references[:2])


def test_time_per_page_is_a_guess_until_enough_have_answered(filled: Workspace) -> None:
    """Then slow answers count in full, for work is a sum, and a pause of an hour for ten usual."""
    assert gallery.seconds_per_page(filled, PageMode.CHOOSE) == (4.0, 0)
    with filled.database.writing() as session:
        ids = [one.cluster.id for one in library.cluster_summaries(filled)]
        judgement = records.judgements_of(session, ids)[0]
        for ms in [1000] * 15 + [4000] * 4 + [3_600_000]:
            records.add_judgement(
                session,
                NewJudgement(page_id=judgement.page_id, answer=judgement.answer, response_ms=ms),
            )
    assert gallery.seconds_per_page(filled, PageMode.CHOOSE) == ((15 + 16 + 10) / 20, 20)
