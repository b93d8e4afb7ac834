"""Would active sampling have paid here? The project's own answers, used in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cssim import words
from cssim.errors import BadInput
from cssim.sampling.simulation import TrialPoint, pool_trial
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.types import ModelKind
from db import library

SIZES = (50, 100, 200, 400, 800)
"""Numbers of answers that are tried."""


def active_trial(
    ws: Workspace,
    clusters: Sequence[str],
    *,
    models: Sequence[str] = (),
    sizes: Sequence[int] = SIZES,
    seeds: int = 20,
    seed: int = 0,
) -> list[TrialPoint]:
    """Accuracy of stacking against the number of answers, for each rule of choosing them.

    Uses what the cache holds of the models' embeddings; see `cssim.sampling.simulation.pool_trial`.

    Args:
        ws: the workspace.
        clusters: names of sets with answers; many references each, as a rule.
        models: names; empty: all of the project that are no metrics and have embedded the images.
        sizes: numbers of answers, rising; those beyond what there is are left out.
        seeds: repetitions with other test references.
        seed: of the first.

    Raises:
        BadInput: fewer than two models, too few answers, or models that have not embedded them.
        NotFound: a set or model is not there.
    """
    from cssim.ensembles.logistic import fit_logistic
    from cssim.services.vectors import load_shelf

    with ws.database.reading() as session:
        ids = [library.get_cluster(session, ws.project.id, name).id for name in clusters]
    triples = load_triples(ws, ids)
    shelf = load_shelf(ws)
    unknown = [name for name in models if name not in shelf.by_name]
    if unknown:
        raise BadInput(f"there is no model {unknown[0]!r}; see `models`")
    chosen = [
        model
        for model in (shelf.models.values() if models else shelf.listed)
        if (model.name in models if models else model.kind is not ModelKind.METRIC)
    ]
    known = [(model.name, shelf.distances(model.id, triples)) for model in chosen]
    missing = [name for name, own in known if np.isnan(own).any()]
    if models and missing:
        raise BadInput(f"{missing[0]} has not embedded all images of these sets; embed them first")
    usable_models = [own for name, own in known if name not in missing]
    if len(usable_models) < 2:
        raise BadInput(
            f"models can disagree only where two or more have embedded the images of these sets; "
            f"{len(usable_models)} of {len(known)} have"
        )
    distances = np.stack(usable_models)
    most = int(0.6 * len(triples))
    usable = [size for size in sizes if size <= most]
    if not usable or len(np.unique(triples.reference)) < 4:
        raise BadInput(
            f"{words.count(len(triples), 'answered triple is', 'answered triples are')} too few "
            f"for {words.count(min(sizes), 'answer')} and a test on other references"
        )
    return pool_trial(
        distances[:, :, 1] - distances[:, :, 0],
        triples.share_a,
        triples.reference,
        lambda x, share: fit_logistic(x, share),
        sizes=usable,
        seeds=seeds,
        seed=seed,
    )
