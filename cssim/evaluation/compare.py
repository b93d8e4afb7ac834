"""From credits to a comparison: every number of the table, computed once for all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.evaluation import statistics
from cssim.evaluation.accuracy import ByReference, by_reference, human_ceiling, human_credit, macro
from cssim.evaluation.leakage import TRAINED, Overlap
from cssim.evaluation.report import (
    FEW_REFERENCES,
    CompareSettings,
    Comparison,
    Contender,
    EvaluatedSet,
    Row,
)

Floats = NDArray[np.float64]

CHANCE, CEILING, TRUTH = "Chance", "Human ceiling", "Known truth (ceiling)"
BOUNDS = {"by reference": "Oracle, by reference", "by triple": "Oracle, by triple"}
"""Rows that choose one member with the answers in hand, for each reference or each triple."""


def compare(
    contenders: Sequence[Contender],
    credits: Mapping[str, Floats],
    reference: NDArray[np.int64],
    *,
    settings: CompareSettings | None = None,
    contexts: NDArray[np.generic] | None = None,
    votes: tuple[ArrayLike, ArrayLike] | None = None,
    truth: Floats | None = None,
    bounds: Mapping[str, Floats] | None = None,
    sets: Sequence[EvaluatedSet] = (),
    overlaps: Sequence[Overlap] = (),
    notes: Sequence[str] = (),
    fingerprints: Mapping[str, str] | None = None,
) -> Comparison:
    """The comparison of all contenders on one body of triples, with a row for chance.

    Args:
        contenders: rows in the order in which they are to stand.
        credits: by name of the contender, (n,) credit per triple, 0..1, NaN where a triple does not
            count (`accuracy.soft_credit` or `strict_credit`, as `settings.credit` says).
        reference: (n,) image id of each triple's reference.
        settings: see `CompareSettings`.
        contexts: (n,) context of each triple; the macro column then averages over contexts.
        votes: (n,) votes for A and (n,) for B; with soft credit they give the human ceiling.
        truth: (n,) credit of the distances behind simulated answers: their exact ceiling.
        bounds: (n,) credit of each row of `BOUNDS` that there is, by its key.
        sets: what is evaluated, for the caption.
        overlaps: what the evaluated sets share with others, for the caption.
        notes: sentences that stand first among the notes.
        fingerprints: what went in, by name.

    Raises:
        BadInput: names twice, a contender with neither credits nor a reason, credits of other
            shape or out of 0..1, or an anchor that is not there.
    """
    settings = settings or CompareSettings()
    names = _check(contenders, credits, reference, settings)
    stack = np.stack([credits[name] for name in names]) if names else np.zeros((0, len(reference)))
    table = _Numbers.of(stack, reference, contexts, settings)
    rows = [
        _filled(contender, table, names.index(contender.name), settings)
        if contender.name in names
        else _row(contender)
        for contender in contenders
    ]
    rows = _tested(rows, table, names, settings)
    soft = settings.credit == "soft"
    ceiling = human_ceiling(*votes) if votes is not None and soft else None
    overlapping = ceiling is not None and ceiling.triples > 0
    if votes is not None and overlapping:
        human = human_credit(*votes)
        rows.append(_apart(CEILING, "ceiling", human, reference, contexts, settings))
    if truth is not None:
        rows.append(_apart(TRUTH, "truth", truth, reference, contexts, settings))
    for key, credit in (bounds or {}).items():
        rows.append(_apart(BOUNDS[key], "bound", credit, reference, contexts, settings))
    rows.append(Row(CHANCE, "chance", accuracy=0.5, macro=0.5))
    errors = [row.difference_error for row in rows if row.difference_error]
    return Comparison(
        settings=settings,
        rows=tuple(rows),
        sets=tuple(sets),
        ceiling=ceiling,
        overlaps=tuple(overlaps),
        macro_over="references" if contexts is None else "contexts",
        detectable=statistics.detectable(
            float(np.median(errors)), alpha=1 - settings.level, power=settings.power
        )
        if errors
        else None,
        notes=(*notes, *_notes(rows, len(np.unique(reference)), settings, overlapping)),
        fingerprints=dict(fingerprints or {}),
    )


@dataclass(frozen=True, eq=False)
class _Numbers:
    """What all rows are computed from."""

    credits: Floats  # (rows, n)
    reference: NDArray[np.int64]
    sums: Floats  # (rows, g)
    counts: Floats
    accuracy: Floats  # (rows,)
    error: Floats
    macro: Floats
    samples: Floats  # (draws, rows)
    weights: Floats  # (draws, g)

    @staticmethod
    def of(
        credits: Floats,
        reference: NDArray[np.int64],
        contexts: NDArray[np.generic] | None,
        settings: CompareSettings,
    ) -> _Numbers:
        table = by_reference(credits, reference)
        weights = statistics.draw_weights(
            max(1, len(table.reference)), settings.draws, settings.seed
        )[:, : len(table.reference)]
        return _Numbers(
            credits=credits,
            reference=reference,
            sums=table.sums,
            counts=table.counts,
            accuracy=table.overall,
            error=statistics.cluster_error(table.sums, table.counts),
            macro=macro(credits, reference if contexts is None else contexts),
            samples=statistics.bootstrap(table.sums, table.counts, weights),
            weights=weights,
        )

    def against(self, row: int) -> tuple[Floats, Floats]:
        """Sums (rows, g) of credit minus that row's over triples that both have, and their counts.

        Rows of one table nearly always count the same triples, and then sums need only subtracting.
        """
        if np.array_equal(self.counts, np.broadcast_to(self.counts[row], self.counts.shape)):
            return self.sums - self.sums[row], self.counts
        both = by_reference(self.credits - self.credits[row], self.reference)
        return both.sums, both.counts


def _filled(contender: Contender, table: _Numbers, i: int, settings: CompareSettings) -> Row:
    """A row with its own numbers; tests come later, for all rows together."""
    own = table.credits[i][~np.isnan(table.credits[i])]
    if not len(own):
        return replace(_row(contender), reason="no triple of the set counts for this row")
    low, high = statistics.interval(table.samples[:, [i]], settings.level)[:, 0]
    references = int((table.counts[i] > 0).sum())
    several = references > 1
    return replace(
        _row(contender),
        triples=len(own),
        references=references,
        accuracy=float(table.accuracy[i]),
        error=_number(table.error[i]),
        low=_number(low) if several else None,
        high=_number(high) if several else None,
        macro=_number(table.macro[i]),
        effect=_number(statistics.design_effect(float(table.error[i]), own)),
    )


def _tested(
    rows: Sequence[Row], table: _Numbers, names: Sequence[str], settings: CompareSettings
) -> list[Row]:
    """The rows with their differences to the anchor, Holm's p and the tie group."""
    by_name = {row.name: row for row in rows}
    index = [i for i, name in enumerate(names) if by_name[name].accuracy is not None]
    if not index:
        return list(rows)
    leader = index[int(np.argmax(table.accuracy[index]))]
    present = [names[i] for i in index]
    anchor = names.index(settings.anchor) if settings.anchor in present else None
    others = [] if anchor is None else [i for i in index if i != anchor]
    sums, counts = (part[others] for part in table.against(leader if anchor is None else anchor))
    both = np.concatenate([table.against(leader)[0][index], sums])
    p = statistics.sign_flip(both, settings.seed + 1, flips=settings.flips)
    tied = statistics.tie_group(p[: len(index)], index.index(leader), alpha=1 - settings.level)
    for i, one in zip(index, tied, strict=True):
        by_name[names[i]] = replace(by_name[names[i]], tied=bool(one))
    if others:
        changes = _differences(sums, counts, table, p[len(index) :], settings.level)
        for i, change in zip(others, changes, strict=True):
            by_name[names[i]] = replace(by_name[names[i]], **change)
    return [by_name[row.name] for row in rows]


