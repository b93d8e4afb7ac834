"""Learning curves on worlds whose truth is known: the verdict must name the right design."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from cssim.config import Settings, load_settings
from cssim.embeddings.classic import ColourHistogram
from cssim.errors import BadInput, LeakedEvaluation, NotFound
from cssim.services import jobs, library, regimes
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobState
from tests.services.colour_world import Rule, build

QUICK: dict[str, Any] = {
    "backbones": ["histogram"],
    "validation": ["validation"],
    "test": ["test"],
    "shares": [1.0],
    "splits": 1,
    "draws": 400,
    "global_settings": {"rank": 4, "epochs": 8},
    "settings": {
        "rank": 4, "epochs": 20, "lr": 3e-3, "validation_share": 0.0, "batch_pages": 32,
    },
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened(folder: Path, rule: Rule, references: dict[str, int], colours: int) -> Workspace:
    ws = open_workspace(load_settings(home=folder / "home"))
    build(ws, folder, rule, references=references, colours=colours)
    return ws


def done(ws: Workspace, **options: Any) -> dict[str, Any]:
    job = jobs.run_here(ws, regimes.curves_request(ws, ["train"], **{**QUICK, **options}))
    assert job.state is JobState.DONE, job.error
    return regimes.get_curves(ws, job.id)


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Any]]:
    """Most training references were answered by another rule: CS models can be chosen among."""
    folder = tmp_path_factory.mktemp("careless")
    rule = Rule(slice(0, 4), careless=0.7, pages=70)
    ws = opened(folder, rule, {"train": 8, "validation": 8, "test": 40}, 10)
    yield ws, done(ws, sizes=[6, 8], keep=True)
    ws.close()


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Any]]:
    """Ten answers for each of many references, all by one rule: only together they say enough."""
    folder = tmp_path_factory.mktemp("thin")
    rule = Rule(slice(0, 4), pages=10)
    ws = opened(folder, rule, {"train": 24, "validation": 3, "test": 50}, 20)
    settings = {"rank": 4, "epochs": 12}
    whole = {"rank": 4, "epochs": 30}
    yield ws, done(ws, sizes=[12, 24], settings=settings, global_settings=whole)
    ws.close()


def test_where_cs_models_help_the_verdict_says_so(careless: tuple[Workspace, Any]) -> None:
    found = careless[1]
    assert found["verdict"]["family"] == "context-sensitive"
    first = found["verdict"]["text"][0]
    assert first.startswith("With 8 labelled references")
    assert "prefer CS models, stacked with the frozen backbones" in first
    assert "on 40 references that nobody trained on; CS minus global +" in first
    assert found["verdict"]["prefer"][-1]["design"] == "CS + frozen stacked"


def test_where_a_global_model_helps_the_verdict_says_so(thin: tuple[Workspace, Any]) -> None:
    found = thin[1]
    assert found["verdict"]["family"] == "global"
    assert "prefer one global model" in found["verdict"]["text"][0]
    last = found["cells"][-1]
    assert last["accuracy"]["global"] > last["high"]["CS + frozen stacked"]
    # The best of both is at least as good as either.
    assert last["accuracy"]["all stacked"] > last["accuracy"]["global"] - 0.01


def test_numbers_agree_with_a_naive_loop_and_with_each_other(
    careless: tuple[Workspace, Any],
) -> None:
    ws, found = careless
    (cluster,) = [s.cluster.id for s in library.cluster_summaries(ws) if s.cluster.name == "test"]
    held = library.load_triples(ws, [cluster])
    hashes = library.image_hashes(ws, held.images)
    metric = ColourHistogram()
    vectors = {}
    for i, key in hashes.items():
        image: PIL.Image.Image = ws.store.open(key)
        vectors[i] = metric.embed([image])[0].astype(float)
    credit = 0.0
    for row in held.rows():
        to_a, to_b = (
            1 - vectors[row.reference] @ vectors[x]
            / np.linalg.norm(vectors[row.reference]) / np.linalg.norm(vectors[x])
            for x in (row.a, row.b)
        )  # fmt: skip
        share = row.votes_a / (row.votes_a + row.votes_b)
        credit += 0.5 if to_a == to_b else share if to_a < to_b else 1 - share
    cell = found["cells"][-1]
    assert cell["accuracy"]["frozen"] == pytest.approx(credit / len(held), abs=2e-3)
    assert found["data"]["triples"] == len(held)
    rows = {row["name"]: row for row in found["tables"]["8"]["rows"]}
    for name, accuracy in cell["accuracy"].items():
        assert rows[name]["accuracy"] == pytest.approx(accuracy)
        assert rows[name]["low"] == pytest.approx(cell["low"][name])
        assert cell["splits"][name] == pytest.approx([accuracy])
    for single in ("frozen", "best CS", "global"):  # a choice of one member; sums can pass it
        assert cell["accuracy"][single] <= cell["oracle"]
    (axis,) = found["axes"]
    assert axis["key"] == "clusters"
    for row in axis["differences"]:
        for i, at in enumerate(found["cells"]):
            pair = at["accuracy"][row["design"]] - at["accuracy"][row["anchor"]]
            assert row["difference"][i] == pytest.approx(pair)
            assert row["low"][i] <= row["difference"][i] <= row["high"][i]
    assert [size["clusters"] for size in axis["sizes"]] == [6, 8]
    assert all(one["text"] for one in axis["crossings"])
    assert axis["next"]["frozen"]["gain"] == pytest.approx(0)


def test_ablations_stand_in_the_result(careless: tuple[Workspace, Any]) -> None:
    found = careless[1]["ablations"]
    assert [row["group"] for row in found["ranking"]] == ["CS", "global", "CS stacked"]
    assert [row["members"] for row in found["ranking"]] == [8, 1, 8]
    for row in found["ranking"]:
        assert row["difference"] == pytest.approx(row["ranking"] - row["distance"])
    without = {row["member"]: row for row in found["members"]}
    assert set(without) == {"CS", "frozen", "global"}
    whole = careless[1]["cells"][-1]["accuracy"]["all stacked"]
    for row in without.values():
        assert row["difference"] == pytest.approx(row["accuracy"] - whole)
    assert without["CS"]["difference"] < without["global"]["difference"]


def test_kept_heads_are_used_again_and_give_the_same(careless: tuple[Workspace, Any]) -> None:
    ws, found = careless
    again = done(ws, sizes=[6, 8])
    assert (again["runs"], again["reused"]) == (0, found["runs"])
    assert again["cells"] == found["cells"]
    assert again["data"]["looks"] == {"test": found["data"]["looks"]["test"] + 1}
    assert not list((ws.settings.home / "curves").iterdir())  # not asked to keep them this time


def test_an_interrupted_job_goes_on_after_its_last_head(thin: tuple[Workspace, Any]) -> None:
    ws, found = thin
    stop = threading.Event()
    seen: list[str] = []

    def listen(share: float, message: str) -> None:
        seen.append(message)
        if sum("CS model" in text for text in seen) > 5:
            stop.set()

    request = regimes.curves_request(
        ws, ["train"], **{**QUICK, "sizes": [12, 24], "settings": {"rank": 4, "epochs": 12},
                          "global_settings": {"rank": 4, "epochs": 30}},
    )  # fmt: skip
    stopped = jobs.run_here(ws, request, stop=stop, listener=listen)
    assert stopped.state is JobState.CANCELLED
    assert regimes.get_curves(ws, stopped.id)["state"] == "cancelled"
    kept = len(list((ws.settings.home / "curves").iterdir()))
    assert kept >= 5
    jobs.retry(ws, stopped.id)
    claimed = jobs.claim_next(ws, "test", job_id=stopped.id)
    assert claimed is not None
    from cssim.services.running import run_claimed

    assert run_claimed(ws, claimed).state is JobState.DONE
    again = regimes.get_curves(ws, stopped.id)
    assert again["reused"] == kept
    assert again["runs"] + kept == found["runs"]
    assert again["cells"] == found["cells"]


def test_references_are_held_out_where_no_sets_are_named(thin: tuple[Workspace, Any]) -> None:
    ws, _ = thin
    found = done(
        ws, validation=[], test=[], sizes=[1, 2], shares=[0.5], splits=1, join=True, tuned=True,
        all_strategies=True, draws=100, validation_references=4,
        backbones=["histogram"], settings={"epochs": 2}, global_settings={"epochs": 2},
    )  # fmt: skip
    assert found["data"]["references"] == 18  # 24 - 2 - 4
    assert [axis["key"] for axis in found["axes"]] == ["clusters", "labels"]
    assert [(c["clusters"], c["share"]) for c in found["cells"]] == [(1, 1.0), (2, 0.5), (2, 1.0)]
    assert found["cells"][1]["labels"] < found["cells"][2]["labels"]
    assert {row["text"][:10] for row in found["budgets"]} == {"1 cluster "}
    rows = {row["name"]: row for row in found["tables"]["2"]["rows"]}
    assert {"stacking of CS", "map-thres of CS + frozen", "tuned stacked"} <= set(rows)
    assert rows["stacking of CS"]["accuracy"] == pytest.approx(rows["CS stacked"]["accuracy"])
    assert "tuned stacked" not in {row["name"] for row in found["tables"]["1"]["rows"]}
    (sentence,) = found["data"]["leakage"]
    assert "nearly duplicate" in sentence


def test_sets_must_not_leak(careless: tuple[Workspace, Any]) -> None:
    ws, _ = careless
    with pytest.raises(LeakedEvaluation, match="train cannot serve to train on and to choose on"):
        regimes.curves_request(ws, ["train"], backbones=["histogram"], validation=["train"])
    with pytest.raises(LeakedEvaluation, match="test is a test set"):
        regimes.curves_request(ws, ["test"], backbones=["histogram"])


def test_requests_are_checked_at_once(careless: tuple[Workspace, Any]) -> None:
    ws, _ = careless

    def refused(match: str, *clusters: str, **options: Any) -> None:
        with pytest.raises(BadInput, match=match):
            regimes.curves_request(ws, clusters or ["train"], **{**QUICK, **options})

    refused("two points", sizes=[8])
    refused("cannot give 9 clusters", sizes=[4, 9])
    refused("shares of the labels", shares=[0.0])
    refused("splits are 1 to 100", splits=0)
    refused("seeds are 1 to 20", seeds=21)
    refused("draws 100 or more", draws=10)
    refused("adapter 'lora'", settings={"adapter": "lora"})
    refused("antisymmetric", global_settings={"block": "linear"})
    refused("no frozen model", backbones=None)
    with pytest.raises(BadInput, match="at least one cluster"):
        regimes.curves_request(ws, [], backbones=["histogram"])
    with pytest.raises(NotFound):
        regimes.curves_request(ws, ["nowhere"], backbones=["histogram"])


def test_jobs_are_listed_and_grow_stale(settings: Settings, tmp_path: Path) -> None:
    """Once on each database."""
    ws = open_workspace(settings)
    rule = Rule(slice(0, 4), pages=8)
    build(ws, tmp_path, rule, references={"train": 6, "validation": 2, "test": 4}, colours=8)
    assert regimes.list_curves(ws) == []
    small = {**QUICK, "settings": {"epochs": 1}, "global_settings": {"epochs": 1}, "draws": 100}
    queued = regimes.request_curves(ws, ["train"], by=None, **{**small, "sizes": [2, 4]})
    assert regimes.get_curves(ws, queued)["state"] == "queued"
    jobs.cancel(ws, queued)
    found = done(ws, **{**small, "sizes": [2, 4], "name": "first look"})
    infos = regimes.list_curves(ws)
    assert [(info.name, info.state) for info in infos] == [
        ("first look", JobState.DONE),
        ("train", JobState.CANCELLED),
    ]
    assert infos[0].answer == found["verdict"]["text"][0]
    assert infos[0].clusters == ("train",)
    assert found["stale"] == ""
    assert regimes.table_text(found, 4, "markdown").startswith("|")
    with pytest.raises(NotFound, match="there are: 2, 4"):
        regimes.table_text(found, 3)
    extra = tmp_path / "more.csv"
    extra.write_text("ref,a,b,answer,n_a,n_b\np031.png,p000.png,p001.png,A,3,0\n")
    library.import_labels(ws, extra, cluster="more", kind="validation")
    assert regimes.get_curves(ws, infos[0].id)["stale"] == ""  # other answers than its own
    wider = regimes.curves_request(ws, ["train", "more"], **{**small, "sizes": [2, 4]})
    job = jobs.run_here(ws, wider)
    assert job.state is JobState.DONE, job.error
    other = jobs.enqueue(ws, "embed", {"names": ["histogram"], "clusters": None})
    with pytest.raises(NotFound, match="holds no learning curves"):
        regimes.get_curves(ws, other)
    ws.close()
