"""A saved ensemble asked about the project's own pictures, from cached embeddings: no waiting.

The numbers are those of `Ensemble.closer`, `Ensemble.explain` and `Ensemble.search`; only the
embeddings come from the cache instead of from encoders. What is not cached is a job, see
`answer_jobs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.verdicts import as_pair, choice_of, confidence_of
from cssim.errors import BadInput
from cssim.services.comparing import fitted_of
from cssim.services.vectors import Near, Shelf
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo

if TYPE_CHECKING:
    from cssim.ensembles.explain import Record
    from cssim.ensembles.fitted import Fitted

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ready:
    """A saved ensemble's numbers, without its encoders."""

    info: EnsembleInfo
    fitted: Fitted
    record: Record | None
    """What validation showed of the members; None where nothing was kept."""
    looking: int | None = None
    """Id of the model by which the record's references count as near; None without a record."""


def ready(ws: Workspace, ensemble: EnsembleInfo) -> Ready:
    """A stored ensemble, read from its folder.

    Raises:
        NotFound, BadInput: the folder is gone or damaged.
    """
    from cssim.ensembles.explain import load_record
    from cssim.ensembles.saved import VALIDATION, read_names

    folder = ws.settings.home / str(ensemble.path)
    fitted, record = fitted_of(ws, ensemble), load_record(folder / VALIDATION)
    if record is None:
        return Ready(ensemble, fitted, None)
    # By its place: the model may be called otherwise now.
    members = dict(zip(read_names(folder), ensemble.member_ids, strict=True))
    looking = members.get(record.encoder, ensemble.config.get("features"))
    return Ready(ensemble, fitted, record, looking)


def lacking(shelf: Shelf, ensemble: Ready, image_ids: Sequence[int]) -> list[str]:
    """Names of the models that must embed some of these pictures first; empty: answer at once."""
    found = []
    for model_id in _needed(shelf, ensemble):
        if model_id not in shelf.models:
            found.append(f"model {model_id}")
        elif not shelf.knows(model_id, *image_ids):
            found.append(shelf.models[model_id].name)
    return found


def answer(
    shelf: Shelf, ensemble: Ready, reference: int, a: int, b: int, *, top: int = 5
) -> dict[str, Any]:
    """Which of two pictures of the project is closer; the plain values of `asking.ask`, explained.

    Args:
        shelf: the project's pictures.
        ensemble: the one asked.
        reference: image id.
        a: image id of candidate A.
        b: image id of candidate B.
        top: how many validation references the explanation names.

    Raises:
        BadInput: a picture that a member has not embedded (see `lacking`).
    """
    from cssim.ensembles.distances import triple_distances

    images = list(dict.fromkeys([reference, a, b]))
    rows = [shelf.vectors(i, images) for i in ensemble.info.member_ids]
    places = [[images.index(i)] for i in (reference, a, b)]
    makers = [shelf.rows[i].made_by for i in ensemble.info.member_ids]
    own = triple_distances(rows, *places, made_by=makers)  # (members, 1, 2)
    features = features_of(shelf, ensemble, [reference])
    combined = ensemble.fitted.combine(own, features)
    probability = ensemble.fitted.confidence(combined)
    choice = choice_of(combined[0])
    names = member_names(shelf, ensemble)
    sure = None if probability is None else confidence_of(float(probability[0]), choice)
    return {
        "choice": choice,
        "confidence": sure,
        "distances": as_pair(combined[0]),
        "votes": {name: choice_of(d[0]) for name, d in zip(names, own, strict=True)},
        "member_distances": {name: as_pair(d[0]) for name, d in zip(names, own, strict=True)},
        "explanation": explain(shelf, ensemble, reference, top=top),
    }


def explain(shelf: Shelf, ensemble: Ready, reference: int, *, top: int = 5) -> dict[str, Any]:
    """Why it answers as it does about a picture of the project; plain values of an `Explanation`.

    Raises:
        BadInput: the reference is not embedded by a model that looks at it.
    """
    from cssim.ensembles.explain import explanation

    record, seen = ensemble.record, None
    if record is not None:
        looking = ensemble.looking
        if looking not in shelf.models or not shelf.knows(looking, reference):
            raise BadInput(f"{record.encoder} has not embedded this picture; embed it first")
        seen = shelf.vectors(looking, [reference])
    return asdict(
        explanation(
            ensemble.fitted,
            member_names(shelf, ensemble),
            features_of(shelf, ensemble, [reference]),
            record,
            seen,
            top=top,
        )
    )


def search(shelf: Shelf, ensemble: Ready, reference: int, *, top: int = 24) -> list[Near]:
    """The project's pictures that are closest to one of them by the ensemble, the closest first.

    The reference itself is left out, and so are pictures that a member has not embedded.

    Raises:
        BadInput: the members vote, or the reference is not embedded.
    """
    from cssim.ensembles.distances import pair_distances

    fitted = ensemble.fitted
    if fitted.votes:
        raise BadInput(
            "a majority vote compares two candidates and has no distance of its own: search with "
            "another ensemble"
        )
    rows = [shelf.rows[i] for i in ensemble.info.member_ids]
    known = np.all([one.found for one in rows], axis=0)
    known[shelf.place[reference]] = False
    at = np.flatnonzero(known)
    if not len(at):
        return []
    features = features_of(shelf, ensemble, [reference])
    weights = fitted.weights_at(np.zeros((1, 0)) if features is None else features)
    own = [shelf.vectors(i, [reference]) for i in ensemble.info.member_ids]
    scale = weights[0] / np.array(fitted.spreads)
    rough = sum(
        factor * one.near(vector[0])[at].astype(np.float64)
        for factor, one, vector in zip(scale, rows, own, strict=True)
    )
    take = min(len(at), 2 * top + 16)
    first = at[np.argpartition(rough, take - 1)[:take]]
    exact = np.stack(
        [
            pair_distances(
                np.concatenate([v, one.take(first)]),
                [0] * take,
                range(1, take + 1),
                made_by=one.made_by,
            )
            for one, v in zip(rows, own, strict=True)
        ]
    )
    distance = fitted.weigh(np.repeat(exact[:, :, None], 2, axis=2), weights)[:, 0]
    order = np.lexsort((first, distance))[:top]
    return [Near(shelf.images[first[i]], float(distance[i]) + 0.0) for i in order]


def features_of(
    shelf: Shelf, ensemble: Ready, references: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """(k, d) of references by the model that the weights look through; None: they look at none."""
    if not ensemble.fitted.needs_features:
        return None
    return shelf.vectors(int(ensemble.info.config["features"]), references)


def member_names(shelf: Shelf, ensemble: Ready) -> tuple[str, ...]:
    """Names of the members, in order; a number stands for one that was archived."""
    return tuple(
        shelf.models[i].name if i in shelf.models else f"model {i}"
        for i in ensemble.info.member_ids
    )


def _needed(shelf: Shelf, ensemble: Ready) -> list[int]:
    """All models whose embeddings of a question's pictures are needed."""
    found = list(ensemble.info.member_ids)
    if ensemble.fitted.needs_features:
        found.append(int(ensemble.info.config["features"]))
    if ensemble.looking is not None:
        found.append(ensemble.looking)
    return list(dict.fromkeys(found))
