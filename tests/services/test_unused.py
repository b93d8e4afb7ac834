"""References that are drawn belong to one set alone, whatever makes the set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cssim import sampling
from cssim.config import Settings
from cssim.errors import BadInput
from cssim.services import library, plans
from cssim.services.plan_specs import PlanSpec
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind
from db import annotations as log
from db import library as records
from tests.pages import add_pictures


@pytest.fixture
def ws(settings: Settings) -> Iterator[Workspace]:
    opened = open_workspace(settings)
    add_pictures(opened, 12)
    yield opened
    opened.close()


def references(ws: Workspace, name: str) -> set[int]:
    with ws.database.reading() as session:
        cluster = records.get_cluster(session, ws.project.id, name)
        return {page.reference for page in log.pages_of(session, [cluster.id])}


def spec(name: str, kind: str, count: int = 4) -> PlanSpec:
    return PlanSpec(name, kind=ClusterKind(kind), reference_count=count, pages_per_reference=2)


def test_a_validation_and_a_test_set_with_the_same_settings_share_no_reference(ws):
    plans.make_plan(ws, spec("validation", "validation"))
    plans.make_plan(ws, spec("test", "test"))
    library.draw_cluster(ws, "gold", ClusterKind.GOLD, references=4, pages_per_reference=1)
    drawn = [references(ws, name) for name in ("validation", "test", "gold")]
    assert [len(one) for one in drawn] == [4, 4, 4]
    assert len(set().union(*drawn)) == 12


def test_the_first_set_draws_as_if_nothing_were_left_out(ws):
    with ws.database.reading() as session:
        ids = [image.id for image in records.list_images(session, ws.project.id)]
    plans.make_plan(ws, spec("validation", "validation"))
    expected = sampling.draw_references(ids, 4, np.random.default_rng(0))
    assert references(ws, "validation") == set(expected)


def test_too_few_references_left_say_how_many_and_why(ws):
    plans.make_plan(ws, spec("validation", "validation", 9))
    with pytest.raises(BadInput, match=r"4 references were.*3 images to draw from; 9 others are"):
        plans.make_plan(ws, spec("test", "test"))
    with pytest.raises(BadInput, match="name the references"):
        library.draw_cluster(ws, "test", ClusterKind.TEST, references=4)
    plans.make_plan(ws, spec("test", "test", 3))


def test_references_that_are_named_may_be_those_of_another_set(ws):
    plans.make_plan(ws, spec("validation", "validation"))
    named = tuple(references(ws, "validation"))
    plans.make_plan(ws, PlanSpec("more", kind=ClusterKind.TEST, references=named,
                                 pages_per_reference=2))  # fmt: skip
    assert references(ws, "more") == set(named)
