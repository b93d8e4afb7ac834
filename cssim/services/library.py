"""Images in, clusters out: the library of a project.

Labels come in by `cssim.services.label_import` and go out by `label_export`; both are offered here.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from cssim import sampling, words
from cssim.errors import BadImage, BadInput
from cssim.images import SUFFIXES
from cssim.services import failing
from cssim.services.label_export import ExportReport, export_labels
from cssim.services.label_import import LabelReport, import_labels
from cssim.services.sources import Candidate, Problem, Upload, find_images
from cssim.services.sweeping import purge
from cssim.services.unused import unused_references
from cssim.services.withdrawing import refusal
from cssim.services.workspace import Workspace
from cssim.triples import Triples, standing, triples_from
from cssim.types import Cluster, ClusterKind, Image, Judgement, Page, PageMode
from db import annotations as records
from db import imports, library, withdrawals

__all__ = [
    "ClusterSummary",
    "ExportReport",
    "ImportReport",
    "LabelReport",
    "Progress",
    "Upload",
    "add_images",
    "available_images",
    "cluster_summaries",
    "draw_cluster",
    "export_labels",
    "image_hashes",
    "import_labels",
    "load_triples",
]

Progress = Callable[[int, int, str], None]
"""Called with (done, total, message)."""

BATCH = 200
"""Pictures entered in one transaction: an import that is stopped keeps what it has read."""


@dataclass(frozen=True)
class ImportReport:
    """What an import of images did."""

    added: int = 0
    """New images."""
    filled: int = 0
    """Images that labels had named before and whose pixels came now."""
    known: int = 0
    """Files that were here already."""
    named: int = 0
    """Files whose content was here under another name."""
    refused: tuple[Problem, ...] = ()
    """Files that were not taken, with reasons."""
    ignored: tuple[str, ...] = ()
    """Files beside the pictures that do not claim to be one."""
    notes: tuple[str, ...] = ()
    """Files that were taken with a remark, e.g. the first frame of an animation."""
    remarks: dict[str, int] = field(default_factory=dict)
    """The same counted: how many files got each remark."""
    tags: dict[str, int] = field(default_factory=dict)
    """How many images of the project now carry each tag."""

    def __str__(self) -> str:
        parts = [f"added {self.added}", f"already there {self.known}"]
        parts += [f"pixels for known names {self.filled}"] * bool(self.filled)
        parts += [f"further names for the same content {self.named}"] * bool(self.named)
        parts += [f"refused {len(self.refused)}"] * bool(self.refused)
        parts += [f"ignored {words.count(len(self.ignored), 'other file')}"] * bool(self.ignored)
        return ", ".join(parts)


def add_images(
    ws: Workspace,
    sources: Sequence[str | Path | Upload],
    *,
    tags: Sequence[str] = (),
    tag_folders: bool = False,
    prefix: str = "",
    progress: Progress | None = None,
) -> ImportReport:
    """Take pictures in; what was here already changes nothing, what is bad is refused by name.

    Args:
        ws: the workspace.
        sources: folders, image files, CSV manifests, uploads; see `find_images`.
        tags: words for all of them.
        tag_folders: also the name of a picture's first sub-folder.
        prefix: put before each name, e.g. `val`.
        progress: called after each picture.

    Raises:
        BadInput: a source does not exist or is a CSV file without a column `file`.
        Unavailable: the image store cannot be written; what was taken in before stays.
    """
    found, problems = find_images(sources, tags=tags, tag_folders=tag_folders, prefix=prefix)
    refused = [problem for problem in problems if not problem.ignored]
    with ws.database.reading() as session:
        taken_back = withdrawals.standing(session)
    counts: Counter[imports.Outcome] = Counter()
    notes: list[str] = []
    counted: Counter[str] = Counter()
    done = 0
    # Decoding and hashing release the interpreter, so threads use every core.
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        for batch in _batches(found, BATCH):
            files = []
            read = pool.map(_reader(ws, taken_back), batch)
            for candidate, result in zip(batch, read, strict=True):
                done += 1
                if isinstance(result, Problem):
                    refused.append(result)
                else:
                    file, remarks = result
                    files.append(file)
                    notes.extend(f"{candidate.name}: {remark}" for remark in remarks)
                    counted.update(remarks)
                if progress:
                    progress(done, len(found), candidate.name)
            with ws.database.writing() as session:
                outcomes = imports.record_files(session, ws.project.id, files, SUFFIXES)
            counts.update(outcomes)
            refused += _taken(ws, files, outcomes)
    with ws.database.reading() as session:
        all_tags = library.count_tags(session, ws.project.id)
    return ImportReport(
        added=counts[imports.Outcome.ADDED],
        filled=counts[imports.Outcome.FILLED],
        known=counts[imports.Outcome.KNOWN],
        named=counts[imports.Outcome.NAMED],
        refused=tuple(refused),
        ignored=tuple(problem.name for problem in problems if problem.ignored),
        notes=tuple(notes),
        remarks=dict(counted),
        tags=all_tags,
    )


def _batches(items: Sequence[Candidate], size: int) -> Iterator[list[Candidate]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _reader(
    ws: Workspace, taken_back: Mapping[str, str]
) -> Callable[[Candidate], tuple[imports.ImageFile, tuple[str, ...]] | Problem]:
    def read(candidate: Candidate) -> tuple[imports.ImageFile, tuple[str, ...]] | Problem:
        if not candidate.name or len(candidate.name) > imports.MAX_NAME:
            reason = f"its name must have 1 to {imports.MAX_NAME} characters"
            return Problem(candidate.name[:80], reason)
        try:
            data = candidate.read()
        except OSError as error:
            return Problem(candidate.name, f"cannot be read: {error.strerror or error}")
        withdrawn = taken_back and taken_back.get(hashlib.sha256(data).hexdigest())
        if withdrawn:
            return Problem(candidate.name, refusal(withdrawn))  # never written to the store
        try:
            stored = ws.store.add(data, name=candidate.name)
        except BadImage as error:
            return Problem(candidate.name, str(error).removeprefix(f"{candidate.name}: "))
        except OSError as error:  # a full disk refuses all pictures, and is the fault of none
            raise failing.told(error, ws.settings) or error from error
        file = imports.ImageFile(
            candidate.name,
            stored.sha256,
            stored.width,
            stored.height,
            candidate.tags,
            stored.colour,
        )
        return file, stored.notes

    return read


def _taken(
    ws: Workspace, files: Sequence[imports.ImageFile], outcomes: Sequence[imports.Outcome]
) -> list[Problem]:
    taken = "its name belongs to another picture of this project; rename it or use a prefix"
    both = list(zip(files, outcomes, strict=True))
    problems = [Problem(f.name, taken) for f, outcome in both if outcome is imports.Outcome.TAKEN]
    late = {f.sha256: f.name for f, outcome in both if outcome is imports.Outcome.WITHDRAWN}
    if late:  # withdrawn while this import ran, which had put the bytes back
        purge(ws, list(late))
        with ws.database.reading() as session:
            reasons = withdrawals.standing(session, list(late))
        problems += [Problem(name, refusal(reasons.get(sha, ""))) for sha, name in late.items()]
    return problems


def load_triples(ws: Workspace, cluster_ids: Sequence[int]) -> Triples:
    """Triples of the clusters with the votes of all standing judgements, in the pages' order."""
    with ws.database.reading() as session:
        pages = records.pages_of(session, cluster_ids)
        log = records.judgements_of(session, cluster_ids)
    return triples_from(pages, log)


