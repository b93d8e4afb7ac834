"""What a comparison or an analysis is about: models, ensembles, and what identifies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.code import code_fingerprint
from cssim.services.encoding import features_of, refreshed
from cssim.services.plain import plain
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import EnsembleInfo, ModelInfo, ModelKind
from db import runs

if TYPE_CHECKING:
    from cssim.ensembles.strategies import Fitted
    from cssim.evaluation.report import CompareSettings


_ORDER = (ModelKind.METRIC, ModelKind.FROZEN, ModelKind.GLOBAL, ModelKind.CS)


@dataclass(frozen=True)
class Chosen:
    """What a comparison compares."""

    model_ids: Sequence[int]
    """The models with a row of their own."""
    ensembles: Sequence[EnsembleInfo]
    every: Mapping[int, ModelInfo]
    """These models and the ensembles' members, by id."""
    anchor: str | None = None

    @property
    def models(self) -> list[ModelInfo]:
        """The models with a row of their own, by kind, whichever was made first."""
        models = [self.every[i] for i in self.model_ids]
        return sorted(models, key=lambda model: _ORDER.index(model.kind))

    def members(self, ensemble: EnsembleInfo) -> list[ModelInfo]:
        """The members of one ensemble, in order."""
        return [self.every[i] for i in ensemble.member_ids]

    def names(self) -> dict[str, str]:
        """What all of these are called, by `source_of`."""
        return names_of([*self.every.values(), *self.ensembles])

    def named(self, source: str | None) -> str | None:
        """What the row of that `source_of` is called; None where there is none."""
        return self.names().get(source or "")


def weighing(
    context: JobContext, ensemble: EnsembleInfo, triples: Triples
) -> tuple[Fitted, NDArray[np.float32] | None]:
    """The ensemble's strategy, and the features of each triple's reference where it needs them.

    Raises:
        NotFound, Unavailable, BadInput: its folder, or the model that makes the features, is not
            usable any more.
    """
    ws, fitted = context.ws, fitted_of(context.ws, ensemble)
    if not fitted.needs_features:
        return fitted, None
    chosen = ensemble.config["features"]
    with ws.database.reading() as session:
        model = runs.models_by_id(session, [chosen])[chosen]
    _, encoder = refreshed(ws, model)
    return fitted, features_of(ws, encoder, triples.reference, cancelled=context.cancelled)


def fitted_of(ws: Workspace, ensemble: EnsembleInfo) -> Fitted:
    """The strategy of a stored ensemble with its numbers; large ones lie in its folder alone.

    Raises:
        NotFound, BadInput: the folder is gone or damaged.
    """
    from cssim.ensembles.saved import read_fitted
    from cssim.ensembles.strategies import Fitted

    if isinstance(ensemble.config["fitted"].get("weighting"), str):
        return read_fitted(ws.settings.home / str(ensemble.path))
    return Fitted.from_dict(ensemble.config["fitted"])


def fingerprints_of(
    triples: Triples,
    chosen: Chosen,
    settings: CompareSettings,
    names: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What goes in, by name: data, code, each row.

    Args:
        triples: what is evaluated.
        chosen: the rows.
        settings: of the comparison.
        names: what rows were called when a stored result was computed, by `source_of`; rows that
            are not in it go by their names of now.
    """
    found = {"data": triples.fingerprint, "code": code_fingerprint()}
    found["settings"] = digest(plain(settings))
    known = names or {}
    for model in chosen.models:
        name = known.get(source_of(model), model.name)
        found[f"model {name}"] = model.fingerprint
    for ensemble in chosen.ensembles:
        parts = [member.fingerprint for member in chosen.members(ensemble)]
        name = known.get(source_of(ensemble), ensemble.name)
        found[f"ensemble {name}"] = digest([ensemble.config["fitted"], parts])
    return found


def names_of(rows: Sequence[ModelInfo | EnsembleInfo]) -> dict[str, str]:
    """What rows are called now, by `source_of`."""
    return {source_of(row): row.name for row in rows}


def source_of(row: ModelInfo | EnsembleInfo) -> str:
    """What a row is whatever it is called, such as `model 7` or `ensemble 3`."""
    return f"{'ensemble' if isinstance(row, EnsembleInfo) else 'model'} {row.id}"


def digest(value: Any) -> str:
    """16 hexadecimal digits of any plain value."""
    text = json.dumps(plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
