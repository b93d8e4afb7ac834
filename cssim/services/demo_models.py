"""What the demo computes: models, ensembles, where each is right, and the comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cssim.services import analyses, analysing, evaluation, experiments, inspecting, surveys
from cssim.services.demo_build import TEST, VALIDATION, Build
from cssim.services.encoding import register_frozen
from cssim.services.jobs import JobRequest
from cssim.services.library import image_hashes
from cssim.types import EvaluationInfo, ModelKind

METRICS = ("histogram", "hog", "ssim")
TRAINING: dict[str, Any] = {"rank": 16, "last_blocks": 1, "lr": 1e-2, "patience": 5}
"""Fields of `TrainConfig` for models on a tiny backbone; on another one all take their defaults.
Tiny ones need larger steps, and the last block alone learns: all before it is computed once."""
TRAINING_GLOBAL: dict[str, Any] = {"rank": 16, "last_blocks": 1, "lr": 5e-3, "batch_pages": 32}
"""Likewise for the global models. On answers like those of validation, in a world of another seed,
this made a stronger rival (73.7 %, six passes) than the recipe `global` (72.3 %, four passes at the
better of two rates)."""
NETWORKS = "mlp-"
"""Names of strategies that fit networks begin so."""
ON_ALL, ON_VALIDATION = "global on all answers", "global on validation"
"""The rivals: one model for everything. The first has seen the answers of the CS models and those
that the ensembles are fitted on, so both sides had the same."""


def trained(build: Build) -> bool:
    """Frozen backbones, metrics, a CS model of each context, and global ones."""
    present = build.model_names()
    frozen = [name for name in build.backbones if frozen_title(build, name) is None]
    metrics = [name for name in METRICS if name not in present]
    requests = [
        experiments.embedding_request(build.ws, names) for names in (frozen, metrics) if names
    ]
    requests += [*_global_models(build, present), *_cs_models(build, present)]
    if requests:
        build.do_all(requests)
    return bool(requests)


def reachable(build: Build) -> bool:
    """Backbones that may have to be fetched are fetched before anything is drawn, or refused."""
    from cssim.embeddings.backbones import shipped

    fetched = [
        name
        for name in build.backbones
        if name not in shipped() and frozen_title(build, name) is None
    ]
    for name in fetched:
        register_frozen(build.ws, name)
    return bool(fetched)


def frozen_title(build: Build, name: str) -> str | None:
    """What the model of a frozen backbone is called; None where there is none yet.

    A folder goes by its own name, see `register_frozen`.
    """
    folder = Path(name)
    source = str(folder.resolve()) if folder.is_dir() else name
    found = [
        model.name
        for model in experiments.list_models(build.ws)
        if model.kind is ModelKind.FROZEN and model.backbone == source
    ]
    return found[0] if found else None


def embedded(build: Build) -> bool:
    """All pictures, by every model: whatever looks at them afterwards finds their vectors there."""
    from cssim.embeddings.store import EmbeddingCache

    cache = EmbeddingCache(build.ws.settings.embeddings)
    hashes = set(image_hashes(build.ws, list(build.scenes())).values())
    requests = [
        experiments.embedding_request(build.ws, [model.name])
        for model in experiments.list_models(build.ws)
        if cache.count(model.fingerprint, list(hashes)) < len(hashes)
    ]
    if requests:
        build.do_all(requests)
    return bool(requests)


def ensembles(build: Build) -> bool:
    """The CS models together, by each strategy."""
    present = {ensemble.name for ensemble in experiments.list_ensembles(build.ws, archived=True)}
    wanted = build.size.strategies or experiments.strategy_names()
    missing = [strategy for strategy in wanted if f"CS {strategy}" not in present]
    requests = [
        experiments.ensemble_request(
            build.ws,
            f"CS {strategy}",
            _cs_names(),
            strategy=strategy,
            fit_on=[VALIDATION],
            shuffles=0 if strategy.startswith(NETWORKS) else build.size.shuffles,
        )
        for strategy in missing
    ]
    if requests:
        build.do_all(requests)
    return bool(requests)


def results(build: Build) -> bool:
    """Everything on the test set, where each is right, and how well people agree; once."""
    ws, stored, requests = build.ws, _stored(build), list[JobRequest]()
    anchor = frozen_title(build, build.backbones[0])
    asked: dict[str, Any] = {"anchor": anchor, "name": TEST}
    if not inspecting.list_inspections(ws):  # the longest first
        requests.append(inspecting.inspection_request(ws, [VALIDATION, TEST]))
    if not stored or analyses.newest_analysis(ws, stored[0]) is None:
        # Without shuffles: those of each ensemble were made when it was fitted.
        requests.append(analysing.analysis_request(ws, [TEST], shuffles=0, **asked))
    if not stored:
        requests.append(evaluation.comparison_request(ws, [TEST], **asked))
    if surveys.latest_survey(ws) is None:
        requests.append(surveys.survey_request())
    if requests:
        build.do_all(requests)
    build.evaluation = _stored(build)[0].id
    return bool(requests)


def _stored(build: Build) -> list[EvaluationInfo]:
    return [info for info in evaluation.list_comparisons(build.ws) if info.name == TEST]


def _cs_names() -> list[str]:
    from cssim.demo.scenes import CONTEXTS

    return [f"CS {context}" for context in CONTEXTS]


def _cs_models(build: Build, present: set[str]) -> list[JobRequest]:
    from cssim.demo.scenes import CONTEXTS

    missing = [context for context in CONTEXTS if f"CS {context}" not in present]
    return (
        experiments.training_requests(
            build.ws,
            missing,
            build.backbones[0],
            names=[f"CS {context}" for context in missing],
            config={**_settings(build, TRAINING, {}), "epochs": build.size.epochs},
        )
        if missing
        else []
    )


def _global_models(build: Build, present: set[str]) -> list[JobRequest]:
    """The long ones, which are to start before the CS models."""
    from cssim.demo.scenes import CONTEXTS

    made = []
    for name, clusters in ((ON_ALL, [*CONTEXTS, VALIDATION]), (ON_VALIDATION, [VALIDATION])):
        if name not in present:
            made += experiments.training_requests(
                build.ws,
                clusters,
                build.backbones[0],
                names=[name],
                together=True,
                config={
                    **_settings(build, TRAINING_GLOBAL, {"recipe": "global"}),
                    "epochs": build.size.global_epochs,
                },
            )
    return made


def _settings(build: Build, tiny: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    from cssim.embeddings.backbones import shipped

    return tiny if build.backbones[0] in shipped() else other
