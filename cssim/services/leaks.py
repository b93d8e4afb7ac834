"""What members have seen of an evaluation: trained-on sets, shared images, near duplicates."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.services.encoding import embeddings_of, refreshed
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import Cluster, ModelInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    from cssim.embeddings.encoder import Encoder
    from cssim.evaluation.leakage import MemberLeak, Overlap, SetIds, Training
    from cssim.services.chosen import Chosen

Progress = Callable[[int, int, str], None]
Pairs = set[tuple[int, int]]


def _training(chosen: Chosen, *, cross_fitted: bool) -> dict[str, list[Training]]:
    """What each row, through its members, was trained or fitted on."""
    from cssim.ensembles.strategies import strategy
    from cssim.evaluation.leakage import Training

    def one(model: ModelInfo) -> Training:
        return Training(
            model.name, frozenset(model.cluster_ids), frozenset(model.trained_references)
        )

    found = {model.name: [one(model)] for model in chosen.models}
    for ensemble in chosen.ensembles:
        parts = [one(member) for member in chosen.members(ensemble)]
        # Weights that are fitted elsewhere have seen those answers.
        if strategy(ensemble.strategy).needs_labels and not cross_fitted:
            fitted = (ensemble.config.get(part, []) for part in ("fit_on", "fit_references"))
            parts.append(Training(ensemble.name, *map(frozenset, fitted)))
        found[ensemble.name] = parts
    return found


def leaks_of(
    chosen: Chosen,
    clusters: Sequence[Cluster],
    triples: Triples,
    *,
    near: Iterable[tuple[int, int]] = (),
    cross_fitted: bool = False,
) -> dict[str, MemberLeak]:
    """What each row has seen, through all its members together.

    Args:
        chosen: the rows.
        clusters: what is evaluated.
        triples: their triples.
        near: near duplicates of training images among the evaluated ones (`Seen.near`).
        cross_fitted: ensembles are fitted again so that no weight sees what it answers; only their
            members can leak then.
    """
    from cssim.evaluation.leakage import row_leak

    ids, pairs = [cluster.id for cluster in clusters], list(near)
    return {
        name: row_leak(parts, ids, triples.reference, pairs)
        for name, parts in _training(chosen, cross_fitted=cross_fitted).items()
    }


@dataclass(frozen=True)
class Seen:
    """What was trained and fitted on beside an evaluation, and what looks like it."""

    evaluated: Triples
    parts: dict[str, Triples] = field(default_factory=dict)
    """Triples that the rows have seen, by what they were for."""
    near: Pairs = field(default_factory=set)
    """Ids of near duplicates: an image of the parts, and an evaluated one."""
    names: dict[int, str] = field(default_factory=dict)
    """Of the images of these pairs."""

    @staticmethod
    def of(
        context: JobContext, chosen: Chosen, evaluated: Triples, *, without: Container[str]
    ) -> Seen:
        """Collect and look: prints of all images, and embeddings of the first frozen model.

        Args:
            context: of the job; near duplicates are the last part of its progress.
            chosen: the rows.
            evaluated: what they are evaluated on.
            without: names of models that cannot be loaded.
        """
        ws = context.ws
        clusters = {
            "the training clusters": {c for m in chosen.every.values() for c in m.cluster_ids},
            "the clusters that ensembles were fitted on": {
                c for e in chosen.ensembles for c in e.config.get("fit_on", [])
            },
        }
        parts = {name: load_triples(ws, sorted(ids)) for name, ids in clusters.items() if ids}
        if not parts:
            return Seen(evaluated)
        frozen = [
            model
            for model in chosen.every.values()
            if model.kind is ModelKind.FROZEN and model.name not in without
        ]
        images = np.unique(np.concatenate([part.images for part in parts.values()]))
        near = near_duplicates(
            ws,
            images,
            evaluated.images,
            refreshed(ws, frozen[0])[1] if frozen else None,
            progress=context.part(0.9, 0.99),
            cancelled=context.cancelled,
        )
        return Seen(evaluated, parts, near, _names(ws, near))

    def overlaps(self, title: str) -> list[Overlap]:
        """What the evaluated triples, called `title`, share with each part."""
        from cssim.evaluation.leakage import overlap

        right = _ids(title, self.evaluated)
        return [
            overlap(_ids(name, part), right, self.near, self.names)
            for name, part in self.parts.items()
        ]


def between(
    ws: Workspace,
    left: str,
    right: str,
    *,
    model: str | None = None,
    progress: Progress | None = None,
) -> Overlap:
    """What two clusters share: images, references, and near duplicates.

    Args:
        ws: the workspace.
        left: name of a cluster, as a rule one to train on.
        right: name of the other, as a rule one to evaluate on.
        model: name of a frozen model whose embeddings are looked at beside the prints; None looks
            at prints alone.
        progress: called with (done, total, message).

    Raises:
        NotFound: a cluster or the model does not exist.
        BadInput: the model was trained, and may have learned to tell copies apart.
        Unavailable: its weights are not on this machine.
    """
    from cssim.evaluation.leakage import overlap

    with ws.database.reading() as session:
        found = [library.get_cluster(session, ws.project.id, name) for name in (left, right)]
        chosen = None if model is None else runs.get_model(session, ws.project.id, model)
    if chosen is not None and chosen.kind is not ModelKind.FROZEN:
        raise BadInput(f"{model} is a {chosen.kind.value} model; expected a frozen one")
    one, other = (load_triples(ws, [cluster.id]) for cluster in found)
    encoder = None if chosen is None else refreshed(ws, chosen)[1]
    near = near_duplicates(ws, one.images, other.images, encoder, progress=progress)
    return overlap(_ids(left, one), _ids(right, other), near, _names(ws, near))


def near_duplicates(
    ws: Workspace,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    encoder: Encoder | None,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pairs:
    """Pairs of ids of different images that show the same picture, of `left` and of `right`.

    Images without pixels here are passed over. Prints are kept in the embedding cache.

    Args:
        ws: the workspace.
        left: (n,) distinct image ids.
        right: (m,) distinct image ids.
        encoder: its embeddings are compared as well; None compares prints alone.
        progress: called with (done, total, message).
        cancelled: asked now and then.

    Raises:
        Cancelled: `cancelled` said so.
    """
    from cssim.evaluation import duplicates

    left, right = _with_pixels(ws, left), _with_pixels(ws, right)
    both = np.union1d(left, right)
    rows = [np.searchsorted(both, ids) for ids in (left, right)]
    found: Pairs = set()
    for look, compare in (
        (duplicates.Prints(), duplicates.look_alikes),
        (encoder, duplicates.close_vectors),
    ):
        if look is None:
            continue
        vectors = embeddings_of(ws, look, both, progress=progress, cancelled=cancelled)
        pairs = compare(vectors[rows[0]], vectors[rows[1]])
        found |= duplicates.different_images(pairs, left, right)
    return found


def _with_pixels(ws: Workspace, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    with ws.database.reading() as session:
        images = library.images_by_id(session, ids.tolist())
    return np.array([i for i in ids.tolist() if images[i].sha256 in ws.store], dtype=np.int64)


def _names(ws: Workspace, pairs: Pairs) -> dict[int, str]:
    ids = sorted({i for pair in pairs for i in pair})
    with ws.database.reading() as session:
        return {i: image.name for i, image in library.images_by_id(session, ids).items()}


def _ids(name: str, triples: Triples) -> SetIds:
    from cssim.evaluation.leakage import SetIds

    return SetIds.of(name, triples.reference, triples.a, triples.b)
