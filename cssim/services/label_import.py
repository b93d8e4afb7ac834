"""Label files into clusters, pages and judgements: one file, one transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from cssim import cosis, words
from cssim.errors import BadInput, Conflict, Fault
from cssim.images import SUFFIXES
from cssim.services.label_drafts import READERS, Draft, Options
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind
from db import annotations as records
from db import imports, library
from db.annotations import NewPage

FORMATS = ("cosis", "cosis-npy", "csv")
"""Label files that can be read. `cosis-npy` is never guessed: those files are known to be wrong."""


@dataclass(frozen=True)
class ImportedCluster:
    """A cluster that an import made, or found there."""

    id: int
    name: str
    kind: ClusterKind
    pages: int
    judgements: int
    references: int


@dataclass(frozen=True)
class LabelReport:
    """What an import of labels did."""

    file: str
    format: str
    clusters: tuple[ImportedCluster, ...] = ()
    unchanged: bool = False
    """True where the same file was imported before: nothing was done."""
    new_images: int = 0
    """Images that were made for names that nobody knew; they have no pixels yet."""
    missing_images: int = 0
    """Images of this file's pages that have no pixels here, new or not."""
    new_people: int = 0
    known_people: int = 0
    """Annotators whose names were here already: they are taken to be the same people."""
    skipped: tuple[Fault, ...] = ()
    """Faulty lines that were left out on request."""
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        if self.unchanged:
            names = ", ".join(cluster.name for cluster in self.clusters)
            return f"{self.file}: unchanged, its clusters are here already ({names})"
        parts = [
            f"{c.name} ({c.kind}): {words.count(c.pages, 'page')}, "
            f"{words.count(c.judgements, 'judgement')}"
            for c in self.clusters
        ]
        parts += [f"{words.count(self.missing_images, 'image')} without pixels"] * bool(
            self.missing_images
        )
        parts += [f"skipped {words.count(len(self.skipped), 'faulty line')}"] * bool(self.skipped)
        return f"{self.file}: " + "; ".join([*parts, *self.notes])


