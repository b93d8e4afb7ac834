"""The steps that build the demo project; each looks first whether its work is done already."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim import sampling
from cssim.errors import Cancelled, CSSimError
from cssim.services import accounts, evaluation, experiments, jobs
from cssim.services.jobs import JobRequest
from cssim.services.library import Upload, add_images
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ClusterKind, JobState, Page, PageMode, Role
from db import annotations as log
from db import library

if TYPE_CHECKING:
    from cssim.demo.scenes import Scene
    from cssim.demo.world import WorldSize

Progress = Callable[[float, str], None]
"""Called with the share that is done, 0..1, and what is going on."""

NEWCOMER = "newcomer"
"""Who signs in to look round; an administrator."""
TEST, VALIDATION = "test", "validation"
METRICS = ("histogram", "hog")
TRAINING = {
    "rank": 8,
    "last_blocks": 2,
    "lr": 5e-3,
    "order_weight": 1.0,
    "patience": 3,
}
"""Fields of `TrainConfig` for the demo's CS models; the rest takes its defaults. The tiny backbone
needs a larger step than the big ones, and one context's thousand triples are learned in minutes
only if the distance, which is what answers, weighs as much as the ranking block."""
STRATEGIES = ("vote", "uniform", "uniform-standardised", "stacking")
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
        self.timed: dict[str, float] = {}
        """Seconds of each step that had something to do."""
        self.evaluation: int | None = None
        self._progress = progress
        self._span = (0.0, 1.0)
        self._title = ""

    def run(self, title: str, start: float, end: float, step: Callable[[], bool]) -> None:
        """Run one step, which says whether it had anything to do, and time it."""
        self._span, self._title = (start, end), title
        began = time.monotonic()
        self.tell(0.0, "")
        if step():
            self.timed[title] = time.monotonic() - began

    def tell(self, share: float, message: str) -> None:
        """Report the share of the step; raises `Cancelled` where the build is to stop."""
        start, end = self._span
        text = f"{self._title}: {message}" if message else self._title
        self._progress(start + (end - start) * share, text)
        if self.stop.is_set():
            raise Cancelled("the build was stopped; the next one goes on from here")

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

    def pictures(self) -> bool:
        """Draw what is missing and take it in."""
        from cssim.demo.world import pictures

        wanted = [*self.names(test=False), *self.names(test=True)]
        known = self.ids(test=False) | self.ids(test=True)
        missing = [name for name in wanted if name not in known]
        drawn = 0
        for context, files in groupby(pictures(missing), lambda file: file[0].partition("/")[0]):
            uploads = []
            for name, data in files:
                uploads.append(Upload(name, data))
                drawn += 1
                self.tell(drawn / len(missing), f"{drawn} of {len(missing)} drawn")
            add_images(self.ws, uploads, tags=[context, "simulated"])
        return bool(missing)

    def answers(self) -> bool:
        """The simulated people, and each cluster with its answers in one transaction."""
        from cssim.demo.annotators import PEOPLE
        from cssim.demo.scenes import CONTEXTS
        from cssim.demo.world import typical

        present = {person.name: person.id for person in accounts.list_people(self.ws)}
        for simulated in PEOPLE:
            if simulated.name not in present:
                accounts.add_person(self.ws, simulated.name, simulated=True)
        if NEWCOMER not in present:
            accounts.add_person(self.ws, NEWCOMER, role=Role.ADMINISTRATOR)
        size, known = self.size, self.ids(test=False)
        before = set(self.clusters())
        here, there = list(known.values()), list(self.ids(test=True).values())
        for i, context in enumerate(CONTEXTS):
            reference = known[typical([n for n in known if n.startswith(f"{context}/")])]
            self.tell(i / 10, context)
            self._cluster(context, ClusterKind.CONTEXT, [reference], here, size.cluster_pages)
        for name, kind, pool, count in (
            (VALIDATION, ClusterKind.VALIDATION, here, size.validation_references),
            (TEST, ClusterKind.TEST, there, size.test_references),
        ):
            self.tell(0.8, name)
            references = sampling.draw_references(pool, count, self._rng(name))
            voters = size.voters if kind is ClusterKind.TEST else 1
            self._cluster(name, kind, references, pool, size.pages_per_reference, voters=voters)
        for mode in (PageMode.CHOOSE, PageMode.RANK):
            name = f"for you to {mode.value}"
            references = sampling.draw_references(here, size.own_pages, self._rng(name))
            self._cluster(name, ClusterKind.VALIDATION, references, here, 1, voters=0, mode=mode)
        return set(self.clusters()) != before

    def _rng(self, name: str) -> np.random.Generator:
        from cssim.demo.world import WORLD

        return np.random.default_rng([WORLD, *name.encode()])

    def _cluster(
        self,
        name: str,
        kind: ClusterKind,
        references: Sequence[int],
        pool: Sequence[int],
        pages_per_reference: int,
        *,
        voters: int = 1,
        mode: PageMode = PageMode.RANK,
    ) -> None:
        """Pages at random, answered by `voters` simulated people each; 0 leaves them open."""
        ws, rng = self.ws, self._rng(name)
        per_page = 2 if mode is PageMode.CHOOSE else 3
        drawn = sampling.draw_pages(references, pool, pages_per_reference, per_page, rng)
        rows = [log.NewPage(r, c, mode, max(voters, 1)) for r, c in drawn]
        with ws.database.writing() as session:
            if library.find_cluster(session, ws.project.id, name) is not None:
                return
            source = {"format": "demo", "simulated": True, **asdict(self.size)}
            context = name if kind is ClusterKind.CONTEXT else None
            cluster = library.add_cluster(
                session, ws.project.id, name, kind, context=context, source=source
            )
            ids = log.add_pages(session, ws.project.id, cluster.id, rows)
            pages = [
                Page(page_id, cluster.id, row.reference, row.candidates, mode)
                for page_id, row in zip(ids, rows, strict=True)
            ]
            log.add_judgements(session, self._judgements(pages, name, voters))

    def _judgements(self, pages: Sequence[Page], name: str, voters: int) -> list[log.NewJudgement]:
        from cssim.demo.annotators import PEOPLE
        from cssim.demo.world import answers

        people = {person.name: person.id for person in accounts.list_people(self.ws)}
        return [
            log.NewJudgement(
                page_id=given.page_id,
                answer=given.said.answer,
                person_id=people[PEOPLE[given.person].name],
                response_ms=given.said.response_ms,
                shown=given.shown,
                source="simulated",
            )
            for given in answers(pages, self.scenes(), name, voters)
        ]

    def embeddings(self) -> bool:
        """The frozen backbones and metrics as models of the project."""
        present = {model.name for model in experiments.list_models(self.ws)}
        missing = [name for name in (*self.backbones, *METRICS) if name not in present]
        if missing:
            self._do(experiments.embedding_request(self.ws, missing), 0.0, 1.0)
        return bool(missing)

    def models(self) -> bool:
        """One CS model for each context."""
        from cssim.demo.scenes import CONTEXTS

        present = {model.name for model in experiments.list_models(self.ws)}
        missing = [context for context in CONTEXTS if f"CS {context}" not in present]
        for i, context in enumerate(missing):
            config = {**TRAINING, "epochs": self.size.epochs}
            (request,) = experiments.training_requests(
                self.ws, [context], self.backbones[0], names=[f"CS {context}"], config=config
            )
            self._do(request, i / len(missing), (i + 1) / len(missing), context)
        return bool(missing)

    def ensembles(self) -> bool:
        """The CS models together, by each strategy."""
        from cssim.demo.scenes import CONTEXTS

        present = {ensemble.name for ensemble in experiments.list_ensembles(self.ws)}
        missing = [s for s in STRATEGIES if f"CS {s}" not in present]
        members = [f"CS {context}" for context in CONTEXTS]
        for i, strategy in enumerate(missing):
            request = experiments.ensemble_request(
                self.ws, f"CS {strategy}", members, strategy=strategy, fit_on=[VALIDATION]
            )
            self._do(request, i / len(missing), (i + 1) / len(missing), strategy)
        return bool(missing)

    def comparison(self) -> bool:
        """Everything on the test set, once."""
        stored = [info for info in evaluation.list_comparisons(self.ws) if info.name == TEST]
        if stored:
            self.evaluation = stored[0].id
            return False
        request = evaluation.comparison_request(
            self.ws, [TEST], anchor=self.backbones[0], name=TEST
        )
        self.evaluation = int(self._do(request, 0.0, 1.0)["evaluation"])
        return True

    def _do(
        self, request: JobRequest, start: float, end: float, prefix: str = ""
    ) -> Mapping[str, Any]:
        """Run a request as a job in this process; what it left."""

        def listen(share: float, message: str) -> None:
            text = f"{prefix}, {message}" if prefix and message else prefix or message
            self._progress(self._share(start + (end - start) * share), f"{self._title}: {text}")

        job = jobs.run_here(self.ws, request, stop=self.stop, listener=listen)
        if job.state is JobState.CANCELLED:
            raise Cancelled("the build was stopped; the next one goes on from here")
        if job.state is not JobState.DONE:
            raise CSSimError(f"job {job.id} ({job.kind}) of the demo failed: {job.error}")
        return job.result

    def _share(self, share: float) -> float:
        start, end = self._span
        return start + (end - start) * share
