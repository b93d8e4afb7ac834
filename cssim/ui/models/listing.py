"""The models of a project as a table, and frozen ones added to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from cssim.services import experiments
from cssim.services.cards import TRAINED
from cssim.services.offers import BackboneOffer
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ModelInfo, Person
from cssim.ui import jobs_view, tables, train_form, words

_COLUMNS = ("Model", "Kind", "Trained on", "Before", "After", "Held-out triples", "Made")


def draw(
    models: Sequence[ModelInfo],
    clusters: Mapping[int, Cluster],
    problems: Mapping[int, Sequence[str]],
    kept: Collection[int],
) -> None:
    """The table; a model whose backbone or data is gone says so.

    Args:
        models: to be listed, newest last.
        clusters: of the project, by id.
        problems: by id of a model.
        kept: ids of the models that are not archived.
    """
    rows = [
        _row(model, clusters, problems.get(model.id, ()), archived=model.id not in kept)
        for model in reversed(models)
    ]
    tables.table(_COLUMNS, rows, numbers=_COLUMNS[3:6], caption="Models of the project")
    st.caption(
        "Before and after: on the triples of its own set that were held out, how often the model's "
        "distance agrees with the majority, untrained and at the epoch that was kept. It says "
        "whether training helped; which model is best is what **Compare** is for."
    )


def _row(
    model: ModelInfo,
    clusters: Mapping[int, Cluster],
    problems: Sequence[str],
    *,
    archived: bool,
) -> list[str]:
    metrics = model.metrics
    names = [clusters[i].name for i in model.cluster_ids if i in clusters]
    held = metrics.get("held_triples")
    backbone = short_name(model.backbone)
    return [
        tables.lines(
            tables.link(f"/train?model={model.id}#models", model.name),
            tables.quiet(backbone) if backbone != model.name else "",
            *(tables.quiet(f"Problem: {problem}") for problem in problems),
        ),
        tables.words(
            tables.tag(words.MODEL_KINDS[model.kind]), tables.tag("archived") if archived else ""
        ),
        ", ".join(names),
        words.percent(metrics.get("accuracy_untrained")),
        words.percent(metrics.get("accuracy")),
        f"{held:,}" if held else "",
        words.ago(model.created_at),
    ]


def short_name(backbone: str) -> str:
    """A backbone's name; of a folder its last part."""
    folder = backbone.rstrip("/").rsplit("/", 1)[-1]
    return folder if backbone.startswith(("/", "./")) else backbone


def draw_frozen(
    ws: Workspace, user: Person, models: Sequence[ModelInfo], backbones: Sequence[BackboneOffer]
) -> None:
    """Add backbones as they are, and classical metrics, to compare with."""
    there = {model.backbone for model in models if model.kind not in TRAINED}
    by_name = {offer.name: offer for offer in backbones if offer.name not in there}
    with st.form("train_frozen", border=False):
        names = st.multiselect(
            "Backbones and metrics as they are",
            list(by_name),
            format_func=lambda name: train_form.backbone_line(by_name[name]),
            wrap=True,
            filter_mode="contains",
            select_all=False,
            key="train_frozen_names",
            placeholder="Choose what trained models are to be compared with",
        )
        go = st.form_submit_button("Add")
    if go and names:
        jobs_view.start(
            ws,
            lambda: experiments.request_embedding(ws, names, by=user.id),
            "Their embeddings are being computed.",
        )
