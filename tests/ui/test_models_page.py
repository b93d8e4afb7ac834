"""The models on the page Train: the list, a card, two compared, and what can be done with one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cssim.services import cards, experiments, jobs, library, model_files
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState, ModelInfo, Role
from cssim.ui import runtime
from tests.ui.looking import look, markup, said, sign_in, tables
from tests.world import World


@pytest.fixture
def network(world: World, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.network, tmp_path / "networks" / "tiny"))


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch, world: World, network: Path) -> Iterator[Workspace]:
    """Two heads of ranks 2 and 3 on the first context set."""
    monkeypatch.setenv("CSSIM_MODELS", str(network.parent))
    monkeypatch.setenv("CSSIM_THREADS", "1")
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    library.add_images(opened, [world.images])
    library.import_labels(opened, world.answers, cluster="w", per_reference=1)
    summaries = library.cluster_summaries(opened)
    context = next(s.cluster.name for s in summaries if s.cluster.kind is ClusterKind.CONTEXT)
    for rank in (2, 3):
        config = {"adapter": "head", "epochs": 2, "rank": rank}
        names = [f"rank {rank}"]
        experiments.request_training(opened, [context], "tiny", config=config, names=names)
    assert len(jobs.run_worker(opened, limit=2)) == 2
    yield opened
    runtime.close()


def model(ws: Workspace, name: str) -> ModelInfo:
    return cards.model_card(ws, name).model


def at_card(wanted: ModelInfo) -> AppTest:
    return look("train", lambda app: app.query_params.__setitem__("model", str(wanted.id)))


def test_a_link_in_the_list_leads_to_the_card(ws: Workspace) -> None:
    wanted = model(ws, "rank 2")
    assert f'href="/train?model={wanted.id}#models"' in markup(look("train"))
    app = at_card(wanted)
    card = cards.model_card(ws, "rank 2")
    words = said(app)
    assert app.selectbox(key="models_chosen").value == wanted.id
    assert "head, rank 2" in words
    assert wanted.data_fingerprint in words
    assert wanted.fingerprint in words
    assert card.local is not None
    assert card.local.low is not None
    assert card.local.high is not None
    row = (
        f"{100 * card.local.value:.1f} % {100 * card.local.low:.1f} to {100 * card.local.high:.1f}"
    )
    assert f"local: pages held out from its own sets {row}" in words
    assert f"Triples {card.data['triples']:,}" in words
    assert f"Parameters trained {card.facts['parameters']:,}" in words
    assert str(card.facts["machine"]) in words
    assert "Not measured on other references yet" in words
    assert app.get("plotly_chart")


def test_two_models_are_compared_by_what_differs(ws: Workspace) -> None:
    app = look("train")
    app.segmented_control(key="models_view").set_value("Two compared").run()
    assert not app.exception
    (table,) = [text for text in tables(app) if text.startswith("What differs")]
    assert "What differs rank 3 rank 2" in table
    assert "Setting rank 3 2" in table
    assert "Backbone" not in table
    assert len(app.get("plotly_chart")) == 2


def test_a_model_is_renamed_put_away_and_brought_back(ws: Workspace) -> None:
    wanted = model(ws, "rank 2")
    app = at_card(wanted)
    app.text_input(key=f"models_name_{wanted.id}").input("rank 3").run()
    app.button(key="models_rename").click().run()
    assert "there is a model 'rank 3' already" in app.error[0].value
    app.text_input(key=f"models_name_{wanted.id}").input("two").run()
    app.button(key="models_rename").click().run()
    assert not app.exception
    assert model(ws, "two").id == wanted.id
    app.button(key="models_archive").click().run()
    assert cards.model_card(ws, "two").archived
    app.segmented_control(key="models_view").set_value("List").run()
    (table,) = [text for text in tables(app) if text.startswith("Model Kind")]
    assert "two" not in table
    app.checkbox(key="models_archived").check().run()
    (table,) = [text for text in tables(app) if text.startswith("Model Kind")]
    assert "two tiny CS model archived" in table
    app = at_card(wanted)
    assert app.button(key="models_archive").label == "Bring back"
    app.button(key="models_archive").click().run()
    assert not cards.model_card(ws, "two").archived


def test_a_model_is_packed_and_then_offered_for_download(ws: Workspace) -> None:
    app = at_card(model(ws, "rank 3"))
    app.button(key="models_export").click().run()
    (job,) = jobs.list_jobs(ws, kinds=["export"])
    assert app.button(key="models_export").disabled
    assert "Export of rank 3" in said(app)
    jobs.run_worker(ws, limit=1)
    assert jobs.get_job(ws, job.id).state is JobState.DONE
    app.run()
    (link,) = app.get("link_button")
    assert link.proto.label.startswith("Download rank-3.zip (")
    assert link.proto.url == f"/api/models/{model(ws, 'rank 3').id}/files"
    labels = [button.proto.label for button in app.get("download_button")]
    assert "Card as Markdown" in labels
    cards.rename_model(ws, "rank 3", "three")  # its files say the old name
    app.run()
    assert app.button(key="models_export").label == "Export"


def test_what_is_gone_is_said_in_the_list_and_on_the_card(
    ws: Workspace, world: World, network: Path
) -> None:
    wanted = model(ws, "rank 2")
    shutil.rmtree(network)
    shutil.rmtree(ws.settings.home / str(model(ws, "rank 3").path))
    app = look("train")
    (table,) = [text for text in tables(app) if text.startswith("Model Kind")]
    assert table.count("Problem: its backbone") == 2
    assert table.count("Problem: its weights are gone") == 1
    app = at_card(wanted)
    assert "its backbone" in app.warning[0].value
    assert len(app.warning) == 1


def test_a_model_that_was_packed_is_uploaded_and_leads_to_its_card(ws: Workspace) -> None:
    job = model_files.request_export(ws, "rank 3")
    jobs.run_worker(ws, limit=1)
    packed = ws.settings.home / str(jobs.get_job(ws, job).result["path"])
    app = look("train")
    app.segmented_control(key="models_view").set_value("Import").run()
    assert app.button(key="model_import").disabled
    app.file_uploader(key="model_import_file_0").upload("three.zip", packed.read_bytes()).run()
    app.text_input(key="model_import_name_0").input("three").run()
    app.button(key="model_import").click().run()
    assert not app.exception
    assert "Import of three.zip" in said(app)
    assert app.file_uploader(key="model_import_file_1").value is None  # no more in memory
    jobs.run_worker(ws, limit=1)
    app.run()
    assert "**three** is a model of this project now" in app.success[0].value
    assert model(ws, "three").fingerprint == model(ws, "rank 3").fingerprint
    app.button(key="model_import_card").click().run()
    assert app.selectbox(key="models_chosen").value == model(ws, "three").id


def test_a_file_that_is_no_package_says_so(ws: Workspace) -> None:
    app = look("train")
    app.segmented_control(key="models_view").set_value("Import").run()
    app.file_uploader(key="model_import_file_0").upload("notes.zip", b"no zip").run()
    app.button(key="model_import").click().run()
    assert "notes.zip is no ZIP file" in app.error[0].value
    assert not jobs.list_jobs(ws, kinds=["import"])
