"""What two sets, or a member's training and an evaluation, have in common.

Two kinds: a member that was *trained on pages that are evaluated* knows the answers, so such an
evaluation is refused unless it is asked for, and then marked; shared images and references between
sets are counted and shown, because they make a test easier without giving answers away. So are near
duplicates (`duplicates`): other files with the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
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
    near_images: int | None = None
    """Distinct images of `right`, not shared, that nearly duplicate one of `left`; None where
    nobody looked."""
    near_references: int | None = None
    """Distinct references of `right` among them; None with it."""
    near_pairs: tuple[tuple[str, str], ...] = ()
    """Names of the first of these pairs, of `left` and of `right`."""

    def __str__(self) -> str:
        shared = (
            f"{self.right} shares {self.shared_images} of its "
            f"{words.count(self.right_images, 'image')} and {self.shared_references} of its "
            f"{words.count(self.right_references, 'reference')} with {self.left}"
        )
        if self.near_images is None:
            return shared
        return (
            f"{shared}; {words.count(self.near_images, 'further image')} of it, "
            f"{self.near_references} of them references, are near duplicates"
        )


PAIRS_SHOWN = 20
"""So many pairs of near duplicates are named with a comparison."""


def overlap(
    left: SetIds,
    right: SetIds,
    near: Iterable[tuple[int, int]] | None = None,
    names: Mapping[int, str] | None = None,
) -> Overlap:
    """How many images and references `right` shares with `left`.

    Args:
        left: a set, as a rule one that was trained on.
        right: the other, as a rule one that is evaluated.
        near: pairs of ids of different images that are near duplicates, of `left` and of `right`;
            those of other images are ignored. None: nobody looked for them.
        names: what the images are called; without, they are called by their ids.
    """
    references = np.unique(right.reference)
    found = Overlap(
        left=left.name,
        right=right.name,
        shared_images=len(np.intersect1d(left.images, right.images)),
        shared_references=len(np.intersect1d(left.reference, references)),
        references_seen=len(np.intersect1d(left.images, references)),
        right_images=len(right.images),
        right_references=len(references),
    )
    if near is None:
        return found
    mine, theirs = set(left.images.tolist()), set(right.images.tolist())
    pairs = sorted(
        (j, i) for i, j in near if i != j and i in mine and j in theirs and j not in mine
    )
    further = {j for j, _ in pairs}
    called = names or {}
    return replace(
        found,
        near_images=len(further),
        near_references=len(further & set(references.tolist())),
        near_pairs=tuple(
            (called.get(i, str(i)), called.get(j, str(j))) for j, i in pairs[:PAIRS_SHOWN]
        ),
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
    near_references: int = 0
    """Evaluated references, not seen, that nearly duplicate a training reference."""

    def __str__(self) -> str:
        if self.trained_on_it:
            return TRAINED
        seen = (
            f"{self.shared_references} of {words.count(self.evaluated_references, 'reference')} "
            "seen"
        )
        nearly = (
            f"{self.near_references} of {words.count(self.evaluated_references, 'reference')} "
            "nearly seen"
        )
        if self.shared_references and self.near_references:
            return f"{seen}, {self.near_references} nearly"
        return seen if self.shared_references else nearly if self.near_references else "none"

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Sorts leaks from harmless to grave."""
        return self.trained_on_it, self.shared_references, self.near_references


def member_leak(
    training: Training,
    clusters: Iterable[int],
    reference: ArrayLike,
    pages: ArrayLike | None = None,
    near: Iterable[tuple[int, int]] = (),
) -> MemberLeak:
    """What a member has seen of an evaluation.

    Args:
        training: what it was trained on.
        clusters: ids of the clusters that are evaluated.
        reference: (n,) reference ids of the evaluated triples.
        pages: (n,) their page ids. Where both sides know pages, trained-on means a common page;
            otherwise it means a common cluster.
        near: pairs of ids of near duplicates, of a training image and of an evaluated one.
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
        near_references=len(
            {j for i, j in near if i in training.references and j in evaluated}
            - training.references
        ),
    )


def row_leak(
    parts: Sequence[Training],
    clusters: Iterable[int],
    reference: ArrayLike,
    near: Iterable[tuple[int, int]] = (),
) -> MemberLeak:
    """What a row has seen of an evaluation through all its members together.

    A member that was trained on what is evaluated stands for the row, by its name; otherwise a
    reference counts once if any member has seen it, so eight members with a reference each have
    seen eight.

    Args:
        parts: what each member was trained on, and an ensemble's weights were fitted on.
        clusters: see `member_leak`.
        reference: see `member_leak`.
        near: see `member_leak`.

    Raises:
        BadInput: no members.
    """
    if not parts:
        raise BadInput("a row has at least one member, got none")
    ids, pairs = list(clusters), list(near)
    leaks = [member_leak(part, ids, reference, near=pairs) for part in parts]
    worst = max(leaks, key=lambda leak: leak.rank)
    if worst.trained_on_it:
        return worst
    seen = frozenset[int]().union(*(part.references for part in parts))
    return member_leak(Training(worst.member, references=seen), ids, reference, near=pairs)


def refuse_leaks(leaks: Sequence[MemberLeak], *, allow: bool) -> None:
    """Raise `LeakedEvaluation` when a member was trained on what is evaluated, unless allowed."""
    leaked = sorted({leak.member for leak in leaks if leak.trained_on_it})
    if leaked and not allow:
        raise LeakedEvaluation(
            "expected members that have not seen these answers, but "
            f"{', '.join(leaked)} trained on pages of the evaluated set; leave them out, evaluate "
            "on another set, or allow leakage (--allow-leakage), and the rows will be marked"
        )
