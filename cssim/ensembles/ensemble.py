"""An ensemble that answers "is A or B closer to R?": encoders and a fitted strategy, no database.

`saved` writes it to a folder and reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim import words
from cssim.embeddings import ssim
from cssim.embeddings.encoder import Encoder
from cssim.ensembles.distances import pair_distances, triple_distances
from cssim.ensembles.explain import Explanation, Record, explanation
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.index import Index, Progress, build_index, content_key
from cssim.ensembles.pictures import Picture, as_picture
from cssim.ensembles.search import Found, nearest
from cssim.ensembles.verdicts import as_pair, choice_of, confidence_of
from cssim.errors import BadInput, NotFound
from cssim.types import Choice


@dataclass(frozen=True, slots=True)
class Closer:
    """The answer to one question."""

    choice: Choice | None
    """The closer candidate; None on an exact tie."""
    confidence: float | None
    """Estimated share of people who would agree, 0.5..1; None where the ensemble was saved without
    validation answers."""
    distances: tuple[float, float]
    """The ensemble's distances to A and B, smaller = closer."""
    votes: Mapping[str, Choice | None]
    """Each member's own choice."""
    member_distances: Mapping[str, tuple[float, float]]
    """Each member's own distances, 1 - cosine (the metric SSIM: 1 - SSIM)."""


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Encoders and a fitted strategy that combines them; threads may share one."""

    encoders: Mapping[str, Encoder]
    """The members by name, in the order of the strategy's weights."""
    fitted: Fitted
    card: Mapping[str, Any] = field(default_factory=dict)
    """What whoever saved it wrote about it."""
    projector: Encoder | None = None
    """Embeds references where `fitted.projector`, or the record's encoder, is no member."""
    record: Record | None = None
    """What validation showed of the members; None where nothing was kept."""

    def __post_init__(self) -> None:
        if len(self.encoders) != len(self.fitted.weights):
            raise BadInput(
                f"the strategy weighs {words.count(len(self.fitted.weights), 'member')}, got "
                f"{len(self.encoders)}"
            )
        known = self.projector is not None or self.fitted.projector in self.encoders
        if self.fitted.needs_features and not known:
            raise BadInput(
                f"{self.fitted.strategy} weighs by the reference: give the encoder "
                f"{self.fitted.projector!r} that it was fitted with as projector"
            )

    def __repr__(self) -> str:
        # Without the members' networks, which would fill a notebook.
        return f"Ensemble({self.fitted.strategy} of {', '.join(self.encoders)})"

    def closer(self, reference: Picture, a: Picture, b: Picture) -> Closer:
        """Which of two candidates is closer to the reference, and how each member saw it.

        Raises:
            NotFound, BadImage, BadInput: a picture that cannot be used (see `as_picture`).
        """
        embedded, (r, x, y) = self._embed_distinct([reference, a, b])
        own = triple_distances(embedded, [r], [x], [y], made_by=self._makers)  # (members, 1, 2)
        combined = self.fitted.combine(own, self._features(reference))
        probability = self.fitted.confidence(combined)
        choice = choice_of(combined[0])
        sure = None if probability is None else confidence_of(float(probability[0]), choice)
        return Closer(
            choice=choice,
            confidence=sure,
            distances=as_pair(combined[0]),
            votes={name: choice_of(d[0]) for name, d in zip(self.encoders, own, strict=True)},
            member_distances={
                name: as_pair(d[0]) for name, d in zip(self.encoders, own, strict=True)
            },
        )

    def distance(self, reference: Picture, x: Picture) -> float:
        """The ensemble's distance between two pictures, smaller = closer.

        Raises:
            BadInput: the members vote; a vote needs two candidates and is no distance.
            NotFound, BadImage: a picture that cannot be used.
        """
        self._needs_a_sum("distance")
        embedded, (r, at) = self._embed_distinct([reference, x])
        own = np.stack(
            [
                pair_distances(member, [r], [at], made_by=maker)
                for member, maker in zip(embedded, self._makers, strict=True)
            ]
        )
        both = np.repeat(own[:, :, None], 2, axis=2)
        return float(self.fitted.combine(both, self._features(reference))[0, 0])

    def embed(self, images: Sequence[Picture]) -> NDArray[np.float32]:
        """One vector per picture, (n, sum of the members' dims), for search and plots.

        The ensemble's distance of two pictures is half the squared Euclidean distance of their
        vectors: each member's unit vector stands in it times sqrt(weight / spread).

        Raises:
            BadInput: the members vote, one is weighed against or compares pictures by SSIM, or
                weights depend on the reference; then no such vector exists.
            NotFound, BadImage: a picture that cannot be used.
        """
        self._needs_a_sum("embedding")
        if self.fitted.needs_features:
            raise BadInput(
                f"{self.fitted.strategy} weighs by the reference, and one vector per picture "
                "cannot do that; use distance(), or an ensemble with another strategy"
            )
        if min(self.fitted.weights) < 0:
            raise BadInput(
                f"{self.fitted.strategy} weighs against a member, and no vector can do that; use "
                "distance(), or an ensemble with another strategy"
            )
        pairwise = [name for name, e in self.encoders.items() if ssim.compares(e.fingerprint)]
        if pairwise:
            raise BadInput(
                f"{pairwise[0]} compares two pictures window by window, and no vector can do that; "
                "use distance(), or an ensemble without it"
            )
        pictures = [as_picture(image) for image in images]
        scale = np.sqrt(np.array(self.fitted.weights) / np.array(self.fitted.spreads))
        parts = [
            _unit(encoder.embed(pictures)) * factor
            for encoder, factor in zip(self.encoders.values(), scale, strict=True)
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def index(
        self,
        images: str | Path | Sequence[Picture],
        *,
        known: Index | None = None,
        progress: Progress | None = None,
    ) -> Index:
        """Pictures made ready for search; save it with `Index.save`. See `index.build_index`."""
        return build_index(self.encoders, images, known=known, progress=progress)

    def search(
        self,
        reference: Picture,
        where: str | Path | Sequence[Picture] | Index,
        top: int = 10,
    ) -> list[Found]:
        """(path, distance) of the pictures that are closest to a reference, the closest first.

        A reference that is itself among the pictures is found at distance 0.

        Args:
            reference: what to look for.
            where: a folder, a list of pictures, an index, or the file of a saved one.
            top: at most so many, 1 or more.

        Raises:
            BadInput: the members vote, `top` is none, or the index is of other members.
            NotFound, BadImage: a folder, file or picture that cannot be used.
        """
        self._needs_a_sum("distance")
        if isinstance(where, str | Path) and Path(where).is_file():
            where = Index.load(where)
        index = where if isinstance(where, Index) else self.index(where)
        index.check(self.encoders)
        key = content_key(reference)
        if key in index.keys:  # the same numbers, so that it finds itself at 0
            row = index.keys.index(key)
            own = [part[row : row + 1] for part in index.parts]
        else:
            picture = as_picture(reference)
            own = [encoder.embed([picture]) for encoder in self.encoders.values()]
        features = self._features(reference)
        weights = self.fitted.weights_at(np.zeros((1, 0)) if features is None else features)[0]
        return nearest(index, self.fitted, own, weights, top=top)

    def explain(self, reference: Picture, top: int = 5) -> Explanation:
        """Why it answers as it does about a reference: weights here, and similar references.

        Args:
            reference: the picture in question.
            top: how many validation references to name.

        Raises:
            NotFound, BadImage, BadInput: a picture that cannot be used (see `as_picture`).
        """
        record = self.record
        return explanation(
            self.fitted,
            tuple(self.encoders),
            self._features(reference),
            record,
            None if record is None else self._seen_by(record.encoder, reference),
            top=top,
        )

    def _features(self, reference: Picture) -> NDArray[np.float32] | None:
        """(1, d) of the reference, where weights depend on it."""
        if not self.fitted.needs_features:
            return None
        return self._seen_by(self.fitted.projector, reference)

    def _seen_by(self, name: str, picture: Picture) -> NDArray[np.float32]:
        """(1, d) by the member of that name, or by the projector."""
        encoder = self.encoders.get(name) or self.projector
        if encoder is None:
            raise NotFound(f"no member is called {name!r}, and there is no projector beside them")
        return encoder.embed([as_picture(picture)])

    @property
    def _makers(self) -> list[str]:
        return [encoder.fingerprint for encoder in self.encoders.values()]

    def _needs_a_sum(self, what: str) -> None:
        if self.fitted.votes:
            raise BadInput(f"a majority vote compares two candidates and has no {what} of its own")

    def _embed_distinct(
        self, images: Sequence[Picture]
    ) -> tuple[list[NDArray[np.float32]], list[int]]:
        """Each member's rows of the distinct pictures, and the row of each picture.

        A picture that is given twice is embedded once, so that it ties with itself exactly.
        """
        pictures = [as_picture(image) for image in images]
        keys = [(picture.size, picture.tobytes()) for picture in pictures]
        distinct = list(dict.fromkeys(keys))
        chosen: list[PIL.Image.Image] = [pictures[keys.index(key)] for key in distinct]
        rows = [encoder.embed(chosen) for encoder in self.encoders.values()]
        return rows, [distinct.index(key) for key in keys]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))[:, None]
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))
