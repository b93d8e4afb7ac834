"""What an ensemble is worth on its own validation triples, honestly: everything out of fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.plain import plain
from cssim.triples import Triples

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]


def out_of_fold(
    name: str,
    distances: Floats,
    triples: Triples,
    features: NDArray[np.float32] | None,
    *,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Credit and calibration on references that neither weights nor confidence have seen.

    Args:
        name: of the strategy.
        distances: (members, n, 2).
        triples: n, with their votes.
        features: (n, d) of each triple's reference, where the strategy looks at it.
        seed: deals the references.

    Returns:
        Plain values: `folds`, `references`, `triples`, `credit` (soft, 0..1), and the `error`,
        `brier` and `log_loss` of the calibration; None with fewer than three references.
    """
    from cssim.ensembles.strategies import FOLDS, LEAST_REFERENCES, cross_confidence, cross_fit
    from cssim.evaluation.accuracy import soft_credit
    from cssim.evaluation.calibration import reliability

    reference, share = triples.reference, triples.share_a
    references = len(np.unique(reference))
    if references < LEAST_REFERENCES:
        return None
    folds = min(FOLDS, references)
    combined = cross_fit(
        name, distances, share, reference, features=features, folds=folds, seed=seed
    )
    probability = cross_confidence(combined, share, reference, folds=folds, seed=seed)
    found = reliability(probability, share, reference, draws=1)
    return {
        "folds": folds,
        "references": references,
        "triples": len(triples),
        "credit": float(soft_credit(combined, share).mean()),
        "error": found.error,
        "brier": found.brier,
        "log_loss": found.log_loss,
    }


def context_test(
    name: str,
    distances: Floats,
    triples: Triples,
    features: NDArray[np.float32] | None,
    where: str,
    *,
    draws: int,
    folds: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any] | None:
    """Whether weights by the reference owe anything to what references look like.

    Args:
        name: of the strategy.
        distances: (members, n, 2).
        triples: n, with their votes.
        features: (n, d) of each triple's reference.
        where: which triples these are, in words.
        draws: shuffles of the references; 0 tests nothing.
        folds: of the cross-fits; 0 takes the usual number.
        seed: of folds and shuffles.
        progress: called with (done, total, message) before each shuffle; may raise to stop.

    Returns:
        The fields of a `ContextTest`, and `null` with the shuffled gains, as plain values; None for
        a strategy that does not look at the reference.
    """
    from cssim.ensembles.nulls import LEAST_REFERENCES, shuffled_null
    from cssim.ensembles.strategies import FOLDS, STRATEGIES

    if not STRATEGIES[name].needs_features or features is None:
        return None
    references = len(np.unique(triples.reference))
    if len(distances) < 2:
        return {"untested": "one member has nothing to be weighed against"}
    if references < LEAST_REFERENCES:
        return {
            "untested": f"it needs {LEAST_REFERENCES} references that it was fitted on, and there "
            f"are {references}"
        }
    if draws < 1:
        return {"untested": "no shuffles were asked for"}

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, f"shuffling references, {done} of {total}")

    found = shuffled_null(
        name,
        distances,
        triples.share_a,
        triples.reference,
        features,
        draws=draws,
        folds=min(folds or FOLDS, references),
        seed=seed,
        progress=report,
    )
    return {
        "gain": found.gain,
        "p": found.p,
        "draws": draws,
        "blind": STRATEGIES[found.blind].title,
        "where": f"cross-fitted on {where}",
        "null": plain(list(found.null)),
    }
