"""Pictures for tiny trainings."""

import pytest
import torch

from cssim.demo.pretrain_views import pictures
from cssim.demo.scenes import random_scenes


@pytest.fixture(scope="session")
def tiny_pictures():
    """(48, 3, 112, 112) uint8 pictures and their 48 scenes, for one thread."""
    torch.set_num_threads(1)
    scenes = [scene for _, scene in random_scenes(6, seed=7)]
    return pictures(scenes), scenes
