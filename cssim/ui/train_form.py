"""What to train on, which backbone, and how: the form of the training page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cssim.services import batches, experiments, offers, training_plans
from cssim.services.library import ClusterSummary
from cssim.services.offers import BackboneOffer, SettingOffer
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, ModelInfo
from cssim.ui import words

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


@dataclass(frozen=True)
class Request:
    """What the form asks for."""

    clusters: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: int
    config: Mapping[str, Any]
    together: bool
    name: str


def submit(ws: Workspace, asked: Request, by: int) -> list[int]:
    """Ids of the jobs that do what was asked for; errors as of `training_plan`."""
    one = len(asked.backbones) == 1 and asked.seeds == 1
    if one and (len(asked.clusters) == 1 or asked.together):
        return experiments.request_training(
            ws,
            asked.clusters,
            asked.backbones[0],
            config=asked.config,
            names=[asked.name] if asked.name else None,
            together=asked.together,
            by=by,
        )
    batch = training_plans.request_training_plan(
        ws,
        asked.clusters,
        asked.backbones,
        config=asked.config,
        seeds=asked.seeds,
        together=asked.together,
        by=by,
    )
    return [job.id for job in batches.batch_progress(ws, batch).jobs]


def sets_to_train(found: Sequence[ClusterSummary]) -> list[ClusterSummary]:
    """Sets with answers that nobody is measured on, context sets first."""
    usable = [
        one
        for one in found
        if one.triples and one.cluster.kind in (ClusterKind.CONTEXT, ClusterKind.VALIDATION)
    ]
    return sorted(usable, key=lambda one: one.cluster.kind is not ClusterKind.CONTEXT)


def draw(
    found: Sequence[ClusterSummary], backbones: Sequence[BackboneOffer], models: list[ModelInfo]
) -> Request | None:
    """The form; what was asked for once its button is pressed, else None."""
    by_name = {one.cluster.name: one for one in sets_to_train(found)}
    chosen = st.multiselect(
        "Sets to train on",
        list(by_name),
        format_func=lambda name: _set_line(by_name[name]),
        wrap=True,
        key="train_sets",
        placeholder="Choose one or several",
        help="Each set gives a model of its own, in a job of its own.",
    )
    bare = [name for name in chosen if by_name[name].missing_images]
    if bare:
        st.warning(
            f"{words.plain_markdown(', '.join(bare))}: images without pixels, so nothing can be "
            "trained on it. Import the picture files first.",
            icon=":material/image_not_supported:",
        )
    together = len(chosen) > 1 and st.checkbox(
        "One global model on all of them together", key="train_together"
    )
    picked = _backbones([offer for offer in backbones if offer.trainable])
    config = _settings()
    seeds = int(
        st.number_input(
            "Seeds",
            1,
            training_plans.MAX_SEEDS,
            key="train_seeds",
            help="Train each model so many times, with one seed after the other.",
        )
    )
    groups = 1 if together else len(chosen)
    runs = groups * len(picked) * seeds
    single = runs == 1
    name = (
        st.text_input(
            "Name of the model", key="train_name", placeholder="set and backbone, if left empty"
        )
        if single
        else ""
    )
    triples = [by_name[name].triples for name in chosen]
    _estimate(models, picked, config, triples, seeds, runs)
    pressed = st.button(
        "Train" if runs <= 1 else f"Train {runs} models",
        type="primary",
        icon=":material/model_training:",
        disabled=not runs or bool(bare),
        key="train_go",
    )
    if not pressed or not runs:
        return None
    names = tuple(offer.name for offer in picked)
    return Request(tuple(chosen), names, seeds, config, bool(together), name.strip())


def _set_line(one: ClusterSummary) -> str:
    pixels = f", {one.missing_images:,} images without pixels" if one.missing_images else ""
    return f"{one.cluster.name} ({one.cluster.kind}, {words.count(one.triples, 'triple')}{pixels})"


def _backbones(offered: Sequence[BackboneOffer]) -> list[BackboneOffer]:
    by_name = {offer.name: offer for offer in offered}
    names = st.multiselect(
        "Backbones",
        list(by_name),
        default=list(by_name)[:1],
        format_func=lambda name: backbone_line(by_name[name]),
        wrap=True,
        key="train_backbones",
        help="The pretrained networks that are adapted; each gives models of its own.",
    )
    chosen = [by_name[name] for name in names]
    for offer in chosen:
        if not offer.reachable:
            st.info(words.plain_markdown(offer.reason), icon=":material/cloud_off:")
    return chosen


def backbone_line(offer: BackboneOffer) -> str:
    """A backbone in one line, e.g. `tiny-vit (0.9 million parameters)`."""
    parts = [f"{offer.parameters:g} million parameters"] * bool(offer.parameters)
    parts += ["not on this machine"] * (not offer.reachable)
    name = offer.name.rstrip("/").rsplit("/", 1)[-1] if offer.name.startswith("/") else offer.name
    return f"{name} ({', '.join(parts)})" if parts else name


def _settings() -> dict[str, Any]:
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
        rest = [name for name in _LABELS if name not in MAIN and not _idle(name, adapter)]
        columns = st.columns(3)
        for i, name in enumerate(rest):
            with columns[i % 3]:
                config[name] = _setting(every[name], place)
    return config


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


def _estimate(
    models: list[ModelInfo],
    backbones: Sequence[BackboneOffer],
    config: Mapping[str, Any],
    triples: Sequence[int],
    seeds: int,
    runs: int,
) -> None:
    if not backbones or not triples:
        return
    expected = [
        offers.expected_seconds(
            models, offer.name, config["adapter"], sum(triples), int(config["epochs"])
        )
        for offer in backbones
    ]
    known = [seconds for seconds in expected if seconds is not None]
    text = words.count(sum(triples), "triple")
    if len(known) == len(expected):
        seconds = seeds * sum(known)
        text += f"; at most about {words.duration(seconds)} at the speed of the last such training"
        text += ", one after the other" if runs > 1 else ""
    st.caption(text)
