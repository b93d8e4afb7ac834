"""A project with pictures, answers and a tiny network, once on each database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cssim.config import Settings, load_settings
from cssim.services import library
from cssim.services.workspace import Workspace, open_workspace
from tests.world import World


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, ensembles_home: Path) -> Iterator[Workspace]:
    """A copy of `ensembles_home`, one for each file of tests."""
    home = shutil.copytree(ensembles_home, tmp_path_factory.mktemp("embedded") / "home")
    opened = open_workspace(load_settings({}, home=home))
    yield opened
    opened.close()


@pytest.fixture
def filled(settings: Settings, world: World) -> Iterator[Workspace]:
    """Pictures in, two references as context clusters, the others for validation and test."""
    ws = open_workspace(settings)
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=list(world.references[:2]))
    yield ws
    ws.close()
