"""The job `compare`: distances, credits, leakage and fingerprints of what is compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import cssim
from cssim.errors import BadInput, CSSimError, NotFound, Unavailable
from cssim.services.encoding import distances_of, features_of, refreshed
from cssim.services.leaks import Seen, leaks_of
from cssim.services.library import load_triples
from cssim.services.plain import plain
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, ClusterKind, EnsembleInfo, ModelInfo
from db import library, runs

if TYPE_CHECKING:
    from cssim.ensembles.strategies import Fitted
    from cssim.evaluation.leakage import MemberLeak
    from cssim.evaluation.report import CompareSettings, Contender, EvaluatedSet

Floats = NDArray[np.float64]

_DISTANCES = 0.9
"""Share of the progress bar up to the distances; the rest is near duplicates and statistics."""


@dataclass(frozen=True)
class Chosen:
    """What a comparison compares."""

    model_ids: Sequence[int]
    """The models with a row of their own."""
    ensembles: Sequence[EnsembleInfo]
    every: Mapping[int, ModelInfo]
    """These models and the ensembles' members, by id."""
    anchor: str | None = None

    @property
    def models(self) -> list[ModelInfo]:
        """The models with a row of their own."""
        return [self.every[i] for i in self.model_ids]

    def members(self, ensemble: EnsembleInfo) -> list[ModelInfo]:
        """The members of one ensemble, in order."""
        return [self.every[i] for i in ensemble.member_ids]


def run_compare(context: JobContext) -> Mapping[str, Any]:
    """Job `compare`: compute and store; gives the id of the evaluation.

    A model that cannot be loaded stands in the table with the reason and without a number.
    """
    from cssim.evaluation.accuracy import soft_credit, strict_credit
    from cssim.evaluation.compare import compare
    from cssim.evaluation.leakage import refuse_leaks
    from cssim.evaluation.report import CompareSettings

    ws, params = context.ws, context.job.params
    with ws.database.reading() as session:
        by_id = library.clusters_by_id(session, params["clusters"])
        looks = runs.count_looks(session, params["clusters"])
        ensembles = [runs.get_ensemble(session, ws.project.id, e) for e in params["ensembles"]]
        members = [i for e in ensembles for i in e.member_ids]
        every = runs.models_by_id(session, [*params["models"], *members])
    clusters = [by_id[i] for i in params["clusters"]]
    chosen = Chosen(params["models"], ensembles, every)
    triples = load_triples(ws, params["clusters"])
    refuse_leaks(list(leaks_of(chosen, clusters, triples).values()), allow=params["allow_leakage"])
    distances, reasons, chosen = all_distances(context, chosen, triples)
    seen = Seen.of(context, chosen, triples, without=reasons)
    leaks = leaks_of(chosen, clusters, triples, near=seen.near)
    score = soft_credit if params["settings"]["credit"] == "soft" else strict_credit
    settings = CompareSettings(**params["settings"])
    fingerprints = fingerprints_of(triples, chosen, settings)
    comparison = compare(
        _contenders(chosen, leaks, reasons, by_id | _training_clusters(ws, chosen)),
        {name: score(value, triples.share_a) for name, value in distances.items()},
        triples.reference,
        settings=settings,
        contexts=contexts_of(ws, triples),
        votes=(triples.votes_a, triples.votes_b),
        sets=[_evaluated(c, triples_of, looks[c.id]) for c, triples_of in _parts(ws, clusters)],
        overlaps=seen.overlaps(" + ".join(cluster.name for cluster in clusters)),
        fingerprints=fingerprints,
    )
    context.progress(1, 1, "storing")
    with ws.database.writing() as session:
        evaluation_id = runs.add_evaluation(
            session,
            ws.project.id,
            params["name"],
            params["clusters"],
            settings=plain(params),
            result=plain(comparison.to_dict()),
            fingerprint=digest(fingerprints),
            job_id=context.job.id,
        )
    return {"evaluation": evaluation_id}


def all_distances(
    context: JobContext, chosen: Chosen, triples: Triples
) -> tuple[dict[str, Floats], dict[str, str], Chosen]:
    """Distances (n, 2) of each row that can be computed, and why not of the others.

    Third come the models with the fingerprints under which they were computed.
    """
    by_model: dict[int, Floats] = {}
    reasons: dict[str, str] = {}
    every = dict(chosen.every)
    for i, model in enumerate(chosen.every.values()):
        part = context.part(*(_DISTANCES * k / len(chosen.every) for k in (i, i + 1)))
        part(0, 1, f"{model.name}: loading")
        try:
            every[model.id], encoder = refreshed(context.ws, model)
        except CSSimError as error:
            reasons[model.name] = str(error)
            continue
        by_model[model.id] = distances_of(
            context.ws, encoder, triples, progress=part, cancelled=context.cancelled
        )
    chosen = replace(chosen, every=every)
    rows = {model.name: by_model[model.id] for model in chosen.models if model.id in by_model}
    for ensemble in chosen.ensembles:
        missing = [m for m in chosen.members(ensemble) if m.id not in by_model]
        if missing:
            reasons[ensemble.name] = f"{missing[0].name}: {reasons[missing[0].name]}"
        else:
            stack = np.stack([by_model[i] for i in ensemble.member_ids])
            try:
                fitted, features = weighing(context, ensemble, triples)
            except (BadInput, NotFound, Unavailable) as error:
                reasons[ensemble.name] = str(error)
            else:
                rows[ensemble.name] = fitted.combine(stack, features)
    return rows, reasons, chosen


