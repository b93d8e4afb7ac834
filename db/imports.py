"""Names and files become images: what is new, what is known, what contradicts.

An image may be known by name before its pixels come (labels first), by its pixels under several
names (equal files), or both. The two sides meet here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from cssim.errors import BadInput
from db import withdrawals
from db.library import add_tags, all_names, chunks, image_ids_by_name, table
from db.models import (
    ImageNameRow,
    ImageRow,
    ImageTagRow,
    PageCandidateRow,
    PageRow,
    ProjectRow,
    now,
)

MAX_NAME = 500
"""Characters in an image's name."""


class Outcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    """A new image."""
    FILLED = "filled"
    """An image known by name got its pixels."""
    KNOWN = "known"
    """Was here under this name already."""
    NAMED = "named"
    """Its pixels were here under another name, which it now shares."""
    TAKEN = "taken"
    """Not taken: its name belongs to another picture."""
    WITHDRAWN = "withdrawn"
    """Not taken: somebody withdrew the picture with these bytes."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture that the store holds, as it is to be entered."""

    name: str
    sha256: str
    width: int
    height: int
    tags: tuple[str, ...] = ()
    colour: str = ""
    """Version of the conversion of its colours; empty where there is none."""


def stem(name: str, suffixes: Collection[str]) -> str:
    """`name` without its extension, where that is one of `suffixes` (`.jpg`, ...)."""
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in suffixes else name


def record_files(
    session: Session, project_id: int, files: Sequence[ImageFile], suffixes: Collection[str]
) -> list[Outcome]:
    """Enter pictures, one by one in order; gives what became of each.

    Args:
        session: a writing session.
        project_id: the project.
        files: pictures whose bytes the store holds.
        suffixes: extensions that may be left out of a name: the file `val/254.jpg` brings the
            pixels of the image that labels call `val/254`.
    """
    _lock(session, project_id)
    names = {f.name for f in files} | {stem(f.name, suffixes) for f in files}
    by_name = image_ids_by_name(session, project_id, names)
    hashes = [f.sha256 for f in files]
    by_hash = _ids_by_hash(session, project_id, hashes)
    bare = _without_pixels(session, by_name.values())
    refused = withdrawals.standing(session, hashes)
    back = withdrawals.waiting_for(session, project_id, hashes)
    tags: dict[int, set[str]] = {}
    outcomes = []
    for file in files:
        if file.sha256 in refused:
            outcomes.append(Outcome.WITHDRAWN)
            continue
        bare_name = stem(file.name, suffixes)
        if file.sha256 in back:
            waiting = back.pop(file.sha256)
            if _come_back(session, project_id, file, waiting, by_name, bare, bare_name):
                by_hash[file.sha256] = waiting
                tags.setdefault(waiting, set()).update(file.tags)
                outcomes.append(Outcome.FILLED)
                continue
        outcome, image_id = _record(session, project_id, file, bare_name, by_name, by_hash, bare)
        outcomes.append(outcome)
        if outcome is not Outcome.TAKEN:
            tags.setdefault(image_id, set()).update(file.tags)
    add_tags(session, tags)
    return outcomes


def _come_back(
    session: Session,
    project_id: int,
    file: ImageFile,
    image_id: int,
    by_name: dict[str, int],
    bare: set[int],
    bare_name: str,
) -> bool:
    """Give a picture that was withdrawn and is allowed again its pixels, under the file's name.

    It takes the place of an image that has the name and no pixels. Gives False, and changes
    nothing, where another picture has the name.
    """
    named = by_name.get(file.name)
    if named is not None and named not in bare:
        return False
    waiting = by_name.get(bare_name) if named is None else named
    if waiting is not None and waiting in bare:
        if not merge_images(session, keep=image_id, drop=waiting):
            return False
        bare.discard(waiting)
        by_name.update({name: image_id for name, id_ in by_name.items() if id_ == waiting})
    withdrawals.forget_stand_in(session, image_id)
    if file.name not in by_name:
        session.execute(
            insert(table(ImageNameRow)),
            {"project_id": project_id, "image_id": image_id, "name": file.name},
        )
    by_name[file.name] = image_id
    _give_pixels(session, image_id, file, name=file.name)
    withdrawals.let_back(session, image_id)
    return True


