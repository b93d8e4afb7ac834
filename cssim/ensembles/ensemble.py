"""The saved ensemble: a folder that answers "is A or B closer to R?" without any database.

    ensemble.json       format, members, the fitted strategy, a card; plain JSON, no pickle
    members/0, 1, ...   the trained members' own folders, copied in

Frozen backbones are named, not copied: they are looked up where `load_encoder` looks, and refused
when their weights are not the ones that the strategy was fitted with.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim.embeddings.encoder import Encoder, load_encoder
from cssim.ensembles.distances import pair_distances, triple_distances
from cssim.ensembles.pictures import Picture, as_picture
from cssim.ensembles.strategies import Fitted
from cssim.errors import BadInput, Conflict, NotFound
from cssim.types import Choice

CARD, MEMBERS, PROJECTOR, FORMAT = "ensemble.json", "members", "projector", 1


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it is saved: either the name of a frozen encoder or the folder of a CS model."""

    name: str
    """What answers call it; distinct in an ensemble."""
    encoder: str = ""
    """Name for `load_encoder`; empty for a trained model."""
    folder: Path | None = None
    """Folder of a trained model, copied in; None for a frozen encoder."""
    identity: str = ""
    """`identity_of` the encoder as it was when the strategy was fitted; empty: not checked."""

    def __post_init__(self) -> None:
        if not self.name or bool(self.encoder) == (self.folder is not None):
            raise BadInput(
                f"member {self.name!r} needs a name, and either an encoder or a folder, got "
                f"{self.encoder!r} and {self.folder}"
            )


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
    """Each member's own distances, 1 - cosine."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Encoders and a fitted strategy that combines them."""

    encoders: Mapping[str, Encoder]
    """The members by name, in the order of the strategy's weights."""
    fitted: Fitted
    card: Mapping[str, Any] = field(default_factory=dict)
    """What whoever saved it wrote about it."""
    projector: Encoder | None = None
    """Embeds references where weights depend on them and `fitted.projector` is no member."""

    def __post_init__(self) -> None:
        if len(self.encoders) != len(self.fitted.weights):
            raise BadInput(
                f"the strategy weighs {len(self.fitted.weights)} members, got {len(self.encoders)}"
            )
        known = self.projector is not None or self.fitted.projector in self.encoders
        if self.fitted.needs_features and not known:
            raise BadInput(
                f"{self.fitted.strategy} weighs by the reference: give the encoder "
                f"{self.fitted.projector!r} that it was fitted with as projector"
            )

    def closer(self, reference: Picture, a: Picture, b: Picture) -> Closer:
        """Which of two candidates is closer to the reference, and how each member saw it.

        Raises:
            NotFound, BadImage, BadInput: a picture that cannot be used (see `as_picture`).
        """
        embedded, (r, x, y) = self._embed_distinct([reference, a, b])
        own = triple_distances(embedded, [r], [x], [y])  # (members, 1, 2)
        combined = self.fitted.combine(own, self._features(reference))
        probability = self.fitted.confidence(combined)
        choice = _choice(*combined[0])
        return Closer(
            choice=choice,
            confidence=None if probability is None else _sure(float(probability[0]), choice),
            distances=_pair(combined[0]),
            votes={name: _choice(*d[0]) for name, d in zip(self.encoders, own, strict=True)},
            member_distances={
                name: _pair(d[0]) for name, d in zip(self.encoders, own, strict=True)
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
        own = np.stack([pair_distances(member, [r], [at]) for member in embedded])
        both = np.repeat(own[:, :, None], 2, axis=2)
        return float(self.fitted.combine(both, self._features(reference))[0, 0])

    def embed(self, images: Sequence[Picture]) -> NDArray[np.float32]:
        """One vector per picture, (n, sum of the members' dims), for search and plots.

        The ensemble's distance of two pictures is half the squared Euclidean distance of their
        vectors: each member's unit vector stands in it times sqrt(weight / spread).

        Raises:
            BadInput: the members vote, one is weighed against, or weights depend on the reference;
                then no such vector exists.
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
        pictures = [as_picture(image) for image in images]
        scale = np.sqrt(np.array(self.fitted.weights) / np.array(self.fitted.spreads))
        parts = [
            _unit(encoder.embed(pictures)) * factor
            for encoder, factor in zip(self.encoders.values(), scale, strict=True)
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _features(self, reference: Picture) -> NDArray[np.float32] | None:
        """(1, d) of the reference, where weights depend on it."""
        if not self.fitted.needs_features:
            return None
        encoder = self.encoders.get(self.fitted.projector) or self.projector
        assert encoder is not None
        return encoder.embed([as_picture(reference)])

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


def identity_of(encoder: Encoder) -> str:
    """What must be equal where an ensemble is loaded: the weights, in whatever precision.

    A trained model is known by its own tensors (its folder checks its backbone itself), a backbone
    by its weights, and anything else by its fingerprint.
    """
    tensors = getattr(getattr(encoder, "info", None), "tensors_sha256", "")
    return str(tensors or getattr(encoder, "weights", "") or encoder.fingerprint)


def save_ensemble(
    folder: Path,
    members: Sequence[Member],
    fitted: Fitted,
    *,
    card: Mapping[str, Any] | None = None,
    projector: Member | None = None,
) -> None:
    """Write an ensemble to a new folder; whoever reads meanwhile sees nothing or all of it.

    Args:
        folder: must not exist yet.
        members: in the order of the strategy's weights.
        fitted: from a strategy of `strategies.STRATEGIES`.
        card: anything JSON holds: on what it was fitted, by which job, how it did.
        projector: what embeds references, where weights depend on them and it is no member.

    Raises:
        Conflict: the folder exists.
        NotFound: a trained member's folder does not.
        BadInput: names twice, another number of members than of weights, or no projector where one
            is needed.
    """
    _check(members, fitted, projector)
    if folder.exists():
        raise Conflict(f"{folder} exists already; save the ensemble to a new folder")
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    (partial / MEMBERS).mkdir(parents=True)
    try:
        rows = [_copied(member, partial / MEMBERS / str(i)) for i, member in enumerate(members)]
        content = {
            "format": FORMAT,
            "members": rows,
            "projector": projector and _copied(projector, partial / PROJECTOR),
            "fitted": fitted.to_dict(),
            "card": dict(card or {}),
        }
        (partial / CARD).write_text(
            json.dumps(content, indent=1, allow_nan=False), encoding="utf-8"
        )
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def load_ensemble(
    path: str | Path,
    models: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    *,
    encoders: Mapping[str, Encoder] | None = None,
) -> Ensemble:
    """The ensemble saved in a folder, ready to be asked.

    Args:
        path: its folder.
        models: folder with backbones' weights; without it, the Hub's cache and the Hub are tried.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `auto`, `float32` or `bfloat16`.
        encoders: members that are at hand already, by name; the others are loaded.

    Raises:
        NotFound: no ensemble there, or a member's folder is missing.
        Unavailable: a backbone is not on this machine and cannot be fetched.
        BadInput: damaged, of a newer format, or a backbone whose weights have changed.
    """
    folder, given = Path(path), dict(encoders or {})
    content = _read(folder)
    where = None if models is None else Path(models)

    def load(row: Mapping[str, Any], own: Path) -> Encoder:
        encoder = given.get(str(row["name"])) or _load_member(row, own, where, device, precision)
        if row["identity"] and row["identity"] != identity_of(encoder):
            raise BadInput(
                f"member {row['name']!r} has other weights than when the ensemble was saved; put "
                "the original ones back, or fit the ensemble again"
            )
        return encoder

    loaded = {
        str(row["name"]): load(row, folder / MEMBERS / str(i))
        for i, row in enumerate(content["members"])
    }
    row = content.get("projector")
    return Ensemble(
        loaded,
        Fitted.from_dict(content["fitted"]),
        content["card"],
        None if row is None else load(row, folder / PROJECTOR),
    )


def read_fitted(folder: Path) -> Fitted:
    """The strategy of a saved ensemble alone, without loading any member.

    Raises:
        NotFound: no ensemble there.
        BadInput: damaged, or of a newer format.
    """
    return Fitted.from_dict(_read(folder)["fitted"])


def _read(folder: Path) -> dict[str, Any]:
    file = folder / CARD
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{folder} is no saved ensemble: expected {CARD} in it") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read: {error}; copy the folder again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise BadInput(f"{file} has format {found!r}, expected {FORMAT}: update CS-Sim to read it")
    missing = {"members", "fitted", "card"} - set(content)
    if missing or any(not {"name", "encoder", "identity"} <= set(m) for m in content["members"]):
        raise BadInput(f"{file} is incomplete; copy the folder again")
    return content


def _load_member(
    row: Mapping[str, Any], folder: Path, models: Path | None, device: str, precision: str
) -> Encoder:
    if row["encoder"]:
        return load_encoder(row["encoder"], models=models, device=device, precision=precision)
    from cssim.training.checkpoint import load_model

    return load_model(folder, models=models, device=device, precision=precision)


def _copied(member: Member, target: Path) -> dict[str, str]:
    """The member's row in the card; a trained one's files copied without its training state."""
    if member.folder is not None:
        if not member.folder.is_dir():
            raise NotFound(f"member {member.name!r}: no folder {member.folder}")
        shutil.copytree(
            member.folder, target, ignore=shutil.ignore_patterns("state.safetensors", ".*")
        )
    return {"name": member.name, "encoder": member.encoder, "identity": member.identity}


def _check(members: Sequence[Member], fitted: Fitted, projector: Member | None) -> None:
    names = [member.name for member in members]
    if len(set(names)) != len(names):
        raise BadInput(f"members need distinct names, got {', '.join(names)}")
    if len(names) != len(fitted.weights):
        raise BadInput(f"the strategy weighs {len(fitted.weights)} members, got {len(names)}")
    if fitted.needs_features and fitted.projector not in [*names, projector and projector.name]:
        raise BadInput(
            f"{fitted.strategy} weighs by the reference, embedded by {fitted.projector!r}: give "
            "that encoder as projector, or make it a member"
        )


def _choice(to_a: float, to_b: float) -> Choice | None:
    if to_a == to_b:
        return None
    return Choice.A if to_a < to_b else Choice.B


def _sure(says_a: float, choice: Choice | None) -> float:
    """Probability of the choice; a tie is one half."""
    return 0.5 if choice is None else says_a if choice is Choice.A else 1 - says_a


def _pair(distances: NDArray[np.float64]) -> tuple[float, float]:
    return float(distances[0]), float(distances[1])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))[:, None]
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))
