"""People's answers as triples: of a folder with `triplets.csv` and `images/`, or of a project."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.config import load_settings
from cssim.images import decode
from cssim.labels import parse_triples
from cssim.services.library import image_hashes, load_triples
from cssim.services.workspace import open_workspace
from cssim.triples import Triples, triples_from
from cssim.types import Answer, ClusterKind, Judgement, JudgementKind, Page, PageMode
from db.library import list_clusters


@dataclass(frozen=True, eq=False)
class People:
    """Answers with their pictures; image ids are 1..n in the order of the names."""

    triples: Triples
    files: tuple[Path, ...]
    clusters: tuple[int, ...] = ()
    """References that each have a cluster to train on; empty: all references are alike."""

    @staticmethod
    def of_project(home: Path, project: str) -> People:
        """The clusters of one context each, to train on, and the test sets."""
        ws = open_workspace(load_settings(home=home, project=project))
        with ws.database.reading() as session:
            found = list_clusters(session, ws.project.id)
        own = load_triples(ws, [c.id for c in found if c.kind is ClusterKind.CONTEXT])
        test = load_triples(ws, [c.id for c in found if c.kind is ClusterKind.TEST])
        test = test[~np.isin(test.reference, own.reference)]
        both = Triples.concatenate([own, test])
        images = both.images
        columns = {
            name: np.searchsorted(images, getattr(both, name)) + 1
            for name in ("reference", "a", "b")
        }
        hashes = image_hashes(ws, images.tolist())
        files = tuple(ws.store.path(hashes[int(image)]) for image in images)
        trained = np.unique(np.searchsorted(images, own.reference) + 1)
        return People(replace(both, **columns), files, tuple(trained.tolist()))

    @staticmethod
    def read(folder: Path) -> People:
        """All answers of the folder, oriented as an import would."""
        rows = parse_triples((folder / "triplets.csv").read_bytes(), file="triplets.csv").rows
        names = sorted({name for row in rows for name in (row.ref, row.a, row.b)})
        ids = {name: number for number, name in enumerate(names, 1)}
        pages: list[Page] = []
        judgements: list[Judgement] = []
        for number, row in enumerate(rows, 1):
            shown = (ids[row.a], ids[row.b])
            pages.append(Page(number, 1, ids[row.ref], shown, PageMode.CHOOSE))
            for order, votes in (((0, 1), row.n_a), ((1, 0), row.n_b)):
                if votes:
                    answer = Answer(JudgementKind.ANSWER, order)
                    judgements.append(Judgement(len(judgements) + 1, number, None, answer, votes))
        files = tuple(folder / "images" / name for name in names)
        return People(triples_from(pages, judgements), files)

    def load(self, image_id: int) -> PIL.Image.Image:
        """RGB picture, decoded from its file each time."""
        path = self.files[image_id - 1]
        return decode(path.read_bytes(), name=path.name)

    def name(self, image_id: int) -> str:
        """Name of the file without its ending."""
        return self.files[image_id - 1].stem

    @property
    def ids(self) -> NDArray[np.int64]:
        """(n,) all image ids, rising."""
        return np.arange(1, len(self.files) + 1)

    @property
    def hashes(self) -> dict[int, str]:
        """Hash of the content of each image's file."""
        return {
            number: hashlib.sha256(path.read_bytes()).hexdigest()
            for number, path in enumerate(self.files, 1)
        }

    def divided(self, train: int, *, seed: int = 0) -> tuple[list[int], NDArray[np.int64]]:
        """(references to train on, in the order drawn; sorted references that no model sees)."""
        references = np.unique(self.triples.reference)
        if self.clusters:
            return list(self.clusters), np.setdiff1d(references, self.clusters)
        drawn = np.random.default_rng(seed).permutation(references)
        return drawn[:train].tolist(), np.sort(drawn[train:])