def _give_pixels(session: Session, image_id: int, file: ImageFile, **values: str) -> None:
    session.execute(
        update(ImageRow)
        .where(ImageRow.id == image_id)
        .values(
            sha256=file.sha256,
            width=file.width,
            height=file.height,
            colour=file.colour,
            **values,
        )
    )


def _lock(session: Session, project_id: int) -> None:
    """One import at a time in a project: two could give one name to two images."""
    session.execute(select(ProjectRow.id).where(ProjectRow.id == project_id).with_for_update())


def _record(
    session: Session,
    project_id: int,
    file: ImageFile,
    bare_name: str,
    by_name: dict[str, int],
    by_hash: dict[str, int],
    bare: set[int],
) -> tuple[Outcome, int]:
    """Enter one file and keep the three look-ups true."""
    named = by_name.get(file.name)
    same = by_hash.get(file.sha256)
    if named is not None and named == same:
        return Outcome.KNOWN, named
    if named is not None and named not in bare:
        return Outcome.TAKEN, named
    waiting = named
    if waiting is None and by_name.get(bare_name) in bare:
        waiting = by_name[bare_name]
    if waiting is not None and same is not None:
        if not merge_images(session, keep=same, drop=waiting):
            return Outcome.TAKEN, waiting
        bare.discard(waiting)
        by_name.update({name: same for name, id_ in by_name.items() if id_ == waiting})
        outcome, image_id = Outcome.FILLED, same
    elif waiting is not None:
        _give_pixels(session, waiting, file)
        bare.discard(waiting)
        outcome, image_id = Outcome.FILLED, waiting
    elif same is not None:
        outcome, image_id = Outcome.NAMED, same
    else:
        outcome, image_id = Outcome.ADDED, _add_image(session, project_id, file)
    if file.name not in by_name:
        session.execute(
            insert(table(ImageNameRow)),
            {"project_id": project_id, "image_id": image_id, "name": file.name},
        )
    by_name[file.name] = image_id
    by_hash[file.sha256] = image_id
    return outcome, image_id


def _add_image(session: Session, project_id: int, file: ImageFile) -> int:
    return session.scalars(
        insert(ImageRow).returning(ImageRow.id),
        {
            "project_id": project_id,
            "name": file.name,
            "sha256": file.sha256,
            "width": file.width,
            "height": file.height,
            "colour": file.colour,
            "created_at": now(),
        },
    ).one()


def merge_images(session: Session, *, keep: int, drop: int) -> bool:
    """Let image `keep` take the place of `drop`, which was known by name only.

    Gives False, and changes nothing, where a page would then show one picture twice.
    """
    on_keep = _pages_with(session, keep)
    if on_keep & _pages_with(session, drop):
        return False
    session.execute(update(PageRow).where(PageRow.reference_id == drop).values(reference_id=keep))
    session.execute(
        update(PageCandidateRow).where(PageCandidateRow.image_id == drop).values(image_id=keep)
    )
    session.execute(update(ImageNameRow).where(ImageNameRow.image_id == drop).values(image_id=keep))
    tags = session.scalars(select(ImageTagRow.tag).where(ImageTagRow.image_id == drop)).all()
    add_tags(session, {keep: tags})
    session.execute(delete(ImageTagRow).where(ImageTagRow.image_id == drop))
    session.execute(delete(ImageRow).where(ImageRow.id == drop))
    return True


def _pages_with(session: Session, image_id: int) -> set[int]:
    as_reference = select(PageRow.id).where(PageRow.reference_id == image_id)
    as_candidate = select(PageCandidateRow.page_id).where(PageCandidateRow.image_id == image_id)
    return {*session.scalars(as_reference), *session.scalars(as_candidate)}


