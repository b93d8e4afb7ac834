"""Weights over image space, for maps: where each member of an ensemble speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.services.answering import Ready
from cssim.services.vectors import Shelf

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeightChart:
    """The weights of an ensemble at its validation references, laid out in a plane."""

    points: Floats
    """(g, 2) places of the references: principal components, of the strategy's own map if any."""
    weights: Floats
    """(g, members)."""
    names: tuple[str, ...]
    """(g,) of the references."""
    image_ids: NDArray[np.int64]
    """(g,)."""
    encoder: str
    """By whose embeddings the plane is laid out."""
    field: Floats | None
    """(members, cells, cells) weights over the plane, rows along the second dimension; None where
    they are no function of the plane."""
    edges: Floats | None
    """(2, cells + 1) of the field's cells."""


def weights_over(shelf: Shelf, ensemble: Ready) -> WeightChart | None:
    """The chart of an ensemble; None where its weights are the same for every reference."""
    from cssim.ensembles.maps import MapWeights
    from cssim.ensembles.projection import fit_projection

    weighting, known = ensemble.fitted.weighting, ensemble.fitted.evidence
    if known is None and ensemble.record is not None:  # gates keep none of their own
        known = ensemble.record.evidence
    if weighting is None or known is None:
        return None
    names = tuple(
        shelf.images[shelf.place[i]].name if i in shelf.place else str(i)
        for i in known.reference.tolist()
    )
    field = edges = None
    if isinstance(weighting, MapWeights):
        projection = weighting.projection
        field, edges = weighting.map.weights(weighting.rule), weighting.map.edges
        # Nobody is known there: equal weights would look like knowledge.
        field = np.where(weighting.map.count == 0, np.nan, field)
    else:
        projection = fit_projection(known.features, 2)
    return WeightChart(
        points=projection(known.features),
        weights=weighting.weights(known.features),
        names=names,
        image_ids=known.reference,
        encoder=ensemble.fitted.projector,
        field=field,
        edges=edges,
    )


def weight_rows(chart: WeightChart, members: Sequence[str]) -> list[dict[str, object]]:
    """The chart as a table: a row for each reference."""
    return [
        {
            "reference": name,
            "image_id": int(image_id),
            "component_1": float(x),
            "component_2": float(y),
            **{f"weight {m}": float(w) for m, w in zip(members, weights, strict=True)},
        }
        for name, image_id, (x, y), weights in zip(
            chart.names, chart.image_ids, chart.points, chart.weights, strict=True
        )
    ]


def heaviest(chart: WeightChart, members: Sequence[str], top: int = 3) -> list[str]:
    """The members with the largest mean weight, the heaviest first."""
    return [members[int(i)] for i in np.argsort(-chart.weights.mean(axis=0), kind="stable")[:top]]
