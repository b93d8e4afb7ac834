"""Where references lie on the maps of an inspection: principal components, t-SNE, landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import CSSimError
from cssim.services.comparing import Chosen, fitted_of
from cssim.services.encoding import embeddings_of, refreshed
from cssim.services.inspection_types import Landmark
from cssim.services.library import load_triples
from cssim.services.running import JobContext
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, ModelInfo, ModelKind
from db import library, runs

if TYPE_CHECKING:
    from cssim.ensembles.projection import Projection

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Layout:
    """Coordinates of an inspection's references, and where they come from."""

    pca: Floats | None = None
    """(g, 2)."""
    tsne: Floats | None = None
    """(g, 2)."""
    projector: str = ""
    pca_of: str = ""
    explained: tuple[float, float] | None = None
    landmarks: tuple[Landmark, ...] = ()
    notes: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Plain values for `facts.json`."""
        return {
            "projector": self.projector,
            "pca_of": self.pca_of,
            "explained": self.explained,
            "landmarks": [asdict(one) for one in self.landmarks],
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The coordinates that there are, by name."""
        both = {"pca": self.pca, "tsne": self.tsne}
        return {name: array for name, array in both.items() if array is not None}


def lay_out(
    progress: Progress,
    context: JobContext,
    chosen: Chosen,
    reference: NDArray[np.int64],
    *,
    wanted: bool,
    seed: int,
) -> Layout:
    """The layout of some references.

    The plane is that of the first ensemble with a competence map, if one is chosen; else the
    principal components of these very references, by the first frozen model.

    Args:
        progress: told of t-SNE's steps.
        context: of the job.
        chosen: rows whose maps and frozen models are used.
        reference: (g,) distinct image ids.
        wanted: whether t-SNE is computed.
        seed: of t-SNE.

    Raises:
        Cancelled: the job is to stop.
    """
    from cssim.ensembles.projection import fit_projection
    from cssim.ensembles.tsne import LEAST, tsne

    ws = context.ws
    taken = _plane_of_ensemble(ws, chosen)
    model = taken[0] if taken else _frozen(ws, chosen)
    if model is None:
        note = "No map: it needs the features of a frozen model. Embed one on the page Train."
        return Layout(notes=(note,))
    progress(0, 1, f"{model.name}: features of the references")
    try:
        _, encoder = refreshed(ws, model)
    except CSSimError as error:
        return Layout(notes=(f"No map: {model.name}: {error}",))
    marks = _landmarks(ws)
    both = np.concatenate([reference, np.array([i for _, i in marks], dtype=np.int64)])
    features = embeddings_of(ws, encoder, both, cancelled=context.cancelled)
    known = features[: len(reference)]
    plane: Projection = taken[1] if taken else fit_projection(known, 2)
    flat, notes, laid = plane(features), [], None
    if wanted and len(reference) >= LEAST:
        # Landmarks that are references themselves would be laid out twice.
        _, first, which = np.unique(both, return_index=True, return_inverse=True)
        laid = tsne(features[first], seed=seed, progress=progress, cancelled=context.cancelled)
        laid = laid[which]
    elif wanted:
        notes.append(f"No t-SNE: it needs {LEAST} references.")
    return Layout(
        pca=flat[: len(reference)],
        tsne=None if laid is None else laid[: len(reference)],
        projector=model.name,
        pca_of=taken[2] if taken else f"fitted on these references, features of {model.name}",
        explained=_explained(plane, known),
        landmarks=tuple(
            Landmark(name, id_, _pair(flat[k]), None if laid is None else _pair(laid[k]))
            for k, (name, id_) in enumerate(marks, start=len(reference))
        ),
        notes=tuple(notes),
    )


def _plane_of_ensemble(ws: Workspace, chosen: Chosen) -> tuple[ModelInfo, Projection, str] | None:
    """Features, plane, and where they come from: of the first map ensemble that can be read."""
    from cssim.ensembles.maps import MapWeights

    for group in chosen.ensembles:
        if not group.strategy.startswith("map-"):
            continue
        try:
            weighting = fitted_of(ws, group).weighting
        except CSSimError:  # its row says why
            continue
        with ws.database.reading() as session:
            model = runs.models_by_id(session, [group.config["features"]]).get(
                group.config["features"]
            )
        if isinstance(weighting, MapWeights) and model is not None:
            return model, weighting.projection, f"as the ensemble {group.name} uses it"
    return None


def _frozen(ws: Workspace, chosen: Chosen) -> ModelInfo | None:
    with ws.database.reading() as session:
        known = (*chosen.every.values(), *runs.list_models(session, ws.project.id))
    return next((model for model in known if model.kind is ModelKind.FROZEN), None)


def _landmarks(ws: Workspace) -> list[tuple[str, int]]:
    """Name of each context cluster with pixels, and the image id of its reference."""
    with ws.database.reading() as session:
        clusters = library.list_clusters(session, ws.project.id, kind=ClusterKind.CONTEXT)
    found = []
    for cluster in clusters:
        references = np.unique(load_triples(ws, [cluster.id]).reference).tolist()
        if len(references) == 1:
            found.append((cluster.name, int(references[0])))
    with ws.database.reading() as session:
        images = library.images_by_id(session, [id_ for _, id_ in found])
    return [(name, id_) for name, id_ in found if id_ in images and images[id_].available]


def _explained(plane: Projection, features: NDArray[np.floating]) -> tuple[float, float] | None:
    """Share of the features' variance along the two components."""
    wide = features.astype(np.float64)
    total = float(wide.var(axis=0).sum())
    if total <= 0:
        return None
    return _pair(plane(features).var(axis=0) / total)


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
