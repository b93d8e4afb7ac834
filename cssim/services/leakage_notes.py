"""What the members of a planned ensemble have seen of the answers that it would be fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cssim.services.comparing import Chosen
from cssim.services.estimating import Setup
from cssim.services.leaks import leaks_of
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from db import library, runs

if TYPE_CHECKING:
    from cssim.evaluation.leakage import MemberLeak


def of_members(ws: Workspace, setup: Setup) -> dict[str, MemberLeak]:
    """The leak of each member that has seen anything of the validation answers, by name."""
    with ws.database.reading() as session:
        models = runs.models_by_id(session, setup.members)
        clusters = library.clusters_by_id(session, setup.fit_on)
    triples = load_triples(ws, setup.fit_on)
    leaks = leaks_of(Chosen([*models], [], models), list(clusters.values()), triples)
    return {name: leak for name, leak in leaks.items() if any(leak.rank)}
