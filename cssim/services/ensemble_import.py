"""Ensembles that come from another project: their members, and what they know of references."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cssim.errors import BadInput, Conflict, CSSimError
from cssim.services import arrivals, packages
from cssim.services.cards import TRAINED
from cssim.services.encoding import encoder_of, frozen_encoder, refreshed, register_frozen
from cssim.services.ensemble_names import check_name
from cssim.services.library import load_triples
from cssim.services.taking_out import FORMAT, ORIGIN
from cssim.services.transfers import is_description
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo, ModelInfo
from db import library, runs

if TYPE_CHECKING:
    from cssim.ensembles.explain import Record
    from cssim.ensembles.saved import Member

Row = Mapping[str, str]
"""A member as `saved.read_content` gives it."""


@dataclass(frozen=True)
class _Parts:
    """One member of the file: what it is called there, where it lies, what is known of it."""

    row: Row
    folder: Path
    words: Mapping[str, Any]


def import_ensemble(ws: Workspace, source: Path, *, name: str | None = None) -> EnsembleInfo:
    """Take a saved ensemble into the project; it answers as it did where it came from.

    Members that the project has already, by their weights, are these; others become models of the
    project. References that it was fitted on are this project's where the pictures are.

    Args:
        ws: the workspace.
        source: its folder, or the ZIP file that `taking_out.as_zip` makes.
        name: what it is called here; None: as it was.

    Raises:
        NotFound: no saved ensemble there.
        Unavailable: a backbone is not on this machine.
        BadInput: damaged, of a newer format, a member has other weights here, or the package holds
            what none holds (`packages.opened`).
        Conflict: the project has an ensemble of that name.
    """
    from cssim.ensembles.explain import load_record
    from cssim.ensembles.fitted import Fitted
    from cssim.ensembles.saved import VALIDATION, read_content, save_ensemble

    with packages.opened(ws, source) as folder:
        content, origin = read_content(folder), _origin(folder)
        title = str(name or origin.get("name") or content["card"].get("name") or source.stem)
        _check_title(ws, title)
        parts, looking = _parts(folder, content, origin)
        _check_all(ws, [*parts, *looking])
        record = load_record(folder / VALIDATION)
        ids = _ids(ws, record, origin.get("references", {}))
        fitted = Fitted.from_dict(_renumbered(content["fitted"], ids))
        models = [_model(ws, part, title) for part in (*parts, *looking)]
        saved = [_member(ws, part, m) for part, m in zip((*parts, *looking), models, strict=True)]
        card = _card(ws, content["card"], origin, ids) | {
            "name": title,
            "fitted": fitted.summary(),
            "features": _features(fitted.projector, (*parts, *looking), models)
            if fitted.needs_features
            else None,
        }
        target = ws.settings.ensembles / f"imported-{uuid.uuid4().hex[:16]}"
        save_ensemble(
            target,
            saved[: len(parts)],
            fitted,
            card=card,
            projector=saved[len(parts)] if looking else None,
            record=_record(record, ids),
        )
    with ws.database.writing() as session:
        runs.add_ensemble(
            session,
            ws.project.id,
            title,
            fitted.strategy,
            [model.id for model in models[: len(parts)]],
            config=card,
            path=target.relative_to(ws.settings.home).as_posix(),
        )
        return runs.get_ensemble(session, ws.project.id, title)


def _origin(folder: Path) -> Mapping[str, Any]:
    """What the ZIP file says beyond the folder of an ensemble; empty for a bare folder."""
    file = folder / ORIGIN
    if not file.is_file():
        return {}
    try:
        words = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{ORIGIN} cannot be read: {error}; take the ensemble out again") from error
    kinds = {"members": list, "fit_on": list, "references": dict}
    whole = isinstance(words, dict) and words.get("format") == FORMAT
    if not whole or not all(isinstance(words.get(key), kind) for key, kind in kinds.items()):
        raise BadInput(f"{ORIGIN} is incomplete, or of a newer version: update CS-Sim to read it")
    return dict(words)


def _check_title(ws: Workspace, title: str) -> None:
    check_name(title)
    with ws.database.reading() as session:
        taken = [e.name for e in runs.list_ensembles(session, ws.project.id, archived=True)]
    if title in taken:
        raise Conflict(f"there is an ensemble {title!r} already; choose another name")


def _parts(
    folder: Path, content: Mapping[str, Any], origin: Mapping[str, Any]
) -> tuple[list[_Parts], list[_Parts]]:
    """The members, and the encoder that looks at references where it is none of them."""
    from cssim.ensembles.saved import MEMBERS, PROJECTOR

    rows, known = content["members"], origin.get("members", [])
    words = known if len(known) == len(rows) else [{}] * len(rows)
    members = [
        _Parts(row, folder / MEMBERS / str(i), own if isinstance(own, dict) else {})
        for i, (row, own) in enumerate(zip(rows, words, strict=True))
    ]
    row = content.get("projector")
    return members, [_Parts(row, folder / PROJECTOR, {})] if row else []


def _check_all(ws: Workspace, parts: Sequence[_Parts]) -> None:
    """Refuse before anything is taken in: every member must be usable here."""
    from cssim.ensembles.saved import identity_of

    for part in parts:
        name = part.row["name"]
        try:
            if not part.row["encoder"]:
                arrivals.check(ws, part.folder, _own_backbone(part.folder))
                continue
            encoder = frozen_encoder(ws, part.row["encoder"])
        except CSSimError as error:
            raise type(error)(f"member {name!r}: {error}") from error
        if part.row["identity"] not in ("", identity_of(encoder)):
            raise BadInput(
                f"member {name!r}: {part.row['encoder']} has other weights on this machine than "
                "those the ensemble was fitted with"
            )


def _own_backbone(folder: Path) -> Path:
    """Where a backbone lies that came with a trained member, if one did."""
    from cssim.training.checkpoint import read_card

    return folder / arrivals.own_name(str(read_card(folder).backbone))


def _model(ws: Workspace, part: _Parts, title: str) -> ModelInfo:
    """The model of the project that is this member; made where there is none."""
    from cssim.ensembles.saved import identity_of
    from cssim.training.checkpoint import read_card

    if part.row["encoder"]:
        return register_frozen(ws, part.row["encoder"])[0]
    card = read_card(part.folder)
    with ws.database.reading() as session:
        every = runs.list_models(session, ws.project.id, archived=True)
    for model in every:
        if model.kind in TRAINED and _tensors(ws, model) == card.tensors_sha256:
            encoder = encoder_of(ws, model)
            if identity_of(encoder) == part.row["identity"]:
                return refreshed(ws, model)[0]
    words: dict[str, Any] = {
        "kind": "cs",
        "clusters": [],
        "references": [],
        "config": dict(card.config),
        "metrics": {**card.metrics, "curve": list(card.curve)},
        "data_fingerprint": card.data_fingerprint,
        **(part.words if is_description(part.words) else {}),
    }
    names = {model.name for model in every}
    wanted = str(words.get("name", part.row["name"]))[:150]
    free = (n for n in (wanted, *(f"{wanted} ({title} {i})" for i in range(1, 1000))))
    own = next(name for name in free if name not in names)
    return arrivals.take_in(ws, part.folder, _own_backbone(part.folder), words, own)


def _tensors(ws: Workspace, model: ModelInfo) -> str:
    """SHA-256 of a trained model's tensors, as its card names it; empty where it is gone."""
    from cssim.training.checkpoint import read_card

    try:
        return read_card(ws.settings.home / str(model.path)).tensors_sha256
    except CSSimError:
        return ""


