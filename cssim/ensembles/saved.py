"""The folder of a saved ensemble: what it holds, how it is written and read.

    ensemble.json            format, members, the fitted strategy, a card; plain JSON, no pickle
    members/0, 1, ...        the trained members' own folders, copied in
    projector                the same for the encoder that looks at references, where it is trained
    validation.safetensors   what validation showed of the members, reference by reference

Frozen backbones are named, not copied: they are looked up where `load_encoder` looks, and refused
when their weights are not the ones that the strategy was fitted with.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cssim import words
from cssim.embeddings.encoder import Encoder, load_encoder
from cssim.ensembles.ensemble import Ensemble
from cssim.ensembles.explain import Record, load_record, save_record
from cssim.ensembles.fitted import Fitted
from cssim.errors import BadInput, Conflict, NotFound

CARD, MEMBERS, PROJECTOR, FORMAT = "ensemble.json", "members", "projector", 1
VALIDATION = "validation.safetensors"


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
    record: Record | None = None,
) -> None:
    """Write an ensemble to a new folder; whoever reads meanwhile sees nothing or all of it.

    Args:
        folder: must not exist yet.
        members: in the order of the strategy's weights.
        fitted: from a strategy of `strategies.STRATEGIES`.
        card: anything JSON holds: on what it was fitted, by which job, how it did.
        projector: what embeds references, where weights depend on them and it is no member.
        record: what validation showed of the members, for `Ensemble.explain`.

    Raises:
        Conflict: the folder exists.
        NotFound: a trained member's folder does not.
        BadInput: names twice, another number of members than of weights, or no encoder for the
            references where one is needed.
    """
    _check(members, fitted, projector, record)
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
        if record is not None:
            save_record(partial / VALIDATION, record)
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
    content = read_content(folder)
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
        load_record(folder / VALIDATION),
    )


def read_fitted(folder: Path) -> Fitted:
    """The strategy of a saved ensemble alone, without loading any member.

    Raises:
        NotFound: no ensemble there.
        BadInput: damaged, or of a newer format.
    """
    return Fitted.from_dict(read_content(folder)["fitted"])


def read_names(folder: Path) -> tuple[str, ...]:
    """What a saved ensemble calls its members, in order; errors as of `read_fitted`."""
    return tuple(str(member["name"]) for member in read_content(folder)["members"])


def read_content(folder: Path) -> dict[str, Any]:
    """`members`, `projector`, `fitted` and `card` of a saved ensemble; errors as of `read_fitted`.

    A member, and the projector, has `name`, `encoder` and `identity`, see `Member`.
    """
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
    rows = [] if missing else [*content["members"], *filter(None, [content.get("projector")])]
    if missing or not all(_is_row(row) for row in rows):
        raise BadInput(f"{file} is incomplete; copy the folder again")
    return content


def _is_row(row: Any) -> bool:
    """Whether this describes a member."""
    parts = ("name", "encoder", "identity")
    return isinstance(row, dict) and all(isinstance(row.get(part), str) for part in parts)


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


def _check(
    members: Sequence[Member], fitted: Fitted, projector: Member | None, record: Record | None
) -> None:
    names = [member.name for member in members]
    if len(set(names)) != len(names):
        raise BadInput(f"members need distinct names, got {', '.join(names)}")
    if len(names) != len(fitted.weights):
        raise BadInput(
            f"the strategy weighs {words.count(len(fitted.weights), 'member')}, got {len(names)}"
        )
    known = [*names, projector and projector.name]
    if fitted.needs_features and fitted.projector not in known:
        raise BadInput(
            f"{fitted.strategy} weighs by the reference, embedded by {fitted.projector!r}: give "
            "that encoder as projector, or make it a member"
        )
    if record is not None and record.encoder not in known:
        raise BadInput(
            f"the record was made by {record.encoder!r}, which is neither member nor projector"
        )
    if record is not None and len(record.evidence.credit) != len(names):
        raise BadInput(
            f"the record is of {words.count(len(record.evidence.credit), 'member')}, the ensemble "
            f"has {len(names)}"
        )
