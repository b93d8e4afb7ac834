"""The job `compare`: distances, credits, leakage and fingerprints of what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.services.agreeing import voters_of
from cssim.services.asked import asked_of
from cssim.services.chosen import (
    Chosen,
    digest,
    fingerprints_of,
    fitted_of,
    source_of,
    weighing,
)
from cssim.services.leaks import Seen, leaks_of
from cssim.services.library import load_triples
from cssim.services.plain import plain
from cssim.services.row_distances import Computed, all_distances
from cssim.services.running import JobContext
from cssim.services.truth import truth_of
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, ClusterKind, EnsembleInfo
from db import library, runs

if TYPE_CHECKING:
    from cssim.evaluation.context import ContextTest
    from cssim.evaluation.leakage import MemberLeak
    from cssim.evaluation.report import Contender, EvaluatedSet

__all__ = [
    "Chosen",
    "all_distances",
    "contexts_of",
    "digest",
    "fingerprints_of",
    "fitted_of",
    "run_compare",
    "weighing",
]

Floats = NDArray[np.float64]


def run_compare(context: JobContext) -> Mapping[str, Any]:
    """Job `compare`: compute and store; gives the id of the evaluation.

    A model that cannot be loaded stands in the table with the reason and without a number.
    """
    from cssim.evaluation.accuracy import soft_credit, strict_credit
    from cssim.evaluation.compare import compare

    ws, params = context.ws, context.job.params
    asked = asked_of(context)
    clusters, looks, chosen = asked.clusters, asked.looks, asked.chosen
    triples, settings, folded = asked.triples, asked.settings, asked.folded
    found = all_distances(
        context,
        chosen,
        triples,
        folds=settings.cross_fit,
        shuffles=params.get("shuffles", 0),
        seed=settings.seed,
    )
    chosen = found.chosen
    seen = Seen.of(context, chosen, triples, without=found.reasons)
    leaks = leaks_of(chosen, clusters, triples, near=seen.near, cross_fitted=folded)
    score = soft_credit if settings.credit == "soft" else strict_credit
    fingerprints = fingerprints_of(triples, chosen, asked.requested)
    by_id = {one.id: one for one in clusters} | _training_clusters(ws, chosen)
    truth = truth_of(ws, clusters, triples)
    comparison = compare(
        _contenders(chosen, leaks, found, by_id, folded=folded),
        {name: score(value, triples.share_a) for name, value in found.rows.items()},
        triples.reference,
        settings=settings,
        contexts=contexts_of(ws, triples),
        votes=voters_of(ws, [cluster.id for cluster in clusters]).votes(triples),
        truth=None if truth.distances is None else score(truth.distances, triples.share_a),
        bounds=_bounds(
            {i: score(value, triples.share_a) for i, value in found.members.items()},
            chosen,
            triples,
        ),
        sets=[_evaluated(c, triples_of, looks[c.id]) for c, triples_of in _parts(ws, clusters)],
        overlaps=seen.overlaps(" + ".join(cluster.name for cluster in clusters)),
        notes=[truth.note] if truth.note else [],
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


def _contenders(
    chosen: Chosen,
    leaks: Mapping[str, MemberLeak],
    found: Computed,
    clusters: Mapping[int, Cluster],
    *,
    folded: bool,
) -> list[Contender]:
    from cssim.evaluation.report import Contender

    def trained_on(ids: Sequence[int]) -> str:
        names = [clusters[i].name for i in ids if i in clusters]
        return ", ".join(names) if len(names) <= 3 else words.count(len(names), "cluster")

    rows = [
        Contender(
            model.name,
            model.kind.value,
            trained_on=trained_on(model.cluster_ids),
            leakage=str(leaks[model.name]),
            run=str(model.metrics.get("job", "")),
            source=source_of(model),
            unavailable=found.reasons.get(model.name, ""),
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
                source=source_of(ensemble),
                unavailable=found.reasons.get(ensemble.name, ""),
                context=_context(ensemble, found, folded=folded),
            )
        )
    return rows


def _context(ensemble: EnsembleInfo, found: Computed, *, folded: bool) -> ContextTest | None:
    """Whether its weights owe anything to what references look like, as tested here or when built.

    None where they do not look at it, or where the ensemble has no number.
    """
    from dataclasses import fields

    from cssim.ensembles.strategies import STRATEGIES
    from cssim.evaluation.context import ContextTest

    looks = ensemble.strategy in STRATEGIES and STRATEGIES[ensemble.strategy].needs_features
    if not looks or ensemble.name in found.reasons:
        return None
    test = found.tests.get(ensemble.name) if folded else ensemble.config.get("context")
    if test is None:
        why = "no shuffles were asked for" if folded else "it was built before there was a test"
        return ContextTest(untested=why)
    names = {field.name for field in fields(ContextTest)}
    return ContextTest(**{name: value for name, value in test.items() if name in names})


def _bounds(credits: Mapping[int, Floats], chosen: Chosen, triples: Triples) -> dict[str, Floats]:
    """Credits of an oracle over the members of all ensembles; none where there are none."""
    from cssim.evaluation.bounds import oracle_by_reference, oracle_credit

    members = {i for ensemble in chosen.ensembles for i in ensemble.member_ids}
    stack = [own for i, own in credits.items() if i in members]
    if len(stack) < 2:
        return {}
    return {
        "by reference": oracle_by_reference(np.stack(stack), triples.reference),
        "by triple": oracle_credit(np.stack(stack)),
    }


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
