"""Queries about projects, images with their names and tags, and clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar, cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cssim.errors import BadInput, Conflict, NotFound
from cssim.types import Cluster, ClusterKind, Image, Project
from db.models import Base, ClusterRow, ImageNameRow, ImageRow, ImageTagRow, PageRow, ProjectRow

CHUNK = 5_000
"""Values in one `IN` list: SQLite takes 32,766 parameters, PostgreSQL 65,535."""

T = TypeVar("T")


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`values` in lists of at most `size`."""
    whole = list(values)
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def table(row: type[Base]) -> Table:
    """The table of a row class: inserting many rows through it is three times as fast."""
    return cast(Table, row.__table__)


def find_project(session: Session, name: str) -> Project | None:
    """The project of that name, or None."""
    row = session.scalar(select(ProjectRow).where(ProjectRow.name == name))
    return as_project(row) if row else None


def as_project(row: ProjectRow) -> Project:
    """What a row says."""
    return Project(
        row.id, row.name, row.criterion, row.instructions, row.cannot_say, row.break_minutes
    )


def get_project(session: Session, project_id: int) -> Project:
    """The project as it is now."""
    return as_project(session.get_one(ProjectRow, project_id))


def change_project(session: Session, project: Project) -> None:
    """Make the project's row say what `project` says; its name and id stay."""
    session.execute(
        update(ProjectRow)
        .where(ProjectRow.id == project.id)
        .values(
            criterion=project.criterion,
            instructions=project.instructions,
            cannot_say=project.cannot_say,
            break_minutes=project.break_minutes,
        )
    )


def ensure_project(session: Session, name: str) -> Project:
    """The project of that name, made where it does not exist; two processes at once are safe."""
    found = find_project(session, name)
    if found is not None:
        return found
    if not name.strip() or len(name) > 200:
        raise BadInput(f"a project's name has 1 to 200 characters, got {name!r}")
    with suppress(IntegrityError), session.begin_nested():  # another process made it meanwhile
        session.execute(insert(ProjectRow).values(name=name))
    found = find_project(session, name)
    if found is None:
        raise NotFound(f"project {name!r} was deleted while it was being opened; try again")
    return found


def list_projects(session: Session) -> list[Project]:
    """All projects by name."""
    rows = session.scalars(select(ProjectRow).order_by(ProjectRow.name))
    return [as_project(row) for row in rows]


def images_by_id(
    session: Session, ids: Iterable[int], *, project_id: int | None = None
) -> dict[int, Image]:
    """Image of each id, of one project where it is named; unknown ids are left out."""
    found: dict[int, Image] = {}
    for some in chunks(sorted(set(ids))):
        columns = select(
            ImageRow.id,
            ImageRow.name,
            ImageRow.sha256,
            ImageRow.width,
            ImageRow.height,
            ImageRow.colour,
            ImageRow.withdrawal_id.is_not(None),
        )
        query = columns.where(ImageRow.id.in_(some))
        if project_id is not None:
            query = query.where(ImageRow.project_id == project_id)
        rows = session.execute(query).all()
        tags = tags_of(session, some)
        for id_, name, sha256, width, height, colour, gone in rows:
            own = tags.get(id_, ())
            found[id_] = Image(id_, name, sha256, width, height, own, colour, bool(gone))
    return found


