"""Embedding, training and ensembles: requests that are checked at once and import no torch.

The work itself is done by jobs; see `cssim.services.runners`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cssim import words
from cssim.errors import BadInput, Conflict
from cssim.services import jobs
from cssim.services.ensemble_names import check_name
from cssim.services.jobs import JobRequest
from cssim.services.library import image_hashes, load_triples
from cssim.services.workspace import Workspace
from cssim.types import Cluster, ClusterKind, EnsembleInfo, ModelInfo, ModelKind
from db import library, runs


def list_models(ws: Workspace, *, archived: bool = False) -> list[ModelInfo]:
    """Models of the project in the order in which they came."""
    with ws.database.reading() as session:
        return runs.list_models(session, ws.project.id, archived=archived)


def list_ensembles(ws: Workspace, *, archived: bool = False) -> list[EnsembleInfo]:
    """Ensembles of the project in the order in which they came."""
    with ws.database.reading() as session:
        return runs.list_ensembles(session, ws.project.id, archived=archived)


def made(ws: Workspace, source: str) -> ModelInfo | EnsembleInfo | None:
    """What a row of a comparison is about, whatever it is called now; None where it is gone.

    Args:
        ws: the workspace.
        source: of the row, see `chosen.source_of`.
    """
    kind, _, number = source.partition(" ")
    if not number.isdecimal():
        return None
    with ws.database.reading() as session:
        if kind == "ensemble":
            return runs.ensembles_by_id(session, [int(number)]).get(int(number))
        return runs.models_by_id(session, [int(number)]).get(int(number))


# --- embedding ------------------------------------------------------------------------------


def embedding_request(
    ws: Workspace, names: Sequence[str], *, clusters: Sequence[str] | None = None
) -> JobRequest:
    """A checked request to embed images with frozen backbones, metrics, or models of the project.

    Args:
        ws: the workspace.
        names: of models of the project, or of backbones and metrics (see `load_encoder`), which
            become models of the project.
        clusters: only the images of these clusters; None takes every image with pixels.

    Raises:
        NotFound: no backbone, model or cluster is called so.
        BadInput: no names.
    """
    from cssim.embeddings.backbones import resolve

    if not names:
        raise BadInput("name at least one backbone, metric or model to embed with")
    known = {model.name for model in list_models(ws, archived=True)}
    for name in names:
        if name not in known:
            resolve(name, models=ws.settings.models)
    chosen = None if clusters is None else [cluster.id for cluster in _clusters(ws, clusters)]
    return JobRequest("embed", {"names": list(dict.fromkeys(names)), "clusters": chosen})


def request_embedding(
    ws: Workspace,
    names: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    by: int | None = None,
) -> int:
    """The id of a queued job that embeds; see `embedding_request`."""
    request = embedding_request(ws, names, clusters=clusters)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


# --- training -------------------------------------------------------------------------------


def training_requests(
    ws: Workspace,
    clusters: Sequence[str],
    backbone: str,
    *,
    config: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    together: bool = False,
) -> list[JobRequest]:
    """Checked requests to train: one CS model for each cluster, each a job of its own.

    One job for each model: it is cancelled, retried and resumed alone, and several workers share
    the work.

    Args:
        ws: the workspace.
        clusters: names of clusters with answers.
        backbone: a name that `load_backbone` understands.
        config: fields of `TrainConfig`; absent ones take their defaults.
        names: of the models; None derives them from cluster and backbone.
        together: one global model on the answers of all these clusters instead.

    Raises:
        NotFound: a cluster or the backbone does not exist.
        BadInput, BadSetting: no answers, images without pixels, a metric, a bad config.
        Conflict: a model of that name is there already.
    """
    groups = trainable_groups(ws, clusters, together=together)
    return requests_on(ws, groups, backbone, config=config, names=names)


def trainable_groups(
    ws: Workspace, clusters: Sequence[str], *, together: bool = False
) -> list[list[Cluster]]:
    """What each model is to learn from: answers that are there, on images with pixels.

    Raises:
        NotFound, BadInput: see `training_requests`.
    """
    found = _clusters(ws, clusters)
    groups = [found] if together else [[cluster] for cluster in found]
    for group in groups:
        _check_trainable(ws, group)
    return groups


def requests_on(
    ws: Workspace,
    groups: Sequence[Sequence[Cluster]],
    backbone: str,
    *,
    config: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
) -> list[JobRequest]:
    """Requests to train one model on each of these groups; see `training_requests`."""
    from cssim.embeddings.backbones import resolve
    from cssim.training.config import TrainConfig

    spec = resolve(backbone, models=ws.settings.models)
    if spec.family == "metric":
        raise BadInput(f"{backbone} is a metric without weights: there is nothing to train")
    settings = TrainConfig.from_dict(config or {}).to_dict()
    titles = list(names) if names else [_title(group, backbone) for group in groups]
    if len(titles) != len(groups):
        raise BadInput(
            f"{words.count(len(groups), 'model needs', 'models need')} as many names, got "
            f"{len(titles)}"
        )
    _check_names(ws, titles)
    source = str(Path(backbone).resolve()) if Path(backbone).is_dir() else backbone
    return [
        JobRequest(
            "train",
            {
                "name": title,
                "clusters": [cluster.id for cluster in group],
                "backbone": source,
                "config": settings,
            },
        )
        for title, group in zip(titles, groups, strict=True)
    ]


def request_training(
    ws: Workspace, clusters: Sequence[str], backbone: str, *, by: int | None = None, **options: Any
) -> list[int]:
    """Ids of the queued jobs, one for each model; see `training_requests`."""
    requests = training_requests(ws, clusters, backbone, **options)
    return [jobs.enqueue(ws, r.kind, r.params, by=by) for r in requests]


def _title(group: Sequence[Cluster], backbone: str) -> str:
    return f"{'+'.join(cluster.name for cluster in group)}-{Path(backbone).name}"[:200]


def _check_names(ws: Workspace, names: Sequence[str]) -> None:
    taken = {model.name for model in list_models(ws, archived=True)}
    for i, name in enumerate(names):
        if not name.strip() or len(name) > 200:
            raise BadInput(f"a model's name has 1 to 200 characters, got {name!r}")
        if name in taken or name in names[:i]:
            raise Conflict(f"there is a model {name!r} already; choose another name")


def _check_trainable(ws: Workspace, group: Sequence[Cluster]) -> None:
    triples = load_triples(ws, [cluster.id for cluster in group])
    if not len(triples):
        title = ", ".join(cluster.name for cluster in group)
        raise BadInput(f"{title}: no answers yet, so there is nothing to train on")
    image_hashes(ws, triples.images)


# --- ensembles ------------------------------------------------------------------------------


def ensemble_request(
    ws: Workspace,
    name: str,
    members: Sequence[str],
    *,
    strategy: str = "uniform",
    fit_on: Sequence[str] = (),
    features: str | None = None,
    shuffles: int | None = None,
) -> JobRequest:
    """A checked request to fit and save an ensemble.

    Args:
        ws: the workspace.
        name: of the ensemble; letters, digits, spaces, `.`, `_`, `-`, `+`.
        members: names of models, in order; none twice.
        strategy: a name of `cssim.ensembles.strategies.STRATEGIES`.
        fit_on: names of the validation clusters that weights and confidence are fitted on.
        features: name of the model whose embeddings of the references decide about weights that
            depend on them; None takes the first frozen one among the members, or of the project.
        shuffles: of the references, to test whether such weights owe anything to what references
            look like; None takes the default, 0 tests nothing.

    Raises:
        NotFound: a model, a cluster or the strategy does not exist.
        BadInput: too few members, a test set to fit on, a strategy that must be fitted, or no
            model to make features with.
        Conflict: an ensemble of that name is there already.
    """
    from cssim.ensembles.nulls import DRAWS
    from cssim.ensembles.strategies import strategy as strategy_of

    check_name(name)
    if not members or len(set(members)) < len(members):
        raise BadInput(f"name at least one member, and none twice; got {list(members)}")
    clusters = _clusters(ws, fit_on) if fit_on else []
    for cluster in clusters:
        if cluster.kind is ClusterKind.TEST:
            raise BadInput(f"{cluster.name} is a test set: nothing may be fitted on it")
    if strategy_of(strategy).needs_labels and not clusters:
        raise BadInput(f"the strategy {strategy!r} is fitted on answers: name validation clusters")
    if name in {ensemble.name for ensemble in list_ensembles(ws, archived=True)}:
        raise Conflict(f"there is an ensemble {name!r} already; choose another name")
    with ws.database.reading() as session:
        chosen = [runs.get_model(session, ws.project.id, member) for member in members]
    projector = _projector(ws, chosen, features) if strategy_of(strategy).needs_features else None
    return JobRequest(
        "ensemble",
        {
            "name": name,
            "members": [model.id for model in chosen],
            "strategy": strategy,
            "fit_on": [cluster.id for cluster in clusters],
            "features": None if projector is None else projector.id,
            "shuffles": DRAWS if shuffles is None else shuffles,
        },
    )


def _projector(ws: Workspace, members: Sequence[ModelInfo], name: str | None) -> ModelInfo:
    """The model whose embeddings of the references decide about weights."""
    if name is not None:
        with ws.database.reading() as session:
            model = runs.get_model(session, ws.project.id, name)
        if model.kind in (ModelKind.CS, ModelKind.GLOBAL):
            raise BadInput(f"{name} was trained on answers: features come from a frozen model")
        return model
    for model in (*members, *list_models(ws)):
        if model.kind is ModelKind.FROZEN:
            return model
    raise BadInput(
        "weights that depend on the reference need features of it: run `embed` for a frozen "
        "backbone first, or name a model to make features with"
    )


def request_ensemble(
    ws: Workspace, name: str, members: Sequence[str], *, by: int | None = None, **options: Any
) -> int:
    """The id of a queued job that builds an ensemble; see `ensemble_request`."""
    request = ensemble_request(ws, name, members, **options)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def strategy_names() -> list[str]:
    """Names of all strategies, in the order in which tables show them."""
    from cssim.ensembles.strategies import STRATEGIES

    return list(STRATEGIES)


def cs_models(ws: Workspace) -> list[str]:
    """Names of the CS models of the project; raises `BadInput` where there is none."""
    found = [model.name for model in list_models(ws) if model.kind is ModelKind.CS]
    if not found:
        raise BadInput("there is no CS model yet: train one, or name the members")
    return found


def _clusters(ws: Workspace, names: Sequence[str]) -> list[Cluster]:
    if not names:
        raise BadInput("name at least one cluster")
    with ws.database.reading() as session:
        return [library.get_cluster(session, ws.project.id, n) for n in dict.fromkeys(names)]
