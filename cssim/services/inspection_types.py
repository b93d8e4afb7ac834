"""What an inspection is: rows, facts, arrays; see `cssim.services.inspecting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import NotFound
from cssim.triples import Triples

Floats = NDArray[np.float64]

UNSEEN, SHOWN, TRAINED = 0, 1, 2
"""What a row has seen of a reference: nothing; the picture, as a candidate; as a reference."""


@dataclass(frozen=True, slots=True)
class InspectedRow:
    """A model or an ensemble of an inspection."""

    name: str
    kind: str
    """`frozen`, `metric`, `cs`, `global` or `ensemble`."""
    id: int
    """Of the model, or of the ensemble."""
    members: tuple[str, ...] = ()
    """Names of an ensemble's members, in order."""
    fingerprint: str = ""
    cross_fitted: bool = False
    """Whether the ensemble was fitted on one of these sets, so that each triple of that set is
    answered by a fit that never saw its reference."""
    leakage: str = "none"
    """What it has seen of these sets, in words."""
    backbone: str = ""


@dataclass(frozen=True, slots=True)
class Landmark:
    """The reference of a context cluster, on the same map."""

    cluster: str
    reference: int
    """Image id."""
    pca: tuple[float, float]
    tsne: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class InspectionInfo:
    """An inspection as lists show it; nothing large."""

    id: int
    """Also the id of the job that made it."""
    project_id: int
    clusters: tuple[tuple[int, str], ...]
    """Id and name of each set."""
    rows: tuple[InspectedRow, ...]
    triples: int
    references: int
    created_at: datetime
    projector: str
    """The model whose features of the references were projected; empty where there was none."""
    explained: tuple[float, float] | None
    """Share of the features' variance along each of the two principal components."""
    pca_of: str
    """Where the principal components come from, in words."""
    landmarks: tuple[Landmark, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be computed, and why."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """What went in, by name."""

    @property
    def title(self) -> str:
        """The names of its sets."""
        return " + ".join(name for _, name in self.clusters)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the rows, in order."""
        return tuple(row.name for row in self.rows)


@dataclass(frozen=True, eq=False)
class Inspection:
    """An inspection with its arrays; large ones are mapped from disk, none may be written to."""

    info: InspectionInfo
    triples: Triples
    cluster: NDArray[np.int64]
    """(n,) cluster id of each triple."""
    distances: Floats
    """(rows, n, 2) to A and to B, smaller = closer; an ensemble's are in its own units."""
    reference: NDArray[np.int64]
    """(g,) distinct reference ids, sorted; the order of all that follows."""
    sums: Floats
    """(rows, g) soft credit added up over each reference's triples."""
    counts: NDArray[np.int64]
    """(g,) triples of each reference, >= 1."""
    seen: NDArray[np.int8]
    """(rows, g) `UNSEEN`, `SHOWN` or `TRAINED`."""
    pca: Floats | None
    """(g, 2) principal components, as a map ensemble uses them; None without a frozen model."""
    tsne: Floats | None
    """(g, 2) t-SNE, for looking only; None where there are too few references."""

    @property
    def accuracy(self) -> Floats:
        """(rows, g) mean soft credit on each reference, 0..1."""
        return np.asarray(self.sums / self.counts)

    @property
    def overall(self) -> Floats:
        """(rows,) mean soft credit, each triple counting once."""
        return np.asarray(self.sums.sum(axis=1) / self.counts.sum())

    @cached_property
    def credit(self) -> Floats:
        """(rows, n) share of the voters who agree with each answer; ties of distance one half."""
        share = self.triples.share_a
        return np.asarray(
            0.5 + np.sign(self.distances[..., 1] - self.distances[..., 0]) * (share - 0.5)
        )

    @cached_property
    def which(self) -> NDArray[np.int64]:
        """(n,) place of each triple's reference among `reference`."""
        return np.searchsorted(self.reference, self.triples.reference).astype(np.int64)

    def row(self, name: str) -> int:
        """Place of the row of that name; raises `NotFound`."""
        if name not in self.info.names:
            raise NotFound(
                f"no row {name!r} in this inspection; there are: {', '.join(self.info.names)}"
            )
        return self.info.names.index(name)

    def places(self, image_ids: Sequence[int]) -> NDArray[np.int64]:
        """Places of these references among `reference`, sorted; ids that are none are left out."""
        return np.flatnonzero(np.isin(self.reference, np.asarray(image_ids, dtype=np.int64)))


def info_of(facts: Mapping[str, Any]) -> InspectionInfo:
    """What `inspection_files` read, as a type."""
    values = {
        name: facts[name]
        for name in (
            "id",
            "project_id",
            "triples",
            "references",
            "projector",
            "pca_of",
            "fingerprints",
        )
    }
    return InspectionInfo(
        **values,
        clusters=tuple((int(i), str(name)) for i, name in facts["clusters"]),
        rows=tuple(
            InspectedRow(**row | {"members": tuple(row["members"])}) for row in facts["rows"]
        ),
        created_at=datetime.fromisoformat(facts["created_at"]),
        explained=None if facts["explained"] is None else tuple(facts["explained"]),
        landmarks=tuple(_landmark(one) for one in facts["landmarks"]),
        notes=tuple(facts["notes"]),
    )


def _landmark(one: Mapping[str, Any]) -> Landmark:
    tsne = None if one["tsne"] is None else (one["tsne"][0], one["tsne"][1])
    return Landmark(one["cluster"], one["reference"], (one["pca"][0], one["pca"][1]), tsne)
