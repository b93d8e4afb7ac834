"""Designs: ways to spend labels, each a choice among groups of members and a strategy over them.

Members come in groups: frozen backbones, CS models (one reference each), global models (all
references of the training set), and tuned ones: CS models that start from a global model. A design
is judged by its answers on triples of other references; what it chooses or weighs, it chooses and
weighs on validation triples alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.distances import spreads, standardise
from cssim.ensembles.strategies import strategy
from cssim.errors import BadInput

Floats = NDArray[np.float64]

FROZEN, CS, GLOBAL, TUNED = "frozen", "CS", "global", "tuned"


@dataclass(frozen=True)
class Design:
    """A row of the table."""

    name: str
    title: str
    """A sentence, as pages show it."""
    groups: tuple[str, ...]
    """Which members it has."""
    strategy: str
    """A name of the registry of strategies."""
    refitted: bool = False
    """Whether its global models are trained again on training and validation answers, after the
    validation answers have said which to choose or how to weigh them."""
    pooled: bool = False
    """Whether the CS models enter as one member, the mean of their standardised distances: few
    weights are then estimated from the validation answers, however many CS models there are."""

    @property
    def labels_from(self) -> str:
        """What its parts are trained on, in words."""
        if self.groups == (FROZEN,):
            return "none"
        return "training and validation" if self.refitted else "training"


DESIGNS: dict[str, Design] = {
    design.name: design
    for design in (
        Design(
            "frozen", "The best frozen backbone, chosen on validation", (FROZEN,), "best-single"
        ),
        Design("best CS", "The best single CS model, chosen on validation", (CS,), "best-single"),
        Design("CS stacked", "All CS models, stacked", (CS,), "stacking"),
        Design(
            "CS + frozen stacked",
            "All CS models and the frozen backbones, stacked",
            (CS, FROZEN),
            "stacking",
        ),
        Design(
            "global",
            "One global model on the answers of all clusters; its backbone chosen on validation",
            (GLOBAL,),
            "best-single",
        ),
        Design(
            "all stacked",
            "CS models, frozen backbones and global models, stacked",
            (CS, FROZEN, GLOBAL),
            "stacking",
        ),
        Design(
            "global, all labels",
            "The global model, trained again on the validation answers, too",
            (GLOBAL,),
            "best-single",
            refitted=True,
        ),
        Design(
            "all stacked, all labels",
            "All stacked, with the global models trained again on the validation answers, too",
            (CS, FROZEN, GLOBAL),
            "stacking",
            refitted=True,
        ),
        Design(
            "all pooled",
            "The mean of the CS models as one member, frozen backbones and global models, stacked",
            (CS, FROZEN, GLOBAL),
            "stacking",
            pooled=True,
        ),
        Design(
            "all pooled, all labels",
            "All pooled, with the global models trained again on the validation answers, too",
            (CS, FROZEN, GLOBAL),
            "stacking",
            refitted=True,
            pooled=True,
        ),
    )
}
"""All designs by name, from the simplest on within each kind."""

TUNED_DESIGNS: dict[str, Design] = {
    design.name: design
    for design in (
        Design(
            "tuned stacked",
            "CS models that start from the global models, and the global models, stacked",
            (TUNED, GLOBAL),
            "stacking",
        ),
        Design(
            "tuned averaged",
            "CS models that start from the global models, and these, with equal weights",
            (TUNED, GLOBAL),
            "uniform-standardised",
        ),
        Design(
            "everything stacked",
            "Frozen backbones, CS models, global models and tuned ones, stacked",
            (CS, FROZEN, GLOBAL, TUNED),
            "stacking",
        ),
    )
}
"""Designs with tuned members, where these are asked for; at the most clusters."""


@dataclass(frozen=True, eq=False)
class Members:
    """Distances of all members on validation and on held-out triples."""

    group: tuple[str, ...]
    """(members,) each `FROZEN`, `CS`, `GLOBAL` or `TUNED`."""
    known: Floats
    """(members, n, 2) on the validation triples."""
    new: Floats
    """(members, k, 2) on the held-out triples."""
    refitted: Floats | None = None
    """(global members, k, 2): on the held-out triples by the global models that were trained again,
    in the order in which the global members stand; None where there are none."""

    def __post_init__(self) -> None:
        if not len(self.group) == len(self.known) == len(self.new):
            raise BadInput(
                f"{words.count(len(self.group), 'member has', 'members have')} distances of "
                f"{len(self.known)} on validation and of {len(self.new)} on held-out triples"
            )

    def of(self, groups: Sequence[str]) -> NDArray[np.bool_]:
        """(members,) which belong to one of the groups."""
        return np.isin(self.group, groups)

    def again(self) -> Floats:
        """`new`, with the global models that were trained again in the place of the first ones.

        Raises:
            BadInput: none were.
        """
        places = np.flatnonzero(self.of([GLOBAL]))
        if self.refitted is None or len(self.refitted) != len(places):
            raise BadInput("the global models were not trained again")
        new = self.new.copy()
        new[places] = self.refitted
        return new


def answer(
    design: Design,
    members: Members,
    share_a: Floats,
    *,
    reference: NDArray[np.int64] | None = None,
    features: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
    seed: int = 0,
) -> Floats:
    """The design's distances (k, 2) on the held-out triples, smaller = closer.

    Args:
        design: what to do.
        members: their distances.
        share_a: (n,) share of the voters who said A, of the validation triples alone.
        reference: (n,) image ids of the validation triples; where the strategy needs them.
        features: (n, d) and (k, d) of each triple's reference, validation and held out; likewise.
        seed: of the strategy.

    Raises:
        BadInput: no member of these groups, or what the strategy refuses.
    """
    chosen = members.of(design.groups)
    if not chosen.any():
        raise BadInput(f"{design.name!r} has no members: none are {' or '.join(design.groups)}")
    rule = strategy(design.strategy)
    known, new = features if features is not None and rule.needs_features else (None, None)
    seen, held = (
        members.known[chosen],
        (members.again() if design.refitted else members.new)[chosen],
    )
    if design.pooled:
        cs = np.array(members.group)[chosen] == CS
        scale = spreads(seen[cs])
        seen, held = (_pooled(part, cs, scale) for part in (seen, held))
    fitted = rule.fit(seen, share_a, reference=reference, features=known, seed=seed)
    return fitted.combine(held, new)


def _pooled(distances: Floats, cs: NDArray[np.bool_], scale: Floats) -> Floats:
    """The members' distances with the mean of the CS models' in their place, as the first one."""
    mean = standardise(distances[cs], scale).mean(axis=0)
    return np.concatenate([mean[None], distances[~cs]])


def left_out_groups(
    design: Design, members: Members, share_a: Floats, *, seed: int = 0
) -> Mapping[str, Floats]:
    """Distances (k, 2) of the design without each of its groups, the rest fitted again."""
    return {
        group: answer(
            Design(
                f"{design.name} without {group}",
                "",
                tuple(g for g in design.groups if g != group),
                design.strategy,
                design.refitted and group != GLOBAL,
            ),
            members,
            share_a,
            seed=seed,
        )
        for group in design.groups
        if len(design.groups) > 1
    }