def _member(ws: Workspace, part: _Parts, model: ModelInfo) -> Member:
    from cssim.ensembles.saved import Member

    folder = None if model.path is None else ws.settings.home / model.path
    encoder = model.backbone if folder is None else ""
    return Member(part.row["name"], encoder, folder, part.row["identity"])


def _features(projector: str, parts: Sequence[_Parts], models: Sequence[ModelInfo]) -> int:
    """The model that looks at references."""
    for part, model in zip(parts, models, strict=True):
        if part.row["name"] == projector:
            return model.id
    raise BadInput(f"the encoder {projector!r} that looks at references is not in it")


def _ids(ws: Workspace, record: Record | None, hashes: Mapping[str, Any]) -> dict[int, int]:
    """Id here of each reference by its id there; below 0 for pictures that are not here."""
    if record is None:
        return {}
    with ws.database.reading() as session:
        images = library.list_images(session, ws.project.id)
    known = {image.sha256: image.id for image in images if image.sha256}
    return {
        there: known.get(str(hashes.get(str(there))), -1 - i)
        for i, there in enumerate(record.evidence.reference.tolist())
    }


def _renumbered(value: Any, ids: Mapping[int, int]) -> Any:
    """Packed values with the ids of this project in all evidence."""
    import numpy as np

    from cssim.ensembles.packing import pack, unpack

    if isinstance(value, Mapping):
        found = {key: _renumbered(item, ids) for key, item in value.items()}
        if value.get("type") == "Evidence":
            there = unpack(value["reference"], {}).tolist()
            here = [ids.get(one, -1 - i) for i, one in enumerate(there)]
            found["reference"] = pack(np.array(here, dtype=np.int64))
        return found
    return value


def _record(record: Record | None, ids: Mapping[int, int]) -> Record | None:
    import numpy as np

    if record is None:
        return None
    here = np.array([ids[i] for i in record.evidence.reference.tolist()], dtype=np.int64)
    return replace(record, evidence=replace(record.evidence, reference=here))


def _card(
    ws: Workspace, card: Mapping[str, Any], origin: Mapping[str, Any], ids: Mapping[int, int]
) -> dict[str, Any]:
    """What is known of the fit, in this project's terms."""
    kept = ("fit_data", "fit_triples", "out_of_fold", "context", "code")
    with ws.database.reading() as session:
        named = {c.name: c.id for c in library.list_clusters(session, ws.project.id)}
    wanted = origin.get("fit_on", [])
    fit_on = [named[name] for name in wanted if isinstance(name, str) and name in named]
    same = bool(wanted) and len(fit_on) == len(wanted)
    if not same or load_triples(ws, fit_on).fingerprint != card.get("fit_data"):
        fit_on = []
    return {key: card.get(key) for key in kept} | {
        "fit_on": fit_on,
        "fit_references": sorted(i for i in ids.values() if i > 0),
        "imported": True,
    }
