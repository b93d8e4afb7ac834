"""The job `plan`: pages where models disagree, references where competence is uncertain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.services.plan_pages import (
    Drawn,
    choose_references,
    draw_candidates,
    images_of,
    unused_images,
)
from cssim.services.plan_specs import PlanSpec
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Image, ModelInfo, ModelKind
from db import library, runs

Floats = NDArray[np.float64]

POOL = 8
"""Pages are chosen among so many times as many random ones."""
MOST_POOL = 60_000
"""But among no more than so many pages."""


def check_models(ws: Workspace, spec: PlanSpec) -> list[ModelInfo]:
    """The models that a plan looks at.

    Raises:
        NotFound: a model is not there.
        BadInput: fewer than two models, or no validation answers for the competence map.
    """
    with ws.database.reading() as session:
        if spec.models:
            models = [runs.get_model(session, ws.project.id, n) for n in dict.fromkeys(spec.models)]
        else:
            models = runs.list_models(session, ws.project.id)
            models = [m for m in models if m.kind is not ModelKind.METRIC] or models
        clusters = library.list_clusters(session, ws.project.id)
    if spec.needs_models and len(models) < 2:
        raise BadInput(
            f"pages where models disagree need two or more models, there are {len(models)}: embed "
            "with several backbones or train CS models first, or draw pages at random"
        )
    uncertain = not spec.references and spec.choose_references == "uncertainty"
    if uncertain and not models:
        raise BadInput("a competence map needs models: embed with a backbone or train one first")
    if uncertain and not any(c.kind is ClusterKind.VALIDATION for c in clusters):
        raise BadInput(
            "a competence map rests on answers to a validation set, and there is none yet; draw "
            "references at random first"
        )
    return models


def run_plan(context: JobContext) -> Mapping[str, Any]:
    """Job `plan`: the id and name of the plan that was made.

    Raises:
        BadInput, NotFound, Conflict: as `cssim.services.plans.make_plan` and `check_models`.
    """
    from cssim.services.encoding import use_threads
    from cssim.services.plans import store

    ws, spec = context.ws, PlanSpec.from_dict(context.job.params["spec"])
    use_threads(ws)
    models = check_models(ws, spec)
    images, rng = images_of(ws), np.random.default_rng(spec.seed)
    if not spec.references and spec.choose_references == "uncertainty":
        references, notes = _uncertain_references(context, spec, models, images)
    else:
        references, notes = choose_references(ws, spec, images, rng), {}
    if spec.needs_models:
        drawn = _active(context, spec, models, images, references, rng)
    else:
        pages = draw_candidates(spec, images, references, spec.pages_per_reference, rng)
        drawn = Drawn(pages)
    notes = {**notes, **drawn.notes, "references": references}
    context.progress(
        0.98, 1, f"storing {words.count(len(drawn.pages) + len(drawn.random_pages), 'page')}"
    )
    plan = store(
        ws, spec, Drawn(drawn.pages, drawn.random_pages, notes), by=context.job.params.get("by")
    )
    return {"plan": plan.id, "name": plan.name, "pages": plan.counts.pages}


def _active(
    context: JobContext,
    spec: PlanSpec,
    models: Sequence[ModelInfo],
    images: Sequence[Image],
    references: Sequence[int],
    rng: np.random.Generator,
) -> Drawn:
    """The most telling of many random pages of each reference, and random ones beside them."""
    from cssim.sampling import active

    chosen, random = active.split_count(spec.pages_per_reference, spec.holdout)
    held = draw_candidates(spec, images, references, random, rng) if random else []
    taken = {(reference, frozenset(candidates)) for reference, candidates in held}
    wide = _pool_size(spec, len(images), chosen, len(references))
    pool = [
        (reference, candidates)
        for reference, candidates in draw_candidates(spec, images, references, wide, rng)
        if (reference, frozenset(candidates)) not in taken
    ]
    pairs, page = active.pairs_of(pool)
    margins = active.standardised(_margins(context, models, pairs))
    rule = {"disagreement": active.disagreement, "information": active.information}[spec.sampling]
    scores = active.page_scores(rule(margins), page, len(pool))
    # A floor, so that pages on which all agree can still fill a plan that asks for many.
    at = active.choose_pages(
        pool, scores + 1e-6, min(chosen * len(references), len(pool)), per_reference=chosen
    )
    notes = {
        "looked_at": len(pool),
        "score_of_chosen": float(scores[at].mean()) if at else None,
        "score_of_random": float(scores.mean()),
        "models": [model.name for model in models],
    }
    return Drawn([pool[i] for i in at], held, notes)


def _pool_size(spec: PlanSpec, images: int, chosen: int, references: int) -> int:
    """Random pages to look at for each reference: many, but not more than there are."""
    most = max(chosen, MOST_POOL // max(1, references))
    return max(1, min(POOL * chosen, most, comb(max(0, images - 1), spec.candidates)))


def _margins(context: JobContext, models: Sequence[ModelInfo], pairs: NDArray[np.int64]) -> Floats:
    """(models, pairs) d(R, B) - d(R, A); pictures are embedded where they are not yet."""
    from cssim.ensembles.distances import model_distances, rows_of
    from cssim.services.encoding import embeddings_of, refreshed

    ws, images, out = context.ws, np.unique(pairs), []
    for i, model in enumerate(models):
        report = context.part(0.9 * i / len(models), 0.9 * (i + 1) / len(models))
        report(0, 1, f"{model.name}: loading")
        _, encoder = refreshed(ws, model)
        vectors = embeddings_of(ws, encoder, images, progress=report, cancelled=context.cancelled)
        columns = (rows_of(images, ids) for ids in pairs.T)
        distance = model_distances(vectors, *columns, made_by=encoder.fingerprint)
        out.append(distance[:, 1] - distance[:, 0])
    return np.stack(out)


def _uncertain_references(
    context: JobContext, spec: PlanSpec, models: Sequence[ModelInfo], images: Sequence[Image]
) -> tuple[list[int], dict[str, Any]]:
    """References where the competence of the models is known least, not next to each other."""
    from cssim.ensembles.gaussian import fit_gaussian
    from cssim.ensembles.weighting import collect, unit
    from cssim.sampling.active import spread_references
    from cssim.services.encoding import distances_of, embeddings_of, features_of, refreshed
    from cssim.services.library import load_triples

    ws = context.ws
    with ws.database.reading() as session:
        clusters = library.list_clusters(session, ws.project.id)
    validation = [c.id for c in clusters if c.kind is ClusterKind.VALIDATION]
    triples = load_triples(ws, validation)
    if not len(triples):
        raise BadInput("the validation sets have no answers yet; draw references at random first")
    distances = []
    for i, model in enumerate(models):
        report = context.part(0.4 * i / len(models), 0.4 * (i + 1) / len(models))
        _, encoder = refreshed(ws, model)
        distances.append(
            distances_of(ws, encoder, triples, progress=report, cancelled=context.cancelled)
        )
    looking = next((m for m in models if m.kind is ModelKind.FROZEN), models[0])
    _, encoder = refreshed(ws, looking)
    features = features_of(ws, encoder, triples.reference, cancelled=context.cancelled)
    known = collect(np.stack(distances), triples.share_a, triples.reference, features)
    process = fit_gaussian(known)
    among = [i.id for i in unused_images(ws, images, spec.tag, spec.reference_count)]
    vectors = embeddings_of(
        ws, encoder, among, progress=context.part(0.4, 0.5), cancelled=context.cancelled
    )
    error = process.estimate(vectors).error
    uncertainty = np.zeros(len(among)) if error is None else error.mean(axis=1)
    if not uncertainty.max() > 0:  # a flat map is as uncertain everywhere: then by distance alone
        uncertainty = known.cosine(vectors).min(axis=1)
    directions = unit(np.asarray(vectors, dtype=np.float64))
    apart = np.clip(1 - directions @ directions.T, 0, None)
    chosen = spread_references(uncertainty, apart, spec.reference_count)
    notes = {
        "uncertainty_of_chosen": float(uncertainty[chosen].mean()),
        "uncertainty_of_all": float(uncertainty.mean()),
        "features": looking.name,
    }
    return [among[i] for i in chosen.tolist()], notes
