"""An inspection in plain values: rows with accuracy and what their maps are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from cssim.ensembles.competence import GRID
from cssim.ensembles.regions import region_tests
from cssim.services.inspection_types import Inspection
from cssim.services.regions import suggested_window


def report(
    inspection: Inspection, *, grid: int = GRID, window: int | None = None
) -> dict[str, Any]:
    """What an inspection says of each row, for people and scripts.

    Args:
        inspection: what was computed.
        grid: of the maps whose null is given.
        window: of these maps; None takes the page's default.
    """
    info = inspection.info
    size = suggested_window(inspection, grid) if window is None else window
    tests = (
        [None] * len(info.rows)
        if inspection.pca is None
        else region_tests(np.asarray(inspection.pca), inspection.accuracy, grid=grid, window=size)
    )
    return {
        "inspection": info.id,
        "sets": [name for _, name in info.clusters],
        "triples": info.triples,
        "references": info.references,
        "projector": info.projector,
        "pca": info.pca_of,
        "grid": grid,
        "window": size,
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "accuracy": float(accuracy),
                "leakage": row.leakage,
                "cross_fitted": row.cross_fitted,
                "explained": None if test is None else test.explained,
                "shuffled": None if test is None else test.shuffled,
                "p": None if test is None else test.p,
            }
            for row, accuracy, test in zip(info.rows, inspection.overall, tests, strict=True)
        ],
        "notes": list(info.notes),
    }
