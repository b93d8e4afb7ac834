"""What two sets, or a member's training and an evaluation, have in common.

Two kinds: a member that was *trained on pages that are evaluated* knows the answers, so such an
evaluation is refused unless it is asked for, and then marked; shared images and references between
sets are counted and shown, because they make a test easier without giving answers away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim.errors import BadInput, LeakedEvaluation

TRAINED = "trained on this set"
"""How a row is marked whose member has seen the answers."""


@dataclass(frozen=True, eq=False)
class SetIds:
    """The image ids of a set of triples."""

    name: str
    reference: NDArray[np.int64]
    """Reference ids; repeats allowed."""
    candidates: NDArray[np.int64]
    """Candidate ids; repeats allowed."""

    @staticmethod
    def of(name: str, reference: ArrayLike, a: ArrayLike, b: ArrayLike) -> SetIds:
        """The ids of a set from its columns, (n,) each."""
        columns = [np.asarray(column, dtype=np.int64) for column in (reference, a, b)]
        return SetIds(name, columns[0], np.concatenate(columns[1:]))

    @property
    def images(self) -> NDArray[np.int64]:
        """All distinct ids, sorted."""
        return np.union1d(self.reference, self.candidates)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two sets share."""

    left: str
    right: str
    shared_images: int
    """Distinct images in both, in whatever part."""
    shared_references: int
    """Distinct references of both."""
    references_seen: int
    """Distinct references of `right` that occur in `left` in any part."""
    right_images: int
    """Distinct images of `right`."""
    right_references: int
    """Distinct references of `right`."""

    def __str__(self) -> str:
        return (
            f"{self.right} shares {self.shared_images} of its {self.right_images} images and "
            f"{self.shared_references} of its {self.right_references} references with {self.left}"
        )


def overlap(left: SetIds, right: SetIds) -> Overlap:
    """How many images and references `right` shares with `left`."""
    references = np.unique(right.reference)
    return Overlap(
        left=left.name,
        right=right.name,
        shared_images=len(np.intersect1d(left.images, right.images)),
        shared_references=len(np.intersect1d(left.reference, references)),
        references_seen=len(np.intersect1d(left.images, references)),
        right_images=len(right.images),
        right_references=len(references),
    )


@dataclass(frozen=True, slots=True)
class Training:
    """What one member was trained on; everything empty for a frozen one."""

    member: str
    clusters: frozenset[int] = frozenset()
    """Cluster ids."""
    references: frozenset[int] = frozenset()
    """Image ids of the references among its training triples."""
    pages: frozenset[int] | None = None
    """Page ids, where they were recorded; then they, and not the clusters, decide."""


@dataclass(frozen=True, slots=True)
class MemberLeak:
    """What one member has seen of an evaluation."""

    member: str
    trained_on_it: bool
    """Whether it was trained on pages that are evaluated."""
    shared_references: int
    """Evaluated references among its training references."""
    evaluated_references: int
    """Distinct references that are evaluated."""

    def __str__(self) -> str:
        if self.trained_on_it:
            return TRAINED
        if self.shared_references:
            return f"{self.shared_references} of {self.evaluated_references} references seen"
        return "none"


def member_leak(
    training: Training,
    clusters: Iterable[int],
    reference: ArrayLike,
    pages: ArrayLike | None = None,
) -> MemberLeak:
    """What a member has seen of an evaluation.

    Args:
        training: what it was trained on.
        clusters: ids of the clusters that are evaluated.
        reference: (n,) reference ids of the evaluated triples.
        pages: (n,) their page ids. Where both sides know pages, trained-on means a common page;
            otherwise it means a common cluster.
    """
    evaluated = {int(i) for i in np.unique(np.asarray(reference, dtype=np.int64))}
    if training.pages is not None and pages is not None:
        seen = not training.pages.isdisjoint(np.asarray(pages, dtype=np.int64).tolist())
    else:
        seen = not training.clusters.isdisjoint(clusters)
    return MemberLeak(
        member=training.member,
        trained_on_it=seen,
        shared_references=len(evaluated & training.references),
        evaluated_references=len(evaluated),
    )


def refuse_leaks(leaks: Sequence[MemberLeak], *, allow: bool) -> None:
    """Raise `LeakedEvaluation` when a member was trained on what is evaluated, unless allowed."""
    leaked = sorted({leak.member for leak in leaks if leak.trained_on_it})
    if leaked and not allow:
        raise LeakedEvaluation(
            "expected members that have not seen these answers, but "
            f"{', '.join(leaked)} trained on pages of the evaluated set; evaluate on another set, "
            "or allow leakage, and the rows will be marked"
        )


def summary(leaks: Sequence[MemberLeak]) -> str:
    """The worst of some members' leaks in a few words, for one row of a table."""
    if not leaks:
        raise BadInput("a row has at least one member, got none")
    return str(max(leaks, key=lambda leak: (leak.trained_on_it, leak.shared_references)))
