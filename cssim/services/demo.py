"""The demo project: a world of generated scenes, from the first picture to the comparison table.

Everything goes through the services that people use, step by step; each step looks first whether
its work is done already, so a build that was stopped goes on, and a finished one opens at once.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cssim.config import Settings
from cssim.errors import Conflict
from cssim.services import demo_build, demo_labels, demo_models
from cssim.services.demo_build import TEST, Build, Progress
from cssim.services.demo_labels import ANNOTATOR, NEWCOMER
from cssim.services.executors import live_workers
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from db import library
from db.engine import open_database

__all__ = [
    "ANNOTATOR",
    "MARKER",
    "NEWCOMER",
    "DemoReport",
    "build_demo",
    "reset_demo",
    "small_world",
]

if TYPE_CHECKING:
    from cssim.demo.scenes import Scene
    from cssim.demo.world import WorldSize

MARKER = "demo.json"
"""A file of this name in a home folder says that the folder is the demo's and may be deleted."""


@dataclass(frozen=True)
class DemoReport:
    """What a build did and found."""

    seconds: float
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds of each step that had something to do."""
    images: int = 0
    triples: dict[str, int] = field(default_factory=dict)
    """By the name of the cluster."""
    ceiling: float = 0.0
    """Share of the simulated test votes that the truth itself agrees with, 0..1: the noise of
    the simulated people keeps every model below it."""
    evaluation: int | None = None
    """Id of the stored comparison."""


def build_demo(
    ws: Workspace,
    *,
    size: WorldSize | None = None,
    backbones: Sequence[str] = (),
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> DemoReport:
    """Build what is missing of the demo project in the workspace's project.

    Args:
        ws: the workspace; its project should hold nothing else.
        size: how much of everything; None takes `cssim.demo.world.FULL`.
        backbones: to compare, the first of them to train on; none takes those that are shipped.
        progress: called often.
        stop: ends the build; the next one goes on from there.

    Raises:
        Cancelled: `stop` was set.
        CSSimError: a step failed; what was done before it stays.
    """
    from cssim.demo.world import FULL
    from cssim.embeddings.backbones import shipped

    chosen = tuple(backbones) or tuple(sorted(shipped(), key=lambda name: name != "tiny-clip"))
    build = Build(ws, size or FULL, chosen, progress or _silent, stop or threading.Event())
    started = time.monotonic()
    _mark(ws)
    try:
        for share, end, title, step in (
            (0.00, 0.01, "backbones", demo_models.reachable),
            (0.01, 0.22, "pictures", demo_build.pictures),
            (0.22, 0.27, "people and answers", demo_labels.answers),
            (0.27, 0.28, "pages for you", demo_labels.practice),
            (0.28, 0.65, "models", demo_models.trained),
            (0.65, 0.77, "embeddings", demo_models.embedded),
            (0.77, 0.88, "ensembles", demo_models.ensembles),
            (0.88, 1.00, "comparison", demo_models.results),
        ):
            build.run(title, share, end, step)
    finally:
        build.crew.close()
    triples = {name: load_triples(ws, [c.id]) for name, c in build.clusters().items()}
    return DemoReport(
        seconds=time.monotonic() - started,
        steps=build.timed,
        images=len(build.scenes()),
        triples={name: len(columns) for name, columns in triples.items()},
        ceiling=_ceiling(triples[TEST], build.scenes()),
        evaluation=build.evaluation,
    )


def small_world() -> WorldSize:
    """A size that is built in seconds."""
    from cssim.demo.world import SMALL

    return SMALL


def reset_demo(settings: Settings) -> Path:
    """Delete the demo's home folder, and give its path.

    Raises:
        Conflict: the folder is not the demo's, its database lies elsewhere, or a worker is alive.
    """
    home = settings.home
    if settings.database_url:
        raise Conflict(
            "the demo's database is named by CSSIM_DATABASE_URL: delete it there, then the folder "
            f"{home}"
        )
    if not home.exists():
        return home
    if not (home / MARKER).is_file():
        raise Conflict(
            f"{home} holds no demo (it has no {MARKER}), so it is not deleted; check CSSIM_HOME"
        )
    database = open_database(settings.url)
    try:
        alive = live_workers(database, settings)
        with database.reading() as session:
            others = {p.name for p in library.list_projects(session)} - {settings.project}
    finally:
        database.close()
    if others:
        raise Conflict(f"{home} also holds {', '.join(sorted(others))}, so it is not deleted")
    if alive:
        raise Conflict("a worker of the demo is alive: stop the app, wait for it to end, try again")
    shutil.rmtree(home)
    return home


def _mark(ws: Workspace) -> None:
    """Note that the home folder is the demo's alone, where it is."""
    with ws.database.reading() as session:
        projects = library.list_projects(session)
    if not ws.settings.database_url and projects == [ws.project]:
        (ws.settings.home / MARKER).write_text('{"demo": true}\n', encoding="utf-8")


def _ceiling(triples: Triples, scenes: dict[int, Scene]) -> float:
    """How often the votes agree with the truth that they were made from."""
    from cssim.demo.world import true_distances
    from cssim.evaluation.accuracy import soft_credit

    distances = true_distances(triples.reference, triples.a, triples.b, scenes)
    return float(np.mean(soft_credit(distances, triples.share_a)))


def _silent(_share: float, _message: str) -> None:
    """No progress wanted."""
