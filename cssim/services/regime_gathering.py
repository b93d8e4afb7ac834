"""Credits of all designs, members and strategies, collected cell by cell and split by split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.services.regime_data import Cell, Split
from cssim.triples import Triples

if TYPE_CHECKING:
    from cssim.evaluation.verdict import Difference

Floats = NDArray[np.float64]


class Gathered:
    """Credits on held-out triples by cell and name; splits end to end, seeds averaged."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = list(cells)
        self.refused: dict[tuple[Cell, str], str] = {}
        self.rows: dict[Cell, list[str]] = defaultdict(list)
        """Names that stand in the table beside the designs."""
        self._open: dict[tuple[Cell, str], list[Floats]] = defaultdict(list)
        self._closed: dict[tuple[Cell, str], list[Floats]] = defaultdict(list)
        self._labels: dict[Cell, list[int]] = defaultdict(list)
        self._pages: dict[Cell, list[int]] = defaultdict(list)
        self._new: list[Triples] = []
        self.validation_labels: list[int] = []

    def add(self, cell: Cell, name: str, credit: Floats, *, table: bool = False) -> None:
        """The credit (n,) of one seed on the held-out triples of the split at hand."""
        self._open[cell, name].append(credit)
        if table and name not in self.rows[cell]:
            self.rows[cell].append(name)

    def refuse(self, cell: Cell, name: str, reason: str) -> None:
        """Why there is no number; a row that failed once has none at all."""
        self.refused[cell, name] = reason
        if name not in self.rows[cell]:
            self.rows[cell].append(name)

    def labels(self, cell: Cell, training: Triples) -> None:
        """Count what is trained on."""
        self._labels[cell].append(len(training))
        self._pages[cell].append(len(np.unique(training.page)))

    def close(self, split: Split) -> None:
        """End a split: average its seeds."""
        for key, credits in self._open.items():
            self._closed[key].append(np.mean(credits, axis=0))
        self._open.clear()
        self._new.append(split.new)
        self.validation_labels.append(len(split.known))

    @property
    def held(self) -> Triples:
        """All held-out triples, splits end to end."""
        return Triples.concatenate(self._new)

    def credit(self, cell: Cell, name: str) -> Floats:
        """(n,) in the order of `held`."""
        return np.concatenate(self._closed[cell, name])

    def by_split(self, cell: Cell, name: str) -> list[float]:
        """Mean credit in each split."""
        return [float(np.nanmean(credit)) for credit in self._closed[cell, name]]

    def mean_labels(self, cell: Cell) -> float:
        """Triples trained on, mean over splits."""
        return float(np.mean(self._labels[cell]))

    def mean_pages(self, cell: Cell) -> float:
        """Pages trained on, mean over splits."""
        return float(np.mean(self._pages[cell]))


class Numbers:
    """What all parts of the result are computed from: credits, references, the same draws."""

    def __init__(self, gathered: Gathered, params: Mapping[str, Any]) -> None:
        from cssim.ensembles.designs import DESIGNS

        self.g, self.params, self.designs = gathered, params, DESIGNS
        self.held = gathered.held
        self.reference = self.held.reference
        self.references = len(np.unique(self.reference))
        self.top = max(gathered.cells)
        self.options: dict[str, Any] = {"draws": params["draws"], "seed": params["seed"]}

    @property
    def whole_cells(self) -> list[Cell]:
        """The cells with all labels of each cluster, rising."""
        return [cell for cell in self.g.cells if cell.share == 1.0]

    def accuracy(self, cell: Cell, name: str) -> float:
        """Mean credit, 0..1."""
        return float(np.nanmean(self.g.credit(cell, name)))

    def difference(self, cell: Cell, name: str, anchor: str) -> Difference:
        """One name against another at one cell."""
        return self.between(self.g.credit(cell, name), self.g.credit(cell, anchor))

    def against(self, cell: Cell, anchor: str) -> dict[str, Difference]:
        """All designs against one of them at one cell."""
        from cssim.evaluation.verdict import differences

        names = list(self.designs)
        rows = np.stack([self.g.credit(cell, name) for name in names])
        anchored = self.g.credit(cell, anchor)
        found = differences(rows, anchored, self.reference, **self.options)
        return dict(zip(names, found, strict=True))

    def between(self, one: Floats, other: Floats) -> Difference:
        """Credit (n,) minus credit (n,)."""
        from cssim.evaluation.verdict import differences

        return differences(one[None], other, self.reference, **self.options)[0]
