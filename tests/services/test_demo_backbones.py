"""The demo with other backbones than the shipped ones: fetched first, known by their folders."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cssim.config import load_settings
from cssim.demo.world import SMALL
from cssim.errors import Unavailable
from cssim.services import demo, demo_models, experiments, gallery
from cssim.services.demo_build import Build
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import ModelKind
from tests.world import World


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    home = tmp_path / "home"
    opened = open_workspace(load_settings({}, home=home, project="demo", threads=1))
    yield opened
    opened.close()


def build(ws: Workspace, *backbones: str) -> Build:
    return Build(ws, SMALL, backbones, lambda share, message: None, threading.Event())


def test_what_cannot_be_fetched_is_refused_before_anything_is_drawn(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match=r"hf download facebook/dino-vitb16.*CSSIM_MODELS"):
        demo.build_demo(ws, size=SMALL, backbones=["facebook/dino-vitb16"])
    assert gallery.find_pictures(ws).total == 0
    assert experiments.list_models(ws) == []


def test_a_folder_goes_by_its_own_name_and_is_registered_once(ws: Workspace, world: World) -> None:
    made = build(ws, str(world.network), "tiny-clip")
    assert demo_models.frozen_title(made, str(world.network)) is None
    assert demo_models.reachable(made)
    (model,) = experiments.list_models(ws)
    assert (model.name, model.kind) == ("tiny", ModelKind.FROZEN)
    assert demo_models.frozen_title(made, str(world.network)) == "tiny"
    assert not demo_models.reachable(made)
    made.crew.close()


def test_shipped_backbones_are_not_loaded_to_see_whether_they_are_there(ws: Workspace) -> None:
    made = build(ws, "tiny-clip")
    assert not demo_models.reachable(made)
    assert experiments.list_models(ws) == []
    made.crew.close()
