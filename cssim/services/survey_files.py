"""The file in which a survey keeps its arrays: written atomically, read without pickle."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import NotFound
from cssim.services.workspace import Workspace

FOLDER = "surveys"


@dataclass(frozen=True, eq=False)
class SurveyArrays:
    """Pictures of a project on a plane, and which of them are near duplicates."""

    images: NDArray[np.int64]
    """(n,) ids of all images with pixels, rising."""
    points: NDArray[np.floating]
    """(n, 2) principal components of their embeddings; NaN without a frozen backbone."""
    pairs: NDArray[np.int64]
    """(k, 2) ids of near duplicates, the smaller first."""
    gaps: NDArray[np.float64]
    """(k,) cosine distance of each pair, 0..2; NaN without a frozen backbone."""
    bits: NDArray[np.int64]
    """(k,) bits 0..64 in which their prints differ."""


def write_survey(ws: Workspace, job_id: int, arrays: SurveyArrays) -> str:
    """Store the arrays; gives the file's path below the home folder.

    Older files of the same project are removed: the newest survey is the one that is shown.
    """
    folder = ws.settings.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"project-{ws.project.id}-job-{job_id}.npz"
    partial = file.with_suffix(".partial")
    with partial.open("wb") as out:
        np.savez_compressed(out, **{f.name: getattr(arrays, f.name) for f in fields(arrays)})
    os.replace(partial, file)
    for old in folder.glob(f"project-{ws.project.id}-job-*.npz"):
        if old != file:
            old.unlink(missing_ok=True)
    return str(file.relative_to(ws.settings.home))


def read_survey(home: Path, path: str) -> SurveyArrays:
    """The arrays of a file that `write_survey` named.

    Raises:
        NotFound: it is gone or damaged; survey again.
    """
    try:
        with np.load(home / path, allow_pickle=False) as stored:
            values: dict[str, Any] = {f.name: stored[f.name] for f in fields(SurveyArrays)}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise NotFound(
            f"the arrays of the survey are gone or damaged ({path}): make the survey again"
        ) from error
    return SurveyArrays(**values)