def image_hashes(ws: Workspace, image_ids: Iterable[int]) -> dict[int, str]:
    """SHA-256 of each image's file; errors as of `available_images`."""
    return {id_: str(image.sha256) for id_, image in available_images(ws, image_ids).items()}


def available_images(ws: Workspace, image_ids: Iterable[int]) -> dict[int, Image]:
    """Each image, with pixels, by id.

    Raises:
        BadInput: an id is unknown, or its image is known by name only and has no pixels here.
    """
    wanted = sorted({int(id_) for id_ in image_ids})
    with ws.database.reading() as session:
        found = library.images_by_id(session, wanted)
    unknown = [id_ for id_ in wanted if id_ not in found]
    if unknown:
        raise BadInput(
            f"{words.count(len(unknown), 'image id is', 'image ids are')} unknown, the first of "
            f"them {unknown[0]}"
        )
    missing = [found[id_].name for id_ in wanted if found[id_].sha256 is None]
    if missing:
        raise BadInput(
            f"{len(missing)} of {words.count(len(wanted), 'image has', 'images have')} no pixels "
            f"here (for example {', '.join(missing[:3])}): only their names are known from labels. "
            "Such clusters can be counted, split and analysed, but not shown or embedded; import "
            "the image files."
        )
    return found


@dataclass(frozen=True)
class ClusterSummary:
    """A cluster in numbers; all can be counted without pixels."""

    cluster: Cluster
    references: int
    pages: int
    open_pages: int
    """Pages without a standing judgement."""
    judgements: int
    """Standing answers and ties; a row of vote counts stands for several votes."""
    votes: int
    """People's answers in the standing judgements."""
    triples: int
    images: int
    missing_images: int
    """Images known by name only."""
    tie_share: float
    """Share of the triples whose votes are even, 0..1; NaN without triples."""
    same_class_share: float
    """Share of the triples whose candidates got the same class, 0..1; NaN without triples."""
    classes: dict[int, int]
    """How often each class 1..5 was given."""


