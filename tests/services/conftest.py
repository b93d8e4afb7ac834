"""A project with pictures, answers and a tiny network, once on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cssim.config import Settings
from cssim.services import library
from cssim.services.workspace import Workspace, open_workspace
from tests.world import World, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def filled(settings: Settings, world: World) -> Iterator[Workspace]:
    """Pictures in, two references as context clusters, the others for validation and test."""
    ws = open_workspace(settings)
    library.add_images(ws, [world.images])
    library.import_labels(ws, world.answers, cluster="w", per_reference=list(world.references[:2]))
    yield ws
    ws.close()