def _contenders(
    chosen: Chosen,
    leaks: Mapping[str, MemberLeak],
    reasons: Mapping[str, str],
    clusters: Mapping[int, Cluster],
) -> list[Contender]:
    from cssim.evaluation.report import Contender

    def trained_on(ids: Sequence[int]) -> str:
        names = [clusters[i].name for i in ids if i in clusters]
        return ", ".join(names) if len(names) <= 3 else f"{len(names)} clusters"

    rows = [
        Contender(
            model.name,
            model.kind.value,
            trained_on=trained_on(model.cluster_ids),
            leakage=str(leaks[model.name]),
            run=str(model.metrics.get("job", "")),
            unavailable=reasons.get(model.name, ""),
        )
        for model in chosen.models
    ]
    for ensemble in chosen.ensembles:
        members = chosen.members(ensemble)
        rows.append(
            Contender(
                ensemble.name,
                "ensemble",
                members=tuple(member.name for member in members),
                trained_on=trained_on(sorted({c for m in members for c in m.cluster_ids})),
                leakage=str(leaks[ensemble.name]),
                run=str(ensemble.config.get("job", "")),
                unavailable=reasons.get(ensemble.name, ""),
            )
        )
    return rows


def _training_clusters(ws: Workspace, chosen: Chosen) -> dict[int, Cluster]:
    with ws.database.reading() as session:
        return library.clusters_by_id(
            session, [i for model in chosen.every.values() for i in model.cluster_ids]
        )


def contexts_of(ws: Workspace, triples: Triples) -> NDArray[np.str_] | None:
    """(n,) context of each triple's reference; None unless each reference has exactly one.

    A reference's context is its tag; where it has several, the one that a context cluster names.
    """
    references, which = np.unique(triples.reference, return_inverse=True)
    with ws.database.reading() as session:
        tags = library.tags_of(session, references.tolist())
        clusters = library.list_clusters(session, ws.project.id, kind=ClusterKind.CONTEXT)
    named = {cluster.context for cluster in clusters}
    found = []
    for reference in references.tolist():
        own = tags.get(reference, ())
        own = own if len(own) == 1 else tuple(tag for tag in own if tag in named)
        if len(own) != 1:
            return None
        found.append(own[0])
    return np.array(found)[which]


def _parts(ws: Workspace, clusters: Sequence[Cluster]) -> list[tuple[Cluster, Triples]]:
    return [(cluster, load_triples(ws, [cluster.id])) for cluster in clusters]


def _evaluated(cluster: Cluster, triples: Triples, looks: int) -> EvaluatedSet:
    from cssim.evaluation.report import EvaluatedSet

    return EvaluatedSet(
        name=cluster.name,
        kind=cluster.kind.value,
        triples=len(triples),
        references=len(np.unique(triples.reference)),
        looks=looks + 1 if cluster.kind is ClusterKind.TEST else None,
        fingerprint=triples.fingerprint,
    )


def weighing(
    context: JobContext, ensemble: EnsembleInfo, triples: Triples
) -> tuple[Fitted, NDArray[np.float32] | None]:
    """The ensemble's strategy, and the features of each triple's reference where it needs them.

    Raises:
        NotFound, Unavailable, BadInput: its folder, or the model that makes the features, is not
            usable any more.
    """
    ws, fitted = context.ws, fitted_of(context.ws, ensemble)
    if not fitted.needs_features:
        return fitted, None
    chosen = ensemble.config["features"]
    with ws.database.reading() as session:
        model = runs.models_by_id(session, [chosen])[chosen]
    _, encoder = refreshed(ws, model)
    return fitted, features_of(ws, encoder, triples.reference, cancelled=context.cancelled)


def fitted_of(ws: Workspace, ensemble: EnsembleInfo) -> Fitted:
    """The strategy of a stored ensemble with its numbers; large ones lie in its folder alone.

    Raises:
        NotFound, BadInput: the folder is gone or damaged.
    """
    from cssim.ensembles.saved import read_fitted
    from cssim.ensembles.strategies import Fitted

    if isinstance(ensemble.config["fitted"].get("weighting"), str):
        return read_fitted(ws.settings.home / str(ensemble.path))
    return Fitted.from_dict(ensemble.config["fitted"])


def fingerprints_of(triples: Triples, chosen: Chosen, settings: CompareSettings) -> dict[str, str]:
    """What goes in, by name: data, code, each row."""
    found = {"data": triples.fingerprint, "code": cssim.__version__}
    found["settings"] = digest(plain(settings))
    for model in chosen.models:
        found[f"model {model.name}"] = model.fingerprint
    for ensemble in chosen.ensembles:
        parts = [member.fingerprint for member in chosen.members(ensemble)]
        found[f"ensemble {ensemble.name}"] = digest([ensemble.config["fitted"], parts])
    return found


def digest(value: Any) -> str:
    """16 hexadecimal digits of any plain value."""
    text = json.dumps(plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
