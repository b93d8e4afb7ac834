"""Scenes: deterministic, and each attribute shows in the picture."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cssim.demo.scenes import (
    CONTEXTS,
    KINDS,
    MEANING,
    SCALES,
    Scene,
    draw,
    random_scene,
    random_scenes,
)
from cssim.errors import BadInput


def middling(context: str, **changes: float) -> Scene:
    values: dict = {name: 0.5 for name in SCALES} | {"weather": 0.1, "light": 0.8} | changes
    return Scene(context=context, kind=int(values.pop("kind", 0)), seed=11, **values)


def pixels(scene: Scene, size: int = 96) -> np.ndarray:
    return np.asarray(draw(scene, size), dtype=np.float64)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_scene_draws_the_same_picture_each_time(context):
    scene = random_scene(context, 3, 5)
    digests = {hashlib.sha256(draw(scene, 64).tobytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("size", [32, 64, 224])
def test_a_picture_has_the_size_asked_for(size):
    image = draw(random_scene("city", 1, 1), size)
    assert image.size == (size, size)
    assert image.mode == "RGB"


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", SCALES)
def test_every_scale_changes_every_context(context, name):
    low, high = middling(context, **{name: 0.05}), middling(context, **{name: 0.95})
    assert np.abs(pixels(low) - pixels(high)).mean() > 2.0  # of 255; equal scenes give 0


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_four_kinds_look_different(context):
    pictures = [pixels(middling(context, kind=kind)) for kind in range(4)]
    gaps = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(gaps) > 2.0


@pytest.mark.parametrize("context", CONTEXTS)
def test_more_light_is_brighter(context):
    night, noon = (pixels(middling(context, light=value)).mean() for value in (0.0, 1.0))
    assert noon > night + 20


def test_the_ocean_horizon_rises_with_the_viewpoint():
    def horizon(height: float) -> int:
        rows = pixels(middling("ocean", height=height, kind=3, density=0.0))[:, :8].mean((1, 2))
        return int(np.argmax(np.abs(np.diff(rows))))

    assert horizon(1.0) < horizon(0.0) - 20


def test_attributes_are_spread_evenly_over_their_range():
    scenes = [scene for _, scene in random_scenes(60, seed=5)]
    for name in SCALES:
        values = np.sort([getattr(scene, name) for scene in scenes])
        uniform = (np.arange(len(values)) + 0.5) / len(values)
        assert np.abs(values - uniform).max() < 0.08  # Kolmogorov-Smirnov, p about .01
    assert {scene.kind for scene in scenes} == {0, 1, 2, 3}


def test_attributes_do_not_depend_on_each_other():
    scenes = [scene for _, scene in random_scenes(100, seed=6)]
    table = np.array([[getattr(scene, name) for name in SCALES] for scene in scenes])
    correlation = np.corrcoef(table.T) - np.eye(len(SCALES))
    assert np.abs(correlation).max() < 0.13


def test_names_are_unique_and_say_the_context():
    named = dict(random_scenes(4, seed=1))
    assert len(named) == 32
    assert all(name.startswith(scene.context + "/") for name, scene in named.items())


def test_another_seed_is_another_world():
    assert random_scene("ocean", 1, 0) != random_scene("ocean", 2, 0)


def test_every_attribute_and_kind_is_documented():
    assert set(MEANING) == {*SCALES, "kind"}
    assert all(len(set(KINDS[context])) == 4 for context in CONTEXTS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"context": "desert"}, "context must be one of"),
        ({"kind": 4}, "kind must be"),
        ({"light": 1.5}, "light must lie in 0..1"),
    ],
)
def test_nonsense_is_refused(change, complaint):
    with pytest.raises(BadInput, match=complaint):
        replace(random_scene("city", 1, 1), **change)


def test_a_tiny_picture_is_refused():
    with pytest.raises(BadInput, match="at least 32 pixels"):
        draw(random_scene("city", 1, 1), 16)
