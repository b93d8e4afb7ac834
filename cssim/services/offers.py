"""What may be chosen when training and combining, in words: backbones, settings, strategies."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from cssim.services.workspace import Workspace
from cssim.types import ModelInfo, ModelKind


@dataclass(frozen=True, slots=True)
class BackboneOffer:
    """A backbone or metric that can be asked for."""

    name: str
    """What training and embedding call it."""
    trainable: bool
    """False for metrics without weights."""
    reachable: bool
    """Whether it can be loaded now without a network."""
    reason: str
    """Where it lies, or what to do to get it."""
    parameters: float
    """Millions of parameters; 0 where unknown."""
    licence: str
    family: str = "unknown"
    """As of `BackboneSpec`; says which layers LoRA can adapt."""
    tiny: bool = False
    """Comes with CS-Sim and knows the demo's scenes only: for trying things out."""


def backbone_offers(ws: Workspace) -> list[BackboneOffer]:
    """All backbones and metrics: those on this machine first, then those that must be fetched.

    Beside the registry these are the folders of `CSSIM_MODELS` and the folders that the project's
    models were made from.
    """
    from cssim.embeddings import backbones

    names = dict.fromkeys(
        (*backbones.shipped(), *_folders(ws.settings.models), *_used(ws), *backbones.known())
    )
    offers = [_offer(name, ws.settings.models) for name in names]
    return sorted(offers, key=lambda offer: (not offer.reachable, not offer.trainable))


def _offer(name: str, models: Path | None) -> BackboneOffer:
    from cssim.embeddings import backbones
    from cssim.errors import NotFound

    reachable, reason = backbones.status(name, models=models)
    try:
        spec = backbones.resolve(name, models=models)
    except NotFound:  # `status` has said why; a folder that the project used may be gone
        return BackboneOffer(name, True, False, reason, 0.0, "")
    return BackboneOffer(
        name,
        spec.family != "metric",
        reachable,
        reason,
        spec.parameters,
        spec.licence,
        spec.family,
        name in backbones.shipped(),
    )


_ATTENTION = ("q_proj", "k_proj", "v_proj")
LAYERS = {
    "vit": (*_ATTENTION, "o_proj", "fc1", "fc2"),
    "clip": (*_ATTENTION, "out_proj", "fc1", "fc2"),
    "siglip": (*_ATTENTION, "out_proj", "fc1", "fc2"),
    "cnn": ("convolution",),
    "convnext": ("pwconv1", "pwconv2"),
}
"""Layers that LoRA can adapt by family; all of the name in the blocks that learn."""


def lora_layers(offered: Sequence[BackboneOffer]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(layers that can be chosen for some of these backbones, those that are the default)."""
    from cssim.embeddings.backbones import LORA_TARGETS

    families = list(dict.fromkeys(offer.family for offer in offered))
    layers = dict.fromkeys(name for family in families for name in LAYERS.get(family, ()))
    default = dict.fromkeys(n for family in families for n in LORA_TARGETS.get(family, ()))
    return tuple(layers), tuple(default)


def _folders(models: Path | None) -> list[str]:
    """Names of the model folders below `models`, as `resolve` takes them: `owner/name`, `name`."""
    from cssim.embeddings.weights import is_model_folder

    if models is None or not models.is_dir():
        return []
    found = [f for pattern in ("*", "*/*") for f in models.glob(pattern) if is_model_folder(f)]
    return sorted(folder.relative_to(models).as_posix() for folder in found)


def _used(ws: Workspace) -> list[str]:
    from cssim.services.cards import backbone_of
    from cssim.services.experiments import list_models

    return [backbone_of(ws, model) for model in list_models(ws)]


@dataclass(frozen=True, slots=True)
class SettingOffer:
    """A field of `TrainConfig`."""

    name: str
    meaning: str
    """One or two sentences with the unit and the range."""
    default: Any
    """As the chosen adapter and recipe fill it in."""


def training_settings(adapter: str = "lora", recipe: str = "default") -> dict[str, SettingOffer]:
    """Every setting of a training run, by name: its meaning, and what adapter and recipe take."""
    from cssim.training.config import TrainConfig

    config = TrainConfig.from_dict({"adapter": adapter, "recipe": recipe})
    meanings = _meanings(TrainConfig)
    return {
        field.name: SettingOffer(
            field.name, meanings.get(field.name, ""), getattr(config, field.name)
        )
        for field in fields(TrainConfig)
    }


def training_choices() -> Mapping[str, tuple[str, ...]]:
    """The values of those training settings that are one of a few words."""
    from cssim.training.config import ADAPTERS, BLOCKS, RECIPES, SCHEDULES, SPLITS

    return {
        "adapter": ADAPTERS,
        "recipe": tuple(RECIPES),
        "split": SPLITS,
        "schedule": SCHEDULES,
        "block": BLOCKS,
    }


def _meanings(cls: type) -> dict[str, str]:
    """The line under each field of a dataclass; Python itself keeps none."""
    (body,) = (
        node.body
        for node in ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        if isinstance(node, ast.ClassDef)
    )
    found: dict[str, str] = {}
    for before, after in pairwise(body):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[before.target.id] = " ".join(after.value.value.split())
    return found


def strategy_titles() -> dict[str, tuple[str, bool]]:
    """Each way to combine models: its title, and whether it must be fitted on answers."""
    from cssim.ensembles.strategies import STRATEGIES

    return {name: (row.title, row.needs_labels) for name, row in STRATEGIES.items()}


def expected_seconds(
    models: list[ModelInfo], backbone: str, adapter: str, triples: int, epochs: int
) -> float | None:
    """How long training would take if it went as last time; None without a last time.

    Args:
        models: of the project; the newest with this backbone and adapter is the measure.
        backbone: as in `ModelInfo.backbone`.
        adapter: as in `TrainConfig.adapter`.
        triples: to train on, the held-out ones included.
        epochs: at most; training may stop earlier.
    """
    for model in reversed(models):
        if model.kind not in (ModelKind.CS, ModelKind.GLOBAL) or model.backbone != backbone:
            continue
        speed = model.metrics.get("triples_per_second")
        if speed and model.config.get("adapter") == adapter:
            share = 1 - float(model.config.get("validation_share", 0.0))
            return triples * share * epochs / float(speed)
    return None
