"""Which map of an inspection to look at first: the one with the plainest regions."""

from __future__ import annotations

import numpy as np

from cssim.services import inspecting
from cssim.services.inspecting import Inspection, InspectionInfo
from cssim.services.workspace import Workspace

NEAR, MOST = 8, 1_000
"""References beside one, and references that are looked at."""
_CLEAREST: dict[tuple[str, int, str], str] = {}
"""By home folder, inspection and its time."""


def clearest_row(ws: Workspace, info: InspectionInfo) -> str:
    """The name of the CS model to begin with on the map; remembered, as an inspection stays."""
    key = (str(ws.settings.home), info.id, info.created_at.isoformat())
    if key not in _CLEAREST:
        _CLEAREST[key] = clearest(inspecting.load_inspection(ws, info.id))
    return _CLEAREST[key]


def clearest(inspection: Inspection) -> str:
    """The CS model whose accuracy on a reference is told best by the references beside it.

    Best means the highest correlation with the mean over the `NEAR` nearest references in the plane
    of principal components; of many references some thousand speak for all. Empty without CS models
    or without that plane.
    """
    rows = [i for i, row in enumerate(inspection.info.rows) if row.kind == "cs"]
    if inspection.pca is None or not rows:
        return ""
    some = np.arange(0, len(inspection.reference), 1 + len(inspection.reference) // MOST)
    xy = np.asarray(inspection.pca, dtype=np.float64)[some]
    apart = np.square(xy[:, None] - xy[None]).sum(axis=2)
    near = np.argsort(apart, axis=1, kind="stable")[:, 1 : 1 + NEAR]  # the first is itself
    told = []
    for row in rows:
        own = np.asarray(inspection.sums[row] / inspection.counts)[some]
        beside = own[near].mean(axis=1) if near.size else own * 0
        spread = own.std() * beside.std()
        covariance = np.mean((own - own.mean()) * (beside - beside.mean()))
        told.append(covariance / spread if spread > 0 else -1.0)
    return inspection.info.rows[rows[int(np.argmax(told))]].name
