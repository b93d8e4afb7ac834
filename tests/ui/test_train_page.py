"""The training page: what can be asked for, jobs while they run and after, models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from cssim.errors import BadInput
from cssim.services import batches, experiments, jobs, library, offers
from cssim.services.running import RUNNERS
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState, Role
from cssim.ui import runtime, train_form
from tests.ui.looking import look, said, sign_in, tables
from tests.world import World


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[Workspace]:
    """With the tiny network among the backbones, and no worker but the test itself."""
    monkeypatch.setenv("CSSIM_MODELS", str(world.network.parent))
    monkeypatch.setenv("CSSIM_THREADS", "1")
    monkeypatch.setattr(jobs, "ensure_worker", lambda settings: None)
    opened = runtime.workspace()
    sign_in(opened, monkeypatch, Role.RESEARCHER)
    yield opened
    runtime.close()


@pytest.fixture
def filled(ws: Workspace, world: World) -> Workspace:
    """Two context sets, and the other references for validation and test."""
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=2)
    return ws


def contexts(ws: Workspace) -> list[str]:
    return [
        one.cluster.name
        for one in library.cluster_summaries(ws)
        if one.cluster.kind is ClusterKind.CONTEXT
    ]


def ask(ws: Workspace, app: AppTest, names: list[str]) -> AppTest:
    app.multiselect(key="train_sets").set_value(names).run()
    app.multiselect(key="train_backbones").set_value(["tiny"]).run()
    app.segmented_control(key="train_adapter").set_value("head").run()
    app.number_input(key="train_head_default_epochs").set_value(3).run()
    return app.button(key="train_go").click().run()


def test_without_answers_the_page_says_what_to_do(ws: Workspace) -> None:
    app = look("train")
    assert "No answers to train on yet" in said(app)
    assert "Nothing runs" in said(app)
    assert "None yet: train one" in said(app)


def test_only_sets_that_nobody_is_measured_on_are_offered(filled: Workspace) -> None:
    app = look("train")
    offered = app.multiselect(key="train_sets").options
    assert len(offered) == 3
    assert not [line for line in offered if "w-test" in line]
    assert app.button(key="train_go").disabled


def test_a_set_without_pixels_cannot_be_trained_on(ws: Workspace, world: World) -> None:
    library.import_labels(ws, world.answers, cluster="w", kind="context", per_reference=1)
    app = look("train")
    name = contexts(ws)[0]
    app.multiselect(key="train_sets").set_value([name]).run()
    assert "images without pixels" in app.warning[0].value
    assert app.button(key="train_go").disabled


def test_a_backbone_that_is_not_here_says_how_to_get_it(filled: Workspace) -> None:
    app = look("train")
    app.multiselect(key="train_backbones").set_value(["dino-vits16"]).run()
    assert "facebook/dino-vits16" in app.info[0].value.replace("\\", "")


def test_a_backbone_in_the_folder_is_preferred_to_those_for_trying_out(filled: Workspace) -> None:
    assert look("train").multiselect(key="train_backbones").value == ["tiny"]
    tiny = {offer.name for offer in offers.backbone_offers(filled) if offer.tiny}
    assert tiny == {"tiny-clip", "tiny-dino"}
    lines = [
        train_form.backbone_line(offers.BackboneOffer(name, True, here, "", size, "", tiny=tiny))
        for name, here, size, tiny in (
            ("tiny-clip", True, 1.27, True),
            ("/w/vit", False, 85.7, False),
        )
    ]
    assert lines == [
        "tiny-clip (for trying out, 1.3 million parameters)",
        "vit (86 million parameters, not on this machine)",
    ]


def test_the_form_begins_with_the_backbone_of_the_newest_model() -> None:
    rows = (("tiny-clip", True, True), ("far", False, False), ("vit", True, False))
    offered = [
        offers.BackboneOffer(name, True, here, "", 1, "", tiny=tiny) for name, here, tiny in rows
    ]
    assert train_form.likely(offered, ["gone", "far", "vit"]) == ["far"]
    assert train_form.likely(offered, []) == ["vit"]
    assert train_form.likely(offered[:2], []) == ["tiny-clip"]
    assert train_form.likely([], []) == []


def test_settings_carry_the_meaning_that_the_code_gives_them() -> None:
    for adapter in ("lora", "head", "full"):
        for setting in offers.training_settings(adapter).values():
            assert setting.meaning or setting.name == "seed"
    assert offers.training_settings()["rank"].meaning.startswith("Rank of the change")


def test_training_is_queued_watched_and_gives_a_model(filled: Workspace) -> None:
    ws = filled
    (first, second) = contexts(ws)
    app = ask(ws, look("train"), [first, second])
    assert not app.exception
    queued = jobs.list_jobs(ws)
    assert [job.state for job in queued] == [JobState.QUEUED] * 2
    assert {job.params["config"]["adapter"] for job in queued} == {"head"}
    assert {job.params["config"]["epochs"] for job in queued} == {3}
    assert "waiting for a worker" in str([part.proto for part in app.get("progress")])
    assert len(jobs.run_worker(ws, limit=2)) == 2
    app = app.run()
    models = experiments.list_models(ws)
    assert len(models) == 2
    (shown,) = [text for text in tables(app) if text.startswith("Model Kind")]
    for model in models:
        before, after = model.metrics["accuracy_untrained"], model.metrics["accuracy"]
        line = f"{model.name} tiny CS model"
        assert line in shown
        assert f"{100 * before:.1f} % {100 * after:.1f} %" in shown
    assert all("done" in one.label for one in app.expander if "Training" in one.label)


def test_many_trainings_are_one_batch_that_pauses_as_a_whole(filled: Workspace) -> None:
    ws, names = filled, contexts(filled)
    app = look("train")
    app.multiselect(key="train_sets").set_value(names).run()
    app.number_input(key="train_seeds").set_value(2).run()
    assert app.button(key="train_go").label == "Train 4 models"
    app = ask(ws, app, names)
    (batch,) = batches.list_batches(ws)
    assert batch.name == f"4 trainings: {', '.join(names)} with tiny"
    titles = {job.params["name"] for job in jobs.list_jobs(ws)}
    assert titles == {f"{name}-tiny-s{seed}" for name in names for seed in (0, 1)}
    app.button(key=f"train_batch_{batch.id}_pause_batch").click().run()
    assert batches.batch_progress(ws, batch.id).paused == 4
    assert jobs.run_worker(ws, drain=True) == []
    assert "0 of 4 done, 4 paused" in str([part.proto for part in app.get("progress")])
    app.button(key=f"train_batch_{batch.id}_resume_batch").click().run()
    assert len(jobs.run_worker(ws, drain=True)) == 4
    assert len(experiments.list_models(ws)) == 4


def test_the_layers_that_lora_adapts_are_chosen(filled: Workspace) -> None:
    app = look("train")
    app.multiselect(key="train_sets").set_value(contexts(filled)[:1]).run()
    app.multiselect(key="train_backbones").set_value(["tiny"]).run()
    layers = app.multiselect(key="train_targets")
    assert layers.placeholder == "q_proj, v_proj (default)"
    assert {"q_proj", "k_proj", "v_proj", "fc1"} <= set(layers.options)
    layers.set_value(["k_proj", "fc1"]).run()
    app.number_input(key="train_lora_default_alpha").set_value(8.0).run()
    app.number_input(key="train_lora_default_dropout").set_value(0.25).run()
    app.button(key="train_go").click().run()
    (job,) = jobs.list_jobs(filled)
    config = job.params["config"]
    assert (config["targets"], config["alpha"], config["dropout"]) == (["k_proj", "fc1"], 8, 0.25)
    assert f"{len(library.load_triples(filled, job.params['clusters']))} triples" in said(app)
    app.segmented_control(key="train_adapter").set_value("head").run()
    assert "train_targets" not in {one.key for one in app.multiselect}


def test_one_global_model_takes_its_own_name(filled: Workspace) -> None:
    app = look("train")
    app.multiselect(key="train_sets").set_value(contexts(filled)).run()
    app.checkbox(key="train_together").check().run()
    app.text_input(key="train_name").input("everything").run()
    ask(filled, app, contexts(filled))
    (job,) = jobs.list_jobs(filled)
    assert job.params["name"] == "everything"
    assert len(job.params["clusters"]) == 2


def test_a_name_that_is_taken_is_refused_in_words(filled: Workspace) -> None:
    ws, name = filled, contexts(filled)[0]
    ask(ws, look("train"), [name])
    jobs.run_worker(ws, limit=1)
    app = ask(ws, look("train"), [name])
    assert "there is a model" in app.error[0].value
    assert len(jobs.list_jobs(ws)) == 1


def test_a_queued_job_is_cancelled_and_tried_again(filled: Workspace) -> None:
    ws = filled
    app = ask(ws, look("train"), contexts(ws)[:1])
    (job,) = jobs.list_jobs(ws)
    app.button(key=f"train_cancel_{job.id}").click().run()
    assert jobs.get_job(ws, job.id).state is JobState.CANCELLED
    assert len([one for one in app.expander if "cancelled" in one.label]) == 1
    app.session_state[f"train_job_{job.id}"] = True
    app.run()
    app.button(key=f"train_retry_{job.id}").click().run()
    assert jobs.get_job(ws, job.id).state is JobState.QUEUED


def refuse(context: object) -> dict[str, object]:
    """A job that fails as a use case does."""
    raise BadInput("the disk is full; free some space")


def test_a_failed_job_says_why(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ws = filled
    app = ask(ws, look("train"), contexts(ws)[:1])
    monkeypatch.setitem(RUNNERS, "train", f"{__name__}:refuse")
    jobs.run_worker(ws, limit=1)
    app = app.run()
    assert "the disk is full; free some space" in app.error[0].value.replace("\\", "")
    assert [one.label for one in app.expander if "failed" in one.label]


def test_frozen_backbones_and_metrics_are_added(filled: Workspace) -> None:
    ws = filled
    app = look("train")
    app.multiselect(key="train_frozen_names").set_value(["histogram"])
    (add,) = [one for one in app.button if one.label == "Add"]
    add.click().run()
    (job,) = jobs.list_jobs(ws)
    assert (job.kind, job.params["names"]) == ("embed", ["histogram"])
    jobs.run_worker(ws, limit=1)
    (shown,) = [text for text in tables(app.run()) if text.startswith("Model Kind")]
    assert "histogram metric" in shown


def test_how_long_it_will_take_is_said_from_the_last_time(filled: Workspace) -> None:
    ws, name = filled, contexts(filled)[0]
    ask(ws, look("train"), [name])
    jobs.run_worker(ws, limit=1)
    (model,) = experiments.list_models(ws)
    speed = model.metrics["triples_per_second"]
    seconds = offers.expected_seconds([model], "tiny", "head", 100, 10)
    assert seconds == pytest.approx(100 * 0.8 * 10 / speed)
    assert offers.expected_seconds([model], "tiny", "lora", 100, 10) is None
    assert offers.expected_seconds([model], "other", "head", 100, 10) is None
