"""The job `inspect`: distances of all rows on all triples, accuracies, maps, kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput, CSSimError, NotFound, Unavailable
from cssim.evaluation.leakage import MemberLeak
from cssim.services.comparing import Chosen, fitted_of, weighing
from cssim.services.encoding import distances_of, features_of, refreshed
from cssim.services.inspecting import fingerprints, folder_of
from cssim.services.inspection_files import write
from cssim.services.inspection_layout import lay_out
from cssim.services.inspection_types import SHOWN, TRAINED, UNSEEN, InspectedRow
from cssim.services.leaks import leaks_of
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import EnsembleInfo, ModelInfo
from db import library, runs
from db.models import now

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MODELS, _ENSEMBLES, _LAYOUT = 0.6, 0.75, 0.97
"""Where the parts of the progress bar end."""
FOLDS = 5


@dataclass(frozen=True)
class _Work:
    """What one run of the job works on."""

    context: JobContext
    chosen: Chosen
    parts: Mapping[int, Triples]
    """Triples of each set, by cluster id, in order."""
    seed: int

    @property
    def ws(self) -> Workspace:
        return self.context.ws

    @cached_property
    def triples(self) -> Triples:
        return Triples.concatenate(list(self.parts.values()))

    @cached_property
    def leaks(self) -> Mapping[str, MemberLeak]:
        """What each row has seen, by its name."""
        with self.ws.database.reading() as session:
            clusters = list(library.clusters_by_id(session, list(self.parts)).values())
        return leaks_of(self.chosen, clusters, self.triples)


def run_inspect(context: JobContext) -> Mapping[str, Any]:
    """Job `inspect`: computes and stores; gives the inspection's id, which is the job's.

    A model that cannot be loaded is left out, with the reason in the notes.

    Raises:
        BadInput: no row could be computed.
    """
    from cssim.evaluation.accuracy import by_reference, soft_credit

    ws, params = context.ws, context.job.params
    with ws.database.reading() as session:
        clusters = library.clusters_by_id(session, params["clusters"])
        known = runs.ensembles_by_id(session, params["ensembles"])
        groups = [known[i] for i in params["ensembles"]]
        members = [i for group in groups for i in group.member_ids]
        every = runs.models_by_id(session, [*params["models"], *members])
    parts = {i: load_triples(ws, [i]) for i in params["clusters"]}
    work = _Work(context, Chosen(params["models"], groups, every), parts, params["seed"])
    triples = work.triples
    by_model, notes, every = _by_model(work)
    work = replace(work, chosen=replace(work.chosen, every=every))
    found = [(_model_row(work, m), by_model[m.id]) for m in work.chosen.models if m.id in by_model]
    for i, group in enumerate(groups):
        steps = (_ENSEMBLES - _MODELS) / len(groups)
        context.progress(_MODELS + steps * i, 1, f"{group.name}: combining")
        try:
            found.append(_ensemble(work, group, by_model, notes))
        except (BadInput, NotFound, Unavailable) as error:
            notes[group.name] = str(error)
    if not found:
        raise BadInput("; ".join(f"{name}: {why}" for name, why in notes.items()))
    rows, distances = [row for row, _ in found], np.stack([own for _, own in found])
    credit = soft_credit(distances, triples.share_a)
    table = by_reference(credit, triples.reference)
    layout = lay_out(
        context.part(_ENSEMBLES, _LAYOUT), context, work.chosen, table.reference,
        wanted=params["tsne"], seed=params["seed"],
    )  # fmt: skip
    context.progress(_LAYOUT, 1, "storing")
    names = [f"{name}: {why}" for name, why in notes.items()] + list(layout.notes)
    facts = {
        "id": context.job.id,
        "project_id": ws.project.id,
        "clusters": [(i, clusters[i].name) for i in params["clusters"]],
        "rows": [asdict(row) for row in rows],
        "triples": len(triples),
        "references": len(table.reference),
        "created_at": now(),
        "notes": names,
        "fingerprints": fingerprints(triples, work.chosen.models, groups, every),
        **layout.facts(),
    }
    arrays = (
        _columns(triples)
        | layout.arrays()
        | {
            "cluster": np.repeat(list(parts), [len(part) for part in parts.values()]),
            "distances": distances,
            "reference": table.reference,
            "sums": table.sums,
            "counts": table.counts[0].astype(np.int64),
            "seen": _seen(ws, rows, work.chosen, table.reference),
        }
    )
    write(folder_of(ws, context.job.id), facts, arrays)
    return {"inspection": context.job.id, "rows": len(rows), "notes": names}


def _by_model(work: _Work) -> tuple[dict[int, Floats], dict[str, str], dict[int, ModelInfo]]:
    """Distances (n, 2) by model id, why others have none, and models as they were loaded."""
    triples, every = work.triples, dict(work.chosen.every)
    found: dict[int, Floats] = {}
    notes: dict[str, str] = {}
    for i, model in enumerate(work.chosen.every.values()):
        part = work.context.part(*(_MODELS * k / len(every) for k in (i, i + 1)))
        part(0, 1, f"{model.name}: loading")
        try:
            every[model.id], encoder = refreshed(work.ws, model)
        except CSSimError as error:
            notes[model.name] = str(error)
            continue
        found[model.id] = distances_of(
            work.ws, encoder, triples, progress=part, cancelled=work.context.cancelled
        )
    return found, notes, every


def _model_row(work: _Work, model: ModelInfo) -> InspectedRow:
    return InspectedRow(
        name=model.name,
        kind=model.kind.value,
        id=model.id,
        fingerprint=model.fingerprint,
        leakage=str(work.leaks[model.name]),
        backbone=model.backbone,
    )


def _ensemble(
    work: _Work, group: EnsembleInfo, by_model: Mapping[int, Floats], notes: Mapping[str, str]
) -> tuple[InspectedRow, Floats]:
    """The row of an ensemble and its distances.

    Raises:
        BadInput, NotFound, Unavailable: a member, its folder or its features cannot be had.
    """
    missing = [m for m in work.chosen.members(group) if m.id not in by_model]
    if missing:
        raise BadInput(f"{missing[0].name}: {notes[missing[0].name]}")
    stack = np.stack([by_model[i] for i in group.member_ids])
    fitted, features = weighing(work.context, group, work.triples)
    found = np.array(fitted.combine(stack, features))
    crossed = _cross_fitted(work, group)
    for cluster_id, own in crossed.items():
        found[_inside(work, cluster_id)] = own
    names = tuple(member.name for member in work.chosen.members(group))
    row = InspectedRow(
        group.name, "ensemble", group.id, names,
        cross_fitted=bool(crossed), leakage=str(work.leaks[group.name]),
    )  # fmt: skip
    return row, found


def _inside(work: _Work, cluster_id: int) -> slice:
    start = 0
    for id_, part in work.parts.items():
        if id_ == cluster_id:
            return slice(start, start + len(part))
        start += len(part)
    raise BadInput(f"set {cluster_id} is not inspected")


def _cross_fitted(work: _Work, group: EnsembleInfo) -> dict[int, Floats]:
    """Distances on those inspected sets that the ensemble was fitted on, each out of fold.

    The ensemble is fitted anew on all its sets but the references of one fold, for each fold; so a
    triple of a set that it knows is answered by numbers that never saw its reference.
    """
    from cssim.ensembles.strategies import cross_fit, strategy

    ws, cancelled = work.ws, work.context.cancelled
    known = [int(i) for i in group.config.get("fit_on", [])]
    if not strategy(group.strategy).needs_labels or not set(known) & set(work.parts):
        return {}
    parts = {i: work.parts[i] if i in work.parts else load_triples(ws, [i]) for i in known}
    triples = Triples.concatenate(list(parts.values()))
    encoders = [refreshed(ws, member)[1] for member in work.chosen.members(group)]
    stack = np.stack([distances_of(ws, e, triples, cancelled=cancelled) for e in encoders])
    features = None
    if fitted_of(ws, group).needs_features:
        with ws.database.reading() as session:
            looking = runs.models_by_id(session, [group.config["features"]])
        _, encoder = refreshed(ws, looking[group.config["features"]])
        features = features_of(ws, encoder, triples.reference, cancelled=cancelled)
    work.context.check()
    combined = cross_fit(
        group.strategy, stack, triples.share_a, triples.reference,
        features=features, folds=_folds(triples), seed=work.seed,
    )  # fmt: skip
    ends = np.cumsum([len(part) for part in parts.values()])
    own = dict(zip(parts, np.split(combined, ends[:-1]), strict=True))
    return {i: own[i] for i in known if i in work.parts}


def _folds(triples: Triples) -> int:
    references = len(np.unique(triples.reference))
    if references < 2:
        raise BadInput("it was fitted on one reference, which is inspected: nothing to fit without")
    return min(FOLDS, references)


def _seen(
    ws: Workspace, rows: Sequence[InspectedRow], chosen: Chosen, reference: Ints
) -> NDArray[np.int8]:
    """(rows, g) what each row, through its members, has seen of each reference."""
    trained: dict[int, tuple[set[int], set[int]]] = {}
    for model in chosen.every.values():
        images = load_triples(ws, model.cluster_ids).images  # none of no clusters
        trained[model.id] = set(model.trained_references), set(images.tolist())
    groups = {group.name: group for group in chosen.ensembles}
    out = np.full((len(rows), len(reference)), UNSEEN, dtype=np.int8)
    for own, row in zip(out, rows, strict=True):
        ids = groups[row.name].member_ids if row.kind == "ensemble" else (row.id,)
        shown = set().union(*(trained[i][1] for i in ids))
        known = set().union(*(trained[i][0] for i in ids))
        own[np.isin(reference, list(shown))] = SHOWN
        own[np.isin(reference, list(known))] = TRAINED
    return out


def _columns(triples: Triples) -> dict[str, NDArray[Any]]:
    return {
        f"triples.{name}": getattr(triples, name)
        for name in ("reference", "a", "b", "votes_a", "votes_b", "class_a", "class_b", "page")
    }
