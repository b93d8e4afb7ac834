"""Training all heads that the designs of one split need, and their distances, run by run.

Each finished head lies in a folder, so that an interrupted job goes on after its last one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.services.comparing import digest
from cssim.services.regime_data import Cell, Embedded, Ids, Split
from cssim.triples import Triples

if TYPE_CHECKING:
    from cssim.ensembles.designs import Members
    from cssim.training.config import TrainConfig
    from cssim.training.linear import LinearHead

Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

RANK = 64
"""Of the heads: beyond it nothing was gained on real judgements, below 32 something lost."""
CS_SETTINGS: Mapping[str, Any] = {"adapter": "head", "rank": RANK}
"""What `train --set adapter=head` takes, but for the rank."""
GLOBAL_SETTINGS: Mapping[str, Any] = {
    "adapter": "head",
    "rank": RANK,
    "epochs": 15,
    "validation_share": 0.0,
}
"""All answers are learned from; on real judgements 15 epochs did as well as stopping on a part."""
_STEPS = 14
"""A pass of a global head takes about so many steps, of 16 to 128 pages each."""


def global_config(triples: Triples, settings: Mapping[str, Any], seed: int) -> TrainConfig:
    """The settings of a global head: batches grow with the number of pages."""
    from cssim.training.config import TrainConfig

    pages = len(np.unique(triples.page))
    batch = int(np.clip(pages // _STEPS, 16, 128))
    return TrainConfig.from_dict(
        {**GLOBAL_SETTINGS, "batch_pages": batch, **settings, "seed": seed}
    )


def cs_config(settings: Mapping[str, Any], seed: int) -> TrainConfig:
    """The settings of a CS head."""
    from cssim.training.config import TrainConfig

    return TrainConfig.from_dict({**CS_SETTINGS, **settings, "seed": seed})


class HeadStore:
    """Heads by what they were made from, in a folder that may be deleted at any time."""

    def __init__(
        self, folder: Path, step: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> None:
        self._folder, self._step, self._cancelled = folder, step, cancelled
        self._used: set[Path] = set()
        self.trained = 0
        self.reused = 0

    def get(
        self, data: Embedded, images: Ids, triples: Triples, config: TrainConfig, title: str
    ) -> LinearHead:
        """The head of these triples on these embeddings: read where it was trained before."""
        from cssim.training.checkpoint import write_tensors
        from cssim.training.linear import fit_head

        self._step(title)
        shape = list(data.features.shape)  # rotated ones depend on which images there are
        parts = [data.model.fingerprint, shape, images, triples.fingerprint, config.to_dict()]
        path = self._folder / f"{digest(parts)}.safetensors"
        self._used.add(path)
        found = self._read(path, config)
        if found is not None:
            self.reused += 1
            return found
        head = fit_head(data.features, images, triples, config, cancelled=self._cancelled)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_tensors(path, head.state, {})
        self.trained += 1
        return head

    @staticmethod
    def _read(path: Path, config: TrainConfig) -> LinearHead | None:
        """None where there is no such file, or none any more."""
        from cssim.training.checkpoint import read_tensors
        from cssim.training.linear import LinearHead

        if not path.is_file():
            return None
        try:
            return LinearHead(read_tensors(path)[0], config.scale)
        except BadInput as error:  # another job may have cleared it meanwhile
            log.warning("a head is trained again: %s", error)
            return None

    def clear(self) -> None:
        """Remove the heads that were asked for: the job's result needs none."""
        for path in self._used:
            path.unlink(missing_ok=True)


class Pairs:
    """The distinct pairs (R, X) of some triples, so that each distance is computed once."""

    def __init__(self, images: Ids, triples: Triples) -> None:
        rows = [np.searchsorted(images, ids) for ids in (triples.reference, triples.a, triples.b)]
        codes = np.stack([rows[0] * len(images) + x for x in rows[1:]], axis=1)
        distinct, where = np.unique(codes, return_inverse=True)
        self.left, self.right = np.divmod(distinct, len(images))
        self._where = where.reshape(codes.shape)

    def distances(self, embedding: NDArray[np.floating]) -> Floats:
        """(n, 2) cosine distances to A and B."""
        from cssim.ensembles.distances import pair_distances

        return pair_distances(embedding, self.left, self.right)[self._where]

    def ranking(self, head: LinearHead, embedding: NDArray[np.floating]) -> Floats:
        """(n, 2) the ranking block's answer as distances."""
        return head.ranking_distances(embedding, self.left, self.right)[self._where]


@dataclass(frozen=True, eq=False)
class Trained:
    """Distances of one head on the validation triples, then the held-out ones."""

    distances: Floats
    """(known + new, 2)."""
    ranking: Floats
    """Likewise by the ranking block."""
    embedding: NDArray[np.float32]
    """(images, dim)."""
    key: str
    """What it was made from."""


