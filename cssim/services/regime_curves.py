"""The curves of the result: cells, axes with their crossings, and equal budgets spent two ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from cssim import words
from cssim.errors import BadInput
from cssim.services.regime_data import Cell
from cssim.services.regime_gathering import Numbers

if TYPE_CHECKING:
    from cssim.evaluation.regime import Regime

SAME_BUDGET = 0.2
"""Two cells cost the same where their labels differ by less than this share."""
_CS = (
    "best CS",
    "CS stacked",
    "CS + frozen stacked",
    "all stacked",
    "all stacked, all labels",
    "all pooled",
    "all pooled, all labels",
)
_GLOBAL = ("global", "global, all labels")
_ANCHORS = ("frozen", "global", "global, all labels")
_WORDS = {
    "clusters": ("Number of clusters", "all labels of each cluster"),
    "labels": ("Labels of each cluster", "{clusters}"),
}


def axes_of(numbers: Numbers) -> dict[str, tuple[list[Cell], Regime]]:
    """The regime along each axis that has two cells or more."""
    last = [cell for cell in numbers.g.cells if cell.clusters == numbers.top.clusters]
    both = {"clusters": numbers.whole_cells, "labels": last}
    return {key: (cells, _regime(numbers, cells)) for key, cells in both.items() if len(cells) > 1}


def _regime(numbers: Numbers, cells: list[Cell]) -> Regime:
    from cssim.evaluation.regime import regime

    g = numbers.g
    sizes = [g.mean_labels(cell) for cell in cells]
    if len(set(sizes)) < len(sizes):
        raise BadInput(f"parts of the labels are too small to differ: {sizes} labels")
    credits = {
        name: {size: g.credit(cell, name) for size, cell in zip(sizes, cells, strict=True)}
        for name in numbers.designs
    }
    more = numbers.params["more"]
    return regime(credits, numbers.reference, more=more, **numbers.options)


def cell_row(numbers: Numbers, cell: Cell) -> dict[str, Any]:
    """Accuracy of all designs at one cell, with intervals and by split."""
    from cssim.evaluation.accuracy import by_reference
    from cssim.evaluation.statistics import bootstrap, draw_weights, interval

    g, names = numbers.g, list(numbers.designs)
    table = by_reference(np.stack([g.credit(cell, name) for name in names]), numbers.reference)
    weights = draw_weights(len(table.reference), **numbers.options)
    low, high = interval(bootstrap(table.sums, table.counts, weights))
    return {
        "clusters": cell.clusters,
        "share": cell.share,
        "labels": g.mean_labels(cell),
        "pages": g.mean_pages(cell),
        "accuracy": dict(zip(names, table.overall, strict=True)),
        "low": dict(zip(names, low, strict=True)),
        "high": dict(zip(names, high, strict=True)),
        "splits": {name: g.by_split(cell, name) for name in names},
        "oracle": numbers.accuracy(cell, "oracle") if cell.share == 1.0 else None,
    }


def axis(numbers: Numbers, key: str, cells: Sequence[Cell], found: Regime) -> dict[str, Any]:
    """One axis: curves, differences, leaders, crossings, the next labels."""
    title, fixed = _WORDS[key]
    sizes = [numbers.g.mean_labels(cell) for cell in cells]
    return {
        "key": key,
        "title": title,
        "fixed": fixed.format(clusters=words.count(numbers.top.clusters, "cluster")),
        "sizes": [
            {"clusters": cell.clusters, "share": cell.share, "labels": size}
            for cell, size in zip(cells, sizes, strict=True)
        ],
        "curves": {
            curve.name: {"accuracy": curve.accuracy, "low": curve.low, "high": curve.high}
            for curve in found.curves
        },
        "differences": list(_differences(numbers, cells)),
        "leaders": [{"leader": at.leader, "tied": at.tied} for at in found.at],
        "crossings": list(_crossings(key, cells, sizes, found)),
        "next": {
            name: {"labels": found.more, "gain": gain.value, "low": gain.low, "high": gain.high}
            for name, gain in found.gains.items()
        },
    }


def _differences(numbers: Numbers, cells: Sequence[Cell]) -> Iterable[dict[str, Any]]:
    """Each design against each anchor, at all cells."""
    found = {(cell, anchor): numbers.against(cell, anchor) for cell in cells for anchor in _ANCHORS}
    for name, anchor in product(numbers.designs, _ANCHORS):
        if name == anchor:
            continue
        pairs = [found[cell, anchor][name] for cell in cells]
        yield {
            "design": name,
            "anchor": anchor,
            "difference": [one.difference for one in pairs],
            "low": [one.low for one in pairs],
            "high": [one.high for one in pairs],
            "p": [one.p for one in pairs],
        }


def _crossings(
    key: str, cells: Sequence[Cell], sizes: Sequence[float], found: Regime
) -> Iterable[dict[str, Any]]:
    from cssim.evaluation.verdict import crossing_text

    counts = np.log([cell.clusters for cell in cells])
    for cs, whole in product(_CS, _GLOBAL):
        one, other = overtaking(found, cs, whole, sizes)
        at = found.crossings[one, other]
        clusters = None
        if key == "clusters" and at.value is not None:
            clusters = float(np.exp(np.interp(np.log(at.value), np.log(sizes), counts)))
        yield {
            "one": one,
            "other": other,
            "labels": at.value,
            "low": at.low,
            "high": at.high,
            "known": at.known,
            "clusters": clusters,
            "text": crossing_text(one, other, sizes, at),
        }


def overtaking(found: Regime, cs: str, whole: str, sizes: Sequence[float]) -> tuple[str, str]:
    """(one, other) with `other` the design that comes from behind, or the global one."""
    if found.crossings[cs, whole].value is None:
        back = found.crossings[whole, cs].value
        if back is not None and back > sizes[0]:
            return whole, cs
    return cs, whole


def budgets(numbers: Numbers) -> Iterable[dict[str, Any]]:
    """Pairs of cells that cost the same: few clusters whole, or many in part."""
    cells = numbers.g.cells
    for (i, few), (j, many) in product(enumerate(cells), repeat=2):
        costs = [numbers.g.mean_labels(cell) for cell in (few, many)]
        if few.share < 1 or many.share == 1 or few.clusters >= many.clusters:
            continue
        if abs(costs[0] - costs[1]) > SAME_BUDGET * max(costs):
            continue
        text = (
            f"{words.count(few.clusters, 'cluster')} with all their labels, or {many.clusters} "
            f"with {many.share:.0%} of them: about "
            f"{words.count(round(float(np.mean(costs))), 'label')}"
        )
        for name in numbers.designs:
            if name == "frozen":
                continue
            spent = numbers.between(numbers.g.credit(many, name), numbers.g.credit(few, name))
            yield {
                "text": text,
                "few": i,
                "many": j,
                "design": name,
                "difference": spent.difference,
                "low": spent.low,
                "high": spent.high,
            }
