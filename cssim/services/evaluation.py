"""Comparisons: who agrees with people how often, on sets that nobody was trained on.

A comparison is requested (cheap, checked at once), run by a worker, and stored with what it was
made from, so that the pages can say when it no longer speaks of the present.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim import words
from cssim.errors import BadInput
from cssim.services import jobs
from cssim.services.chosen import Chosen, names_of
from cssim.services.jobs import JobRequest
from cssim.services.leaks import leaks_of
from cssim.services.library import image_hashes, load_triples
from cssim.services.staleness import changes_since
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, ClusterKind, EvaluationInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    from cssim.evaluation.report import Comparison


FORMATS = ("text", "markdown", "csv", "latex", "html")
"""How a table can be written."""


@dataclass(frozen=True)
class StoredComparison:
    """A comparison with its numbers, and whether they still hold."""

    info: EvaluationInfo
    comparison: Comparison
    stale: str
    """Why it no longer speaks of the present; empty where it does."""


def comparison_request(
    ws: Workspace,
    clusters: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    ensembles: Sequence[str] | None = None,
    anchor: str | None = None,
    credit: str = "soft",
    allow_leakage: bool = False,
    draws: int | None = None,
    seed: int = 0,
    name: str = "",
    cross_fit: int = 0,
    shuffles: int | None = None,
) -> JobRequest:
    """A checked request to compare models and ensembles on the triples of some clusters.

    Args:
        ws: the workspace.
        clusters: names; validation or test sets as a rule.
        models: names; where neither models nor ensembles are named, all of the project are
            taken that are not archived.
        ensembles: names.
        anchor: the row that others are compared with; None takes the first frozen model.
        credit: `soft` (share of the voters who agree) or `strict` (agreement with the majority).
        allow_leakage: evaluate also members that were trained on these clusters; rows are marked.
        draws: bootstrap samples of references; None takes the default.
        seed: of all draws.
        name: what the comparison is called; empty takes the clusters' names.
        cross_fit: folds by reference in which ensembles are fitted again on these clusters
            themselves; 0 takes them as they were built. Never on a test set.
        shuffles: of the references, to test cross-fitted weights that look at them; None takes the
            default, 0 tests none.

    Raises:
        NotFound: a cluster, model or ensemble does not exist.
        BadInput: nothing to compare, no triples, images without pixels, or a bad setting.
        LeakedEvaluation: a member was trained on these clusters, and that was not allowed.
    """
    from cssim.ensembles.nulls import DRAWS
    from cssim.evaluation.leakage import refuse_leaks

    chosen = _chosen(ws, models, ensembles, anchor)
    found = _clusters(ws, clusters)
    triples = load_triples(ws, [cluster.id for cluster in found])
    if not len(triples):
        raise BadInput(f"{', '.join(clusters)}: no answers yet, so there is nothing to compare on")
    image_hashes(ws, triples.images)
    settings = _settings(chosen.anchor, credit, draws, seed, cross_fit)
    if cross_fit:
        _check_folds(found, triples, cross_fit)
    leaks = leaks_of(chosen, found, triples, cross_fitted=cross_fit > 0)
    refuse_leaks(list(leaks.values()), allow=allow_leakage)
    return JobRequest(
        "compare",
        {
            "name": name or " + ".join(cluster.name for cluster in found),
            "clusters": [cluster.id for cluster in found],
            "models": [model.id for model in chosen.models],
            "ensembles": [ensemble.id for ensemble in chosen.ensembles],
            "anchor": _source(chosen),
            "allow_leakage": allow_leakage,
            "shuffles": DRAWS if shuffles is None else shuffles,
            "settings": settings,
        },
    )


def request_comparison(
    ws: Workspace, clusters: Sequence[str], *, by: int | None = None, **options: Any
) -> int:
    """The id of a queued job that compares; arguments and errors of `comparison_request`."""
    request = comparison_request(ws, clusters, **options)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def get_comparison(ws: Workspace, evaluation_id: int) -> StoredComparison:
    """One stored comparison.

    Raises:
        NotFound: the project has none with that id.
    """
    with ws.database.reading() as session:
        info = runs.get_evaluation(session, ws.project.id, evaluation_id)
    return _stored(ws, info)


def list_comparisons(ws: Workspace, *, limit: int = 100) -> list[EvaluationInfo]:
    """Stored comparisons, newest first."""
    with ws.database.reading() as session:
        return runs.list_evaluations(session, ws.project.id, limit=limit)


def latest_comparison(ws: Workspace) -> StoredComparison | None:
    """The newest comparison; None where there is none yet."""
    newest = list_comparisons(ws, limit=1)
    return _stored(ws, newest[0]) if newest else None


def as_text(comparison: Comparison, form: str, *, title: str = "Comparison") -> str:
    """The table in one of `FORMATS`; raises `BadInput` for anything else.

    Args:
        comparison: what to write.
        form: `html` gives a whole file with a figure, the others the table and its caption.
        title: of the file.
    """
    from cssim.evaluation import tables
    from cssim.evaluation.html_report import html_report
    from cssim.evaluation.latex import latex_table

    if form not in FORMATS:
        raise BadInput(f"a table is written as {', '.join(FORMATS)}, got {form!r}")
    titled = {"html": html_report, "latex": latex_table}
    if form in titled:
        return titled[form](comparison, title)
    write: Callable[[Comparison], str] = getattr(tables, f"{form}_table")
    return write(comparison)


def _chosen(
    ws: Workspace,
    models: Sequence[str] | None,
    ensembles: Sequence[str] | None,
    anchor: str | None,
) -> Chosen:
    project = ws.project.id
    if models is not None or ensembles is not None:
        models, ensembles = models or (), ensembles or ()
    with ws.database.reading() as session:
        if models is None:
            rows = runs.list_models(session, project)
        else:
            rows = [runs.get_model(session, project, name) for name in dict.fromkeys(models)]
        if ensembles is None:
            groups = runs.list_ensembles(session, project)
        else:
            groups = [runs.get_ensemble(session, project, n) for n in dict.fromkeys(ensembles)]
        members = runs.models_by_id(session, [i for e in groups for i in e.member_ids])
    names = [row.name for row in rows] + [group.name for group in groups]
    if not names:
        raise BadInput("there is no model yet: run `embed` for a frozen one, or `train`")
    if anchor is not None and anchor not in names:
        raise BadInput(f"the anchor {anchor!r} is none of the rows: {', '.join(names)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"a model and an ensemble share the name {twice[0]!r}; compare one of them")
    frozen = [row.name for row in rows if row.kind is ModelKind.FROZEN]
    return Chosen(
        [row.id for row in rows],
        groups,
        members | {row.id: row for row in rows},
        anchor or next(iter(frozen), names[0]),
    )


def _source(chosen: Chosen) -> str:
    """The anchor, whatever it will be called when the comparison is made."""
    names = names_of([*chosen.models, *chosen.ensembles])
    return next(source for source, name in names.items() if name == chosen.anchor)


def _clusters(ws: Workspace, names: Sequence[str]) -> list[Cluster]:
    if not names:
        raise BadInput("name at least one cluster to compare on")
    with ws.database.reading() as session:
        return [library.get_cluster(session, ws.project.id, n) for n in dict.fromkeys(names)]


def _check_folds(clusters: Sequence[Cluster], triples: Triples, folds: int) -> None:
    for cluster in clusters:
        if cluster.kind is ClusterKind.TEST:
            raise BadInput(f"{cluster.name} is a test set: nothing may be fitted on it")
    references = len(np.unique(triples.reference))
    if references < folds:
        raise BadInput(
            f"{words.count(references, 'reference')} cannot be dealt into "
            f"{words.count(folds, 'fold')}"
        )


def _settings(
    anchor: str | None, credit: str, draws: int | None, seed: int, cross_fit: int
) -> dict[str, Any]:
    from cssim.evaluation.report import CompareSettings

    chosen = {"draws": draws} if draws is not None else {}
    return asdict(
        CompareSettings(credit=credit, anchor=anchor, seed=seed, cross_fit=cross_fit, **chosen)
    )


def _stored(ws: Workspace, info: EvaluationInfo) -> StoredComparison:
    from cssim.evaluation.report import Comparison

    comparison = Comparison.from_dict(info.result)
    return StoredComparison(info, comparison, _stale(ws, info, comparison))


def _stale(ws: Workspace, info: EvaluationInfo, comparison: Comparison) -> str:
    """What has changed since, in words; empty where nothing has."""
    return changes_since(
        ws,
        info.settings,
        comparison.fingerprints or {},
        names={row.source: row.name for row in comparison.rows},
        sets=comparison.sets,
    )
