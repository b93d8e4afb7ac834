"""Cards of models: what each one is, on what it was trained, how it did, and whether it still runs.

Everything comes from the database and from files; no network is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cssim import words
from cssim.errors import BadInput, CSSimError
from cssim.services.library import image_hashes, load_triples
from cssim.services.workspace import Workspace
from cssim.types import EvaluationInfo, ModelInfo, ModelKind
from db import library, registry, runs, withdrawals

TRAINED = (ModelKind.CS, ModelKind.GLOBAL)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a model agreed with people somewhere; shares 0..1."""

    where: str
    value: float
    low: float | None
    high: float | None
    triples: int
    references: int | None = None
    """None for the pages held out from its own training, which share their references with it."""
    evaluation: int | None = None
    """Id of the stored comparison; None for the training's own number."""


@dataclass(frozen=True)
class Card:
    """What is known of one model."""

    model: ModelInfo
    archived: bool
    trained_on: tuple[str, ...]
    """Names of the clusters; empty where nothing was trained."""
    local: Accuracy | None
    """On held-out pages of its own clusters, by Wilson's interval over triples."""
    elsewhere: tuple[Accuracy, ...]
    """In stored comparisons, the newest of each set of clusters, intervals by reference."""
    bytes: int | None
    """Of its folder; None where it has none."""
    curve: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = field(default=())
    """Why it cannot be used, or trained again, as it was; empty where all is in place."""

    @property
    def facts(self) -> dict[str, Any]:
        """The numbers of its training by name; None where one is not known."""
        names = (
            "parameters", "seconds", "triples_per_second", "epochs", "best_epoch", "train_triples",
            "held_triples", "images", "dim", "machine", "code", "job",
        )  # fmt: skip
        return {name: self.model.metrics.get(name) for name in names}

    @property
    def data(self) -> Mapping[str, int]:
        """What its answers were made of, see `training.data.composition`; empty where unknown."""
        return dict(self.model.metrics.get("data", {}))


def model_card(ws: Workspace, name: str) -> Card:
    """The card of the model of that name, archived or not.

    Raises:
        NotFound: the project has none.
    """
    with ws.database.reading() as session:
        model = runs.get_model(session, ws.project.id, name)
        archived = model.id in registry.archived_models(session, ws.project.id)
        clusters = library.clusters_by_id(session, model.cluster_ids)
        evaluations = runs.list_evaluations(session, ws.project.id, limit=1000)
    folder = None if model.path is None else ws.settings.home / model.path
    return Card(
        model=model,
        archived=archived,
        trained_on=tuple(clusters[i].name for i in model.cluster_ids if i in clusters),
        local=_local(model),
        elsewhere=_elsewhere(model, evaluations),
        bytes=_size(folder),
        curve=tuple(model.metrics.get("curve", ())),
        problems=model_problems(ws, [model])[model.id],
    )


def model_problems(ws: Workspace, models: Sequence[ModelInfo]) -> dict[int, tuple[str, ...]]:
    """By id of each model: why it cannot be used, or trained again, as it was."""
    reasons: dict[tuple[int, ...], tuple[str, str]] = {}
    found = {}
    with ws.database.reading() as session:
        saw = withdrawals.seen_by_models(session, [model.id for model in models])
    for model in models:
        problems = _missing(ws, model)
        if model.id in saw:
            problems.append(
                f"{words.count(saw[model.id], 'picture')} that it was trained on "
                f"{'has' if saw[model.id] == 1 else 'have'} been withdrawn since; train it again "
                f"without {'it' if saw[model.id] == 1 else 'them'}"
            )
        if model.kind in TRAINED:
            ids = model.cluster_ids
            if ids not in reasons:
                reasons[ids] = _data(ws, ids)
            fingerprint, reason = reasons[ids]
            changed = "the answers that it was trained on have changed since"
            same = not fingerprint or fingerprint == model.data_fingerprint
            problems += [text for text in (reason if same else changed,) if text]
        found[model.id] = tuple(problems)
    return found


def backbone_of(ws: Workspace, model: ModelInfo) -> str:
    """The name under which a model's backbone is found; its row names one of its own from there."""
    from cssim.embeddings.weights import beside

    if model.path is None:
        return model.backbone
    return beside(ws.settings.home.resolve() / model.path, model.backbone)


def differences(one: Card, other: Card) -> list[tuple[str, Any, Any]]:
    """(what, of one, of the other) wherever two models differ: settings, data, numbers."""
    left, right = _flat(one), _flat(other)
    names = [*left, *(name for name in right if name not in left)]
    rows = [(name, left.get(name), right.get(name)) for name in names]
    return [row for row in rows if row[1] != row[2]]


