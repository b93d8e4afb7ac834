"""What to train on and with which backbones: the form of the training page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from cssim.services import batches, experiments, offers, training_plans
from cssim.services.cards import TRAINED
from cssim.services.library import ClusterSummary
from cssim.services.offers import BackboneOffer
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, ModelInfo
from cssim.ui import train_settings, words


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
    found: Sequence[ClusterSummary],
    backbones: Sequence[BackboneOffer],
    models: list[ModelInfo],
    folder: Path | None,
) -> Request | None:
    """The form; what was asked for once its button is pressed, else None.

    Args:
        found: all sets of the project.
        backbones: what can be trained; others are passed over.
        models: of the project.
        folder: where backbones are looked for on the server.
    """
    by_name = {one.cluster.name: one for one in sets_to_train(found)}
    chosen = st.multiselect(
        "Sets to train on",
        list(by_name),
        format_func=lambda name: _set_line(by_name[name]),
        wrap=True,
        filter_mode="contains",
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
    trained = [model.backbone for model in reversed(models) if model.kind in TRAINED]
    picked = _backbones([offer for offer in backbones if offer.trainable], folder, trained)
    config = train_settings.draw(picked)
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
    _estimate(models, picked, config, [by_name[name] for name in chosen], seeds, runs)
    pressed = st.button(
        "Train" if runs <= 1 else f"Train {words.count(runs, 'model')}",
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
    pixels = (
        f", {words.count(one.missing_images, 'image')} without pixels" if one.missing_images else ""
    )
    return f"{one.cluster.name} ({one.cluster.kind}, {words.count(one.triples, 'triple')}{pixels})"


def _backbones(
    offered: Sequence[BackboneOffer], models: Path | None, trained: Sequence[str]
) -> list[BackboneOffer]:
    by_name = {offer.name: offer for offer in offered}
    names = st.multiselect(
        "Backbones",
        list(by_name),
        default=likely(offered, trained),
        format_func=lambda name: backbone_line(by_name[name]),
        wrap=True,
        filter_mode="contains",
        select_all=False,
        key="train_backbones",
        help="The pretrained networks that are adapted; each gives models of its own. Folders in "
        f"the format of Hugging Face are offered a minute after they were put into `{models}` on "
        "the server.",
    )
    chosen = [by_name[name] for name in names]
    for offer in chosen:
        if not offer.reachable:
            st.info(words.plain_markdown(offer.reason), icon=":material/cloud_off:")
    return chosen


def likely(offered: Sequence[BackboneOffer], trained: Sequence[str]) -> list[str]:
    """The backbone to begin with: of the newest trained model, else a real one that is here.

    Args:
        offered: backbones that can be trained.
        trained: backbones of the project's trained models, newest first.
    """
    names = [offer.name for offer in offered]
    real = [offer.name for offer in offered if offer.reachable and not offer.tiny]
    return [name for name in (*trained, *real, *names) if name in names][:1]


def backbone_line(offer: BackboneOffer) -> str:
    """A backbone in one line, e.g. `dino-vits16 (22 million parameters, not on this machine)`."""
    parts = ["for trying out"] * offer.tiny
    parts += [f"{offer.parameters:.2g} million parameters"] * bool(offer.parameters)
    parts += ["not on this machine"] * (not offer.reachable)
    name = offer.name.rstrip("/").rsplit("/", 1)[-1] if offer.name.startswith("/") else offer.name
    return f"{name} ({', '.join(parts)})" if parts else name


def _estimate(
    models: list[ModelInfo],
    backbones: Sequence[BackboneOffer],
    config: Mapping[str, Any],
    sets: Sequence[ClusterSummary],
    seeds: int,
    runs: int,
) -> None:
    """What there is to learn from, and how long it will take."""
    triples = sum(one.triples for one in sets)
    if not backbones or not triples:
        return
    expected = [
        offers.expected_seconds(
            models, offer.name, config["adapter"], triples, int(config["epochs"])
        )
        for offer in backbones
    ]
    known = [seconds for seconds in expected if seconds is not None]
    text = f"{words.count(triples, 'triple')}{_made_of(sets, triples)}"
    if len(known) == len(expected):
        seconds = seeds * sum(known)
        text += f"; at most about {words.duration(seconds)} at the speed of the last such training"
        text += ", one after the other" if runs > 1 else ""
    st.caption(text)


def _made_of(sets: Sequence[ClusterSummary], triples: int) -> str:
    """Ties, pairs in the same class, and votes for each judgement, where there are any."""
    ties = sum(one.tie_share * one.triples for one in sets) / triples
    same = sum(one.same_class_share * one.triples for one in sets) / triples
    judgements = sum(one.judgements for one in sets)
    votes = sum(one.votes for one in sets) / judgements if judgements else 0.0
    text = f", {words.percent(ties)} ties" if ties else ", no ties"
    if any(n for one in sets for n in one.classes.values()):
        text += f", {words.percent(same)} with both candidates in the same class"
    return f"{text}, {votes:.1f} votes for each judgement" if votes > 1 else text
