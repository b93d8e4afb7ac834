"""SSIM as a model of a project: what is stored, asked and planned compares pictures by SSIM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cssim
from cssim.config import load_settings
from cssim.embeddings.classic import METRICS
from cssim.embeddings.ssim import StructuralSimilarity
from cssim.errors import BadInput
from cssim.services import answering, evaluation, experiments, jobs, library, offers, plans, regimes
from cssim.services.library import load_triples
from cssim.services.plan_specs import PlanSpec
from cssim.services.vectors import Shelf, load_shelf
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ClusterKind, Image, JobState, ModelKind, PageMode
from db import annotations as records
from db import library as rows
from tests.embeddings.test_ssim import by_definition
from tests.services.ensemble_world import embed
from tests.world import World

SIDE = 14


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Workspace]:
    """Histogram and SSIM have embedded all pictures and answer together; nothing changes it."""
    with pytest.MonkeyPatch.context() as patch:
        # Small enough for the definition to be computed pixel by pixel.
        patch.setitem(METRICS, "ssim", lambda: StructuralSimilarity(SIDE))
        made = open_workspace(load_settings({}, home=tmp_path_factory.mktemp("home")))
        library.add_images(made, [world.images])
        library.import_labels(
            made, world.answers, cluster="w", per_reference=list(world.references[:2])
        )
        embed(made, ["histogram", "ssim"])
        request = experiments.ensemble_request(
            made, "both", ["histogram", "ssim"], fit_on=["w-validation"]
        )
        assert jobs.run_here(made, request).state is JobState.DONE
        yield made
        made.close()


def grey(ws: Workspace, image: Image) -> np.ndarray:
    picture = ws.store.open(str(image.sha256)).convert("L")
    return np.asarray(picture.resize((SIDE, SIDE), PIL.Image.Resampling.BILINEAR))


def apart(ws: Workspace, one: Image, other: Image) -> float:
    """1 - SSIM by its definition, from the stored files."""
    return 1 - by_definition(grey(ws, one), grey(ws, other))


def shelf_of(ws: Workspace) -> tuple[Shelf, int]:
    shelf = load_shelf(ws)
    return shelf, shelf.by_name["ssim"].id


def test_it_is_listed_as_a_metric_that_needs_nothing(ws: Workspace) -> None:
    (offer,) = [one for one in offers.backbone_offers(ws) if one.name == "ssim"]
    assert (offer.reachable, offer.trainable, offer.reason) == (True, False, "needs no weights")
    (model,) = [one for one in experiments.list_models(ws) if one.name == "ssim"]
    assert model.kind is ModelKind.METRIC
    with pytest.raises(BadInput, match="metric without weights"):
        experiments.training_requests(ws, ["w-validation"], "ssim")


def test_distances_of_triples_are_those_of_the_definition(ws: Workspace) -> None:
    shelf, model = shelf_of(ws)
    with ws.database.reading() as session:
        cluster = rows.get_cluster(session, ws.project.id, "w-test")
    triples = load_triples(ws, [cluster.id])[:10]
    found = shelf.distances(model, triples)
    for row, triple in enumerate(triples.rows()):
        r = shelf.image(triple.reference)
        expected = [apart(ws, r, shelf.image(i)) for i in (triple.a, triple.b)]
        assert found[row] == pytest.approx(expected, abs=1e-12)


def test_neighbours_are_those_of_the_definition(ws: Workspace) -> None:
    shelf, model = shelf_of(ws)
    query = shelf.images[4]
    naive = sorted((apart(ws, query, x), x.id) for x in shelf.images if x.id != query.id)
    found = shelf.nearest(model, query.id, 5)
    assert [near.image.id for near in found] == [image_id for _, image_id in naive[:5]]
    assert [near.distance for near in found] == pytest.approx([d for d, _ in naive[:5]])


def test_answers_and_search_from_the_cache_are_those_of_the_saved_ensemble(ws: Workspace) -> None:
    shelf, _ = shelf_of(ws)
    (info,) = experiments.list_ensembles(ws)
    ready = answering.ready(ws, info)
    saved = cssim.load_ensemble(ws.settings.home / str(info.path))
    r, a, b = (shelf.images[i] for i in (1, 6, 9))
    files = {one.id: ws.store.path(str(one.sha256)) for one in shelf.images}
    found = answering.answer(shelf, ready, r.id, a.id, b.id)
    expected = saved.closer(files[r.id], files[a.id], files[b.id])
    by_hand = [apart(ws, r, a), apart(ws, r, b)]
    assert found["member_distances"]["ssim"] == pytest.approx(by_hand, abs=1e-12)
    assert found["distances"] == pytest.approx(expected.distances, abs=1e-5)
    assert found["choice"] == expected.choice
    near = answering.search(shelf, ready, r.id, top=4)
    alike = saved.search(files[r.id], [str(path) for path in files.values()], 5)[1:]
    assert [str(files[one.image.id]) for one in near] == [one.path for one in alike]


def test_a_comparison_scores_it_by_its_own_distances(ws: Workspace) -> None:
    done = jobs.run_here(ws, evaluation.comparison_request(ws, ["w-test"], models=["ssim"]))
    assert done.state is JobState.DONE, done.error
    comparison = evaluation.get_comparison(ws, done.result["evaluation"]).comparison
    shelf, _ = shelf_of(ws)
    with ws.database.reading() as session:
        cluster = rows.get_cluster(session, ws.project.id, "w-test")
    credits = []
    for one in load_triples(ws, [cluster.id]).rows():
        r, a, b = (shelf.image(i) for i in (one.reference, one.a, one.b))
        says_a = apart(ws, r, a) < apart(ws, r, b)
        credits.append((one.votes_a if says_a else one.votes_b) / 4)
    assert comparison.row("ssim").accuracy == pytest.approx(np.mean(credits), abs=1e-12)


def test_pages_can_be_planned_where_it_disagrees_with_others(ws: Workspace) -> None:
    spec = PlanSpec(
        "p",
        kind=ClusterKind.VALIDATION,
        mode=PageMode.CHOOSE,
        sampling="disagreement",
        models=("histogram", "ssim"),
        reference_count=2,
        pages_per_reference=4,
        candidates=2,
    )
    job = jobs.run_here(ws, plans.plan_request(ws, spec))
    assert job.state is JobState.DONE, job.error
    shelf, _ = shelf_of(ws)
    histogram = shelf.by_name["histogram"].id
    with ws.database.reading() as session:
        cluster = rows.get_cluster(session, ws.project.id, "p")
        pages = records.pages_of(session, [cluster.id])
    assert len(pages) == 6
    for page in pages:
        r, a, b = (shelf.image(i) for i in (page.reference, *page.candidates))
        near = {one.image.id: one.distance for one in shelf.nearest(histogram, r.id, 99)}
        by_ssim = apart(ws, r, b) - apart(ws, r, a)
        assert (near[b.id] - near[a.id]) * by_ssim < 0


def test_learning_curves_refuse_it_with_the_reason(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="ssim compares two pictures window by window"):
        regimes.request_curves(ws, ["w-validation"], backbones=["ssim"])


def test_no_distance_of_a_model_is_taken_without_saying_who_made_its_vectors() -> None:
    """A forgotten `made_by` would silently compare pictures by a cosine."""
    allowed = {"regime_heads.py"}  # heads of its own on embeddings of backbones
    forgotten = []
    for file in sorted((Path(cssim.__file__).parent / "services").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        for name in ("pair_distances(", "triple_distances(", "model_distances("):
            for part in text.split(name)[1:]:
                if "made_by" not in part[:220] and file.name not in allowed:
                    forgotten.append(f"{file.name}: {name}")
    assert forgotten == []
