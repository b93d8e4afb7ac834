"""Inspections: what every model says on some sets, computed once by a job, kept as arrays.

The job `inspect` (`cssim.services.inspecting_run`) writes a folder below `home/inspections`, named
by the job's id; pages map its arrays into memory. Folders may be deleted: an inspection can be made
again. Rows are models first, then ensembles, in the order in which they were asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cssim.errors import BadInput, NotFound
from cssim.services import jobs
from cssim.services.chosen import source_of
from cssim.services.code import code_fingerprint
from cssim.services.inspection_files import read_arrays, read_facts
from cssim.services.inspection_types import (
    SHOWN,
    TRAINED,
    UNSEEN,
    InspectedRow,
    Inspection,
    InspectionInfo,
    Landmark,
    info_of,
)
from cssim.services.jobs import JobRequest
from cssim.services.library import image_hashes, load_triples
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import EnsembleInfo, ModelInfo
from db import library, runs

__all__ = [
    "SHOWN",
    "TRAINED",
    "UNSEEN",
    "InspectedRow",
    "Inspection",
    "InspectionInfo",
    "Landmark",
    "fingerprints",
    "folder_of",
    "inspection_request",
    "list_inspections",
    "load_inspection",
    "request_inspection",
    "stale",
]


def inspection_request(
    ws: Workspace,
    clusters: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    ensembles: Sequence[str] | None = None,
    tsne: bool = True,
    seed: int = 0,
) -> JobRequest:
    """A checked request to inspect models and ensembles on the triples of some clusters.

    Nothing is refused for leakage: seeing where a model has seen the answers is a purpose of the
    page, and rows and references are marked. A look at a test set is counted as any other.

    Args:
        ws: the workspace.
        clusters: names of sets with answers and pictures.
        models: names; None takes all that are not archived.
        ensembles: names; None takes all.
        tsne: whether t-SNE is computed, too; minutes for 20,000 references.
        seed: of t-SNE and of the folds of cross-fitting.

    Raises:
        NotFound: a cluster, model or ensemble does not exist.
        BadInput: nothing to inspect, no triples, images without pixels, or a name twice.
    """
    if not clusters:
        raise BadInput("name at least one set to inspect")
    with ws.database.reading() as session:
        found = [library.get_cluster(session, ws.project.id, n) for n in dict.fromkeys(clusters)]
        project = ws.project.id
        rows = (
            runs.list_models(session, project)
            if models is None
            else [runs.get_model(session, project, n) for n in dict.fromkeys(models)]
        )
        groups = (
            runs.list_ensembles(session, project)
            if ensembles is None
            else [runs.get_ensemble(session, project, n) for n in dict.fromkeys(ensembles)]
        )
    names = [row.name for row in rows] + [group.name for group in groups]
    if not names:
        raise BadInput("there is no model yet: embed a frozen one, or train a CS model")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"a model and an ensemble share the name {twice[0]!r}; inspect one of them")
    triples = load_triples(ws, [cluster.id for cluster in found])
    if not len(triples):
        raise BadInput(f"{', '.join(clusters)}: no answers yet, so there is nothing to inspect")
    image_hashes(ws, triples.images)
    return JobRequest(
        "inspect",
        {
            "clusters": [cluster.id for cluster in found],
            "models": [row.id for row in rows],
            "ensembles": [group.id for group in groups],
            "tsne": tsne,
            "seed": seed,
        },
    )


def request_inspection(
    ws: Workspace, clusters: Sequence[str], *, by: int | None = None, **options: Any
) -> int:
    """The id of a queued job that inspects; arguments and errors of `inspection_request`.

    The inspection will have the same id.
    """
    request = inspection_request(ws, clusters, **options)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def list_inspections(ws: Workspace) -> list[InspectionInfo]:
    """Finished inspections of the project, newest first; damaged or older formats are left out."""
    root = ws.settings.home / "inspections"
    folders = [f for f in root.iterdir() if f.name.isdigit()] if root.is_dir() else []
    facts = [read_facts(folder) for folder in folders]
    found = [info_of(one) for one in facts if one is not None]
    mine = [one for one in found if one.project_id == ws.project.id]
    return sorted(mine, key=lambda one: one.id, reverse=True)


def load_inspection(ws: Workspace, inspection_id: int) -> Inspection:
    """One inspection with its arrays.

    Raises:
        NotFound: the project has none with that id, or its folder is gone or damaged.
    """
    folder = folder_of(ws, inspection_id)
    facts = read_facts(folder)
    if facts is None or facts["project_id"] != ws.project.id:
        raise NotFound(f"there is no inspection {inspection_id} here; run `inspect` again")
    arrays = read_arrays(folder)
    columns = {
        name.removeprefix("triples."): arrays.pop(name)
        for name in [*arrays]
        if name.startswith("triples.")
    }
    return Inspection(
        info=info_of(facts),
        triples=Triples(**columns),
        cluster=arrays["cluster"],
        distances=arrays["distances"],
        reference=arrays["reference"],
        sums=arrays["sums"],
        counts=arrays["counts"],
        seen=arrays["seen"],
        pca=arrays.get("pca"),
        tsne=arrays.get("tsne"),
    )


def folder_of(ws: Workspace, inspection_id: int) -> Path:
    """Where an inspection lies."""
    return ws.settings.home / "inspections" / str(int(inspection_id))


def stale(ws: Workspace, info: InspectionInfo) -> str:
    """Why an inspection no longer speaks of the present, in words; empty where it does."""
    with ws.database.reading() as session:
        models = runs.models_by_id(session, [r.id for r in info.rows if r.kind != "ensemble"])
        groups = runs.ensembles_by_id(session, [r.id for r in info.rows if r.kind == "ensemble"])
        wanted = list(groups.values())
        members = runs.models_by_id(session, [i for group in wanted for i in group.member_ids])
        clusters = library.clusters_by_id(session, [id_ for id_, _ in info.clusters])
    if len(models) + len(wanted) < len(info.rows):
        return "a model or ensemble of it is gone"
    if len(clusters) < len(info.clusters):
        return "a set of it is gone"
    triples = Triples.concatenate([load_triples(ws, [id_]) for id_, _ in info.clusters])
    now = fingerprints(triples, list(models.values()), wanted, members | models, _names(info))
    changed = sorted(name for name in now if info.fingerprints.get(name) != now[name])
    words = {"data": "the answers have changed", "code": "CS-Sim has changed"}
    return "; ".join(words.get(name, f"{name} has changed") for name in changed)


def fingerprints(
    triples: Triples,
    models: Sequence[ModelInfo],
    ensembles: Sequence[EnsembleInfo],
    every: Mapping[int, ModelInfo],
    names: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What goes in, by name: answers, code, each row.

    Args:
        triples: of all sets, in the order in which they were asked for.
        models: the models with a row.
        ensembles: the ensembles with a row.
        every: models and members by id.
        names: what the rows were called when they were inspected, by `source_of`; others go by
            their names of now.
    """
    found, known = {"data": triples.fingerprint, "code": code_fingerprint()}, names or {}
    for model in models:
        found[f"model {known.get(source_of(model), model.name)}"] = model.fingerprint
    for group in ensembles:
        parts = [every[i].fingerprint for i in group.member_ids if i in every]
        name = known.get(source_of(group), group.name)
        found[f"ensemble {name}"] = _digest([group.config.get("fitted"), parts])
    return found


def _names(info: InspectionInfo) -> dict[str, str]:
    kinds = {True: "ensemble", False: "model"}
    return {f"{kinds[row.kind == 'ensemble']} {row.id}": row.name for row in info.rows}


def _digest(value: Any) -> str:
    text = json.dumps(plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
