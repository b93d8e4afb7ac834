"""The job `curves`: trains all heads, lets every design answer, and says what the curves show."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.services.encoding import use_threads
from cssim.services.regime_data import (
    Cell,
    Embedded,
    Sources,
    Split,
    cells_of,
    embed_all,
    joined,
    load_sources,
    near_references,
    splits_of,
)
from cssim.services.regime_gathering import Gathered
from cssim.services.regime_heads import HeadStore, SplitHeads
from cssim.services.regime_result import curves_result
from cssim.services.running import JobContext
from db import library, runs

if TYPE_CHECKING:
    from cssim.ensembles.designs import Members

Floats = NDArray[np.float64]

_EMBEDDED, _TRAINED = 0.1, 0.95
"""Shares of the progress bar up to the embeddings, and up to the last head."""
_MIXES: Mapping[str, tuple[str, ...]] = {
    "CS": ("CS",),
    "CS + frozen": ("CS", "frozen"),
    "CS + frozen + global": ("CS", "frozen", "global"),
}


def run_curves(context: JobContext) -> Mapping[str, Any]:
    """Job `curves`: the result that `regimes.get_curves` describes.

    Raises:
        BadInput: the answers have changed since, and too few references are left.
        NotFound, Unavailable: a backbone cannot be loaded any more.
    """
    ws, params, start = context.ws, context.job.params, time.perf_counter()
    use_threads(ws)
    with ws.database.reading() as session:
        by_id = runs.models_by_id(session, params["backbones"])
        names = {
            key: [library.clusters_by_id(session, params[key])[i].name for i in params[key]]
            for key in ("clusters", "validation", "test")
        }
        looks = runs.count_looks(session, params["test"])
        test = library.clusters_by_id(session, params["test"])
    sources = load_sources(ws, params["clusters"], params["validation"], params["test"])
    models = [by_id[i] for i in params["backbones"]]
    embedded = embed_all(context, models, sources.images, rotate=params["rotate"], until=_EMBEDDED)
    splits = splits_of(
        sources,
        params["sizes"],
        splits=params["splits"],
        seed=params["seed"],
        validation=params["validation_references"],
    )
    work = _Work(context, sources, embedded, splits)
    gathered = work.all_splits()
    near = near_references(context.ws, sources, models[0], context.cancelled)
    leakage = [*sources.dropped, near]
    context.progress(_TRAINED, 1, "statistics")
    result = curves_result(
        gathered,
        params,
        names,
        leakage=leakage,
        looks={cluster.name: looks[i] + 1 for i, cluster in test.items()},
        models=[data.model for data in embedded],
        sources=sources,
    )
    if not params["keep"]:
        work.store.clear()
    return {
        **result,
        "seconds": time.perf_counter() - start,
        "runs": work.store.trained,
        "reused": work.store.reused,
    }


class _Work:
    """All splits of a job, one after the other."""

    def __init__(
        self,
        context: JobContext,
        sources: Sources,
        embedded: Sequence[Embedded],
        splits: Sequence[Split],
    ) -> None:
        self._context, self._embedded, self._splits = context, embedded, splits
        self._params = context.job.params
        self._images = sources.images
        self._cells = cells_of(self._params["sizes"], self._params["shares"])
        shares = len({cell.share for cell in self._cells})
        one_reference = max(self._params["sizes"]) * shares
        if self._params["tuned"]:
            one_reference += max(self._params["sizes"])
        self._whole = [joined(embedded)] if self._params["join"] and len(embedded) > 1 else []
        every = len(embedded) + len(self._whole)
        heads = one_reference * len(embedded) + 2 * len(self._cells) * every
        self._total = heads * len(splits) * self._params["seeds"]
        self._done = 0
        folder = context.ws.settings.home / "curves"
        self.store = HeadStore(folder, self._step, context.cancelled)

    def all_splits(self) -> Gathered:
        """Credits of everything on all held-out triples, splits joined end to end."""
        gathered = Gathered(self._cells)
        for split in self._splits:
            for k in range(self._params["seeds"]):
                seed = self._params["seed"] + 1000 * split.number + k
                settings = (self._params["settings"], self._params["global_settings"])
                heads = SplitHeads(
                    self.store,
                    split,
                    self._embedded,
                    self._images,
                    settings,
                    seed,
                    whole=self._whole,
                )
                for cell in self._cells:
                    self._cell(gathered, split, heads, cell, seed)
            gathered.close(split)
        return gathered

    def _step(self, title: str) -> None:
        share = self._done / self._total
        self._done += 1
        self._context.progress(_EMBEDDED + (_TRAINED - _EMBEDDED) * share, 1, title)

    def _cell(
        self, gathered: Gathered, split: Split, heads: SplitHeads, cell: Cell, seed: int
    ) -> None:
        """Let every design, and for the table every strategy and member, answer at one cell."""
        from cssim.ensembles.designs import DESIGNS, TUNED_DESIGNS, answer, left_out_groups

        tuned = self._params["tuned"] and cell == max(self._cells)
        members = heads.members(cell, tuned=tuned)
        share = split.known.share_a
        gathered.labels(cell, split.training(cell))
        for name, design in DESIGNS.items():
            found = answer(design, members, share, seed=seed)
            gathered.add(cell, name, self._credit(found, split))
        for name, design in TUNED_DESIGNS.items() if tuned else ():
            found = answer(design, members, share, seed=seed)
            gathered.add(cell, name, self._credit(found, split), table=True)
        if cell.share < 1.0:
            return
        self._rows(gathered, split, members, cell, seed)
        if cell != max(self._cells):
            return
        last = DESIGNS["all stacked"]
        for group, found in left_out_groups(last, members, share, seed=seed).items():
            gathered.add(cell, f"without {group}", self._credit(found, split))
        ranked = heads.ranking(cell)
        for group in ("CS", "global"):
            for kind, those in (("distance", members), ("ranking", ranked)):
                own = self._credit(those.new[those.of([group])], split).mean(axis=0)
                gathered.add(cell, f"{kind} of {group}", own)
        found = answer(DESIGNS["CS stacked"], ranked, share, seed=seed)
        gathered.add(cell, "ranking CS stacked", self._credit(found, split))

    def _rows(
        self, gathered: Gathered, split: Split, members: Members, cell: Cell, seed: int
    ) -> None:
        """Members and strategies of the table that are no designs."""
        from cssim.ensembles.designs import Design, answer
        from cssim.ensembles.strategies import STRATEGIES
        from cssim.evaluation.bounds import oracle_by_reference

        group = np.array(members.group)
        credits = self._credit(members.new, split)
        sources = {"frozen": self._embedded, "global": [*self._embedded, *self._whole]}
        for kind, data_of in sources.items():
            for data, own in zip(data_of, credits[group == kind], strict=True):
                gathered.add(cell, f"{kind}: {data.model.name}", own, table=True)
        gathered.add(
            cell, "one CS model, on average", credits[group == "CS"].mean(axis=0), table=True
        )
        gathered.add(cell, "oracle", oracle_by_reference(credits, split.new.reference))
        if not self._params["all_strategies"]:
            return
        rows = [np.searchsorted(self._images, part.reference) for part in (split.known, split.new)]
        features = self._embedded[0].features
        for mix, groups in _MIXES.items():
            for name in STRATEGIES:
                self._context.check()
                title = f"{name} of {mix}"
                try:
                    found = answer(
                        Design(title, "", groups, name),
                        members,
                        split.known.share_a,
                        reference=split.known.reference,
                        features=(features[rows[0]], features[rows[1]]),
                        seed=seed,
                    )
                except BadInput as error:
                    gathered.refuse(cell, title, str(error))
                else:
                    gathered.add(cell, title, self._credit(found, split), table=True)

    def _credit(self, distances: Floats, split: Split) -> Floats:
        from cssim.evaluation.accuracy import soft_credit, strict_credit

        score = soft_credit if self._params["credit"] == "soft" else strict_credit
        return score(distances, split.new.share_a)