def _ids_by_hash(session: Session, project_id: int, hashes: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(sorted(set(hashes))):
        rows = session.execute(
            select(ImageRow.sha256, ImageRow.id).where(
                ImageRow.project_id == project_id, ImageRow.sha256.in_(some)
            )
        )
        found.update((str(sha256), id_) for sha256, id_ in rows)
    return found


def _without_pixels(session: Session, ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(sorted(set(ids))):
        found.update(
            session.scalars(
                select(ImageRow.id).where(
                    ImageRow.id.in_(some),
                    ImageRow.sha256.is_(None),
                    ImageRow.withdrawal_id.is_(None),  # those wait for their own bytes alone
                )
            )
        )
    return found


def bare_images(session: Session, project_id: int) -> set[int]:
    """Ids of the project's images that have no pixels."""
    query = select(ImageRow.id).where(ImageRow.project_id == project_id, ImageRow.sha256.is_(None))
    return set(session.scalars(query))


def ensure_names(
    session: Session,
    project_id: int,
    names: Sequence[Sequence[str]],
    suffixes: Collection[str],
) -> tuple[list[int], int]:
    """Image id for each group of names that mean one image, and how many images were made.

    The first name of a group is the image's own, the others are further ones. A name that is not
    known as it stands may be a file's name without its extension. Where nothing fits, an image
    without pixels is made; where an image without pixels and one with pixels fit, they become one.

    Raises:
        BadInput: a name is empty or too long, or the names of one group belong to two pictures.
    """
    _lock(session, project_id)
    known = all_names(session, project_id)
    stems: dict[str, set[int]] = {}
    for name, image_id in known.items():
        stems.setdefault(stem(name, suffixes), set()).add(image_id)
    bare = _without_pixels(session, known.values())
    groups = {group[0]: group for group in names}
    for group in groups.values():
        _check_names(group)
    merged: dict[int, int] = {}
    found = {
        first: _resolve(session, group, known, stems, bare, merged)
        for first, group in groups.items()
    }
    fresh = [first for first, image_id in found.items() if image_id is None]
    ids = {f: merged.get(i, i) for f, i in found.items() if i is not None}
    ids |= _add_bare_images(session, project_id, fresh)
    further = {
        name: ids[first] for first, group in groups.items() for name in group if name not in known
    }
    if further:
        session.execute(
            insert(table(ImageNameRow)),
            [{"project_id": project_id, "image_id": i, "name": n} for n, i in further.items()],
        )
    return [ids[group[0]] for group in names], len(fresh)


def _check_names(group: Sequence[str]) -> None:
    for name in group:
        if not name.strip() or len(name) > MAX_NAME:
            raise BadInput(f"an image's name has 1 to {MAX_NAME} characters, got {name[:80]!r}")


def _resolve(
    session: Session,
    group: Sequence[str],
    known: dict[str, int],
    stems: dict[str, set[int]],
    bare: set[int],
    merged: dict[int, int],
) -> int | None:
    """The image that the names of a group mean, or None."""
    exact = {merged.get(known[name], known[name]) for name in group if name in known}
    by_stem = {merged.get(i, i) for name in group for i in stems.get(name, ())}
    pictures = exact - bare or by_stem - bare
    if len(exact - bare) > 1:
        raise BadInput(
            f"{' and '.join(group)} should mean one image, but this project has different "
            "pictures under these names; rename the files or use another project"
        )
    keep = next(iter(pictures)) if len(pictures) == 1 else min(exact & bare, default=None)
    if keep is None:
        return None
    for drop in (exact & bare) - {keep}:
        if merge_images(session, keep=keep, drop=drop):
            merged[drop] = keep
    return keep


def _add_bare_images(session: Session, project_id: int, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    made = now()
    session.execute(
        insert(table(ImageRow)),
        [{"project_id": project_id, "name": name, "created_at": made} for name in names],
    )
    found: dict[str, int] = {}
    for some in chunks(names):
        rows = session.execute(
            select(ImageRow.name, ImageRow.id).where(
                ImageRow.project_id == project_id, ImageRow.name.in_(some)
            )
        )
        found.update((name, id_) for name, id_ in rows)
    return found
