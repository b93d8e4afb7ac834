"""The cross-validation matrix of an analysis: each CS model on each context cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.services.chosen import Chosen
from cssim.services.encoding import distances_of, refreshed
from cssim.services.library import image_hashes, load_triples
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, ClusterKind, ModelInfo, ModelKind
from db import library

if TYPE_CHECKING:
    from cssim.evaluation.report import CompareSettings


def matrix_of(
    context: JobContext,
    chosen: Chosen,
    settings: CompareSettings,
    reasons: Mapping[str, str],
    notes: list[str],
) -> dict[str, Any] | None:
    """Each CS model on each context cluster; None where there is none of one of them.

    On its own cluster a model is judged by the pages that were held out from its training, where
    these can be told: the answers are those it was trained on, and its settings held some out.

    Args:
        context: of the job.
        chosen: the models.
        settings: how answers earn credit.
        reasons: why models cannot be loaded, by name; these are left out.
        notes: gets what is missing, and why.

    Returns:
        The fields of a `Matrix` as plain values, `home`, `away`, `best`, and `held_out`: whether
        each model's own cluster is judged by held-out pages alone.
    """
    from cssim.evaluation.accuracy import soft_credit, strict_credit
    from cssim.evaluation.matrix import cross_matrix

    ws = context.ws
    models = [m for m in chosen.every.values() if m.kind is ModelKind.CS and m.name not in reasons]
    with ws.database.reading() as session:
        contexts = library.list_clusters(session, ws.project.id, kind=ClusterKind.CONTEXT)
    if not models or not contexts:
        notes.append("No cross-validation matrix: it needs CS models and context clusters.")
        return None
    parts = _with_pixels(ws, contexts, notes)
    if not parts:
        return None
    columns = {cluster.id: k for k, (cluster, _) in enumerate(parts)}
    triples = Triples.concatenate([part for _, part in parts])
    score = soft_credit if settings.credit == "soft" else strict_credit
    rows, held = [], []
    for model in models:
        _, encoder = refreshed(ws, model)
        found = distances_of(ws, encoder, triples, cancelled=context.cancelled)
        credit = score(found, triples.share_a)
        seen = _trained_pages(model, parts)
        rows.append(np.where(np.isin(triples.page, seen), np.nan, credit))
        held.append(bool(len(seen)))
    matrix = cross_matrix(
        [model.name for model in models],
        [cluster.name for cluster, _ in parts],
        np.stack(rows),
        np.repeat(np.arange(len(parts)), [len(part) for _, part in parts]),
        [[columns[i] for i in model.cluster_ids if i in columns] for model in models],
    )
    notes.append("Matrix: own clusters are marked, and judged by pages held out from training.")
    flattered = [model.name for model, honest in zip(models, held, strict=True) if not honest]
    if flattered:
        notes.append(
            f"Matrix: nothing is known to be held out for {', '.join(flattered)}, whose numbers on "
            "their own clusters flatter."
        )
    sums = {"home": matrix.home, "away": matrix.away, "best": matrix.best, "held_out": held}
    return {**asdict(matrix), **sums}


def _trained_pages(model: ModelInfo, parts: Sequence[tuple[Cluster, Triples]]) -> NDArray[np.int64]:
    """Ids of the pages that it was trained on; none where the held-out ones cannot be told."""
    from cssim.training.data import split

    share = float(model.config.get("validation_share", 0.0))
    for cluster, triples in parts:
        same = triples.fingerprint == model.data_fingerprint
        if model.cluster_ids == (cluster.id,) and same and share > 0:
            by, seed = str(model.config["split"]), int(model.config["seed"])
            train, held = split(triples, share, by=by, seed=seed)
            # A page that the published split cuts in two has shown some of its pairs.
            unseen = np.setdiff1d(held.page, train.page)
            return np.asarray(np.setdiff1d(triples.page, unseen))
    return np.zeros(0, dtype=np.int64)


def _with_pixels(
    ws: Workspace, clusters: Sequence[Cluster], notes: list[str]
) -> list[tuple[Cluster, Triples]]:
    found = []
    for cluster in clusters:
        part = load_triples(ws, [cluster.id])
        try:
            image_hashes(ws, part.images)
        except BadInput as error:
            notes.append(f"Matrix without {cluster.name}: {error}")
        else:
            found.append((cluster, part))
    return [(cluster, part) for cluster, part in found if len(part)]
