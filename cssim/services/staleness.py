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
    sets: Sequence[EvaluatedSet] = (),
    with_members: bool = False,
) -> str:
    """What has changed since a comparison or an analysis was computed; empty where nothing has.

    Args:
        ws: the workspace.
        params: of its job: clusters, models, ensembles, settings.
        then: what went in when it was computed (`fingerprints_of`).
        sets: what was evaluated, each with its own fingerprint, so that the one that changed can
            be named.
        with_members: members of ensembles were computed as rows of their own, as analyses do.
    """
    from cssim.evaluation.report import CompareSettings

    with ws.database.reading() as session:
        models = runs.models_by_id(session, params["models"])
        groups = {e.name: e for e in runs.list_ensembles(session, ws.project.id)}
        members = runs.models_by_id(
            session, [i for n in params["ensembles"] if n in groups for i in groups[n].member_ids]
        )
        clusters = library.clusters_by_id(session, params["clusters"])
    missing = [name for name in params["ensembles"] if name not in groups]
    if len(models) < len(set(params["models"])) or missing:
        return "a model or ensemble of it is gone"
    every = models | members
    chosen = Chosen(
        [*every] if with_members else params["models"],
        [groups[name] for name in params["ensembles"]],
        every,
    )
    triples = load_triples(ws, params["clusters"])
    now = fingerprints_of(triples, chosen, CompareSettings(**params["settings"]))
    changed = sorted(name for name in now if then.get(name) != now[name])
    if "data" in changed:
        names = {cluster.name: cluster.id for cluster in clusters.values()}
        touched = [
            one.name
            for one in sets
            if one.name in names
            and load_triples(ws, [names[one.name]]).fingerprint != one.fingerprint
        ]
        where = f" of {', '.join(touched)}" if touched and len(sets) > 1 else ""
    words = {
        "data": f"the answers{where} have changed" if "data" in changed else "",
        "code": f"CS-Sim has changed from {then.get('code', 'an older version')} to {now['code']}",
        "settings": "the way it is computed has changed",
    }
    return "; ".join(words.get(name, f"{name} has changed") for name in changed)
