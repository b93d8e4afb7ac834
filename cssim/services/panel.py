"""Every strategy of the registry fitted for the same members, to be looked at side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput
from cssim.services import estimate_jobs, estimating
from cssim.services.estimating import Data, Setup
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from cssim.types import ModelKind

if TYPE_CHECKING:
    from cssim.ensembles.explain import Record
    from cssim.ensembles.fitted import Fitted

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MapPlace:
    """A reference among the validation references in the plane of two principal components."""

    points: Floats
    """(g, 2) of the validation references."""
    here: Floats
    """(2,) of the reference."""
    accuracy: Floats
    """(g,) mean accuracy of the members, 0..1."""
    nearest: tuple[int, ...]
    """Positions of the marked references."""
    near_accuracy: float
    """Mean of `accuracy` over those; NaN without any."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The strategies' fits, and what they rest on."""

    setup: Setup
    """Members, sets, and the model that looks at references; its strategy is empty."""
    members: tuple[str, ...]
    titles: dict[str, str]
    """Of all strategies, in the order of the registry."""
    fitted: dict[str, Fitted]
    """Those that could be fitted at once, or that a job has fitted before."""
    left: dict[str, Setup]
    """The others: what to ask the job `estimate` for."""
    record: Record
    """What validation showed of the members."""

    @property
    def looking(self) -> int:
        """The model that looks at references."""
        assert self.setup.features is not None
        return self.setup.features

    def weights(self, features: NDArray[np.float32]) -> dict[str, Floats]:
        """(members,) weights for one reference by each fitted strategy.

        Args:
            features: (1, d) of the reference, by `looking`.
        """
        return {name: one.weights_at(features)[0] for name, one in self.fitted.items()}

    def explain(self, name: str, features: NDArray[np.float32], top: int = 6) -> dict[str, Any]:
        """Plain values of the `Explanation` of one strategy for one reference."""
        from cssim.ensembles.explain import explanation

        return asdict(
            explanation(self.fitted[name], self.members, features, self.record, features, top=top)
        )

    def table(self, shelf: Shelf, image_id: int) -> tuple[list[str], Floats]:
        """Names of the fitted strategies, and (strategies, members) their weights for a reference.

        Raises:
            BadInput: the reference is not embedded by the model that looks.
        """
        weights = self.weights(shelf.vectors(self.looking, [image_id]))
        return list(weights), np.stack(list(weights.values()))

    def most(self, table: Floats) -> list[str]:
        """The member with the largest weight in each row of `table`."""
        return [self.members[int(i)] for i in np.argmax(table, axis=1)]

    def place(self, shelf: Shelf, image_id: int, nearest: Sequence[int]) -> MapPlace:
        """Where a reference lies in the plane of the maps.

        Args:
            shelf: the project's pictures.
            image_id: of the reference.
            nearest: image ids of validation references, to be marked.
        """
        from cssim.ensembles.projection import fit_projection

        known = self.record.evidence
        projection = fit_projection(known.features, 2)
        mean = known.accuracy.mean(axis=0)
        at = [int(np.flatnonzero(known.reference == i)[0]) for i in nearest]
        return MapPlace(
            points=projection(known.features),
            here=projection(shelf.vectors(self.looking, [image_id]))[0],
            accuracy=mean,
            nearest=tuple(at),
            near_accuracy=float(mean[at].mean()) if at else float("nan"),
        )

    def place_rows(self, place: MapPlace) -> list[dict[str, object]]:
        """The validation references of a place as a table."""
        return [
            {
                "reference": name,
                "image_id": image_id,
                "component_1": x,
                "component_2": y,
                "mean_accuracy": share,
            }
            for name, image_id, (x, y), share in zip(
                self.record.names,
                self.record.evidence.reference.tolist(),
                place.points.tolist(),
                place.accuracy.tolist(),
                strict=True,
            )
        ]


def default_setup(shelf: Shelf, fit_on: tuple[int, ...]) -> Setup:
    """The CS models, or all that there are, as members; a frozen model looks at references.

    Raises:
        BadInput: no models, or no frozen one.
    """
    models = shelf.listed
    own = [m.id for m in models if m.kind is ModelKind.CS] or [m.id for m in models]
    frozen = [m.id for m in models if m.kind is ModelKind.FROZEN]
    frozen += [m.id for m in models if m.kind is ModelKind.METRIC]
    if not own:
        raise BadInput("there are no models yet: train some on the page Train")
    if not frozen:
        raise BadInput("weights look through a frozen model, and there is none: add one on Train")
    return Setup(tuple(own), "", fit_on, frozen[0])


def build(ws: Workspace, shelf: Shelf, triples: Triples, setup: Setup) -> Panel:
    """All quick strategies fitted now, slow ones read where a job has fitted them.

    Args:
        ws: the workspace.
        shelf: the project's pictures.
        triples: of the sets of the setup.
        setup: members, sets and who looks at references.

    Raises:
        BadInput: no answers, or pictures that are not embedded.
    """
    from cssim.ensembles.explain import Record
    from cssim.ensembles.strategies import STRATEGIES
    from cssim.ensembles.weighting import collect

    data = estimating.cached_data(shelf, triples, setup)
    assert data.features is not None
    assert setup.features is not None
    looking = shelf.models[setup.features].name
    references = estimating.references_of(triples)
    fitted, left = {}, {}
    for name, row in STRATEGIES.items():
        own = Setup(
            setup.members, name, setup.fit_on, setup.features if row.needs_features else None
        )
        if estimating.is_quick(name, references):
            features = data.features if row.needs_features else None
            part = Data(data.distances, triples, features)
            fitted[name] = estimating.fit(part, own, projector=looking)
            continue
        stored = estimate_jobs.stored(ws, estimate_jobs.key_of(shelf, triples, own))
        if stored is None:
            left[name] = own
        else:
            fitted[name] = stored.fitted
    evidence = collect(data.distances, triples.share_a, triples.reference, data.features)
    names = tuple(shelf.image(int(i)).name for i in evidence.reference)
    return Panel(
        setup=setup,
        members=tuple(shelf.models[i].name for i in setup.members),
        titles={name: row.title for name, row in STRATEGIES.items()},
        fitted={name: fitted[name] for name in STRATEGIES if name in fitted},
        left=left,
        record=Record(evidence, names, looking),
    )


def stored_now(ws: Workspace, shelf: Shelf, triples: Triples, panel: Panel) -> bool:
    """Whether a job has meanwhile fitted one of the strategies that were left."""
    return any(
        estimate_jobs.is_stored(ws, estimate_jobs.key_of(shelf, triples, own))
        for own in panel.left.values()
    )
