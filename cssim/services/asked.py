"""What the jobs `compare` and `analyse` were asked for, read and checked in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cssim.services.chosen import Chosen
from cssim.services.leaks import leaks_of
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.triples import Triples
from cssim.types import Cluster
from db import library, runs

if TYPE_CHECKING:
    from cssim.evaluation.report import CompareSettings


@dataclass(frozen=True)
class Asked:
    """Sets, rows and settings of a job's request."""

    clusters: list[Cluster]
    """The sets that are looked at, in the order of the request."""
    looks: Mapping[int, int]
    """How often each set was looked at before, by id."""
    chosen: Chosen
    triples: Triples
    settings: CompareSettings
    requested: CompareSettings
    """The same, with the anchor as it was called then."""

    @property
    def folded(self) -> bool:
        """Whether ensembles are fitted again on these sets, in folds."""
        return self.settings.cross_fit > 0


def asked_of(context: JobContext) -> Asked:
    """The request of a job, its rows by their names of now.

    Raises:
        LeakedEvaluation: a member was trained on these sets, and that was not allowed.
    """
    from cssim.evaluation.leakage import refuse_leaks
    from cssim.evaluation.report import CompareSettings

    ws, params = context.ws, context.job.params
    with ws.database.reading() as session:
        by_id = library.clusters_by_id(session, params["clusters"])
        looks = runs.count_looks(session, params["clusters"])
        groups = runs.ensembles_by_id(session, params["ensembles"])
        ensembles = [groups[i] for i in params["ensembles"]]
        members = [i for e in ensembles for i in e.member_ids]
        every = runs.models_by_id(session, [*params["models"], *members])
    chosen = Chosen(params["models"], ensembles, every)
    settings = CompareSettings(**params["settings"])
    asked = Asked(
        clusters=[by_id[i] for i in params["clusters"]],
        looks=looks,
        chosen=chosen,
        triples=load_triples(ws, params["clusters"]),
        requested=settings,
        # It may have been renamed while the job waited.
        settings=replace(settings, anchor=chosen.named(params.get("anchor")) or settings.anchor),
    )
    leaks = leaks_of(asked.chosen, asked.clusters, asked.triples, cross_fitted=asked.folded)
    refuse_leaks(list(leaks.values()), allow=params["allow_leakage"])
    return asked
