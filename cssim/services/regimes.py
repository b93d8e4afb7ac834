"""Which regime am I in: learning curves of designs, asked for here and read back as plain values.

A *design* is a way to spend labels: keep a frozen backbone, train CS models, train one global
model, or combine them. The job `curves` (`regime_runs`) trains linear heads on cached embeddings,
for several splits and seeds, and judges all designs on references that nobody trained on.

`get_curves(ws, job_id)` gives a dictionary of plain values. Shares are 0..1 and never per cent;
None stands where nothing could be computed. Bootstrap draws are shared by everything in it, so all
differences are paired. "labels" are triples that were trained on.

- `id`, `name`, `state` (as of the job), `stale` (why it no longer speaks of the present, or "");
  where the job is not done: also `progress`, `message`, `error`, and nothing of what follows.
- `version`: 1.
- `data`: `clusters`, `validation`, `test` (names; empty where references were held out),
  `backbones` (names), `splits`, `seeds`, `references` (distinct held-out ones, the sampling units),
  `triples` (held-out ones summed over the splits), `validation_labels` (mean over splits),
  `credit` ("soft" or "strict"), `level` (of all intervals), `looks` (by name of test cluster: how
  often it was opened, this time included), `leakage` (sentences), `human` (ceiling, or None).
- `designs`: list of `name`, `title` (a sentence), `members` (groups: "frozen", "CS", "global"),
  `uses_validation` (whether validation answers choose or weigh), `labels_from` ("none",
  "training", "training and validation": what its parts are trained on).
- `cells`: list, one per (clusters, share of each cluster's pages): `clusters`, `share`, `labels`
  (mean over splits), `pages` (likewise), and `accuracy`, `low`, `high`: by design name; `splits`:
  by design name the accuracy in each split; `oracle`: the best member of each reference, chosen by
  the answers themselves, a bound for scale (None where the share is below 1).
- `axes`: list of two at most, "clusters" (all labels of each cluster, more and more clusters) and
  "labels" (the most clusters, more and more labels of each; absent where only one share was asked
  for). Each has `key`, `title`, `fixed` (what does not change, in words), and
  - `sizes`: list of `clusters`, `share`, `labels`, rising;
  - `curves`: by design name: `accuracy`, `low`, `high`: a list each, in the order of `sizes`;
  - `differences`: list of `design`, `anchor`, and `difference`, `low`, `high`, `p` (sign flips):
    lists in the order of `sizes`; anchors are the best frozen and the best global model;
  - `leaders`: in the order of `sizes`: `leader`, `tied` (names that cannot be told from it);
  - `crossings`: list of `one`, `other`, `labels`, `low`, `high` (of the labels), `clusters` (the
    same place on the clusters axis, else None), `known` (share of the bootstrap samples in which
    they cross), `text` (a sentence, also where none was seen): from there on `other` is at least
    as good as `one`;
  - `next`: by design name: `labels` (how many more), `gain`, `low`, `high`: an extrapolation.
- `budgets`: list of `text`, `few`, `many`: equally many labels spent on few clusters with all
  their labels or on many with a part of them; `few` and `many` are positions in `cells`;
  `design`, `difference` (many minus few), `low`, `high`.
- `tables`: by number of clusters (text): a comparison of all strategies and members as of
  `Comparison.to_dict()` (`cssim.evaluation.report`): intervals, paired differences, tie groups.
- `ablations`, all at the most clusters with all labels:
  - `ranking`: list of `group` ("CS", "global": members on their own; "CS stacked": the
    stack of them), `members`, `distance` (mean accuracy of its members
    when they answer by the embedding's distance), `ranking` (by the ranking block), `difference`
    (ranking minus distance), `low`, `high`, `p`;
  - `members`: list of `member` (a group that was left out of the last design, the rest fitted
    again), `accuracy`, `difference`, `low`, `high`, `p_holm`.
- `verdict`: `prefer`: list, one for each number of clusters: `clusters`, `labels`, `design`,
  `family`, `text`; `text`: a list of plain sentences, the first is the answer; `family`: that of
  the most clusters: "context-sensitive", "global", "both", "frozen" or "undecided".
- `notes`: what a reader must know, in sentences. `fingerprints`: what went in, by name.
- `seconds`, `runs` (heads trained), `reused` (taken from an interrupted attempt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cssim import words
from cssim.errors import BadInput, NotFound
from cssim.services import jobs
from cssim.services.code import code_fingerprint
from cssim.services.jobs import JobRequest
from cssim.services.library import image_hashes
from cssim.services.regime_checks import (
    backbones_named,
    check_numbers,
    check_settings,
    clusters_named,
    refuse_leaks,
    sizes_and_validation,
)
from cssim.services.regime_data import load_sources
from cssim.services.workspace import Workspace
from cssim.types import Cluster, JobInfo, JobState
from db import library, runs

KIND = "curves"
SHARES = (0.25, 0.5, 1.0)
"""Parts of each cluster's pages, at the most clusters."""


