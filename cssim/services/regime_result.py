"""From credits of all designs to the result of the job `curves`, in plain values.

`regimes` documents the shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.services.code import code_fingerprint
from cssim.services.comparing import digest
from cssim.services.plain import plain
from cssim.services.regime_curves import axes_of, axis, budgets, cell_row, overtaking
from cssim.services.regime_data import Cell, Sources
from cssim.services.regime_gathering import Gathered, Numbers
from cssim.types import ModelInfo

if TYPE_CHECKING:
    from cssim.evaluation.regime import Regime
    from cssim.evaluation.verdict import AtClusters, Difference

Floats = NDArray[np.float64]

VERSION = 1
_GROUPS = ("CS", "frozen", "global")
_NEXT = ("CS + frozen stacked", "global", "all stacked")
"""Designs of which the verdict says what more labels would buy."""


def curves_result(
    gathered: Gathered,
    params: Mapping[str, Any],
    names: Mapping[str, Sequence[str]],
    *,
    leakage: Sequence[str],
    looks: Mapping[str, int],
    models: Sequence[ModelInfo],
    sources: Sources,
) -> dict[str, Any]:
    """The result but for what only the job knows (seconds, runs)."""
    numbers = Numbers(gathered, params)
    axes = axes_of(numbers)
    found = {
        "version": VERSION,
        "data": _data(numbers, names, models, sources) | {"looks": looks, "leakage": leakage},
        "designs": [
            {
                "name": design.name,
                "title": design.title,
                "members": design.groups,
                "uses_validation": True,
                "labels_from": design.labels_from,
            }
            for design in numbers.designs.values()
        ],
        "cells": [cell_row(numbers, cell) for cell in gathered.cells],
        "axes": [axis(numbers, key, *both) for key, both in axes.items()],
        "budgets": list(budgets(numbers)),
        "tables": {
            str(c.clusters): _table(numbers, c, names, sources) for c in numbers.whole_cells
        },
        "ablations": {"ranking": _ranking(numbers), "members": _left_out(numbers)},
        "verdict": _verdict(numbers, axes),
        "notes": _notes(numbers),
        "fingerprints": _fingerprints(params, models, sources),
    }
    return plain(found)  # type: ignore[no-any-return]


def _data(
    numbers: Numbers,
    names: Mapping[str, Sequence[str]],
    models: Sequence[ModelInfo],
    sources: Sources,
) -> dict[str, Any]:
    from cssim.evaluation.accuracy import human_ceiling

    held, params = numbers.held, numbers.params
    return {
        **names,
        "backbones": [model.name for model in models],
        "splits": params["splits"],
        "seeds": params["seeds"],
        "references": numbers.references,
        "triples": len(held),
        "validation_labels": float(np.mean(numbers.g.validation_labels)),
        "credit": params["credit"],
        "level": 0.95,
        "human": human_ceiling(*sources.voters.votes(held)).others,
    }


def _notes(numbers: Numbers) -> list[str]:
    from cssim.evaluation.report import FEW_REFERENCES

    notes = [
        "Heads on frozen embeddings stand for trained models here: other adapters may cross "
        "elsewhere."
    ]
    if numbers.references < FEW_REFERENCES:
        notes.append(
            f"{words.count(numbers.references, 'held-out reference')} only: intervals are too "
            "narrow."
        )
    return notes


def _table(
    numbers: Numbers, cell: Cell, names: Mapping[str, Sequence[str]], sources: Sources
) -> dict[str, Any]:
    """All members and strategies at one number of clusters, as a comparison."""
    from cssim.evaluation.compare import compare
    from cssim.evaluation.report import CompareSettings, Contender, EvaluatedSet

    g, held = numbers.g, numbers.held
    rows = [*g.rows[cell], *numbers.designs]
    kinds = {"frozen": "frozen", "global": "global", "one CS model, on average": "cs"}
    title = " + ".join(names["test"]) or "held-out references of " + " + ".join(names["clusters"])
    contenders = [
        Contender(
            name,
            kinds.get(name, kinds.get(name.split(":")[0], "ensemble")),
            trained_on="" if name.startswith("frozen") else words.count(cell.clusters, "cluster"),
            unavailable=g.refused.get((cell, name), ""),
        )
        for name in rows
    ]
    evaluated = EvaluatedSet(title, "test", len(held), numbers.references, None, held.fingerprint)
    return compare(
        contenders,
        {name: g.credit(cell, name) for name in rows if (cell, name) not in g.refused},
        numbers.reference,
        settings=CompareSettings(
            credit=numbers.params["credit"], anchor="frozen", **numbers.options
        ),
        votes=sources.voters.votes(held),
        sets=[evaluated],
    ).to_dict()


def _ranking(numbers: Numbers) -> list[dict[str, Any]]:
    """The ranking block's answers against the distances', member by member and stacked."""
    backbones = len(numbers.params["backbones"])
    rows = (
        ("CS", numbers.top.clusters, "distance of CS", "ranking of CS"),
        ("global", 1, "distance of global", "ranking of global"),
        ("CS stacked", numbers.top.clusters, "CS stacked", "ranking CS stacked"),
    )
    found = []
    for group, members, *names in rows:
        distance, ranking = (numbers.g.credit(numbers.top, name) for name in names)
        change: Difference = numbers.between(ranking, distance)
        found.append(
            {
                "group": group,
                "members": members * backbones,
                "distance": float(np.nanmean(distance)),
                "ranking": float(np.nanmean(ranking)),
                **plain(change),
            }
        )
    return found


def _left_out(numbers: Numbers) -> list[Any]:
    from cssim.evaluation.ablation import left_out

    without = [numbers.g.credit(numbers.top, f"without {group}") for group in _GROUPS]
    whole = numbers.g.credit(numbers.top, "all stacked")
    found = left_out(_GROUPS, np.stack(without), whole, numbers.reference, **numbers.options)
    return [plain(one) for one in found]


def _verdict(numbers: Numbers, axes: Mapping[str, tuple[list[Cell], Regime]]) -> dict[str, Any]:
    from cssim.evaluation.verdict import crossing_text, next_text

    at = [_at(numbers, cell) for cell in numbers.whole_cells]
    prefer = [
        {
            "clusters": one.clusters,
            "labels": one.labels,
            "design": one.design,
            "family": one.family,
            "text": one.text(numbers.references),
        }
        for one in at
    ]
    text = [prefer[-1]["text"], *(one["text"] for one in prefer[:-1])]
    cells, found = axes.get("clusters") or axes["labels"]
    sizes = [numbers.g.mean_labels(cell) for cell in cells]
    pair = overtaking(found, "CS + frozen stacked", "global", sizes)
    text.append(crossing_text(*pair, sizes, found.crossings[pair]))
    text += [next_text(name, found.more, found.gains[name]) for name in _NEXT]
    text.append(_fair(numbers))
    return {"prefer": prefer, "text": text, "family": at[-1].family}


def _at(numbers: Numbers, cell: Cell) -> AtClusters:
    from cssim.evaluation import verdict

    accuracy = {name: numbers.accuracy(cell, name) for name in numbers.designs}
    better = max(verdict.CS_DESIGN, verdict.GLOBAL_DESIGN, key=accuracy.__getitem__)
    return verdict.AtClusters(
        clusters=cell.clusters,
        labels=numbers.g.mean_labels(cell),
        accuracy=accuracy,
        cs=numbers.difference(cell, verdict.CS_DESIGN, verdict.GLOBAL_DESIGN),
        both_cs=numbers.difference(cell, verdict.BOTH_DESIGN, verdict.CS_DESIGN),
        both_global=numbers.difference(cell, verdict.BOTH_DESIGN, verdict.GLOBAL_DESIGN),
        frozen=numbers.difference(cell, better, verdict.FROZEN_DESIGN),
    )


def _fair(numbers: Numbers) -> str:
    """What the validation answers are worth to a global model that may train on them."""
    from cssim.evaluation.verdict import points

    again = numbers.difference(numbers.top, "all pooled, all labels", "global, all labels")
    value = numbers.accuracy(numbers.top, "global, all labels")
    labels = round(float(np.mean(numbers.g.validation_labels)))
    return (
        f"Stacks also use {words.count(labels, 'validation label')}. A global model that trains on "
        f"them, too, reaches {100 * value:.1f} % at "
        f"{words.count(numbers.top.clusters, 'cluster')}; all members around that model, the CS "
        f"models pooled, differ from it by {points(again)}."
    )


def _fingerprints(
    params: Mapping[str, Any], models: Sequence[ModelInfo], sources: Sources
) -> dict[str, str]:
    found = data_fingerprints(sources) | {"code": code_fingerprint()}
    found["settings"] = digest(plain(params))
    return found | {f"model {model.name}": model.fingerprint for model in models}


def data_fingerprints(sources: Sources) -> dict[str, str]:
    """Of the answers that go in, by what they are for."""
    parts = {
        "training": sources.pool,
        "validation": sources.validation,
        "test": sources.test,
    }
    return {f"{key} data": part.fingerprint for key, part in parts.items() if part is not None}
