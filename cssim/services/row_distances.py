"""Distances of each row of a comparison: models by their embeddings, ensembles by their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput, CSSimError, NotFound, Unavailable
from cssim.services.chosen import Chosen, weighing
from cssim.services.encoding import distances_of, refreshed
from cssim.services.running import JobContext
from cssim.services.validating import context_test
from cssim.triples import Triples
from cssim.types import EnsembleInfo

Floats = NDArray[np.float64]

_DISTANCES, _FITS = 0.6, 0.9
"""Shares of the progress bar up to the members' distances, and up to fits and shuffles."""


@dataclass(frozen=True)
class Computed:
    """What could be computed, and why not the rest."""

    rows: Mapping[str, Floats]
    """(n, 2) of each row, by name."""
    members: Mapping[int, Floats]
    """(n, 2) of each model, by id, rows of their own or not."""
    reasons: Mapping[str, str]
    """Why a row or a member has none, by name."""
    chosen: Chosen
    """The models with the fingerprints under which they were computed."""
    tests: Mapping[str, Mapping[str, Any]]
    """Of cross-fitted ensembles that weigh by the reference: `validating.context_test`, by name."""


def all_distances(
    context: JobContext,
    chosen: Chosen,
    triples: Triples,
    *,
    folds: int = 0,
    shuffles: int = 0,
    seed: int = 0,
) -> Computed:
    """Distances of each row that can be computed.

    Args:
        context: of the job.
        chosen: the rows.
        triples: what is evaluated.
        folds: parts in which ensembles are fitted again on these triples by reference; 0 takes
            them as they were built.
        shuffles: of cross-fitted ensembles that weigh by the reference; 0 tests none.
        seed: of folds and shuffles.
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
    tests: dict[str, Mapping[str, Any]] = {}
    for i, ensemble in enumerate(chosen.ensembles):
        ends = (_DISTANCES + (_FITS - _DISTANCES) * k / len(chosen.ensembles) for k in (i, i + 1))
        part = context.part(*ends)
        part(0, 1, f"{ensemble.name}: combining")
        missing = [m for m in chosen.members(ensemble) if m.id not in by_model]
        if missing:
            reasons[ensemble.name] = f"{missing[0].name}: {reasons[missing[0].name]}"
            continue
        stack = np.stack([by_model[i] for i in ensemble.member_ids])
        try:
            fitted, features = weighing(context, ensemble, triples)
            if folds:
                rows[ensemble.name] = _again(ensemble, stack, triples, features, folds, seed)
            else:
                rows[ensemble.name] = fitted.combine(stack, features)
        except (BadInput, NotFound, Unavailable) as error:
            reasons[ensemble.name] = str(error)
            continue
        if folds and shuffles:
            where = "the evaluated references"
            found = context_test(
                ensemble.strategy, stack, triples, features, where,
                draws=shuffles, folds=folds, seed=seed, progress=part,
            )  # fmt: skip
            if found is not None:
                tests[ensemble.name] = found
    return Computed(rows, by_model, reasons, chosen, tests)


def _again(
    ensemble: EnsembleInfo,
    stack: Floats,
    triples: Triples,
    features: NDArray[np.float32] | None,
    folds: int,
    seed: int,
) -> Floats:
    """(n, 2), each triple by weights that have not seen its reference."""
    from cssim.ensembles.strategies import cross_fit

    return cross_fit(
        ensemble.strategy, stack, triples.share_a, triples.reference,
        features=features, folds=folds, seed=seed,
    )  # fmt: skip