def import_labels(
    ws: Workspace,
    path: str | Path,
    *,
    format: str | None = None,
    cluster: str | None = None,
    kind: ClusterKind | str | None = None,
    context: str | None = None,
    skip_bad: bool = False,
    split: str | None = None,
    names: str | Path | None = None,
    per_reference: int | Sequence[str] | None = None,
    validation_share: float = 0.5,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> LabelReport:
    """Take a label file in; the same file twice changes nothing.

    Args:
        ws: the workspace.
        path: a CoSIS text file, a CSV of triples, or (on request) a CoSIS `.npy` file.
        format: one of `FORMATS`; by the extension where not given.
        cluster: name of the cluster (of the clusters, with `per_reference`); default: the file's
            name without extension.
        kind: what the cluster is for; known for the released CoSIS files.
        context: what the reference shows, free text.
        skip_bad: leave faulty lines out, and report them, instead of refusing the file.
        split: BG-20k split of a CoSIS file, `val` or `train`; default: `train` for test sets.
        names: CoSIS `filename_dict.txt`; default: the one beside the file, where there is one.
        per_reference: CSV only: names of references, or how many to choose, that get a context
            cluster each; the other references go to `<cluster>-validation` and `<cluster>-test`,
            so that no two of these sets share a reference.
        validation_share: share of those other references that goes to validation, 0..1.
        seed: of the choice and the shares.
        progress: called with (done, total, message).

    Raises:
        BadLabels: lines are faulty and `skip_bad` is not set; nothing of the file went in.
        BadInput: the file cannot be read, or the options do not fit it.
        Conflict: a cluster of that name holds something else.
    """
    path = Path(path).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: expected a label file, found: {error.strerror}") from error
    format = format or _guess(path)
    if path.name == cosis.NAMES_FILE and format == "cosis":
        note = "is read together with the label files beside it; nothing to import by itself"
        return LabelReport(str(path), format, notes=(note,))
    tell = progress or (lambda done, total, message: None)
    tell(0, 3, f"reading {path.name}")
    options = Options(
        path=path,
        data=data,
        cluster=cluster or path.stem,
        kind=None if kind is None else _kind(kind),
        context=context,
        skip_bad=skip_bad,
        split=split,
        per_reference=per_reference,
        validation_share=validation_share,
        seed=seed,
    )
    if per_reference is not None and format != "csv":
        raise BadInput("per_reference is for CSV files of triples only")
    drafts, skipped, notes = READERS[format](options)
    aliases = _aliases(path, names) if format != "csv" else {}
    tell(1, 3, f"entering {words.count(sum(len(d.pages) for d in drafts), 'page')}")
    with ws.database.writing() as session:
        report = _enter(session, ws.project.id, drafts, aliases)
    tell(3, 3, f"{path.name} is in")
    return replace(report, file=str(path), format=format, skipped=skipped, notes=notes)


def _guess(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        raise BadInput(
            f"{path.name}: the released .npy files have wrong classes and lack rankings; import "
            "the text file, or ask for them with the format cosis-npy"
        )
    found = {".txt": "cosis", ".csv": "csv"}.get(suffix)
    if found is None:
        raise BadInput(
            f"{path.name}: expected a label file ending in .txt (CoSIS) or .csv (triples); "
            f"otherwise say which of {', '.join(FORMATS)} it is"
        )
    return found


def _aliases(path: Path, names: str | Path | None) -> dict[str, str]:
    """Further names of CoSIS images, from the file given or the one beside the labels."""
    folders = (path.parent, path.parent.parent)
    beside = next((f / cosis.NAMES_FILE for f in folders if (f / cosis.NAMES_FILE).is_file()), None)
    chosen = Path(names) if names else beside
    if chosen is None:
        return {}
    try:
        return cosis.parse_names(chosen.read_bytes(), file=str(chosen))
    except OSError as error:
        raise BadInput(f"{chosen}: expected {cosis.NAMES_FILE}, found {error.strerror}") from error


def _enter(
    session: Session, project_id: int, drafts: Sequence[Draft], aliases: Mapping[str, str]
) -> LabelReport:
    """Everything of one file, in the caller's transaction."""
    used = dict.fromkeys(name for draft in drafts for page in draft.pages for name in page)
    groups = [(name, aliases[name]) if name in aliases else (name,) for name in used]
    image_ids, made = imports.ensure_names(session, project_id, groups, SUFFIXES)
    ids = dict(zip(used, image_ids, strict=True))
    found = [library.find_cluster(session, project_id, draft.name) for draft in drafts]
    same = [
        c is not None and c.source.get("sha256") == d.source["sha256"]
        for c, d in zip(found, drafts, strict=True)
    ]
    for cluster, is_same in zip(found, same, strict=True):
        if cluster is not None and not (is_same and all(same)):
            raise Conflict(
                f"the project has a cluster {cluster.name!r} with other content; import under "
                "another name"
            )
    known, new = records.ensure_imported_people(
        session, {person for d in drafts for _, person, _ in d.judgements if person}
    )
    clusters = []
    for draft, present in zip(drafts, found, strict=True):
        cluster = present or _add(session, project_id, draft, ids, known)
        clusters.append(
            ImportedCluster(
                cluster.id,
                cluster.name,
                cluster.kind,
                len(draft.pages),
                len(draft.judgements),
                len({page[0] for page in draft.pages}),
            )
        )
    bare = imports.bare_images(session, project_id)
    return LabelReport(
        file="",
        format="",
        clusters=tuple(clusters),
        unchanged=all(same),
        new_images=made,
        missing_images=len(bare & set(image_ids)),
        new_people=new,
        known_people=len(known) - new,
    )


def _add(
    session: Session,
    project_id: int,
    draft: Draft,
    ids: Mapping[str, int],
    people: Mapping[str, int],
) -> Any:
    cluster = library.add_cluster(
        session, project_id, draft.name, draft.kind, context=draft.context, source=draft.source
    )
    # Imported pages are answered: nobody is to be asked again.
    pages = [
        NewPage(ids[page[0]], tuple(ids[name] for name in page[1:]), draft.mode, wanted=0)
        for page in draft.pages
    ]
    page_ids = records.add_pages(session, project_id, cluster.id, pages)
    records.add_judgements(
        session,
        [
            replace(judgement, page_id=page_ids[index], person_id=people.get(person))
            for index, person, judgement in draft.judgements
        ],
    )
    return cluster


def _kind(kind: ClusterKind | str) -> ClusterKind:
    try:
        return ClusterKind(kind)
    except ValueError:
        known = ", ".join(ClusterKind)
        raise BadInput(f"a cluster's kind is one of {known}, got {kind!r}") from None
