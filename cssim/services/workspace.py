"""What every use case works on: settings, database, image store, the project at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cssim.config import Settings
from cssim.errors import BadSetting
from cssim.images import ImageStore
from cssim.types import Project
from db import library
from db.engine import Database, open_database


@dataclass(frozen=True)
class Workspace:
    """Open with `open_workspace`; safe to share between threads."""

    settings: Settings
    database: Database
    store: ImageStore
    project: Project

    def with_project(self, name: str) -> Workspace:
        """The same machine, another project (made where it does not exist)."""
        return replace(self, project=_project(self.database, name))

    def close(self) -> None:
        """Give the database connections back."""
        self.database.close()


def open_workspace(settings: Settings) -> Workspace:
    """Make the home folder where it is missing, migrate the database, open the project.

    Raises:
        BadSetting: the home folder cannot be made.
        BadSetting, Unavailable, Conflict: the database cannot be used; see `open_database`.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(
            f"CSSIM_HOME must be a folder that is there or can be made, got {settings.home}: "
            f"{error.strerror}"
        ) from error
    database = open_database(settings.url)
    return Workspace(
        settings=settings,
        database=database,
        store=ImageStore(settings.images, max_pixels=settings.max_pixels),
        project=_project(database, settings.project),
    )


def _project(database: Database, name: str) -> Project:
    """The project of that name; looked up in a reading transaction first, as it mostly exists."""
    with database.reading() as session:
        found = library.find_project(session, name)
    if found is not None:
        return found
    with database.writing() as session:
        return library.ensure_project(session, name)
