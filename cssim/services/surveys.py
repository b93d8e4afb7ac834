"""What a project's data look like: counts that are cheap, and the latest survey of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.services import jobs
from cssim.services.jobs import JobRequest
from cssim.services.survey_files import SurveyArrays, read_survey
from cssim.services.workspace import Workspace
from cssim.types import Cluster, Image, JobInfo, JobState
from db import holdings, library, overview
from db import jobs as rows
from db.holdings import DayCount

__all__ = ["DayCount", "Near", "Shared", "Survey"]


@dataclass(frozen=True, eq=False)
class Survey:
    """The newest survey of a project."""

    job: JobInfo
    arrays: SurveyArrays
    stale: str
    """What has changed since, in words; empty where nothing has."""

    @property
    def agreement(self) -> list[dict[str, Any]]:
        """How far people agree in each set with answers.

        `set` and `cluster` say which; `triples` that count; `others`, the human ceiling 0..1 or
        None, with `low` and `high`; `person`, `bound`, `alpha_choices`, `alpha_classes`.
        """
        return list(self.job.result["agreement"])

    @property
    def has_map(self) -> bool:
        """Whether its pictures lie on a plane; they do not without a frozen backbone."""
        return bool(len(self.arrays.images)) and bool(np.isfinite(self.arrays.points).all())


@dataclass(frozen=True, eq=False)
class Shared:
    """What the sets of a project have in common; row i, column j speak of set j seen from set i."""

    names: tuple[str, ...]
    images: NDArray[np.int64]
    """(sets, sets) images of j that are also in i; on the diagonal, all images of j."""
    references: NDArray[np.int64]
    """(sets, sets) references of j that are anywhere in i."""
    near: NDArray[np.int64] | None
    """(sets, sets) images of j, not in i, that nearly duplicate one of i; None without survey."""


@dataclass(frozen=True, slots=True)
class Near:
    """Two pictures that are nearly the same."""

    one: Image
    other: Image
    distance: float
    """Cosine distance of their embeddings, 0..2; NaN without a frozen backbone."""
    bits: int
    """Bits 0..64 in which their prints differ."""
    sets: tuple[str, ...]
    """Names of the sets that hold one of them while another set holds the other."""


def survey_request() -> JobRequest:
    """A request to survey the project."""
    return JobRequest("survey", {})


def request_survey(ws: Workspace, *, by: int | None = None) -> int:
    """The id of a queued job that surveys the project; of the one that waits, where one does."""
    waiting = pending_survey(ws)
    if waiting is not None:
        return waiting.id
    request = survey_request()
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def pending_survey(ws: Workspace) -> JobInfo | None:
    """A survey that waits or runs; None where none does."""
    states = (JobState.QUEUED, JobState.RUNNING)
    return next(iter(jobs.list_jobs(ws, states=states, kinds=("survey",), limit=1)), None)


def data_state(ws: Workspace) -> dict[str, int]:
    """Numbers that change whenever answers, pages or pictures of the project do; cheap."""
    with ws.database.reading() as session:
        states = overview.cluster_states(session, ws.project.id)
        images = library.count_images(session, ws.project.id)
        pixels = library.count_images(session, ws.project.id, available=True)
    return {
        "images": images,
        "pixels": pixels,
        "sets": len(states),
        "pages": sum(state[0] for state in states.values()),
        "judgements": sum(state[2] for state in states.values()),
    }


def latest_survey(ws: Workspace) -> Survey | None:
    """The newest survey; None where there is none.

    Raises:
        NotFound: its arrays are gone or damaged.
    """
    with ws.database.reading() as session:
        found = rows.list_jobs(
            session, ws.project.id, states=(JobState.DONE,), kinds=("survey",), limit=1
        )
    if not found:
        return None
    arrays = _still_here(ws, read_survey(ws.settings.home, found[0].result["path"]))
    return Survey(found[0], arrays, _changes(found[0].result["state"], data_state(ws)))


def _still_here(ws: Workspace, arrays: SurveyArrays) -> SurveyArrays:
    """The arrays without pictures that were withdrawn since."""
    with ws.database.reading() as session:
        here = np.array(library.available_ids(session, ws.project.id), dtype=np.int64)
    kept = np.isin(arrays.images, here)
    if kept.all():
        return arrays
    pairs = np.isin(arrays.pairs, here).all(axis=1)
    return SurveyArrays(
        images=arrays.images[kept],
        points=arrays.points[kept],
        pairs=arrays.pairs[pairs],
        gaps=arrays.gaps[pairs],
        bits=arrays.bits[pairs],
    )


def _changes(then: dict[str, int], now: dict[str, int]) -> str:
    words = {
        "pixels": "pictures have come or gone",
        "images": "pictures have come or gone",
        "sets": "sets have come or gone",
        "pages": "pages have been added",
        "judgements": "people have answered since",
    }
    found = dict.fromkeys(words[name] for name in now if now[name] != then.get(name))
    return "; ".join(found)


def answers_by_day(ws: Workspace) -> list[DayCount]:
    """Answers of each person on each day on which there are any, by day (UTC) and name."""
    with ws.database.reading() as session:
        return holdings.answers_by_day(session, ws.project.id)


def people_by_set(ws: Workspace) -> dict[int, int]:
    """How many people have answered in each set, by its id; sets that nobody answered lack."""
    with ws.database.reading() as session:
        return holdings.people_of_clusters(session, ws.project.id)


def shared_images(
    ws: Workspace, clusters: Sequence[Cluster], near: NDArray[np.int64] | None = None
) -> Shared:
    """What each two sets have in common.

    Args:
        ws: the workspace.
        clusters: the sets, in the order wanted.
        near: (k, 2) ids of near duplicates; None where nobody looked.
    """
    ids = [cluster.id for cluster in clusters]
    with ws.database.reading() as session:
        images = holdings.images_of_clusters(session, ids)
        references = holdings.references_of_clusters(session, ids)
    n = len(ids)
    common, seen, nearly = (np.zeros((n, n), dtype=np.int64) for _ in range(3))
    both = (
        np.zeros((0, 2), dtype=np.int64) if near is None else np.concatenate([near, near[:, ::-1]])
    )
    for i, left in enumerate(ids):
        own = np.isin(both[:, 0], np.array(sorted(images[left]), dtype=np.int64))
        beside = set(np.unique(both[own, 1]).tolist()) - images[left]
        for j, right in enumerate(ids):
            common[i, j] = len(images[left] & images[right])
            seen[i, j] = len(images[left] & references[right])
            nearly[i, j] = len(beside & images[right])
    names = tuple(cluster.name for cluster in clusters)
    return Shared(names, common, seen, None if near is None else nearly)


def near_pairs(
    ws: Workspace, survey: Survey, *, across_sets: bool = False, limit: int = 60
) -> list[Near]:
    """Near duplicates, the nearest first.

    Args:
        ws: the workspace.
        survey: in which they were found.
        across_sets: only pairs that lie in two sets: those that leak.
        limit: at most so many.
    """
    arrays = survey.arrays
    order = np.lexsort((arrays.bits, np.nan_to_num(arrays.gaps, nan=3.0)))
    with ws.database.reading() as session:
        names = {c.id: c.name for c in library.list_clusters(session, ws.project.id)}
        inside: dict[int, set[int]] = {}
        for cluster, ids in holdings.images_of_clusters(session, list(names)).items():
            for image in ids:
                inside.setdefault(image, set()).add(cluster)
        kept: list[tuple[int, tuple[str, ...]]] = []
        for k in order.tolist():
            mine, theirs = (inside.get(int(i), set()) for i in arrays.pairs[k])
            across = mine | theirs if mine and theirs and len(mine | theirs) > 1 else set()
            if across or not across_sets:
                kept.append((k, tuple(names[c] for c in sorted(across))))
            if len(kept) == limit:
                break
        images = library.images_by_id(session, arrays.pairs[[k for k, _ in kept]].ravel().tolist())
    found = []
    for k, sets in kept:
        one, other = (images.get(int(i)) for i in arrays.pairs[k])
        if one is not None and other is not None:
            found.append(Near(one, other, float(arrays.gaps[k]), int(arrays.bits[k]), sets))
    return found


def reference_mask(ws: Workspace, survey: Survey, clusters: Sequence[int]) -> NDArray[np.bool_]:
    """(n,) whether each surveyed picture is the reference of a page of one of these sets."""
    with ws.database.reading() as session:
        found = holdings.references_of_clusters(session, clusters)
    ids = sorted(set().union(*found.values()))
    return np.isin(survey.arrays.images, np.array(ids, dtype=np.int64))
