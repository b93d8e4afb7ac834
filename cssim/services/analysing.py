"""The job `analyse`: where models are right, what people agree on, what each member is worth.

Its numbers are the job's result; looks at test sets are counted as those of comparisons are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput, CSSimError
from cssim.services import jobs
from cssim.services.agreeing import agreement_of, voters_of
from cssim.services.asked import asked_of
from cssim.services.chosen import Chosen, fingerprints_of
from cssim.services.comparing import contexts_of
from cssim.services.crossing import matrix_of
from cssim.services.dissecting import ensemble_parts
from cssim.services.encoding import embeddings_of, refreshed
from cssim.services.evaluation import comparison_request
from cssim.services.jobs import JobRequest
from cssim.services.leaks import Seen, leaks_of
from cssim.services.row_distances import all_distances
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ClusterKind, ModelKind
from db import runs

if TYPE_CHECKING:
    from cssim.evaluation.breakdown import Cell
    from cssim.evaluation.report import CompareSettings

Floats = NDArray[np.float64]

STEPS = 5
"""Parts into which margins and distances are cut."""


def analysis_request(ws: Workspace, clusters: Sequence[str], **options: Any) -> JobRequest:
    """A checked request to analyse models and ensembles on the triples of some clusters.

    Arguments and errors are those of `evaluation.comparison_request`; leakage is refused alike.

    Raises:
        BadInput: also where an ensemble and one of all members share a name.
    """
    request = comparison_request(ws, clusters, **options)
    with ws.database.reading() as session:
        groups = list(runs.ensembles_by_id(session, request.params["ensembles"]).values())
        members = runs.models_by_id(session, [i for e in groups for i in e.member_ids])
    twice = {e.name for e in groups} & {m.name for m in members.values()}
    if twice:
        raise BadInput(f"a member and an ensemble share the name {min(twice)!r}: rename one")
    return JobRequest("analyse", request.params)


def request_analysis(
    ws: Workspace, clusters: Sequence[str], *, by: int | None = None, **options: Any
) -> int:
    """The id of a queued job that analyses; see `analysis_request`."""
    request = analysis_request(ws, clusters, **options)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def run_analyse(context: JobContext) -> Mapping[str, Any]:
    """Job `analyse`: everything as plain values; parts that cannot be had say why in `notes`.

    Raises:
        LeakedEvaluation: a member was trained on these clusters, and that was not allowed.
    """
    from cssim.evaluation.accuracy import soft_credit, strict_credit
    from cssim.evaluation.report import FEW_REFERENCES

    ws, params = context.ws, context.job.params
    request = asked_of(context)
    clusters, looks, asked = request.clusters, request.looks, request.chosen
    triples, settings, folded = request.triples, request.settings, request.folded
    ensembles, every = asked.ensembles, asked.every
    # Members get distances of their own, too: bounds and refits are made of them.
    whole = Chosen([*every], ensembles, every)
    found = all_distances(context, whole, triples, folds=settings.cross_fit, seed=settings.seed)
    distances, reasons, whole = found.rows, found.reasons, found.chosen
    seen = Seen.of(context, whole, triples, without=reasons)
    leaks = leaks_of(asked, clusters, triples, near=seen.near, cross_fitted=folded)
    score = soft_credit if settings.credit == "soft" else strict_credit
    credits = {name: score(value, triples.share_a) for name, value in distances.items()}
    rows = [*(m.name for m in asked.models), *(e.name for e in ensembles)]
    names = [name for name in rows if name in credits]
    notes = [f"{name}: {reason}" for name, reason in reasons.items()]
    references = len(np.unique(triples.reference))
    if references < FEW_REFERENCES:
        notes.append(f"{references} reference(s) only: intervals are too narrow, or absent.")
    result: dict[str, Any] = {
        "clusters": [cluster.name for cluster in clusters],
        "looks": {c.name: looks[c.id] + 1 for c in clusters if c.kind is ClusterKind.TEST},
        "credit": settings.credit,
        "triples": len(triples),
        "references": references,
        "rows": [
            {
                "name": name,
                "accuracy": float(np.nanmean(credits[name])),
                "leakage": str(leaks[name]),
            }
            for name in names
        ],
        "breakdown": {},
        "matrix": None,
        "fingerprints": fingerprints_of(triples, whole, request.requested),
        "names": whole.names(),
    }
    if names:
        stack = np.stack([credits[name] for name in names])
        cut = {name: distances[name] for name in names}
        result["breakdown"] = _breakdowns(ws, whole, triples, stack, cut, settings, notes)
    context.check()
    result["ensembles"] = ensemble_parts(
        context, whole, triples, distances, credits, settings, notes
    )
    result["matrix"] = matrix_of(context, whole, settings, reasons, notes)
    result["agreement"] = agreement_of(voters_of(ws, params["clusters"]))
    result["notes"] = notes
    return result


def _breakdowns(
    ws: Workspace,
    chosen: Chosen,
    triples: Triples,
    credits: Floats,
    distances: Mapping[str, Floats],
    settings: CompareSettings,
    notes: list[str],
) -> dict[str, Any]:
    """Cells by context, class gap, people's agreement and distance; by margin for each row."""
    from cssim.evaluation.breakdown import (
        FEW,
        agreement_steps,
        breakdown,
        class_gaps,
        quantile_steps,
    )

    labels = {
        "class gap": class_gaps(triples.class_a, triples.class_b),
        "people's agreement": agreement_steps(triples.share_a),
    }
    contexts = contexts_of(ws, triples)
    if contexts is None:
        notes.append("No breakdown by context: it needs exactly one tag on each reference.")
    else:
        labels = {"context": contexts} | labels
    away = _cluster_distance(ws, chosen, triples, notes)
    if away is not None:
        # So few steps that each has references enough to show a number.
        parts = max(1, min(STEPS, len(np.unique(triples.reference)) // FEW))
        labels["distance to the nearest cluster"] = quantile_steps(away, parts)

    def cells(rows: Floats, label: NDArray[np.str_]) -> list[dict[str, Any]]:
        return [_cell(c) for c in breakdown(rows, triples.reference, label, level=settings.level)]

    found: dict[str, Any] = {title: cells(credits, label) for title, label in labels.items()}
    found["margin"] = {
        name: cells(credits[[i]], quantile_steps(np.abs(d[:, 1] - d[:, 0]), STEPS))
        for i, (name, d) in enumerate(distances.items())
    }
    return found


def _cell(cell: Cell) -> dict[str, Any]:
    return {**asdict(cell), "hidden": cell.hidden}


def _cluster_distance(
    ws: Workspace, chosen: Chosen, triples: Triples, notes: list[str]
) -> Floats | None:
    """(n,) cosine distance of each triple's reference to the nearest one that was trained on."""
    from cssim.evaluation.breakdown import nearest_cluster

    trained = sorted({i for m in chosen.every.values() for i in m.trained_references})
    with ws.database.reading() as session:
        known = (*chosen.every.values(), *runs.list_models(session, ws.project.id))
    frozen = next((m for m in known if m.kind is ModelKind.FROZEN), None)
    if not trained or frozen is None:
        what = "a frozen model" if trained else "a model that was trained on clusters"
        notes.append(f"No breakdown by distance to the nearest cluster: it needs {what}.")
        return None
    try:
        _, encoder = refreshed(ws, frozen)
        near = embeddings_of(ws, encoder, trained)
    except CSSimError as error:
        notes.append(f"No breakdown by distance to the nearest cluster: {error}")
        return None
    # Each reference once: rounding must not part the triples of one.
    distinct, which = np.unique(triples.reference, return_inverse=True)
    return nearest_cluster(embeddings_of(ws, encoder, distinct), near)[0][which]
