"""The tours of a first visit: their steps, where each leads, and what ticks it off.

Nothing here reads the database: what was done, seen and is there to look at comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cssim.services.inspecting import InspectionInfo
from cssim.types import EnsembleInfo, EvaluationInfo
from db.deeds import Deeds

LABELLED = 10
"""Pages that the annotator's tour asks for."""
SIGHTS = ("pages", "history", "comparison", "regions", "mistakes", "answer", "python")
"""What pages mark as seen: a page to label, one's own earlier answers, a comparison, a map of
regions, the triples of a selection, the answer to a question of one's own, the lines of Python."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, where, and whether it was done."""

    key: str
    title: str
    text: str
    """What to do there and what to look at, in a sentence or two."""
    page: str
    """Name of the page, as its file."""
    address: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the page's address, so that it opens on what the step speaks of."""
    done: bool = False
    amount: str = ""
    """How far it is where that can be counted, e.g. `3 of 10`."""


@dataclass(frozen=True, slots=True)
class Tour:
    """Steps in order."""

    title: str
    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        """How many steps were done."""
        return sum(step.done for step in self.steps)

    @property
    def following(self) -> Step | None:
        """The first step that is still to be done."""
        return next((step for step in self.steps if not step.done), None)


@dataclass(frozen=True, slots=True)
class Sights:
    """What there is to look at in a project."""

    comparison: EvaluationInfo | None = None
    inspection: InspectionInfo | None = None
    row: str = ""
    """Of the inspection: the CS model whose map is the clearest; empty without one."""
    ensemble: EnsembleInfo | None = None
    """The one to ask."""


def sight_mark(sight: str) -> str:
    """Name of the mark of something seen."""
    return f"seen {sight}"


def labelling_tour(did: Deeds, seen: frozenset[str]) -> Tour:
    """The annotator's steps; practice is left out where there is none."""
    practice = Step(
        "practice",
        "Try the practice round",
        "A few pages come first whose answer is known. Each says at once what was expected, and "
        "none of them counts.",
        "annotate",
        done=did.practised >= did.practice,
        amount=f"{min(did.practised, did.practice)} of {did.practice}",
    )
    return Tour(
        "As an annotator",
        (
            Step(
                "pages",
                "See what a page asks",
                "One reference, a few candidates, one question: which is closer to it? One key "
                "or one tap answers; ? shows all keys.",
                "annotate",
                done=sight_mark("pages") in seen,
            ),
            *([practice] if did.practice else []),
            Step(
                "label",
                f"Label {_number(LABELLED)} pages",
                "Each answer is stored while you already look at the next page. Trust your first "
                "impression; u takes you back to the last one.",
                "annotate",
                done=did.answers >= LABELLED,
                amount=f"{min(did.answers, LABELLED)} of {LABELLED}",
            ),
            Step(
                "history",
                "See your progress",
                "Your pages of today stand above the pictures and on Home. History, or h, lists "
                "every answer of yours; open one to change it.",
                "annotate",
                {"show": "history"},
                done=sight_mark("history") in seen,
            ),
        ),
    )


def research_tour(did: Deeds, seen: frozenset[str], there: Sights) -> Tour:
    """The researcher's steps; where there is nothing yet to look at, a step says how to get it."""
    regions = _regions(there)
    chosen = regions | ({} if did.selection is None else {"selection": str(did.selection)})
    ensemble = {} if there.ensemble is None else {"ensemble": str(there.ensemble.id)}
    return Tour(
        "As a researcher",
        (
            _comparison(there, seen),
            _map(there, regions, seen),
            Step(
                "select",
                "Select a weak region",
                "Draw with the lasso round a dozen dots in orange and brown, where the model is "
                "wrong more often than usual. Then give them a name under Keep and send.",
                "regions",
                regions,
                done=did.selection is not None,
            ),
            Step(
                "mistakes",
                "Look at the mistakes",
                "The triples of your selection, the surest mistakes first: what did people see "
                "that the model does not?",
                "regions",
                chosen | {"part": "Triples"},
                done=sight_mark("mistakes") in seen,
            ),
            Step(
                "send",
                "Send them back to labelling",
                "Under Keep and send, ask for new pages around these references. They come first "
                "in the annotators' queue: yours, too.",
                "regions",
                chosen | {"part": "Keep and send"},
                done=did.sent_back > 0,
            ),
            Step(
                "ask",
                "Ask the ensemble",
                "Choose other pictures, or take another example: who says what, how surely, and "
                "which members pull which way?"
                if there.ensemble
                else "There is none yet: choose members and build one.",
                "ensembles",
                ensemble,
                done=sight_mark("answer") in seen or did.asked > 0,
            ),
            Step(
                "python",
                "Take it into Python",
                "Three lines ask the same ensemble from your own program, without this app.",
                "ensembles",
                ensemble | {"view": "Take out"},
                done=sight_mark("python") in seen,
            ),
        ),
    )


def _comparison(there: Sights, seen: frozenset[str]) -> Step:
    found = there.comparison
    return Step(
        "compare",
        "Read the comparison table",
        "Who agrees with people how often? Look at the intervals, not only at the numbers: rows "
        "whose difference has an interval around zero may be equally good."
        if found
        else "There is none yet: choose a set and models, and compare.",
        "compare",
        {} if found is None else {"comparison": str(found.id)},
        done=sight_mark("comparison") in seen,
    )


def _map(there: Sights, regions: Mapping[str, str], seen: frozenset[str]) -> Step:
    return Step(
        "regions",
        "See where a model is right",
        "Each dot is a reference, and alike ones lie together: blue where the model agrees with "
        "people more often than usual, orange and brown where less. The line above the map says "
        "whether that is more than chance."
        if there.inspection
        else "Nothing is inspected yet: choose a set with answers, and inspect it.",
        "regions",
        regions,
        done=sight_mark("regions") in seen,
    )


def _regions(there: Sights) -> dict[str, str]:
    """The address of the clearest map."""
    if there.inspection is None:
        return {}
    address = {"inspection": str(there.inspection.id), "kind": "model", "plane": "pca"}
    return address | ({"row": there.row} if there.row else {})


def _number(n: int) -> str:
    return {10: "ten"}.get(n, f"{n}")
