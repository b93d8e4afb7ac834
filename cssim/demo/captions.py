"""Scenes in words: what the captions of the tiny CLIP's training pairs say."""

from __future__ import annotations

import numpy as np

from cssim.demo.scenes import CONTEXTS, KINDS, Scene

LEVELS: dict[str, tuple[str, ...]] = {
    "light": ("night", "twilight", "sunset", "morning", "midday"),
    "weather": ("clear", "light clouds", "overcast", "wet", "storm"),
    "warmth": ("cold", "cool", "mild", "warm", "glowing"),
    "density": ("empty", "sparse", "moderate", "busy", "crowded"),
    "height": (
        "low horizon",
        "lowish horizon",
        "middle horizon",
        "highish horizon",
        "high horizon",
    ),
    "side": ("far left", "left", "centre", "right", "far right"),
    "nearness": ("distant", "some way off", "medium", "near", "close up"),
}
"""Five words for each scale, from 0 to 1."""

VOCABULARY = tuple(
    sorted(
        {
            *CONTEXTS,
            *(k for ks in KINDS.values() for k in ks),
            *(w for ws in LEVELS.values() for w in ws),
        }
    )
)
"""Every phrase that a caption may hold."""


def phrases(scene: Scene) -> list[str]:
    """Everything that a caption can say about a scene: context, subject, one word per scale."""
    levels = [words[min(int(5 * getattr(scene, name)), 4)] for name, words in LEVELS.items()]
    return [scene.context, scene.subject, *levels]


def caption(scene: Scene, rng: np.random.Generator, *, keep: float = 0.75) -> str:
    """A caption that says each thing with probability `keep`, and the context always."""
    said = phrases(scene)
    return ", ".join([said[0], *(p for p in said[1:] if rng.random() < keep)])
