"""The small world with everything embedded and a few ensembles, for tests of what asks them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cssim.config import load_settings
from cssim.services import experiments, jobs, library
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobState
from tests.world import World

MEMBERS = ("histogram", "hog", "tiny")
ENSEMBLES = {"both": "uniform", "near": "knn", "voters": "vote"}
"""Name -> strategy."""


def with_ensembles(home: Path, world: World) -> Workspace:
    """Two metrics and a tiny ViT have embedded all pictures; ensembles are fitted on validation."""
    torch.set_num_threads(1)
    ws = open_workspace(load_settings({}, home=home))
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=list(world.references[:2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        embed(ws, ["histogram", "hog", str(world.network)])
        for name, strategy in ENSEMBLES.items():
            request = experiments.ensemble_request(
                ws, name, MEMBERS, strategy=strategy, fit_on=["w-validation"], features="tiny"
            )
            assert jobs.run_here(ws, request).state is JobState.DONE
    return ws


def embed(ws: Workspace, names: list[str]) -> None:
    done = jobs.run_here(ws, experiments.embedding_request(ws, names))
    assert done.state is JobState.DONE, done.error
