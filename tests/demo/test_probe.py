"""What the probes find in embeddings whose content is known."""

import numpy as np
import pytest
from PIL import Image

from cssim.demo import pretrain_views, probe, world
from cssim.demo.scenes import CONTEXTS, SCALES, random_scene


class Knowing:
    """An encoder that finds light and context at fixed places of the vector, and noise elsewhere.

    A picture says by the colours of its one pixel which scene it stands for.
    """

    name, fingerprint, dim = "knowing", "0" * 32, 12

    def __init__(self, scenes):
        self.scenes = scenes

    def embed(self, images):
        rows = []
        for image in images:
            high, low, _ = image.getpixel((0, 0))
            scene, rng = self.scenes[256 * high + low], np.random.default_rng([high, low])
            place = np.eye(8)[CONTEXTS.index(scene.context)]
            rows.append([scene.light, *(3 * place), *rng.normal(0, 0.01, 3)])
        return np.array(rows, dtype=np.float32)


@pytest.fixture(scope="module")
def seen():
    scenes = [random_scene(c, 12, n) for n in range(40) for c in CONTEXTS]
    images = [Image.new("RGB", (1, 1), (*divmod(i, 256), 0)) for i in range(len(scenes))]
    drawn = list(zip(scenes, images, strict=True))
    return probe.see(Knowing(scenes), drawn[:200], drawn[200:])


def test_probes_find_what_is_there_and_nothing_else(seen):
    assert seen.scales["light"] > 0.99
    assert seen.within["light"] > 0.99
    assert all(seen.scales[name] < 0.1 for name in SCALES if name != "light")
    assert seen.context == 1.0
    assert seen.neighbour == 1.0
    assert 0.05 < seen.kind < 0.5  # one of four, once the context is known
    assert seen.per_second > 0


def test_the_nearest_is_never_the_picture_itself():
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    assert probe.nearest_agree(vectors, np.array(["a", "a", "b", "b"])) == 1.0
    assert probe.nearest_agree(vectors, np.array(["a", "b", "a", "b"])) == 0.0


def test_the_command_prints_a_line_for_each_attribute(monkeypatch, capsys):
    drawn = probe.probed(8, 2)
    monkeypatch.setattr(probe, "probed", lambda: drawn)
    probe.main(["histogram"])
    text = capsys.readouterr().out
    assert all(name in text for name in SCALES)
    assert "pictures in a second of processor time" in text


def test_probed_scenes_are_those_of_no_other_world():
    assert len({probe.WORLD, world.WORLD, pretrain_views.WORLD}) == 3
