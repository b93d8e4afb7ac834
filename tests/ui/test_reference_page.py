"""The page of one reference: found, shown, judged, explained, sent back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import gallery, library, one_reference, plans, triple_rows, withdrawing
from cssim.services.library import load_triples
from cssim.services.vectors import load_shelf
from cssim.services.workspace import Workspace
from cssim.types import Role
from cssim.ui import runtime
from db import library as queries
from tests.ui.ensemble_home import opened
from tests.ui.looking import look, markup, said, sign_in, tables


@pytest.fixture
def ws(
    ensembles_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    with opened(ensembles_home, tmp_path, monkeypatch) as found:
        yield found


def cluster(ws: Workspace, name: str) -> int:
    (found,) = [s.cluster.id for s in library.cluster_summaries(ws) if s.cluster.name == name]
    return found


def at(image_id: int | str) -> Callable[[AppTest], None]:
    def before(app: AppTest) -> None:
        app.query_params["image"] = str(image_id)

    return before


@pytest.fixture
def reference(ws: Workspace) -> int:
    """One that validation answers are about."""
    return int(load_triples(ws, [cluster(ws, "w-validation")]).reference[0])


def test_an_empty_project_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = runtime.workspace()
    sign_in(empty, monkeypatch, Role.RESEARCHER)
    assert "No reference has answers yet" in said(look("reference"))
    runtime.close()


def test_without_an_image_the_answered_references_are_offered(
    ws: Workspace, reference: int
) -> None:
    assert f"/reference?image={reference}" in markup(look("reference"))


def test_an_address_that_names_no_image_says_so(ws: Workspace) -> None:
    for wrong in ("999999", "one"):
        (error, *_) = look("reference", at(wrong)).error
        assert wrong in error.value


def test_everything_about_a_reference_is_shown(ws: Workspace, reference: int) -> None:
    app = look("reference", at(reference))
    words, shown = said(app), markup(app)
    about = one_reference.about(ws, reference)
    assert about.image.name in shown
    assert f"/images/{about.image.sha256}" in shown
    assert "w-validation" in " ".join(tables(app))
    shelf = load_shelf(ws)
    for model in shelf.models.values():
        for near in shelf.nearest(model.id, reference, 10):
            assert f"/reference?image={near.image.id}" in shown
            assert f"<figcaption>{near.distance:.3f}" in shown
    assert "Its triples" in words
    alts = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert any("Weights of 3 members by 11 strategies" in alt for alt in alts)
    assert any(alt.startswith("Accuracy of 6 models") for alt in alts)
    assert any("This reference among" in alt for alt in alts)
    assert "is itself among them" in words


def test_a_withdrawn_reference_says_so_and_no_more(ws: Workspace, reference: int) -> None:
    with ws.database.reading() as session:
        images = list(queries.images_by_id(session, [reference]).values())
    name = images[0].name
    withdrawing.withdraw(ws, images, "privacy")
    app = look("reference", at(reference))
    assert "taken back and is gone for good" in said(app)
    assert name not in markup(app)
    assert "Who is right here" not in said(app)
    assert f"/reference?image={reference}" not in markup(look("reference"))


def test_mistakes_of_a_model_are_those_that_a_loop_finds(ws: Workspace, reference: int) -> None:
    app = look("reference", at(reference))
    shelf = load_shelf(ws)
    here = one_reference.of_reference(load_triples(ws, [cluster(ws, "w-validation")]), reference)
    own = shelf.distances(shelf.by_name["hog"].id, here)
    wrong = [
        row
        for row, triple in enumerate(here.rows())
        if (own[row, 0] < own[row, 1] and triple.votes_a < triple.votes_b)
        or (own[row, 0] > own[row, 1] and triple.votes_b < triple.votes_a)
    ]
    assert 0 < len(wrong) < len(here)
    app.selectbox(key="reference_mistakes").select("hog").run()
    assert f"{len(wrong)} mistake" in said(app)
    pairs = {(int(here.a[row]), int(here.b[row])) for row in wrong}
    bodies = [part.proto.body for part in app.get("html")]
    (body,) = [one for one in bodies if 'aria-label="Triples of this reference"' in one]
    images = {near for pair in pairs for near in pair}
    listed = {i.id for i in shelf.images if f'/reference?image={i.id}"' in body}
    assert listed <= images
    assert len(listed) >= 2


def test_sorting_puts_what_most_models_get_wrong_first(ws: Workspace, reference: int) -> None:
    shelf = load_shelf(ws)
    here = one_reference.of_reference(load_triples(ws, [cluster(ws, "w-validation")]), reference)
    judges = {j.name: j for j in one_reference.judges(shelf, [], here, here, reference)}
    order = triple_rows.ordered(here, judges, "most models wrong")
    assert sorted(order) == list(range(len(here)))
    wrong = [sum(judge.credit[row] < 0.5 for judge in judges.values()) for row in order]
    assert wrong == sorted(wrong, reverse=True)
    divided = np.abs(here.share_a - 0.5)[triple_rows.ordered(here, judges, "people most divided")]
    assert (np.diff(divided) >= 0).all()


def test_the_table_holds_every_triple_with_every_judge(ws: Workspace, reference: int) -> None:
    shelf = load_shelf(ws)
    here = one_reference.of_reference(load_triples(ws, [cluster(ws, "w-validation")]), reference)
    judges = one_reference.judges(shelf, [], here, here, reference)
    rows = triple_rows.rows_of(shelf, here, judges)
    assert len(rows) == len(here)
    for row, triple in zip(rows, here.rows(), strict=True):
        assert row["a"] == shelf.image(triple.a).name
        assert row["votes_b"] == triple.votes_b
    assert [row["tiny credit"] for row in rows] == judges[-1].credit.tolist()


def test_answers_of_a_test_set_stay_covered_until_they_are_asked_for(ws: Workspace) -> None:
    test_reference = int(load_triples(ws, [cluster(ws, "w-test")]).reference[0])
    app = look("reference", at(test_reference))
    assert "its answers are covered" in said(app)
    assert "Its triples" not in said(app)
    app.toggle(key=f"reference_tests_{test_reference}").set_value(True).run()
    assert "Its triples" in said(app)


def test_a_reference_is_sent_back_to_labelling(ws: Workspace, reference: int) -> None:
    app = look("reference", at(reference))
    app.radio(key="reference_send_how").set_value("new").run()
    app.button(key="reference_send").click().run()
    assert not app.exception
    assert any("in the annotators' queue" in one.value for one in app.success)
    (plan,) = plans.list_plans(ws)
    assert plan.settings["references"] == [reference]


def test_an_image_that_nobody_embedded_offers_to_embed_it(ws: Workspace) -> None:
    with_pixels = gallery.find_pictures(ws, available=True).images
    shelf = load_shelf(ws)
    folder = ws.settings.embeddings / shelf.by_name["hog"].fingerprint
    for path in folder.glob("*.npy"):
        path.unlink()
    app = look("reference", at(with_pixels[0].id))
    assert "Not embedded by hog" in said(app)
    app.button(key="reference_embed").click().run()
    assert not app.exception