@dataclass(frozen=True, slots=True)
class CurvesInfo:
    """A job for learning curves, as listed."""

    id: int
    """Of the job."""
    name: str
    clusters: tuple[str, ...]
    state: JobState
    progress: float
    message: str
    error: str
    created_at: datetime | None
    answer: str
    """The first sentence of the verdict; empty where the job is not done."""


def curves_request(
    ws: Workspace,
    clusters: Sequence[str],
    *,
    backbones: Sequence[str] | None = None,
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
    sizes: Sequence[int] | None = None,
    shares: Sequence[float] = SHARES,
    splits: int = 5,
    seeds: int = 1,
    validation_references: int | None = None,
    credit: str = "soft",
    all_strategies: bool = False,
    more: int = 500,
    draws: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    global_settings: Mapping[str, Any] | None = None,
    join: bool = False,
    tuned: bool = False,
    rotate: bool = True,
    keep: bool = False,
    name: str = "",
) -> JobRequest:
    """A checked request for learning curves of all designs.

    Args:
        ws: the workspace.
        clusters: names; their references are what is trained on, each a CS cluster of its own.
        backbones: names of frozen models or metrics of the project; None takes all frozen ones.
        validation: names of clusters to choose and weigh on; none: references of `clusters` are
            held out for it, others in each split.
        test: names of clusters to judge on; none: likewise.
        sizes: numbers of clusters; None takes three powers of two that leave enough to hold out.
        shares: parts of each cluster's pages at the most clusters, above 0 to 1; 1 is added.
        splits: how often references are divided anew, 1 to 100.
        seeds: trainings of each split, 1 to 20; their credits are averaged.
        validation_references: held out for validation in each split; None takes a third of those
            that are not trained on.
        credit: `soft` (share of the voters who agree) or `strict` (agreement with the majority).
        all_strategies: also every strategy of the registry in the tables; takes longer.
        more: how many further labels to speak of.
        draws: bootstrap samples of references; None takes the default.
        seed: of splits, trainings and draws.
        settings: of the CS heads (`TrainConfig`), beyond `regime_heads.CS_SETTINGS`.
        global_settings: of the global heads, beyond `regime_heads.GLOBAL_SETTINGS`.
        join: also a global model on the embeddings of all backbones side by side.
        tuned: also CS models that start from the global models, in the table of the most clusters.
        rotate: train on embeddings that are turned into the span of the images where these are
            fewer than the dimensions; distances stay as they are, and heads learn much faster.
        keep: keep the trained heads, so that a later request trains only what it has not found.
        name: what it is called; empty takes the clusters' names.

    Raises:
        NotFound: a cluster or model does not exist.
        LeakedEvaluation: a cluster is to be used for two of the three purposes, or a test set to
            train or choose on.
        BadInput: too few references or labels, images without pixels, or a bad setting.
    """
    found = {
        "clusters": clusters_named(ws, clusters),
        "validation": clusters_named(ws, validation),
        "test": clusters_named(ws, test),
    }
    refuse_leaks(found)
    models = backbones_named(ws, backbones)
    ids = {key: [cluster.id for cluster in some] for key, some in found.items()}
    if not ids["clusters"]:
        raise BadInput("name at least one cluster whose references are to be trained on")
    sources = load_sources(ws, ids["clusters"], ids["validation"], ids["test"])
    image_hashes(ws, sources.images)
    chosen, kept = sizes_and_validation(sources, sizes, validation_references)
    parts = sorted({*map(float, shares), 1.0})
    check_numbers(parts, chosen, splits, seeds, credit, more, draws)
    check_settings(settings or {}, global_settings or {})
    from cssim.evaluation.statistics import DRAWS

    return JobRequest(
        KIND,
        {
            "name": name
            or " + ".join(cluster.name for cluster in found["clusters"][:3])
            + " ..." * (len(found["clusters"]) > 3),
            **ids,
            "backbones": [model.id for model in models],
            "sizes": chosen,
            "shares": parts,
            "splits": splits,
            "seeds": seeds,
            "validation_references": kept,
            "credit": credit,
            "all_strategies": all_strategies,
            "more": more,
            "draws": DRAWS if draws is None else draws,
            "seed": seed,
            "settings": dict(settings or {}),
            "global_settings": dict(global_settings or {}),
            "join": join,
            "tuned": tuned,
            "rotate": rotate,
            "keep": keep,
        },
    )


