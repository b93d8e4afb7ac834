"""The words of CS-Sim as frozen dataclasses that refuse nonsense at birth.

Conventions, written once and used everywhere:

- One direction: **distance, smaller = closer**. Similarities are turned round where they enter.
- A triple is (reference, a, b); the question is which of `a` and `b` is closer to the reference.
- Rankings are best first: the closest candidate stands first.
- Classes: 1 Almost the same, 2 Similar, 3 Related, 4 Weakly connected, 5 Irrelevant.
- Ids are the database's positive integers; positions are 0-based.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cssim.errors import BadInput

_CLASSES = ("Almost the same", "Similar", "Related", "Weakly connected", "Irrelevant")
CLASS_NAMES = dict(enumerate(_CLASSES, start=1))
"""The five classes of similarity between a candidate and its reference (Liao and Chen 2024)."""

MIN_CANDIDATES, MAX_CANDIDATES = 2, 5
"""How many candidates a page may show."""


class Choice(StrEnum):
    """Which candidate of a triple is closer to the reference."""

    A = "A"
    B = "B"

    @property
    def other(self) -> Choice:
        """The candidate that was not chosen."""
        return Choice.B if self is Choice.A else Choice.A


class ClusterKind(StrEnum):
    """What a set of pages is for."""

    CONTEXT = "context"
    """Pages that share one reference: a CS model is trained on them."""
    VALIDATION = "validation"
    """Many references: competence is estimated, and models are chosen, on them."""
    TEST = "test"
    """Many references: looked at only to report; each look is recorded."""
    GOLD = "gold"
    """Pages with known answers: people are checked on them."""


class PageMode(StrEnum):
    """How a page is answered."""

    CHOOSE = "choose"
    """Two candidates: which one is closer? A tie is allowed. No classes."""
    RANK = "rank"
    """Two to five candidates: order them and give each a class."""


class JudgementKind(StrEnum):
    """What a row of the append-only log of judgements says."""

    ANSWER = "answer"
    TIE = "tie"
    """Choose mode: both candidates are equally close."""
    SKIP = "skip"
    """The person would not answer this page."""
    RETRACT = "retract"
    """The person takes an earlier judgement back; the page is open again."""


class Role(StrEnum):
    """What a person may do; each role may do what the ones before it may."""

    ANNOTATOR = "annotator"
    RESEARCHER = "researcher"
    ADMINISTRATOR = "administrator"

    def may(self, wanted: Role) -> bool:
        """Whether this role includes `wanted`."""
        ladder = list(Role)
        return ladder.index(self) >= ladder.index(wanted)


class ModelKind(StrEnum):
    """How a model came to be."""

    FROZEN = "frozen"
    """A backbone as it was published."""
    CS = "cs"
    """Fine-tuned on one context cluster."""
    GLOBAL = "global"
    """Fine-tuned on triples with many references."""
    METRIC = "metric"
    """A classical metric that needs no weights."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether the job will change no more by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Project:
    """A body of images, labels and models that belong together."""

    id: int
    name: str
    criterion: str = ""
    """The question as the annotator reads it, e.g. "Which is closer in meaning?"."""
    instructions: str = ""
    """Markdown shown to annotators before they start and one key away afterwards."""
    cannot_say: bool = True
    """Whether a page to choose on may be answered with "cannot say"."""
    break_minutes: int = 30
    """Minutes of work without a pause after which a break is suggested; 0 for never."""


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of a project, or the name of one whose pixels are not here."""

    id: int
    name: str
    """Unique in the project; a relative path, or e.g. `val/254` for CoSIS."""
    sha256: str | None = None
    """Hash of the file's bytes as they came in; None where only the name is known."""
    width: int | None = None
    height: int | None = None
    """Pixels after EXIF orientation."""
    tags: tuple[str, ...] = ()
    colour: str | None = None
    """Version of the conversion to sRGB; empty: none is needed; None: nobody has looked yet."""
    withdrawn: bool = False
    """Whether somebody took it back: it has no pixels any more, and nothing about it counts."""

    @property
    def available(self) -> bool:
        """Whether the pixels are here: it can be shown and embedded."""
        return self.sha256 is not None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A named set of pages."""

    id: int
    name: str
    kind: ClusterKind
    context: str | None = None
    """What the reference shows, e.g. `ocean`; free text."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Where it came from and what an exact export needs; JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an annotator sees at once: a reference and two to five candidates."""

    id: int
    cluster_id: int
    reference: int
    """Image id."""
    candidates: tuple[int, ...]
    """Image ids in the page's own order (the order on screen is drawn anew per lease)."""
    mode: PageMode = PageMode.RANK

    def __post_init__(self) -> None:
        check_page(self.reference, self.candidates, self.mode)