def rename_model(ws: Workspace, name: str, new: str) -> None:
    """Give a trained model another name; ensembles and comparisons keep it.

    Raises:
        NotFound: the project has no model of that name.
        BadInput: a frozen one, which is found by its name, or no name of 1 to 200 characters.
        Conflict: another model, or an ensemble, has the new name.
    """
    if not new.strip() or len(new) > 200:
        raise BadInput(f"a model's name has 1 to 200 characters, got {new!r}")
    with ws.database.writing() as session:
        model = runs.get_model(session, ws.project.id, name)
        if model.kind not in TRAINED:
            raise BadInput(f"{name} is a {model.kind.value} model, known by its name: it stays so")
        registry.rename_model(session, ws.project.id, model.id, new)


def archive_models(ws: Workspace, names: Sequence[str], *, back: bool = False) -> None:
    """Put models away, so that lists and comparisons pass them over, or bring them back.

    Ensembles that they are members of go on as before.

    Raises:
        NotFound: the project has no model of one of the names.
    """
    with ws.database.writing() as session:
        ids = [runs.get_model(session, ws.project.id, name).id for name in names]
        registry.archive_models(session, ids, not back)


def _local(model: ModelInfo) -> Accuracy | None:
    from cssim.evaluation.statistics import wilson

    value, triples = model.metrics.get("accuracy"), model.metrics.get("held_triples")
    if value is None or not triples:
        return None
    low, high = wilson(value, triples)
    return Accuracy("held-out pages of its own clusters", value, low, high, int(triples))


def _elsewhere(model: ModelInfo, evaluations: Sequence[EvaluationInfo]) -> tuple[Accuracy, ...]:
    """Newest first; of the rows that are about these weights alone."""
    from cssim.evaluation.report import Comparison

    found: dict[str, Accuracy] = {}
    for info in evaluations:
        if model.id not in info.settings.get("models", ()):
            continue
        table = Comparison.from_dict(info.result)
        own = [r for r in table.rows if (r.source or r.name) in (f"model {model.id}", model.name)]
        sets = " + ".join(one.name for one in table.sets)
        where = f"{sets}, {table.settings.credit} credit"
        for row in own:
            then = (table.fingerprints or {}).get(f"model {row.name}", model.fingerprint)
            if row.accuracy is None or where in found or then != model.fingerprint:
                continue
            found[where] = Accuracy(
                where, row.accuracy, row.low, row.high, row.triples, row.references, info.id
            )
    return tuple(found.values())


def _missing(ws: Workspace, model: ModelInfo) -> list[str]:
    """Which files of it are gone."""
    from cssim.embeddings.backbones import resolve

    found = []
    folder = None if model.path is None else ws.settings.home / model.path
    if folder is not None and not (folder / "model.json").is_file():
        found.append(f"its weights are gone: expected model.json in {folder}")
    if model.kind is not ModelKind.METRIC:
        try:
            spec = resolve(backbone_of(ws, model), models=ws.settings.models)
            if spec.family != "metric" and spec.folder is None:
                found.append(
                    f"its backbone {model.backbone} is not on this machine; `python -m cssim "
                    f"backbones show {model.backbone}` says how to get it"
                )
        except CSSimError as error:
            found.append(f"its backbone is gone: {error}")
    return found


def _data(ws: Workspace, cluster_ids: tuple[int, ...]) -> tuple[str, str]:
    """(fingerprint of the answers of these clusters, why they cannot be used); either is empty."""
    with ws.database.reading() as session:
        clusters = library.clusters_by_id(session, cluster_ids)
    if not cluster_ids or len(clusters) < len(cluster_ids):
        return "", "clusters that it was trained on are not in this project"
    triples = load_triples(ws, cluster_ids)
    try:
        image_hashes(ws, triples.images)
    except BadInput as error:
        return triples.fingerprint, f"its data cannot be used again: {error}"
    return triples.fingerprint, ""


def _flat(card: Card) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "kind": card.model.kind.value,
        "backbone": card.model.backbone,
        "trained on": ", ".join(card.trained_on),
        "data": card.model.data_fingerprint,
    }
    rows |= {f"setting {name}": value for name, value in card.model.config.items()}
    rows |= {f"data: {name}": value for name, value in card.data.items()}
    rows |= {name: value for name, value in card.facts.items() if name != "job"}
    rows["bytes"] = card.bytes
    if card.local is not None:
        rows["accuracy, held-out pages"] = card.local.value
    rows |= {f"accuracy, {one.where}": one.value for one in card.elsewhere}
    return rows


def _size(folder: Path | None) -> int | None:
    if folder is None or not folder.is_dir():
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
