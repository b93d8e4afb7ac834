"""What a request for learning curves must fulfil, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim import words
from cssim.errors import BadInput, LeakedEvaluation
from cssim.services.plain import plain
from cssim.services.regime_data import Sources, default_sizes
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ClusterKind, ModelInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    import numpy as np


def clusters_named(ws: Workspace, names: Sequence[str]) -> list[Cluster]:
    """The clusters of these names, in order; raises `NotFound`."""
    with ws.database.reading() as session:
        return [library.get_cluster(session, ws.project.id, n) for n in dict.fromkeys(names)]


def refuse_leaks(found: Mapping[str, Sequence[Cluster]]) -> None:
    """Raise `LeakedEvaluation` where a cluster serves two purposes, or a test set another one."""
    words = {"clusters": "train on", "validation": "choose on", "test": "judge on"}
    uses: dict[str, list[str]] = {}
    for key, clusters in found.items():
        for cluster in clusters:
            uses.setdefault(cluster.name, []).append(words[key])
            if cluster.kind is ClusterKind.TEST and key != "test":
                raise LeakedEvaluation(
                    f"{cluster.name} is a test set: expected it to judge on, not to {words[key]}; "
                    "name it as test, or import these answers as another kind of cluster"
                )
    twice = {name: use for name, use in uses.items() if len(use) > 1}
    if twice:
        name, use = next(iter(twice.items()))
        raise LeakedEvaluation(
            f"{name} cannot serve to {' and to '.join(use)}: the answers would be known; name "
            "other clusters, or none, and references are held out"
        )


def backbones_named(ws: Workspace, names: Sequence[str] | None) -> list[ModelInfo]:
    """The frozen models and metrics of these names; None takes all frozen ones."""
    from cssim.embeddings import ssim

    project = ws.project.id
    with ws.database.reading() as session:
        if names is not None:
            models = [runs.get_model(session, project, name) for name in dict.fromkeys(names)]
        else:
            every = runs.list_models(session, project)
            models = [model for model in every if model.kind is ModelKind.FROZEN]
    if not models:
        raise BadInput("there is no frozen model yet: run `embed` for a backbone first")
    trained = [m.name for m in models if m.kind not in (ModelKind.FROZEN, ModelKind.METRIC)]
    if trained:
        raise BadInput(f"{trained[0]} was trained already: expected frozen backbones")
    pictures = [m.name for m in models if ssim.compares(m.fingerprint)]
    if pictures:
        raise BadInput(
            f"{pictures[0]} compares two pictures window by window: expected backbones or metrics "
            "whose embeddings a head can be trained on"
        )
    return models


def sizes_and_validation(
    sources: Sources, sizes: Sequence[int] | None, validation: int | None
) -> tuple[list[int], int]:
    """Numbers of clusters, and of references held out for validation (0 where a set is given)."""
    references = _count(sources.pool.reference)
    held = sources.test is None or sources.validation is None
    chosen = sorted(set(sizes)) if sizes else default_sizes(references, held=held)
    if chosen[0] < 1:
        raise BadInput(f"numbers of clusters are 1 or more, got {chosen}")
    rest = references - chosen[-1]
    if sources.validation is not None:
        kept = 0
    elif validation is not None:
        kept = validation
    else:
        kept = max(1, rest // 3) if sources.test is None else max(1, rest)
    wanted = kept + (sources.test is None)
    if rest < wanted or (sources.validation is None and kept < 1):
        raise BadInput(
            f"{words.count(references, 'reference')} cannot give "
            f"{words.count(chosen[-1], 'cluster')} to train on, {words.count(kept, 'reference')} "
            f"to choose on and {'one or more' if sources.test is None else 'none'} to judge on: "
            "label more references, or ask for fewer clusters"
        )
    return chosen, kept


def _count(reference: np.ndarray[Any, Any]) -> int:
    return len(set(reference.tolist()))


def check_numbers(
    shares: Sequence[float],
    sizes: Sequence[int],
    splits: int,
    seeds: int,
    credit: str,
    more: int,
    draws: int | None,
) -> None:
    """Raise `BadInput` for numbers out of range."""
    if not all(0 < share <= 1 for share in shares):
        raise BadInput(f"shares of the labels lie above 0 and up to 1, got {list(shares)}")
    if len(shares) == 1 and len(sizes) == 1:
        raise BadInput("a curve needs two points: ask for two numbers of clusters, or two shares")
    for word, value, most in (("splits", splits, 100), ("seeds", seeds, 20)):
        if not 1 <= value <= most:
            raise BadInput(f"{word} are 1 to {most}, got {value}")
    if credit not in ("soft", "strict"):
        raise BadInput(f"credit is 'soft' or 'strict', got {credit!r}")
    if more < 1 or (draws is not None and draws < 100):
        raise BadInput(f"labels to add are 1 or more and draws 100 or more, got {more} and {draws}")


def check_settings(cs: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    """Raise `BadInput` for settings of anything but heads on embeddings."""
    from cssim.services.regime_heads import CS_SETTINGS, GLOBAL_SETTINGS
    from cssim.training.config import TrainConfig

    for base, given in ((CS_SETTINGS, cs), (GLOBAL_SETTINGS, whole)):
        config = TrainConfig.from_dict({**base, **plain(given)})
        if config.adapter != "head":
            raise BadInput(f"curves train heads on embeddings, got the adapter {config.adapter!r}")
        if config.block != "antisymmetric":
            raise BadInput(f"curves need the antisymmetric ranking block, got {config.block!r}")
