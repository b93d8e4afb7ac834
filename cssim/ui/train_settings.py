"""How to train: the settings on the form of the training page, filled in by adapter and recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cssim.services import offers
from cssim.services.offers import BackboneOffer, SettingOffer

MAIN = ("rank", "epochs", "lr")
"""Settings beside the adapter that are shown at once."""
_LABELS = {
    "rank": "Rank",
    "alpha": "Alpha",
    "dropout": "Dropout",
    "last_blocks": "Last blocks that learn (0: all)",
    "epochs": "Epochs",
    "lr": "Learning rate",
    "ranking_lr": "Learning rate of the ranking block",
    "schedule": "Learning rate over time",
    "weight_decay": "Weight decay",
    "batch_pages": "Pages per step",
    "batch_triples": "Single triples per step (0: whole pages)",
    "held_images": "Images held at once (0: by device)",
    "block": "Ranking block",
    "choice_weight": "Weight of the choice loss",
    "order_weight": "Weight of the order loss",
    "margin": "Margin",
    "class_margin": "Margin per class step",
    "validation_share": "Share held out",
    "split": "Held out by",
    "patience": "Patience, epochs",
    "augment": "Augment images",
    "soft": "Learn shares of votes",
    "clip": "Gradient norm at most",
    "seed": "Seed",
}
"""How settings are called on the page; those that are not here are for the command line."""
_ADAPTERS = {"lora": "LoRA", "head": "Head", "full": "All weights"}
_RECIPES = {"default": "Ours", "paper": "As published", "global": "Strong global model"}


def draw(backbones: Sequence[BackboneOffer]) -> dict[str, Any]:
    """Fields of `TrainConfig` for models on these backbones."""
    adapter = st.segmented_control(
        "What learns",
        list(offers.training_choices()["adapter"]),
        default="lora",
        required=True,
        format_func=lambda name: _ADAPTERS.get(name, name),
        key="train_adapter",
        help=offers.training_settings()["adapter"].meaning,
    )
    recipe = st.segmented_control(
        "Recipe",
        list(offers.training_choices()["recipe"]),
        default="default",
        required=True,
        format_func=lambda name: _RECIPES.get(name, name),
        key="train_recipe",
        help="Fills the settings below in. As published: Liao and Chen 2024, single triples with "
        "augmentation. Strong global model: rank 16 and a hinge on the distance alone.",
    )
    every = offers.training_settings(adapter or "lora", recipe or "default")
    config: dict[str, Any] = {"adapter": adapter or "lora"}
    place = f"{adapter}_{recipe}"  # another recipe shows its own values, not those typed before
    for column, name in zip(st.columns(len(MAIN)), MAIN, strict=True):
        with column:
            config[name] = _setting(every[name], place)
    with st.expander("More settings"):
        if adapter == "lora":
            config["targets"] = _layers(backbones, every["targets"].meaning)
        rest = [name for name in _LABELS if name not in MAIN and not _idle(name, adapter)]
        columns = st.columns(3)
        for i, name in enumerate(rest):
            with columns[i % 3]:
                config[name] = _setting(every[name], place)
    return config


def _layers(backbones: Sequence[BackboneOffer], meaning: str) -> list[str]:
    """Which layers LoRA adapts; none stands for each family's default."""
    layers, default = offers.lora_layers(backbones)
    return st.multiselect(
        "Layers that LoRA adapts",
        layers,
        key="train_targets",
        placeholder=f"{', '.join(default)} (default)" if default else "known once it is loaded",
        accept_new_options=True,
        wrap=True,
        help=meaning,
    )


def _idle(name: str, adapter: str | None) -> bool:
    """Whether a setting means nothing to this adapter."""
    return adapter == "head" and name in ("augment", "last_blocks", "dropout", "held_images")


def _setting(offer: SettingOffer, place: str) -> Any:
    label, key = _LABELS[offer.name], f"train_{place}_{offer.name}"
    if offer.name == "last_blocks":
        blocks = st.number_input(label, 0, 1000, offer.default or 0, key=key, help=offer.meaning)
        return int(blocks) or None
    if offer.name in ("split", "schedule", "block"):
        choices = offers.training_choices()[offer.name]
        return st.selectbox(
            label, choices, index=choices.index(offer.default), key=key, help=offer.meaning
        )
    if isinstance(offer.default, bool):
        return st.checkbox(label, offer.default, key=key, help=offer.meaning)
    if isinstance(offer.default, int):
        return st.number_input(
            label, value=offer.default, min_value=0, step=1, key=key, help=offer.meaning or None
        )
    return st.number_input(
        label,
        value=float(offer.default),
        min_value=0.0,
        step=float(offer.default) / 10 or 0.05,
        format="%g",
        key=key,
        help=offer.meaning,
    )
