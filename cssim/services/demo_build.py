"""One build of the demo project: what is there, how far it is, and its pictures.

The steps after the pictures stand in `demo_labels` and `demo_models`; each of them looks first
whether its work is done already.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim.errors import Cancelled, CSSimError
from cssim.services import experiments, jobs
from cssim.services.demo_queue import STOPPED, Crew
from cssim.services.jobs import JobRequest
from cssim.services.library import Upload, add_images
from cssim.services.workspace import Workspace
from cssim.types import Cluster, JobState
from db import library

if TYPE_CHECKING:
    from cssim.demo.scenes import Scene
    from cssim.demo.world import WorldSize

Progress = Callable[[float, str], None]
"""Called with the share that is done, 0..1, and what is going on."""

TEST, VALIDATION, PRACTICE = "test", "validation", "practice"
_FIRST_TEST_NUMBER = 5_000
"""Numbers of pictures from here on are for the test set alone."""


class Build:
    """One build: the workspace, the size, and how far it is."""

    def __init__(
        self,
        ws: Workspace,
        size: WorldSize,
        backbones: tuple[str, ...],
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.ws, self.size, self.backbones, self.stop = ws, size, backbones, stop
        self.crew = Crew(ws, size.processes)
        self.timed: dict[str, float] = {}
        """Seconds of each step that had something to do."""
        self.evaluation: int | None = None
        self._progress = progress
        self._span = (0.0, 1.0)
        self._title = ""

    def run(self, title: str, start: float, end: float, step: Callable[[Build], bool]) -> None:
        """Run one step, which says whether it had anything to do, and time it."""
        self._span, self._title = (start, end), title
        began = time.monotonic()
        self.tell(0.0, "")
        if step(self):
            self.timed[title] = time.monotonic() - began

    def say(self, share: float, message: str) -> None:
        """Report the share of the step, 0..1."""
        start, end = self._span
        text = f"{self._title}: {message}" if message else self._title
        self._progress(start + (end - start) * share, text)

    def tell(self, share: float, message: str) -> None:
        """The same; raises `Cancelled` where the build is to stop."""
        self.say(share, message)
        if self.stop.is_set():
            raise Cancelled(STOPPED)

    def names(self, *, test: bool) -> list[str]:
        """Names of the pictures of one half of the world."""
        from cssim.demo.scenes import CONTEXTS
        from cssim.demo.world import names

        first = _FIRST_TEST_NUMBER if test else 0
        count = self.size.test_per_context if test else self.size.per_context
        return [name for context in CONTEXTS for name in names(context, first, count)]

    def ids(self, *, test: bool) -> dict[str, int]:
        """Image id of each name of one half that is in."""
        with self.ws.database.reading() as session:
            return library.image_ids_by_name(session, self.ws.project.id, self.names(test=test))

    def scenes(self) -> dict[int, Scene]:
        """The scene of each image id."""
        from cssim.demo.world import scene_of

        known = self.ids(test=False) | self.ids(test=True)
        return {image_id: scene_of(name) for name, image_id in known.items()}

    def clusters(self) -> dict[str, Cluster]:
        """The clusters of the project by name."""
        with self.ws.database.reading() as session:
            return {c.name: c for c in library.list_clusters(session, self.ws.project.id)}

    def rng(self, name: str) -> np.random.Generator:
        """The source of randomness of that name in this world."""
        from cssim.demo.world import WORLD

        return np.random.default_rng([WORLD, *name.encode()])

    def model_names(self) -> set[str]:
        """Names of the project's models."""
        return {model.name for model in experiments.list_models(self.ws, archived=True)}

    def do_all(self, requests: Sequence[JobRequest], start: float = 0.0, end: float = 1.0) -> None:
        """Run requests as jobs, side by side where the size asks for several processes."""
        if len(requests) < 2 or self.size.processes < 2:
            for i, request in enumerate(requests):
                step = (end - start) / len(requests)
                self.do(request, start + step * i, start + step * (i + 1))
            return

        def tell(share: float, message: str) -> None:
            self.say(start + (end - start) * share, message)

        self.crew.run(requests, tell, self.stop)

    def do(self, request: JobRequest, start: float = 0.0, end: float = 1.0) -> Mapping[str, Any]:
        """Run a request as a job in this process; what it left."""
        name = request.params.get("name", "")

        def listen(share: float, message: str) -> None:
            text = f"{name}, {message}" if name and message else name or message
            self.say(start + (end - start) * share, text)

        job = jobs.run_here(self.ws, request, stop=self.stop, listener=listen)
        if job.state is JobState.CANCELLED:
            raise Cancelled(STOPPED)
        if job.state is not JobState.DONE:
            raise CSSimError(f"job {job.id} ({job.kind}) of the demo failed: {job.error}")
        return job.result


def pictures(build: Build) -> bool:
    """Draw what is missing and take it in."""
    from cssim.demo.world import pictures

    wanted = [*build.names(test=False), *build.names(test=True)]
    known = build.ids(test=False) | build.ids(test=True)
    missing = [name for name in wanted if name not in known]
    drawn = 0
    for context, files in groupby(pictures(missing), lambda file: file[0].partition("/")[0]):
        uploads = []
        for name, data in files:
            uploads.append(Upload(name, data))
            drawn += 1
            build.tell(drawn / len(missing), f"{drawn} of {len(missing)} drawn")
        add_images(build.ws, uploads, tags=[context, "simulated"])
    return bool(missing)
