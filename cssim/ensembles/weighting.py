"""What all reference-dependent weights share: evidence, estimates, and competence as weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.distances import margins
from cssim.ensembles.packing import digest, pack
from cssim.ensembles.projection import checked_features
from cssim.errors import BadInput

Floats = NDArray[np.float64]

_SURE = 0.99
"""Competence is clipped here before its log odds are taken, so that nobody gets all the weight."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the members: how often each was right on each validation reference."""

    reference: NDArray[np.int64]
    """(g,) distinct image ids, sorted."""
    features: NDArray[np.float32]
    """(g, d) of these references, by one frozen encoder."""
    credit: Floats
    """(members, g) soft credit summed over each reference's triples."""
    triples: NDArray[np.int64]
    """(g,) >= 1."""

    @property
    def accuracy(self) -> Floats:
        """(members, g) mean credit on each reference, 0..1."""
        return np.asarray(self.credit / self.triples)

    @property
    def overall(self) -> Floats:
        """(members,) mean credit, each triple counting once."""
        return np.asarray(self.credit.sum(axis=1) / self.triples.sum())

    @cached_property
    def unit(self) -> Floats:
        """(g, d) features of unit length."""
        return unit(self.features)

    def cosine(self, features: NDArray[np.floating]) -> Floats:
        """(k, g) cosine distances of new references to the known ones, 0..2."""
        given = checked_features(features)
        if given.shape[1] != self.features.shape[1]:
            raise BadInput(
                "features of this ensemble have "
                f"{words.count(self.features.shape[1], 'dimension')}, got {given.shape[1]}: they "
                "must come from the encoder that it was fitted with"
            )
        # As float32, like the stored ones: a known reference then finds itself at distance 0.
        return np.asarray(np.clip(1 - unit(given.astype(np.float32)) @ self.unit.T, 0.0, 2.0))

    def nearest(
        self, features: NDArray[np.floating], top: int = 5
    ) -> tuple[NDArray[np.int64], Floats]:
        """Image ids and cosine distances of the nearest validation references, (k, top) each."""
        distance = self.cosine(features)
        at = np.argsort(distance, axis=1, kind="stable")[:, :top]
        return self.reference[at], np.take_along_axis(distance, at, axis=1)


def collect(
    distances: Floats,
    share_a: Floats,
    reference: NDArray[np.int64],
    features: NDArray[np.floating],
) -> Evidence:
    """The evidence of validation triples.

    Args:
        distances: (members, n, 2).
        share_a: (n,) 0..1.
        reference: (n,) image ids.
        features: (n, d) of each triple's reference; rows of one reference are equal.

    Raises:
        BadInput: shapes that do not fit, or features that are not finite.
    """
    given = checked_features(features)
    if len(given) != len(reference):
        raise BadInput(
            f"{words.count(len(reference), 'triple needs', 'triples need')} features of as many, "
            f"got {len(given)}"
        )
    distinct, first, which, triples = np.unique(
        reference, return_index=True, return_inverse=True, return_counts=True
    )
    credit = 0.5 + np.sign(margins(distances)) * (share_a - 0.5)
    sums = np.stack([np.bincount(which, weights=own, minlength=len(distinct)) for own in credit])
    return Evidence(
        reference=distinct.astype(np.int64),
        features=given[first].astype(np.float32),
        credit=sums.astype(np.float64),
        triples=triples.astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class Estimate:
    """How competent the members are on some references, and on what that rests."""

    competence: Floats
    """(k, members) expected share of right answers, 0..1; NaN where nothing is known."""
    error: Floats | None
    """(k, members) standard error of that, where the estimator knows one."""
    references: NDArray[np.int64]
    """(k,) validation references that each estimate rests on."""
    triples: NDArray[np.int64]
    """(k,) their triples."""


class WeightFunction(ABC):
    """Weights of the members as a function of the reference's features; plain data, comparable."""

    @abstractmethod
    def weights(self, features: NDArray[np.floating]) -> Floats:
        """(k, members) weights for references with these features (k, d); absolute sums are 1."""

    def estimate(self, features: NDArray[np.floating]) -> Estimate | None:
        """Competence and evidence for such references; None where weights are not made from any."""
        return None

    @property
    def evidence(self) -> Evidence | None:
        """The validation references that it was fitted on, where they are kept."""
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeightFunction) and pack(self) == pack(other)

    def __hash__(self) -> int:
        return int(digest(pack(self)), 16)


def in_proportion(competence: Floats) -> Floats:
    """Weights in proportion to the competence, clipped at 0: (k, members).

    Where nobody has any competence, everybody gets the same.
    """
    return shares(np.clip(competence, 0.0, None))


def by_log_odds(competence: Floats) -> Floats:
    """Weights in proportion to log(c / (1 - c)), 0 at chance and below: (k, members).

    The best weights of independent voters (Nitzan and Paroush 1982). Where nobody is better than
    chance, everybody gets the same.
    """
    sure = np.clip(competence, 0.5, _SURE)
    return shares(np.log(sure / (1 - sure)))


def shares(raw: Floats) -> Floats:
    """Rows (k, members) divided by the sum of their absolute values; rows of zeros become equal."""
    total = np.abs(raw).sum(axis=1, keepdims=True)
    return np.where(total > 0, raw / np.where(total > 0, total, 1.0), 1 / raw.shape[1])


def unit(rows: NDArray[np.floating]) -> Floats:
    """(k, d) rows of unit length; rows of zeros stay zeros."""
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))[:, None]
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))
