"""Pictures taken back, for copyright or privacy: out of everything, for good, with a reason.

A withdrawal is about bytes, not about a project: it holds for every project of the installation,
and the same bytes are refused until somebody allows them again. Judgements are never deleted; those
about a withdrawn picture are kept and not counted (docs/decisions/0011).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from cssim.errors import BadInput, NotAllowed, NotFound
from cssim.services import sweeping
from cssim.services.accounts.common import audit
from cssim.services.running import claim_next, run_claimed, worker_identity
from cssim.services.workspace import Workspace
from cssim.types import Image, JobState, Person, Role
from db import jobs as job_rows
from db import library, withdrawals
from db.withdrawals import Places, Withdrawal

__all__ = ["Places", "Withdrawal", "Withdrawn", "list_withdrawals", "places", "restore", "withdraw"]

MAX_REASON = 500
"""Characters of a reason, which whoever imports the bytes again gets to read."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal did."""

    images: tuple[int, ...]
    """Ids of the project's pictures; what stands about them is kept under these."""
    places: Places
    """Where they stood."""
    deleted: int
    """Files and vectors that are gone already."""
    job: int
    """The job `sweep`, which makes sure that nothing comes back."""


def find(ws: Workspace, words: Sequence[str]) -> list[Image]:
    """The project's pictures that are called so: names, ids, or hashes of their bytes.

    Raises:
        NotFound: one is not here, or has no pixels.
    """
    found: dict[int, Image] = {}
    for word in words:
        with ws.database.reading() as session:
            ids = library.image_ids_by_name(session, ws.project.id, [word])
            number = ids.get(word) or (int(word) if word.isascii() and word.isdigit() else 0)
            image = library.images_by_id(session, [number], project_id=ws.project.id).get(number)
            image = image or library.image_by_hash(session, ws.project.id, word)
        if image is None or not image.available:
            raise NotFound(
                f"this project has no picture {word!r} with pixels; `images list` names them"
            )
        found[image.id] = image
    return list(found.values())


def places(ws: Workspace, images: Sequence[Image]) -> Places:
    """Where pictures stand, over all projects: what withdrawing them would touch."""
    with ws.database.reading() as session:
        return withdrawals.places_of(session, _hashes(images))


def withdraw(
    ws: Workspace, images: Sequence[Image], reason: str, *, by: Person | None = None
) -> Withdrawn:
    """Take pictures out of every project and delete them.

    Args:
        ws: the workspace.
        images: of the project, with pixels.
        reason: why, for people; 1 to 500 characters.
        by: an administrator; None by command line.

    Raises:
        NotAllowed: a person who is no administrator.
        BadInput: no picture, no reason, or one that is too long.
        NotFound: one of them was withdrawn meanwhile.
    """
    _check(by)
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MAX_REASON:
        raise BadInput(f"a withdrawal needs a reason of 1 to {MAX_REASON} characters")
    if not images:
        raise BadInput("name at least one picture to withdraw")
    who = None if by is None else by.id
    with ws.database.writing() as session:
        withdrawals.lock_projects(session)
        ids = [image.id for image in images]
        known = library.images_by_id(session, ids, project_id=ws.project.id)
        gone = [image.name for image in images if not known.get(image.id, image).available]
        if gone or len(known) < len(set(ids)):
            raise NotFound(f"{gone[0] if gone else 'a picture'} is not here any more; look again")
        hashes = _hashes(list(known.values()))
        stood = withdrawals.places_of(session, hashes)
        for sha256, number in withdrawals.withdraw(session, hashes, reason, who).items():
            audit(session, by, "withdraw picture", name=str(number), sha256=sha256, reason=reason)
        job = job_rows.add_job(session, ws.project.id, "sweep", {}, requested_by=who)
    return Withdrawn(tuple(sorted(known)), stood, sweeping.sweep(ws), job)


def finish(ws: Workspace, done: Withdrawn, *, stop: threading.Event | None = None) -> bool:
    """Run the job `sweep` of a withdrawal here: whether it came to its end.

    It waits for work that had begun before, which may still write what it has computed. Where
    `stop` is set meanwhile, or a worker has taken it, it is the worker's.
    """
    job = claim_next(ws, worker_identity(), job_id=done.job)
    return job is not None and run_claimed(ws, job, stop=stop).state is JobState.DONE


def restore(ws: Workspace, number: int, *, by: Person | None = None) -> None:
    """Allow the bytes of a withdrawn picture again: importing its file brings it back.

    Its judgements then count again, and its pages are handed out again.

    Args:
        ws: the workspace.
        number: of the withdrawal.
        by: an administrator; None by command line.

    Raises:
        NotAllowed: a person who is no administrator.
        NotFound: no such withdrawal stands.
    """
    _check(by)
    with sweeping.alone(ws), ws.database.writing() as session:
        withdrawals.restore(session, number, None if by is None else by.id)
        audit(session, by, "restore picture", name=str(number))


def list_withdrawals(ws: Workspace, *, standing_only: bool = False) -> list[Withdrawal]:
    """Every withdrawal, newest first, with the project's pictures that wait for their bytes."""
    with ws.database.reading() as session:
        return withdrawals.list_withdrawals(session, ws.project.id, standing_only=standing_only)


def refuse_withdrawn(ws: Workspace, sha256: str) -> None:
    """Raise `BadInput`, with the reason, where the picture with these bytes was withdrawn."""
    with ws.database.reading() as session:
        reason = withdrawals.standing(session, [sha256]).get(sha256)
    if reason is not None:
        raise BadInput(refusal(reason))


def refusal(reason: str) -> str:
    """What whoever brings the bytes again is told."""
    return f"this picture was withdrawn: {reason}"


def _hashes(images: Sequence[Image]) -> list[str]:
    return [image.sha256 for image in images if image.sha256 is not None]


def _check(by: Person | None) -> None:
    if by is not None and not by.role.may(Role.ADMINISTRATOR):
        raise NotAllowed("only administrators may withdraw pictures or allow them again")