def cluster_summaries(
    ws: Workspace, cluster_ids: Sequence[int] | None = None
) -> list[ClusterSummary]:
    """Each cluster of the project (or each of `cluster_ids`) in numbers, as they were made."""
    with ws.database.reading() as session:
        clusters = library.list_clusters(session, ws.project.id)
        if cluster_ids is not None:
            clusters = [cluster for cluster in clusters if cluster.id in set(cluster_ids)]
        ids = [cluster.id for cluster in clusters]
        pages: dict[int, list[Page]] = {id_: [] for id_ in ids}
        for page in records.pages_of(session, ids):
            pages[page.cluster_id].append(page)
        cluster_of = {page.id: page.cluster_id for some in pages.values() for page in some}
        log: dict[int, list[Judgement]] = {id_: [] for id_ in ids}
        for judgement in records.judgements_of(session, ids):
            log[cluster_of[judgement.page_id]].append(judgement)
        bare = imports.bare_images(session, ws.project.id)
    return [_summary(c, pages[c.id], log[c.id], bare) for c in clusters]


def _summary(
    cluster: Cluster, pages: Sequence[Page], log: Sequence[Judgement], bare: set[int]
) -> ClusterSummary:
    holds = standing(log)
    triples = triples_from(pages, log)
    images = {image for page in pages for image in (page.reference, *page.candidates)}
    classes = Counter(k for judgement in holds for k in judgement.answer.classes)
    answered = {judgement.page_id for judgement in holds}
    n = len(triples)
    return ClusterSummary(
        cluster=cluster,
        references=len({page.reference for page in pages}),
        pages=len(pages),
        open_pages=sum(page.id not in answered for page in pages),
        judgements=len(holds),
        votes=sum(judgement.votes for judgement in holds),
        triples=n,
        images=len(images),
        missing_images=len(images & bare),
        tie_share=float(np.mean(triples.votes_a == triples.votes_b)) if n else float("nan"),
        same_class_share=float(np.mean(triples.same_class)) if n else float("nan"),
        classes={k: classes[k] for k in range(1, 6)},
    )


def draw_cluster(
    ws: Workspace,
    name: str,
    kind: ClusterKind,
    *,
    references: Sequence[int] | int = 1,
    pages_per_reference: int = 334,
    candidates: int = 3,
    mode: PageMode = PageMode.RANK,
    wanted: int = 1,
    tag: str | None = None,
    context: str | None = None,
    seed: int = 0,
) -> Cluster:
    """A new cluster of open pages, drawn at random from the project's images with pixels.

    Args:
        ws: the workspace.
        name: of the cluster.
        kind: context clusters have exactly one reference.
        references: image ids, or how many to draw among those that no other set asks about.
        pages_per_reference: pages for each of them.
        candidates: per page, 2 to 5; 2 to choose on.
        mode: how the pages are answered.
        wanted: how many people are to answer each page.
        tag: draw references only among the images with this tag; candidates come from all.
        context: what the reference shows, free text.
        seed: the same seed on the same images and sets draws the same pages.

    Raises:
        BadInput: too few images, or a context cluster with several references.
        Conflict: the project has a cluster of that name.
    """
    count = references if isinstance(references, int) else len(references)
    if ClusterKind(kind) is ClusterKind.CONTEXT and count != 1:
        raise BadInput(f"a context cluster has exactly one reference, got {count}")
    rng = np.random.default_rng(seed)
    with ws.database.writing() as session:
        pool = [i.id for i in library.list_images(session, ws.project.id, available=True)]
        if isinstance(references, int):
            tagged = library.list_images(session, ws.project.id, available=True, tag=tag)
            among = unused_references(session, ws.project.id, tagged, count)
            references = sampling.draw_references([i.id for i in among], count, rng)
        drawn = sampling.draw_pages(references, pool, pages_per_reference, candidates, rng)
        source = {"format": "drawn", "seed": seed, "tag": tag}
        cluster = library.add_cluster(
            session, ws.project.id, name, kind, context=context, source=source
        )
        pages = [records.NewPage(r, c, mode, wanted) for r, c in drawn]
        records.add_pages(session, ws.project.id, cluster.id, pages)
    return cluster
