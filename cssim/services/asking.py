"""Saved ensembles put to work: which is closer, why, and what a folder holds that is similar.

These functions load torch where a member needs it: for the command line and workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cssim.services.encoding import use_threads
from cssim.services.workspace import Workspace
from db import runs

if TYPE_CHECKING:
    from cssim.ensembles.ensemble import Ensemble

Progress = Callable[[int, int, str], None]


def opened(ws: Workspace, ensemble: str) -> Ensemble:
    """The ensemble of that name in the project, or in that folder.

    Raises:
        NotFound: there is neither, or a member's folder is missing.
        Unavailable: a backbone is not on this machine and cannot be fetched.
        BadInput: damaged, or a backbone whose weights have changed.
    """
    from cssim.ensembles.saved import CARD, load_ensemble

    folder = Path(ensemble)
    if not (folder / CARD).is_file():
        with ws.database.reading() as session:
            stored = runs.get_ensemble(session, ws.project.id, ensemble)
        folder = ws.settings.home / str(stored.path)
    use_threads(ws)
    settings = ws.settings
    return load_ensemble(folder, settings.models, settings.device, settings.precision)


def ask(
    ws: Workspace, ensemble: str, reference: Path, a: Path, b: Path, *, explain: bool = False
) -> dict[str, Any]:
    """Which of two pictures is closer; plain values of a `Closer`.

    Args:
        ws: the workspace.
        ensemble: its name, or its folder.
        reference: file of the reference.
        a: file of candidate A.
        b: file of candidate B.
        explain: with the `Explanation` of the reference, as `explanation`.

    Raises:
        NotFound, Unavailable, BadInput: see `opened`, and pictures that cannot be used.
    """
    loaded = opened(ws, ensemble)
    answer = asdict(loaded.closer(reference, a, b))
    return answer | {"explanation": asdict(loaded.explain(reference))} if explain else answer


def search(
    ws: Workspace,
    ensemble: str,
    reference: Path,
    folder: Path,
    *,
    top: int = 10,
    index: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The pictures of a folder that are closest to a reference.

    Args:
        ws: the workspace.
        ensemble: its name, or its folder.
        reference: file of the reference.
        folder: where to search, with all that lies below it.
        top: at most so many.
        index: file that keeps the embeddings: what it knows is not computed again, and it is
            brought up to date; None keeps nothing.
        progress: called with (pictures done, pictures in all, message).

    Returns:
        `found`: (path, distance), the closest first; `pictures`: how many were searched; `refused`:
        files that are no pictures, with reasons.

    Raises:
        NotFound, Unavailable, BadInput: see `opened`, and `Ensemble.search`.
    """
    from cssim.ensembles.index import Index

    loaded = opened(ws, ensemble)
    known = Index.load(index) if index is not None and index.exists() else None
    made = loaded.index(folder, known=known, progress=progress)
    if index is not None:
        made.save(index)
    found = loaded.search(reference, made, top)
    return {
        "found": [one._asdict() for one in found],
        "pictures": len(made),
        "refused": list(made.refused),
    }
