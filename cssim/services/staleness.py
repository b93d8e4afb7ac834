"""Whether a stored result still speaks of the present, and if not, what has changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim.services.comparing import Chosen, fingerprints_of
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from db import library, runs

if TYPE_CHECKING:
    from cssim.evaluation.report import EvaluatedSet


def changes_since(
    ws: Workspace,
    params: Mapping[str, Any],
    then: Mapping[str, str],
    *,
    names: Mapping[str, str],
    sets: Sequence[EvaluatedSet] = (),
    with_members: bool = False,
) -> str:
    """What has changed since a comparison or an analysis was computed; empty where nothing has.

    Args:
        ws: the workspace.
        params: of its job: clusters, models, ensembles, settings.
        then: what went in when it was computed (`fingerprints_of`).
        names: what its rows were called then, by `source_of`: a row that was renamed since is
            still the same.
        sets: what was evaluated, each with its own fingerprint, so that the one that changed can
            be named.
        with_members: members of ensembles were computed as rows of their own, as analyses do.
    """
    from cssim.evaluation.report import CompareSettings

    with ws.database.reading() as session:
        models = runs.models_by_id(session, params["models"])
        groups = runs.ensembles_by_id(session, params["ensembles"])
        members = runs.models_by_id(session, [i for e in groups.values() for i in e.member_ids])
        clusters = library.clusters_by_id(session, params["clusters"])
    if len(models) < len(set(params["models"])) or len(groups) < len(set(params["ensembles"])):
        return "a model or ensemble of it is gone"
    every = models | members
    chosen = Chosen(
        [*every] if with_members else params["models"],
        [groups[i] for i in params["ensembles"]],
        every,
    )
    triples = load_triples(ws, params["clusters"])
    now = fingerprints_of(triples, chosen, CompareSettings(**params["settings"]), names)
    changed = sorted(name for name in now if then.get(name) != now[name])
    if "data" in changed:
        ids = {cluster.name: cluster.id for cluster in clusters.values()}
        touched = [
            one.name
            for one in sets
            if one.name in ids and load_triples(ws, [ids[one.name]]).fingerprint != one.fingerprint
        ]
        where = f" of {', '.join(touched)}" if touched and len(sets) > 1 else ""
    words = {
        "data": f"the answers{where} have changed" if "data" in changed else "",
        "code": f"CS-Sim has changed from {then.get('code', 'an older version')} to {now['code']}",
        "settings": "the way it is computed has changed",
    }
    return "; ".join(words.get(name, f"{name} has changed") for name in changed)
