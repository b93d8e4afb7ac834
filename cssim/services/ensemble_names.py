"""What ensembles are called, and which ones are put away."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cssim.errors import BadInput
from cssim.services.workspace import Workspace
from db import registry, runs


def check_name(name: str) -> None:
    """Refuse what cannot be an ensemble's name.

    Raises:
        BadInput: too long, or with signs that a name of a folder may not have.
    """
    if not re.fullmatch(r"[\w .+-]{1,100}", name) or name.startswith(".") or not name.strip():
        raise BadInput(
            "an ensemble's name has 1 to 100 letters, digits, spaces, '.', '_', '-' or '+', "
            f"got {name!r}"
        )


def rename_ensemble(ws: Workspace, name: str, new: str) -> None:
    """Give an ensemble another name; comparisons and its folder keep it.

    Raises:
        NotFound: the project has no ensemble of that name.
        BadInput: no name of an ensemble, see `check_name`.
        Conflict: another ensemble, or a model, has the new name.
    """
    check_name(new)
    with ws.database.writing() as session:
        ensemble = runs.get_ensemble(session, ws.project.id, name)
        registry.rename_ensemble(session, ws.project.id, ensemble.id, new)


def archive_ensembles(ws: Workspace, names: Sequence[str], *, back: bool = False) -> None:
    """Put ensembles away, so that lists and comparisons pass over them, or bring them back.

    Raises:
        NotFound: the project has no ensemble of one of the names.
    """
    with ws.database.writing() as session:
        ids = [runs.get_ensemble(session, ws.project.id, name).id for name in names]
        registry.archive_ensembles(session, ids, not back)
