"""What the data page counted, kept under numbers that change when the data do."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cssim.errors import NotFound
from cssim.services import gallery, jobs, surveys
from cssim.services.surveys import DayCount, Near, Shared, Survey
from cssim.services.workspace import Workspace
from cssim.types import Cluster, JobState
from cssim.ui import cached


def _key(ws: Workspace) -> tuple[object, ...]:
    states = tuple(gallery.cluster_states(ws).items())
    return (ws.settings.url, ws.project.id, states)


def survey(ws: Workspace) -> Survey | None:
    """The newest survey of the project; None where there is none, or its arrays are gone."""
    done = jobs.list_job_ids(ws, "survey", (JobState.DONE,))
    return _survey(ws, (*_key(ws), done[0])) if done else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _survey(_ws: Workspace, key: object) -> Survey | None:
    try:
        return surveys.latest_survey(_ws)
    except NotFound:  # the folder of surveys may be deleted: a new one can be asked for
        return None


def days(ws: Workspace) -> list[DayCount]:
    """Answers of each person on each day."""
    return _days(ws, _key(ws))


@st.cache_resource(max_entries=8, show_spinner=False)
def _days(_ws: Workspace, key: object) -> list[DayCount]:
    return surveys.answers_by_day(_ws)


def people(ws: Workspace) -> dict[int, int]:
    """How many people have answered in each set, by its id."""
    return _people(ws, _key(ws))


@st.cache_resource(max_entries=8, show_spinner=False)
def _people(_ws: Workspace, key: object) -> dict[int, int]:
    return surveys.people_by_set(_ws)


def clusters(ws: Workspace) -> list[Cluster]:
    """The project's sets that have pages."""
    return [one.cluster for one in cached.summaries(ws) if one.pages]


def shared(ws: Workspace, found: Survey | None) -> Shared:
    """What each two sets have in common, near duplicates with it where they were looked for."""
    return _shared(ws, clusters(ws), found, (*_key(ws), found.job.id if found else None))


@st.cache_resource(max_entries=8, show_spinner=False)
def _shared(_ws: Workspace, _sets: Any, _found: Survey | None, key: object) -> Shared:
    return surveys.shared_images(_ws, _sets, _found.arrays.pairs if _found else None)


def near(ws: Workspace, found: Survey, *, across_sets: bool, limit: int) -> list[Near]:
    """Near duplicates, the nearest first."""
    return _near(ws, found, (*_key(ws), found.job.id), across_sets, limit)


@st.cache_resource(max_entries=8, show_spinner=False)
def _near(_ws: Workspace, _found: Survey, key: object, across: bool, limit: int) -> list[Near]:
    return surveys.near_pairs(_ws, _found, across_sets=across, limit=limit)


def references(ws: Workspace, found: Survey, sets: tuple[int, ...]) -> Any:
    """(n,) array: whether each surveyed picture is the reference of a page of these sets."""
    return _references(ws, found, (*_key(ws), found.job.id), sets)


@st.cache_resource(max_entries=8, show_spinner=False)
def _references(_ws: Workspace, _found: Survey, key: object, sets: tuple[int, ...]) -> Any:
    return surveys.reference_mask(_ws, _found, sets)