def _differences(
    sums: Floats, counts: Floats, table: _Numbers, p: Floats, level: float
) -> list[dict[str, Any]]:
    """For each row but the anchor: difference, error, interval, p and Holm's p.

    Args:
        sums: (others, g) credit minus the anchor's.
        counts: (others, g) triples that both have.
        table: for its bootstrap weights.
        p: (others,) from sign flips.
        level: of the intervals.
    """
    mean = ByReference(table.reference, sums, counts).overall
    error = statistics.cluster_error(sums, counts)
    low, high = statistics.interval(statistics.bootstrap(sums, counts, table.weights), level)
    several = (counts > 0).sum(axis=1) > 1
    adjusted = statistics.holm(p)
    return [
        {
            "difference": _number(mean[i]),
            "difference_error": _number(error[i]),
            "difference_low": _number(low[i]) if several[i] else None,
            "difference_high": _number(high[i]) if several[i] else None,
            "p": _number(p[i]),
            "p_holm": _number(adjusted[i]),
        }
        for i in range(len(p))
    ]


def _apart(
    name: str,
    kind: str,
    credit: Floats,
    reference: NDArray[np.int64],
    contexts: NDArray[np.generic] | None,
    settings: CompareSettings,
) -> Row:
    """A row of its own that competes with nobody: people, the truth, or an oracle."""
    table = _Numbers.of(credit[None], reference, contexts, settings)
    return _filled(Contender(name, kind, leakage=""), table, 0, settings)


