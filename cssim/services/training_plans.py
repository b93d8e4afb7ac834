"""Many trainings as one request: clusters times backbones times seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cssim import words
from cssim.errors import BadInput
from cssim.services.batches import enqueue_batch
from cssim.services.experiments import requests_on, trainable_groups
from cssim.services.jobs import JobRequest
from cssim.services.library import cluster_summaries
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind

MAX_SEEDS = 100


def sets_to_train(ws: Workspace) -> list[str]:
    """Names of the sets with answers that nobody is measured on: contexts and validation sets.

    Raises:
        BadInput: there is none.
    """
    kinds = (ClusterKind.CONTEXT, ClusterKind.VALIDATION)
    found = [
        one.cluster for one in cluster_summaries(ws) if one.triples and one.cluster.kind in kinds
    ]
    if not found:
        raise BadInput("no context or validation set has answers yet: label one, or import labels")
    return [cluster.name for cluster in sorted(found, key=lambda one: kinds.index(one.kind))]


def training_plan(
    ws: Workspace,
    clusters: Sequence[str],
    backbones: Sequence[str],
    *,
    config: Mapping[str, Any] | None = None,
    seeds: int = 1,
    together: bool = False,
) -> list[JobRequest]:
    """Checked requests to train on each cluster, with each backbone and each seed.

    Models are called cluster-backbone, and with several seeds cluster-backbone-s<seed>.

    Args:
        ws: the workspace.
        clusters: names of clusters with answers.
        backbones: names that `load_backbone` understands.
        config: fields of `TrainConfig`; `seed` is the first of the seeds.
        seeds: how many, 1 to `MAX_SEEDS`; one after the other.
        together: one global model on the answers of all clusters instead of one for each.

    Raises:
        BadInput: no backbone, one named twice, or seeds out of range.
        CSSimError: see `experiments.training_requests`.
    """
    if not backbones or len(set(backbones)) < len(backbones):
        raise BadInput(f"a plan needs backbones, each named once, got {list(backbones)}")
    if not 1 <= seeds <= MAX_SEEDS:
        raise BadInput(f"seeds must lie in 1..{MAX_SEEDS}, got {seeds}")
    settings = dict(config or {})
    first = int(settings.pop("seed", 0))
    groups = trainable_groups(ws, clusters, together=together)
    stems = ["+".join(clusters)] if together else list(clusters)
    found: list[JobRequest] = []
    for backbone in backbones:
        for seed in range(first, first + seeds):
            end = f"-{Path(backbone).name}" + (f"-s{seed}" if seeds > 1 else "")
            found += requests_on(
                ws,
                groups,
                backbone,
                config={**settings, "seed": seed},
                names=[f"{stem[: 200 - len(end)]}{end}" for stem in stems],
            )
    return found


def request_training_plan(
    ws: Workspace,
    clusters: Sequence[str],
    backbones: Sequence[str],
    *,
    name: str = "",
    by: int | None = None,
    **options: Any,
) -> int:
    """The id of the batch of queued jobs; see `training_plan`."""
    requests = training_plan(ws, clusters, backbones, **options)
    title = name or (
        f"{words.count(len(requests), 'training')}: {', '.join(clusters)} "
        f"with {', '.join(Path(b).name for b in backbones)}"
    )
    return enqueue_batch(ws, title, requests, by=by)
