"""Why an ensemble answers as it does: weights here, and how members did on similar references.

What validation showed is kept beside the ensemble as a `Record`, so that it can be looked up
without the database: each validation reference's embedding, and each member's credit on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.weighting import Evidence
from cssim.errors import BadInput

FORMAT = "1"


@dataclass(frozen=True, eq=False)
class Record:
    """What validation showed of the members, reference by reference."""

    evidence: Evidence
    """Embeddings of the g validation references, and the members' credit on them."""
    names: tuple[str, ...]
    """(g,) what the references are called."""
    encoder: str
    """Name of the member or projector that made the embeddings."""

    def __post_init__(self) -> None:
        if len(self.names) != len(self.evidence.reference):
            raise BadInput(
                f"{words.count(len(self.evidence.reference), 'reference')} "
                f"and as many names go together, got {len(self.names)}"
            )


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A validation reference that looks like the one asked about."""

    name: str
    image_id: int
    distance: float
    """1 - cosine of the embeddings, 0..2."""
    triples: int
    """Validation triples of this reference: what the accuracies rest on."""
    accuracy: Mapping[str, float]
    """Each member's mean soft credit on them, 0..1."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What speaks in an ensemble's answers about one reference."""

    strategy: str
    by_reference: bool
    """Whether the weights depend on the reference at all."""
    weights: Mapping[str, float]
    """Each member's share in the ensemble's distance; absolute values sum to 1."""
    competence: Mapping[str, float | None] | None
    """Expected accuracy of each member here, 0..1; None where the strategy estimates none, or
    knows nothing here."""
    references: int | None
    """Validation references that the competence rests on; None with it."""
    triples: int | None
    """Their triples."""
    overall: Mapping[str, float] | None
    """Each member's accuracy on all validation triples; None where none were used."""
    encoder: str
    """By which embeddings references count as near; empty without validation answers."""
    nearest: tuple[Neighbour, ...]
    """Validation references, the nearest first; none without validation answers."""


def explanation(
    fitted: Fitted,
    members: tuple[str, ...],
    features: NDArray[np.float32] | None,
    record: Record | None,
    seen: NDArray[np.float32] | None,
    *,
    top: int,
) -> Explanation:
    """The explanation for one reference.

    Args:
        fitted: the strategy.
        members: names, in the order of its weights.
        features: (1, d) of the reference by the strategy's projector; None where not needed.
        record: what validation showed; None where nothing was kept.
        seen: (1, d') of the reference by the record's encoder; None without a record.
        top: how many validation references to name.
    """
    given = np.zeros((1, 0)) if features is None else features
    estimate = fitted.estimate_at(given)
    return Explanation(
        strategy=fitted.strategy,
        by_reference=fitted.needs_features,
        weights=_named(members, fitted.weights_at(given)[0]),
        competence=None
        if estimate is None
        else {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(members, estimate.competence[0], strict=True)
        },
        references=None if estimate is None else int(estimate.references[0]),
        triples=None if estimate is None else int(estimate.triples[0]),
        overall=None if record is None else _named(members, record.evidence.overall),
        encoder="" if record is None else record.encoder,
        nearest=() if record is None or seen is None else _nearest(members, record, seen, top),
    )


def save_record(path: Path, record: Record) -> None:
    """Write a record to one safetensors file."""
    from safetensors.numpy import save_file

    known = record.evidence
    words = {
        "format": FORMAT,
        "encoder": record.encoder,
        "names": json.dumps(record.names, ensure_ascii=False),
    }
    arrays = {
        "reference": known.reference,
        "features": known.features,
        "credit": known.credit,
        "triples": known.triples,
    }
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, metadata=words)


def load_record(path: Path) -> Record | None:
    """The record in a file; None where there is none.

    Raises:
        BadInput: damaged, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            words = file.metadata() or {}
            if words.get("format") != FORMAT:
                raise BadInput(
                    f"{path} has format {words.get('format')!r}, expected {FORMAT!r}: update "
                    "CS-Sim to read it"
                )
            arrays = {
                name: file.get_tensor(name)
                for name in ("reference", "features", "credit", "triples")
            }
        return Record(Evidence(**arrays), tuple(json.loads(words["names"])), words["encoder"])
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}; copy the folder again") from error


def _nearest(
    members: tuple[str, ...], record: Record, seen: NDArray[np.float32], top: int
) -> tuple[Neighbour, ...]:
    known = record.evidence
    distance = known.cosine(seen)[0]
    at = np.argsort(distance, kind="stable")[:top]
    return tuple(
        Neighbour(
            name=record.names[i],
            image_id=int(known.reference[i]),
            distance=float(distance[i]),
            triples=int(known.triples[i]),
            accuracy=_named(members, known.accuracy[:, i]),
        )
        for i in at
    )


def _named(members: tuple[str, ...], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(members, values, strict=True)}
