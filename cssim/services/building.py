"""The job `ensemble`: fit a strategy on the members' distances, save the folder, store the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.code import code_fingerprint
from cssim.services.encoding import distances_of, features_of, refreshed
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.services.validating import context_test, out_of_fold
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ModelInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    from cssim.embeddings.encoder import Encoder
    from cssim.ensembles.explain import Record
    from cssim.ensembles.saved import Member


_DISTANCES = 0.6
"""Share of the progress bar up to the members' distances; then come fits and shuffles."""


def run_ensemble(context: JobContext) -> Mapping[str, Any]:
    """Job `ensemble`: the id and the folder of what was fitted and saved.

    Its card keeps how it did on validation references that it had not seen, and, where its weights
    look at the reference, the test that they owe anything to that.

    Raises:
        NotFound, Unavailable, BadInput: a member cannot be loaded.
    """
    from cssim.ensembles.nulls import DRAWS
    from cssim.ensembles.saved import save_ensemble
    from cssim.ensembles.strategies import strategy

    ws, params = context.ws, context.job.params
    chosen = params.get("features")  # jobs of before it was asked for have none
    with ws.database.reading() as session:
        by_id = runs.models_by_id(session, [*params["members"], *([chosen] if chosen else [])])
    triples = load_triples(ws, params["fit_on"])
    distances, members = [], []
    for i, model_id in enumerate(params["members"]):
        report = context.part(*(_DISTANCES * k / len(params["members"]) for k in (i, i + 1)))
        model = by_id[model_id]
        report(0, 1, f"{model.name}: loading")
        model, encoder = refreshed(ws, model)
        distances.append(
            distances_of(ws, encoder, triples, progress=report, cancelled=context.cancelled)
        )
        members.append(_member(ws, model, encoder))
    looking = by_id[chosen or _looking([by_id[i] for i in params["members"]])]
    _, encoder = refreshed(ws, looking)
    features = features_of(ws, encoder, triples.reference, cancelled=context.cancelled)
    stack, looks = np.stack(distances), None if chosen is None else features
    context.progress(_DISTANCES, 1, "fitting")
    fitted = strategy(params["strategy"]).fit(
        stack,
        triples.share_a,
        reference=triples.reference,
        features=looks,
        projector="" if chosen is None else looking.name,
    )
    validation = out_of_fold(params["strategy"], stack, triples, looks) if len(triples) else None
    card = {
        "name": params["name"],
        "fitted": fitted.summary(),
        "features": chosen,
        "fit_on": params["fit_on"],
        "fit_data": triples.fingerprint,
        "fit_triples": len(triples),
        "fit_references": np.unique(triples.reference).tolist(),
        "out_of_fold": validation,
        "context": context_test(
            params["strategy"],
            stack,
            triples,
            looks,
            _names(ws, params["fit_on"]),
            draws=params.get("shuffles", DRAWS),
            progress=context.part(_DISTANCES, 0.99),
        ),
        "code": code_fingerprint(),
        "job": context.job.id,
    }
    target = ws.settings.ensembles / f"job-{context.job.id}-{context.job.attempt}"
    save_ensemble(
        target,
        members,
        fitted,
        card=card,
        projector=None if looking.id in params["members"] else _member(ws, looking, encoder),
        record=_record(ws, stack, triples, features, looking.name) if len(triples) else None,
    )
    with ws.database.writing() as session:
        ensemble_id = runs.add_ensemble(
            session,
            ws.project.id,
            params["name"],
            params["strategy"],
            params["members"],
            config=card,
            path=target.relative_to(ws.settings.home).as_posix(),
            job_id=context.job.id,
        )
    return {"ensemble": ensemble_id, "name": params["name"], "path": str(target)}


def _names(ws: Workspace, clusters: Sequence[int]) -> str:
    with ws.database.reading() as session:
        found = library.clusters_by_id(session, clusters)
    return " + ".join(found[i].name for i in clusters)


def _looking(members: Sequence[ModelInfo]) -> int:
    """The member by whose embeddings references count as near: a frozen one where there is one."""
    frozen = [model.id for model in members if model.kind is ModelKind.FROZEN]
    return (frozen or [members[0].id])[0]


def _record(
    ws: Workspace,
    distances: NDArray[np.float64],
    triples: Triples,
    features: NDArray[np.float32],
    encoder: str,
) -> Record:
    """What validation showed of the members, for the ensemble to explain itself with."""
    from cssim.ensembles.explain import Record
    from cssim.ensembles.weighting import collect

    evidence = collect(distances, triples.share_a, triples.reference, features)
    with ws.database.reading() as session:
        images = library.images_by_id(session, evidence.reference.tolist())
    return Record(evidence, tuple(images[i].name for i in evidence.reference.tolist()), encoder)


def _member(ws: Workspace, model: ModelInfo, encoder: Encoder) -> Member:
    """A model as an ensemble's folder keeps it."""
    from cssim.ensembles.saved import Member, identity_of

    folder = None if model.path is None else ws.settings.home / model.path
    name = model.backbone if folder is None else ""
    return Member(model.name, name, folder, identity_of(encoder))
