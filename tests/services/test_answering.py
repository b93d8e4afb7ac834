"""Answers from the cache are those of the saved ensemble itself."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cssim
from cssim.errors import BadInput
from cssim.services import answering, experiments, mapping, taking_out
from cssim.services.answering import Ready
from cssim.services.vectors import Shelf, load_shelf
from cssim.services.workspace import Workspace
from tests.services.ensemble_world import ENSEMBLES


@pytest.fixture(scope="module")
def ws(embedded: Workspace) -> Workspace:
    """Nothing here changes it, so one serves all."""
    return embedded


def loaded(ws: Workspace, name: str) -> tuple[Shelf, Ready, Path]:
    info = next(one for one in experiments.list_ensembles(ws) if one.name == name)
    return load_shelf(ws), answering.ready(ws, info), ws.settings.home / str(info.path)


def test_answers_equal_those_of_the_library(ws: Workspace) -> None:
    for name in ENSEMBLES:
        shelf, ready, folder = loaded(ws, name)
        library = cssim.load_ensemble(folder)
        r, a, b = (shelf.images[i] for i in (0, 7, 11))
        files = [ws.store.path(str(one.sha256)) for one in (r, a, b)]
        assert answering.lacking(shelf, ready, [r.id, a.id, b.id]) == []
        found = answering.answer(shelf, ready, r.id, a.id, b.id)
        expected = library.closer(*files)
        assert found["choice"] == expected.choice
        assert found["confidence"] == pytest.approx(expected.confidence, abs=1e-5)
        assert found["distances"] == pytest.approx(expected.distances, abs=1e-5)
        assert found["votes"] == expected.votes
        for member, own in expected.member_distances.items():
            assert found["member_distances"][member] == pytest.approx(own, abs=1e-5)
        why, told = library.explain(files[0]), found["explanation"]
        assert told["weights"] == pytest.approx(dict(why.weights), abs=1e-5)
        assert [one["image_id"] for one in told["nearest"]] == [o.image_id for o in why.nearest]
        assert told["overall"] == pytest.approx(dict(why.overall or {}))


def test_swapping_a_and_b_turns_the_answer_round(ws: Workspace) -> None:
    shelf, ready, _ = loaded(ws, "near")
    r, a, b = (shelf.images[i].id for i in (1, 8, 12))
    one, other = answering.answer(shelf, ready, r, a, b), answering.answer(shelf, ready, r, b, a)
    assert one["choice"].other == other["choice"]
    assert one["distances"] == other["distances"][::-1]
    assert answering.answer(shelf, ready, r, a, a)["choice"] is None


def test_search_equals_that_of_the_library(ws: Workspace) -> None:
    for name in ("both", "near"):
        shelf, ready, folder = loaded(ws, name)
        query = shelf.images[2]
        found = answering.search(shelf, ready, query.id, top=5)
        files = {str(ws.store.path(str(one.sha256))): one.id for one in shelf.images}
        own = ws.store.path(str(query.sha256))
        expected = cssim.load_ensemble(folder).search(own, list(files), 6)
        assert expected[0].distance == 0.0
        assert [near.image.id for near in found] == [files[one.path] for one in expected[1:]]
        assert [near.distance for near in found] == pytest.approx(
            [one.distance for one in expected[1:]], abs=1e-5
        )


def test_a_vote_cannot_search(ws: Workspace) -> None:
    shelf, ready, _ = loaded(ws, "voters")
    with pytest.raises(BadInput, match="majority vote"):
        answering.search(shelf, ready, shelf.images[0].id)


def test_weights_over_the_map_are_those_of_each_reference(ws: Workspace) -> None:
    shelf, ready, folder = loaded(ws, "near")
    chart = mapping.weights_over(shelf, ready)
    assert chart is not None
    assert chart.field is None
    library = cssim.load_ensemble(folder)
    for i, image_id in enumerate(chart.image_ids.tolist()):
        path = ws.store.path(str(shelf.image(image_id).sha256))
        own = list(library.explain(path).weights.values())
        assert chart.weights[i] == pytest.approx(own, abs=1e-5)
        assert chart.names[i] == shelf.image(image_id).name
    rows = mapping.weight_rows(chart, answering.member_names(shelf, ready))
    assert [row["image_id"] for row in rows] == chart.image_ids.tolist()
    assert np.allclose(chart.weights.sum(axis=1), 1)


def test_fixed_weights_have_no_map(ws: Workspace) -> None:
    shelf, ready, _ = loaded(ws, "both")
    assert mapping.weights_over(shelf, ready) is None


def test_a_zip_holds_an_ensemble_that_loads_elsewhere(ws: Workspace, tmp_path: Path) -> None:
    shelf, ready, folder = loaded(ws, "near")
    with zipfile.ZipFile(io.BytesIO(b"".join(taking_out.as_zip(ws, ready.info)))) as archive:
        archive.extractall(tmp_path)
    elsewhere = cssim.load_ensemble(tmp_path / taking_out.folder_name(ready.info))
    files = [ws.store.path(str(shelf.images[i].sha256)) for i in (0, 7, 11)]
    assert elsewhere.closer(*files) == cssim.load_ensemble(folder).closer(*files)
    assert taking_out.size_of(ws, ready.info) == sum(
        path.stat().st_size
        for path in (tmp_path / "near").rglob("*")
        if path.is_file() and path.name != taking_out.ORIGIN  # written into the ZIP file alone
    )
    assert 'cssim.load_ensemble("near")' in taking_out.usage(ready.info)


def test_folders_of_this_server_that_an_ensemble_needs_are_told(ws: Workspace) -> None:
    """Their weights are not in the ZIP, and no Hub has them."""
    shelf, ready, _ = loaded(ws, "near")
    members = [shelf.models[i] for i in ready.info.member_ids]
    names = ("mine", "tiny-clip", "dino-vits16", "facebook/dino-vits16", "/weights/vit", "hog")
    own = [replace(members[0], backbone=name, path=None) for name in names]
    assert taking_out.folders_needed(ws, own) == ["mine"]
    assert 'load_ensemble("near", models="backbones")' in taking_out.usage(ready.info, ["mine"])
