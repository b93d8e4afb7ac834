"""The truth behind simulated answers, where there is one: what no model can beat in the long run.

Only the demo world knows it. Its people answer by true distances with noise added, so these
distances without noise agree with them as often as anything can: an exact ceiling, beside the
human one, which people's overlap only estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim.services.workspace import Workspace
from cssim.triples import Triples, standing
from cssim.types import Cluster
from db import annotations as records
from db import library, users


@dataclass(frozen=True, eq=False)
class Truth:
    """Distances behind the answers, or why they are no ceiling here."""

    distances: NDArray[np.float64] | None = None
    """(n, 2) to A and B of each triple; None where the answers are not all simulated."""
    note: str = ""
    """What a reader must know; empty where there is nothing simulated, or nothing to add."""


def truth_of(ws: Workspace, clusters: Sequence[Cluster], triples: Triples) -> Truth:
    """The truth behind the answers of some sets.

    Args:
        ws: the workspace.
        clusters: the sets.
        triples: of these sets.

    Raises:
        BadInput: a set is marked as the demo's and shows a picture that is not of its world.
    """
    from cssim.demo.world import scene_of, true_distances

    marked = [cluster for cluster in clusters if is_simulated(cluster)]
    if not marked:
        return Truth()
    if len(marked) < len(clusters):
        return Truth(note="No row for the known truth: not all of these sets are simulated.")
    if _real_answers(ws, clusters):
        return Truth(
            note="No row for the known truth: these sets hold answers of real people, and it "
            "bounds those of simulated people alone."
        )
    with ws.database.reading() as session:
        images = library.images_by_id(session, triples.images.tolist())
    scenes = {image_id: scene_of(image.name) for image_id, image in images.items()}
    return Truth(true_distances(triples.reference, triples.a, triples.b, scenes))


def is_simulated(cluster: Cluster) -> bool:
    """Whether the set was made by the demo, which marks its sets when it makes them."""
    return cluster.source.get("format") == "demo" and bool(cluster.source.get("simulated"))


def _real_answers(ws: Workspace, clusters: Sequence[Cluster]) -> bool:
    """Whether any answer that counts is not of a simulated person."""
    with ws.database.reading() as session:
        log = records.judgements_of(session, [cluster.id for cluster in clusters])
        simulated = {person.id for person in users.list_people(session) if person.simulated}
    return any(one.person_id not in simulated for one in standing(log))