class SplitHeads:
    """All members of one split and seed."""

    def __init__(
        self,
        store: HeadStore,
        split: Split,
        embedded: Sequence[Embedded],
        images: Ids,
        settings: tuple[Mapping[str, Any], Mapping[str, Any]],
        seed: int,
        *,
        whole: Sequence[Embedded] = (),
    ) -> None:
        """Args as they are; `whole` are further embeddings for global models alone."""
        self._store, self._split, self._embedded, self._images = store, split, embedded, images
        self._settings, self._seed = settings, seed
        self._all = [*embedded, *whole]
        self._pairs = Pairs(images, Triples.concatenate([split.known, split.new]))
        self._cut = len(split.known)
        self._cs: dict[tuple[int, int, float], Trained] = {}
        self._whole: dict[tuple[int, Cell], Trained] = {}
        self._frozen = [self._pairs.distances(data.features) for data in embedded]

    def members(self, cell: Cell, *, tuned: bool = False) -> Members:
        """The members of a cell: frozen, CS, global, and where asked for, tuned ones.

        Args:
            cell: how many clusters, and which share of them.
            tuned: also CS models that start from the global model of their backbone.
        """
        from cssim.ensembles.designs import CS, FROZEN, GLOBAL, TUNED, Members

        cs = [self._one(b, int(r), cell).distances for b, r in self._clusters(cell)]
        whole = [self._global(b, cell).distances for b in range(len(self._all))]
        from_global = self._tuned(cell) if tuned else []
        stack = np.stack([*self._frozen, *cs, *whole, *from_global])
        again = np.stack([self._again(b, cell) for b in range(len(self._all))])
        groups = ((FROZEN, self._frozen), (CS, cs), (GLOBAL, whole), (TUNED, from_global))
        return Members(
            tuple(name for name, some in groups for _ in some),
            stack[:, : self._cut],
            stack[:, self._cut :],
            again,
        )

    def ranking(self, cell: Cell) -> Members:
        """CS and global members that answer by their ranking blocks."""
        from cssim.ensembles.designs import CS, GLOBAL, Members

        cs = [self._one(b, int(r), cell).ranking for b, r in self._clusters(cell)]
        whole = [self._global(b, cell).ranking for b in range(len(self._all))]
        stack = np.stack([*cs, *whole])
        names = (*[CS] * len(cs), *[GLOBAL] * len(whole))
        return Members(names, stack[:, : self._cut], stack[:, self._cut :])

    def _clusters(self, cell: Cell) -> list[tuple[int, np.int64]]:
        references = self._split.train[cell.clusters]
        return [(b, r) for b in range(len(self._embedded)) for r in references]

    def _one(self, b: int, reference: int, cell: Cell) -> Trained:
        """A CS model; the same for all cells with this share."""
        key = (b, reference, cell.share)
        if key not in self._cs:
            triples = self._split.training(cell, np.array([reference]))
            config = cs_config(self._settings[0], self._seed)
            title = f"CS model {reference}"
            self._cs[key] = self._read(self._all[b], triples, config, title)
        return self._cs[key]

    def _global(self, b: int, cell: Cell) -> Trained:
        if (b, cell) not in self._whole:
            triples = self._split.training(cell)
            config = global_config(triples, self._settings[1], self._seed)
            title = f"global model of {words.count(cell.clusters, 'cluster')}"
            self._whole[b, cell] = self._read(self._all[b], triples, config, title)
        return self._whole[b, cell]

    def _again(self, b: int, cell: Cell) -> Floats:
        """Distances on the held-out triples of the global model that has seen validation, too."""
        triples = Triples.concatenate([self._split.training(cell), self._split.known])
        config = global_config(triples, self._settings[1], self._seed)
        title = f"global model of {words.count(cell.clusters, 'cluster')} and validation"
        return self._read(self._all[b], triples, config, title).distances[self._cut :]

    def _tuned(self, cell: Cell) -> list[Floats]:
        """CS models on top of the global model of their backbone."""
        found = []
        config = cs_config(self._settings[0], self._seed)
        for b, reference in self._clusters(cell):
            base = self._global(b, cell)
            model = replace(self._all[b].model, fingerprint=base.key)
            triples = self._split.training(cell, np.array([reference]))
            title = (
                f"CS model {reference} from the global one of "
                f"{words.count(cell.clusters, 'cluster')}"
            )
            data = Embedded(model, base.embedding)
            found.append(self._read(data, triples, config, title).distances)
        return found

    def _read(self, data: Embedded, triples: Triples, config: TrainConfig, title: str) -> Trained:
        where = f"split {self._split.number + 1}: {title}, {data.model.name}"
        head = self._store.get(data, self._images, triples, config, where)
        embedding = head.embed(data.features)
        return Trained(
            self._pairs.distances(embedding),
            self._pairs.ranking(head, embedding),
            embedding,
            digest([data.model.fingerprint, triples.fingerprint, config.to_dict()]),
        )