def list_images(
    session: Session,
    project_id: int,
    *,
    tag: str | None = None,
    available: bool | None = None,
    search: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> list[Image]:
    """Images of a project by id; those that were withdrawn are left out.

    Args:
        session: an open session.
        project_id: the project.
        tag: only images with this tag.
        available: True for images with pixels, False for those known only by name.
        search: only images whose name contains this text (case is ignored).
        offset: how many to leave out at the beginning.
        limit: how many to give at most.
    """
    query = _image_query(project_id, tag, available, search).order_by(ImageRow.id)
    ids = session.scalars(query.offset(offset).limit(limit)).all()
    found = images_by_id(session, ids)
    return [found[id_] for id_ in ids]


def available_ids(session: Session, project_id: int) -> list[int]:
    """Ids of the project's images with pixels, rising; quicker than `list_images`."""
    query = select(ImageRow.id).where(
        ImageRow.project_id == project_id, ImageRow.sha256.is_not(None)
    )
    return list(session.scalars(query.order_by(ImageRow.id)))


def count_images(
    session: Session,
    project_id: int,
    *,
    tag: str | None = None,
    available: bool | None = None,
    search: str = "",
) -> int:
    """How many images `list_images` would give without a limit."""
    query = _image_query(project_id, tag, available, search).subquery()
    return session.scalar(select(func.count()).select_from(query)) or 0


def reference_ids(session: Session, project_id: int) -> set[int]:
    """Images that are the reference of a page in any of the project's sets."""
    query = select(PageRow.reference_id).where(PageRow.project_id == project_id).distinct()
    return set(session.scalars(query))


def _image_query(project_id: int, tag: str | None, available: bool | None, search: str) -> Any:
    query = select(ImageRow.id).where(
        ImageRow.project_id == project_id, ImageRow.withdrawal_id.is_(None)
    )
    if tag is not None:
        query = query.join(ImageTagRow).where(ImageTagRow.tag == tag)
    if available is not None:
        has = ImageRow.sha256.is_not(None)
        query = query.where(has if available else ~has)
    if search:
        query = query.where(ImageRow.name.icontains(search, autoescape=True))
    return query


def set_colours(session: Session, colours: Mapping[int, str]) -> None:
    """Write down how the colours of images are converted, by id (`Image.colour`)."""
    if colours:
        rows = [{"id": id_, "colour": colour} for id_, colour in colours.items()]
        session.execute(update(ImageRow), rows)


def has_picture(session: Session, project_id: int, sha256: str) -> bool:
    """Whether the project has an image with those bytes; quicker than `image_by_hash`."""
    query = select(ImageRow.id).where(ImageRow.project_id == project_id, ImageRow.sha256 == sha256)
    return session.scalar(query) is not None


def image_by_hash(session: Session, project_id: int, sha256: str) -> Image | None:
    """The project's image with those bytes, or None: also the check that a project may see them."""
    id_ = session.scalar(
        select(ImageRow.id).where(ImageRow.project_id == project_id, ImageRow.sha256 == sha256)
    )
    return None if id_ is None else images_by_id(session, [id_])[id_]


def image_ids_by_name(session: Session, project_id: int, names: Iterable[str]) -> dict[str, int]:
    """Image id of each name (first or further); unknown names are left out."""
    found: dict[str, int] = {}
    for some in chunks(sorted(set(names))):
        rows = session.execute(
            select(ImageNameRow.name, ImageNameRow.image_id).where(
                ImageNameRow.project_id == project_id, ImageNameRow.name.in_(some)
            )
        )
        found.update((name, image_id) for name, image_id in rows)
    return found


def all_names(session: Session, project_id: int) -> dict[str, int]:
    """Image id of every name of the project."""
    rows = session.execute(
        select(ImageNameRow.name, ImageNameRow.image_id).where(
            ImageNameRow.project_id == project_id
        )
    )
    return {name: image_id for name, image_id in rows}


def names_of(session: Session, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """All names of each image, in the order in which they came."""
    found: dict[int, list[str]] = {}
    for some in chunks(sorted(set(ids))):
        rows = session.execute(
            select(ImageNameRow.image_id, ImageNameRow.name)
            .where(ImageNameRow.image_id.in_(some))
            .order_by(ImageNameRow.id)
        )
        for image_id, name in rows:
            found.setdefault(image_id, []).append(name)
    return {image_id: tuple(names) for image_id, names in found.items()}


def tags_of(session: Session, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Tags of each image, sorted; images without tags are left out."""
    found: dict[int, list[str]] = {}
    for some in chunks(sorted(set(ids))):
        rows = session.execute(
            select(ImageTagRow.image_id, ImageTagRow.tag).where(ImageTagRow.image_id.in_(some))
        )
        for image_id, tag in rows:
            found.setdefault(image_id, []).append(tag)
    return {image_id: tuple(sorted(tags)) for image_id, tags in found.items()}


def count_tags(session: Session, project_id: int) -> dict[str, int]:
    """How many images carry each tag, by tag."""
    rows = session.execute(
        select(ImageTagRow.tag, func.count())
        .join(ImageRow)
        .where(ImageRow.project_id == project_id)
        .group_by(ImageTagRow.tag)
    )
    return dict(sorted((tag, count) for tag, count in rows))


def add_tags(session: Session, tags: Mapping[int, Iterable[str]]) -> int:
    """Tag images, by id; gives how many tags were new."""
    before = tags_of(session, tags)
    new = [
        {"image_id": image_id, "tag": tag}
        for image_id, wanted in tags.items()
        for tag in sorted(set(wanted) - set(before.get(image_id, ())))
    ]
    if new:
        session.execute(insert(table(ImageTagRow)), new)
    return len(new)


def list_clusters(
    session: Session, project_id: int, *, kind: ClusterKind | None = None
) -> list[Cluster]:
    """Clusters of a project in the order in which they were made."""
    query = select(ClusterRow).where(ClusterRow.project_id == project_id).order_by(ClusterRow.id)
    if kind is not None:
        query = query.where(ClusterRow.kind == kind)
    return [_cluster(row) for row in session.scalars(query)]


def find_cluster(session: Session, project_id: int, name: str) -> Cluster | None:
    """The project's cluster of that name, or None."""
    row = session.scalar(
        select(ClusterRow).where(ClusterRow.project_id == project_id, ClusterRow.name == name)
    )
    return _cluster(row) if row else None


def get_cluster(session: Session, project_id: int, name: str) -> Cluster:
    """The project's cluster of that name.

    Raises:
        NotFound: there is none; the message lists those that exist.
    """
    found = find_cluster(session, project_id, name)
    if found is None:
        names = [cluster.name for cluster in list_clusters(session, project_id)]
        shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
        raise NotFound(f"no cluster {name!r} in this project; there are: {shown or 'none yet'}")
    return found


def clusters_by_id(session: Session, ids: Iterable[int]) -> dict[int, Cluster]:
    """Cluster of each id; unknown ids are left out."""
    rows = session.scalars(select(ClusterRow).where(ClusterRow.id.in_(sorted(set(ids)))))
    return {row.id: _cluster(row) for row in rows}


def add_cluster(
    session: Session,
    project_id: int,
    name: str,
    kind: ClusterKind,
    *,
    context: str | None = None,
    source: Mapping[str, Any] | None = None,
) -> Cluster:
    """A new, empty cluster.

    Raises:
        BadInput: the name is empty or longer than 200 characters.
        Conflict: the project has a cluster of that name.
    """
    if not name.strip() or len(name) > 200:
        raise BadInput(f"a cluster's name has 1 to 200 characters, got {name!r}")
    if find_cluster(session, project_id, name) is not None:
        raise Conflict(f"the project has a cluster {name!r} already; choose another name")
    row = ClusterRow(
        project_id=project_id,
        name=name,
        kind=ClusterKind(kind).value,
        context=context,
        source=dict(source or {}),
    )
    session.add(row)
    session.flush()
    return _cluster(row)


def _cluster(row: ClusterRow) -> Cluster:
    return Cluster(row.id, row.name, ClusterKind(row.kind), row.context, row.source)
