"""From trials to a Markdown table: accuracies and paired differences with bootstrap intervals.

Local accuracy is resampled by trained reference. Global accuracy has two samples in it, the
references that models were trained on and those that judge: both are resampled, independently
(the pigeonhole bootstrap; Owen 2007), so that its interval speaks of other references on either
side. Seeds are added up; n is the number of references (and of models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.evaluation.statistics import DRAWS, bootstrap, draw_weights, interval

Floats = NDArray[np.float64]
Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Credits:
    """Credit of one variant, added up over seeds."""

    local: Floats
    """(references, 2): credit and triples of each trained reference."""
    far: Floats
    """(references, unseen, 2): likewise of its model on each reference that no model saw."""

    @staticmethod
    def of(rows: Sequence[Row], references: Sequence[str]) -> Credits:
        """Of the rows of one variant, in the order of these trained references."""
        local, far = [], []
        for reference in references:
            own = [row for row in rows if row["reference"] == reference]
            local.append(np.sum([row["local"] for row in own], axis=0))
            pairs = [np.stack([row["global"], row["global_counts"]], axis=1) for row in own]
            far.append(np.sum(pairs, axis=0))
        return Credits(np.array(local), np.array(far))

    def minus(self, other: Credits) -> Credits:
        """Paired differences of credit over the same triples."""
        local, far = self.local.copy(), self.far.copy()
        for mine, theirs in ((local, other.local), (far, other.far)):
            if not np.array_equal(mine[..., 1], theirs[..., 1]):
                raise ValueError("only what was judged on the same triples can be compared")
            mine[..., 0] -= theirs[..., 0]
        return Credits(local, far)

    def local_mean(self) -> tuple[float, float, float]:
        """Per cent or points, with the ends of the 95 % interval."""
        sums, counts = self.local.T
        weights = draw_weights(len(sums), DRAWS, 0)
        low, high = interval(bootstrap(sums[None], counts[None], weights))[:, 0]
        return 100 * sums.sum() / counts.sum(), 100 * low, 100 * high

    def far_mean(self) -> tuple[float, float, float]:
        """Likewise on the references that no model saw."""
        sums, counts = self.far[..., 0], self.far[..., 1]
        trained, judging = (
            draw_weights(n, DRAWS, seed) for seed, n in enumerate(sums.shape, start=1)
        )
        drawn = [
            np.einsum("dt,tj,dj->d", trained, part, judging, optimize=True)
            for part in (sums, counts)
        ]
        low, high = interval((drawn[0] / drawn[1])[:, None])[:, 0]
        return 100 * sums.sum() / counts.sum(), 100 * low, 100 * high


def markdown(rows: Sequence[Row], variants: Mapping[str, tuple[str, Any]]) -> str:
    """One table for each backbone among the rows, with accuracies, differences and seconds."""
    backbones = list(dict.fromkeys(row["backbone"] for row in rows))
    return "\n\n".join(
        _block([row for row in rows if row["backbone"] == name], variants) for name in backbones
    )


def differences(rows: Sequence[Row], variants: Mapping[str, tuple[str, Any]]) -> str:
    """One table for all backbones: points that each variant has more than the first one."""
    backbones = list(dict.fromkeys(row["backbone"] for row in rows))
    heads = [f"{backbone}, {where}" for backbone in backbones for where in ("local", "global")]
    lines = [f"| | {' | '.join(heads)} | n |", f"|---{'|---' * len(heads)}|--:|"]
    for name, (words, _) in variants.items():
        cells, counts = [words], []
        for backbone in backbones:
            own, anchor = (
                [r for r in rows if r["backbone"] == backbone and r["variant"] == wanted]
                for wanted in (name, next(iter(variants)))
            )
            if not own:
                cells += ["", ""]
                continue
            mine, first, count = _credits(own, anchor)
            counts.append(count)
            if own[0]["variant"] == anchor[0]["variant"]:
                cells += [_share(mine.local_mean()), _share(mine.far_mean())]
            else:
                less = mine.minus(first)
                cells += [_points(less.local_mean()), _points(less.far_mean())]
        if counts:
            lines.append(f"| {' | '.join(cells)} | {' and '.join(dict.fromkeys(counts))} |")
    return "\n".join(lines)


def _block(rows: Sequence[Row], variants: Mapping[str, tuple[str, Any]]) -> str:
    by_variant = {
        name: [row for row in rows if row["variant"] == name]
        for name in variants
        if any(row["variant"] == name for row in rows)
    }
    anchor = next(iter(by_variant))
    lines = [
        "| | local, per cent | against the first row, points | global, per cent "
        "| against the first row, points | processor seconds | epochs | n |",
        "|---|---|---|---|---|--:|--:|--:|",
    ]
    for name, own in by_variant.items():
        mine, first, count = _credits(own, by_variant[anchor])
        difference = mine.minus(first)
        cells = [variants[name][0], _share(mine.local_mean())]
        cells.append("" if name == anchor else _points(difference.local_mean()))
        cells.append(_share(mine.far_mean()))
        cells.append("" if name == anchor else _points(difference.far_mean()))
        for field in ("processor_seconds", "epochs"):
            known = [row[field] for row in own if field in row]
            cells.append(f"{np.mean(known):.1f}" if known else "")
        lines.append(f"| {' | '.join(cells)} | {count} |")
    return f"{rows[0]['backbone']}\n\n" + "\n".join(lines)


def _credits(own: Sequence[Row], anchor: Sequence[Row]) -> tuple[Credits, Credits, str]:
    """Credit of both where both were tried, and how many references (models) these are."""
    paired = _paired(own, anchor)
    references = list(dict.fromkeys(row["reference"] for row in paired[0]))
    mine, first = (Credits.of(part, references) for part in paired)
    return mine, first, f"{len(references)} ({len(paired[0])})"


def _paired(own: Sequence[Row], anchor: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of both for the references and seeds that both have."""
    keys = [{(row["reference"], row["seed"]) for row in part} for part in (own, anchor)]
    both = keys[0] & keys[1]
    first, second = (
        sorted(
            (row for row in part if (row["reference"], row["seed"]) in both),
            key=lambda row: (row["seed"], row["reference"]),
        )
        for part in (own, anchor)
    )
    return first, second


def _share(mean: tuple[float, float, float]) -> str:
    return f"{mean[0]:.1f} [{mean[1]:.1f}, {mean[2]:.1f}]"


def _points(mean: tuple[float, float, float]) -> str:
    text = f"{mean[0]:+.1f} [{mean[1]:+.1f}, {mean[2]:+.1f}]"
    return f"**{text}**" if mean[1] > 0 or mean[2] < 0 else text