def check_page(reference: int, candidates: tuple[int, ...], mode: PageMode) -> None:
    """Raise `BadInput` unless the images can stand on one page."""
    n = len(candidates)
    if not MIN_CANDIDATES <= n <= MAX_CANDIDATES:
        raise BadInput(f"a page has {MIN_CANDIDATES} to {MAX_CANDIDATES} candidates, got {n}")
    if mode is PageMode.CHOOSE and n != 2:
        raise BadInput(f"a page to choose on has 2 candidates, got {n}")
    if len(set(candidates)) != n:
        raise BadInput(f"the candidates of a page must differ, got {candidates}")
    if reference in candidates:
        raise BadInput(f"the reference {reference} cannot be its own candidate")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said about a page, before it has an id.

    `order` and `classes` speak of 0-based positions in `Page.candidates`.
    """

    kind: JudgementKind
    order: tuple[int, ...] = ()
    """Positions, closest first; empty unless `kind` is `answer`."""
    classes: tuple[int, ...] = ()
    """Class 1..5 of each candidate in the page's order; empty where none were asked."""

    def check(self, page: Page) -> None:
        """Raise `BadInput` unless this answers `page` completely."""
        n = len(page.candidates)
        if self.kind is not JudgementKind.ANSWER:
            if self.order or self.classes:
                raise BadInput(f"a {self.kind} carries no order and no classes")
            if self.kind is JudgementKind.TIE and page.mode is not PageMode.CHOOSE:
                raise BadInput("only a page to choose on can be answered with a tie")
            return
        if sorted(self.order) != list(range(n)):
            raise BadInput(
                f"order must name each candidate once (positions 0..{n - 1}), "
                f"got {list(self.order)}"
            )
        if page.mode is PageMode.RANK and not self.classes:
            raise BadInput(f"a ranked page needs a class 1..5 for each candidate, {n} in all")
        if self.classes:
            if len(self.classes) != n or not set(self.classes) <= set(CLASS_NAMES):
                raise BadInput(
                    f"classes must be numbers from 1 to 5, {n} in all, got {list(self.classes)}"
                )
            ranked = [self.classes[position] for position in self.order]
            if ranked != sorted(ranked):
                raise BadInput(
                    "the order contradicts the classes: from closest to farthest they read "
                    f"{ranked}, expected them not to fall"
                )


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row of the append-only log: what one person said about one page."""

    id: int
    page_id: int
    person_id: int | None
    """None where the source names nobody (released label files, vote counts)."""
    answer: Answer
    votes: int = 1
    """How many people's equal answers this row stands for (imported vote counts)."""
    response_ms: int | None = None
    """From painted to answered, in milliseconds."""
    shown: tuple[int, ...] = ()
    """Positions as they stood on screen, left to right; empty where unknown."""
    supersedes: int | None = None
    """The judgement that this one replaces."""
    created_at: datetime | None = None

    @property
    def classes_best_first(self) -> tuple[int, ...]:
        """Classes in the order of the ranking; empty where none were given."""
        if not self.answer.classes:
            return ()
        return tuple(self.answer.classes[position] for position in self.answer.order)


@dataclass(frozen=True, slots=True)
class Triple:
    """One question (reference, a, b) with the votes that it received."""

    reference: int
    a: int
    b: int
    votes_a: float
    """How many people said that `a` is closer; a tie gives half to each."""
    votes_b: float
    class_a: int | None = None
    class_b: int | None = None
    page_id: int = 0

    def __post_init__(self) -> None:
        if self.votes_a < 0 or self.votes_b < 0 or self.votes_a + self.votes_b <= 0:
            raise BadInput(
                f"a triple needs votes >= 0, one at least, got {self.votes_a} and {self.votes_b}"
            )

    @property
    def share_a(self) -> float:
        """Share of the voters who said `a`, 0..1."""
        return self.votes_a / (self.votes_a + self.votes_b)

    @property
    def choice(self) -> Choice | None:
        """The majority's choice; None where the votes are even."""
        if self.votes_a == self.votes_b:
            return None
        return Choice.A if self.votes_a > self.votes_b else Choice.B

    @property
    def same_class(self) -> bool:
        """Whether both candidates got the same class, so that only the order tells them apart."""
        return self.class_a is not None and self.class_a == self.class_b


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who answers, or signs in, or both."""

    id: int
    name: str
    role: Role = Role.ANNOTATOR
    active: bool = True
    simulated: bool = False
    """True for the people of the demo world; shown wherever the name is."""
    imported: bool = False
    """True where only imported answers name this person; such a person cannot sign in."""
    email: str | None = None
    """In small letters; by it an identity provider's account finds its person."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of a project, as listed: where it came from and how it did."""

    id: int
    name: str
    kind: ModelKind
    backbone: str
    """A name of the backbone registry, a Hub name, or a folder."""
    cluster_ids: tuple[int, ...] = ()
    """The clusters it was trained on; empty for frozen models and metrics."""
    path: str | None = None
    """Folder of its checkpoint below the home folder; None where nothing was trained."""
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of the training run; shares are 0..1, times are seconds."""
    fingerprint: str = ""
    """Identifies the weights: equal fingerprints give equal embeddings."""
    data_fingerprint: str = ""
    """Identifies the judgements it was trained on."""
    trained_references: tuple[int, ...] = ()
    """Image ids of the references among its training triples."""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A piece of long work and where it stands."""

    id: int
    kind: str
    params: Mapping[str, Any]
    state: JobState
    progress: float = 0.0
    """0..1."""
    message: str = ""
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested: bool = False
    project_id: int = 0
    worker: str | None = None
    """The worker that holds it, or held it last."""
    heartbeat_at: datetime | None = None
    """When that worker last said that it is alive."""
    requested_by: int | None = None
    """Person id; None where it came by command line."""
    paused: bool = False
    """Waits until somebody lets it go on; where it runs, it is about to stop."""
    batch_id: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationInfo:
    """A stored comparison: which rows, on which sets, with which result."""

    id: int
    name: str
    cluster_ids: tuple[int, ...]
    settings: Mapping[str, Any]
    result: Mapping[str, Any]
    fingerprint: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EnsembleInfo:
    """A stored ensemble: its members, in order, and how they are combined."""

    id: int
    name: str
    strategy: str
    member_ids: tuple[int, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None
    created_at: datetime | None = None