def request_curves(
    ws: Workspace, clusters: Sequence[str], *, by: int | None = None, **options: Any
) -> int:
    """The id of a queued job; arguments and errors of `curves_request`."""
    request = curves_request(ws, clusters, **options)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def list_curves(ws: Workspace, *, limit: int = 100) -> list[CurvesInfo]:
    """Jobs for learning curves, newest first, in whatever state they are."""
    found = jobs.list_jobs(ws, kinds=[KIND], limit=limit)
    with ws.database.reading() as session:
        ids = sorted({i for job in found for i in job.params["clusters"]})
        by_id = library.clusters_by_id(session, ids)
    return [_info(job, by_id) for job in found]


def get_curves(ws: Workspace, job_id: int) -> dict[str, Any]:
    """What the curves show; the module says what is in it.

    Raises:
        NotFound: the project has no such job, or it is of another kind.
    """
    job = jobs.get_job(ws, job_id)
    if job.kind != KIND:
        raise NotFound(f"job {job_id} is a job `{job.kind}` and holds no learning curves")
    head = {"id": job.id, "name": job.params["name"], "state": job.state.value}
    if job.state is not JobState.DONE:
        return {
            **head,
            "stale": "",
            "progress": job.progress,
            "message": job.message,
            "error": job.error,
        }
    return {**head, "stale": _stale(ws, job), **job.result}


def table_text(found: Mapping[str, Any], clusters: int, form: str = "text") -> str:
    """The table at one number of clusters as text, Markdown, CSV, LaTeX or HTML.

    Args:
        found: of `get_curves`.
        clusters: one of the numbers of clusters.
        form: one of `evaluation.FORMATS`.

    Raises:
        NotFound: no table at that number of clusters.
    """
    from cssim.evaluation.report import Comparison
    from cssim.services.evaluation import as_text

    table = found["tables"].get(str(clusters))
    if table is None:
        known = ", ".join(found["tables"])
        raise NotFound(f"no table at {words.count(clusters, 'cluster')}; there are: {known}")
    return as_text(
        Comparison.from_dict(table),
        form,
        title=f"{found['name']}: {words.count(clusters, 'cluster')}",
    )


def _info(job: JobInfo, clusters: Mapping[int, Cluster]) -> CurvesInfo:
    names = tuple(clusters[i].name for i in job.params["clusters"] if i in clusters)
    done = job.state is JobState.DONE
    return CurvesInfo(
        id=job.id,
        name=job.params["name"],
        clusters=names,
        state=job.state,
        progress=job.progress,
        message=job.message,
        error=job.error,
        created_at=job.created_at,
        answer=job.result["verdict"]["text"][0] if done else "",
    )


def _stale(ws: Workspace, job: JobInfo) -> str:
    """What has changed since, in words; empty where nothing has."""
    from cssim.services.regime_result import data_fingerprints

    params, then = job.params, job.result["fingerprints"]
    try:
        sources = load_sources(ws, params["clusters"], params["validation"], params["test"])
    except BadInput:
        return "the answers are gone"
    now = data_fingerprints(sources)
    with ws.database.reading() as session:
        models = runs.models_by_id(session, params["backbones"])
    if len(models) < len(params["backbones"]):
        return "a backbone of it is gone"
    now |= {f"model {model.name}": model.fingerprint for model in models.values()}
    found = [f"the {key} changed" for key, value in now.items() if then.get(key) != value]
    if then["code"] != code_fingerprint():
        found.append("CS-Sim has changed")
    return "; ".join(found)