def _row(contender: Contender) -> Row:
    return Row(
        name=contender.name,
        kind=contender.kind,
        members=contender.members,
        trained_on=contender.trained_on,
        leakage=contender.leakage,
        run=contender.run,
        reason=contender.unavailable,
        source=contender.source,
        context=contender.context,
    )


def _notes(
    rows: Sequence[Row], references: int, settings: CompareSettings, ceiling: bool
) -> list[str]:
    notes = []
    if references < FEW_REFERENCES:
        notes.append(
            f"Only {words.count(references, 'reference')}: intervals are too narrow and few "
            "differences can be found."
        )
    tested = sum(row.p is not None for row in rows)
    least = tested * statistics.least_p(references, flips=settings.flips)
    if least > 1 - settings.level:
        notes.append(
            f"With {words.count(references, 'reference')} no difference can be found: adjusted for "
            f"{words.count(tested, 'row')}, no p is below {min(1.0, least):.2f}."
        )
    if settings.anchor is not None and all(
        row.accuracy is None for row in rows if row.name == settings.anchor
    ):
        notes.append(f"The anchor {settings.anchor} is not available, so nothing is compared.")
    marked = [row.name for row in rows if row.leakage == TRAINED]
    if marked:
        notes.append(f"Trained on this set, and evaluated on request: {', '.join(marked)}.")
    if settings.credit == "strict":
        notes.append("Triples with even votes have no majority and are left out.")
    elif not ceiling:
        notes.append("No human ceiling: it needs the votes of several people.")
    return notes


def _check(
    contenders: Sequence[Contender],
    credits: Mapping[str, Floats],
    reference: NDArray[np.int64],
    settings: CompareSettings,
) -> list[str]:
    """Names of the rows with credits, in order."""
    names = [contender.name for contender in contenders]
    taken = {CHANCE, CEILING, TRUTH, *BOUNDS.values()}
    if len(set(names)) != len(names) or taken & set(names):
        raise BadInput(
            f"rows need distinct names, none of them {', '.join(sorted(taken))}; got {names}"
        )
    if settings.anchor is not None and settings.anchor not in names:
        raise BadInput(f"the anchor {settings.anchor!r} is none of the rows: {', '.join(names)}")
    unknown = sorted(set(credits) - set(names))
    if unknown:
        raise BadInput(f"credits for rows that are not listed: {', '.join(unknown)}")
    for contender in contenders:
        if (contender.name in credits) == bool(contender.unavailable):
            raise BadInput(
                f"row {contender.name!r} needs either credits or a reason why it has none"
            )
    for name, values in credits.items():
        if np.shape(values) != np.shape(reference):
            raise BadInput(
                f"row {name!r} has credits of shape {np.shape(values)} for "
                f"{words.count(len(reference), 'triple')}"
            )
        if np.any((values < 0) | (values > 1)):
            raise BadInput(f"row {name!r} has credits outside 0..1")
    return [name for name in names if name in credits]


def _number(value: float) -> float | None:
    """A Python float, None for NaN: JSON has no NaN, and a table must not show one."""
    return None if np.isnan(value) else float(value)
