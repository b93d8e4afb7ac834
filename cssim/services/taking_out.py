"""A saved ensemble as one file to take away, and how to use it elsewhere."""

from __future__ import annotations

import io
import zipfile

from cssim.errors import NotFound
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo


def as_zip(ws: Workspace, ensemble: EnsembleInfo) -> bytes:
    """The ensemble's folder as a ZIP file; in it everything lies below a folder of its name.

    Raises:
        NotFound: the folder is gone.
    """
    folder = ws.settings.home / str(ensemble.path)
    if not folder.is_dir():
        raise NotFound(f"the folder of {ensemble.name} is gone: expected {folder}")
    out = io.BytesIO()
    # Weights hardly shrink, and deflating them takes longer than sending them.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder_name(ensemble)}/{path.relative_to(folder)}")
    return out.getvalue()


def folder_name(ensemble: EnsembleInfo) -> str:
    """What the folder is called outside: the ensemble's name without spaces."""
    return "-".join(ensemble.name.split())


def size_of(ws: Workspace, ensemble: EnsembleInfo) -> int:
    """Bytes in the folder; 0 where it is gone."""
    folder = ws.settings.home / str(ensemble.path)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def usage(ensemble: EnsembleInfo) -> str:
    """The three lines of Python that ask it."""
    return (
        "import cssim\n"
        f'ensemble = cssim.load_ensemble("{folder_name(ensemble)}")\n'
        'print(ensemble.closer("reference.jpg", "a.jpg", "b.jpg"))'
    )
