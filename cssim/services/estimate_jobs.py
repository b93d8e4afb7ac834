"""The job `estimate`, and where its results lie: `estimates/` in the home folder, safe to delete.

A result is named by all that went into it, so that nothing is computed twice and nothing out of
date is ever shown.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cssim.errors import BadInput
from cssim.services import jobs
from cssim.services.code import code_fingerprint
from cssim.services.comparing import digest
from cssim.services.estimating import Data, Estimate, Estimated, Score, Setup, estimate, fit
from cssim.services.library import load_triples
from cssim.services.plain import plain
from cssim.services.running import JobContext
from cssim.services.vectors import Shelf, load_shelf
from cssim.services.workspace import Workspace
from cssim.triples import Triples
from db import runs


def key_of(shelf: Shelf, triples: Triples, setup: Setup) -> str:
    """16 hexadecimal digits of all that goes into an estimate."""
    prints = [shelf.models[i].fingerprint for i in setup.models]
    return digest([setup.strategy, prints, triples.fingerprint, code_fingerprint()])


def stored(ws: Workspace, key: str) -> Estimated | None:
    """What the job `estimate` has left under this key; None where there is nothing readable."""
    from cssim.ensembles.fitted import Fitted

    try:
        content = json.loads(_file(ws, key).read_text("utf-8"))
    except (OSError, ValueError):  # not there, or cut off by a full disk: computed again
        return None
    return Estimated(_estimate(content["estimate"]), Fitted.from_dict(content["fitted"]))


def keep(ws: Workspace, key: str, found: Estimated) -> None:
    """Store an estimate under its key; whoever reads meanwhile sees nothing or all of it."""
    content = {"estimate": asdict(found.estimate), "fitted": found.fitted.to_dict()}
    _write(_file(ws, key), json.dumps(plain(content)))


def is_stored(ws: Workspace, key: str) -> bool:
    """Whether the job has left something under this key; cheap."""
    return _file(ws, key).is_file()


def request(ws: Workspace, setup: Setup, *, by: int | None = None) -> int:
    """The id of a queued job that estimates a setup."""
    return jobs.enqueue(ws, "estimate", {**asdict(setup), "name": setup.strategy}, by=by)


def run_estimate(context: JobContext) -> Mapping[str, Any]:
    """Job `estimate`: embeds what is missing, estimates and fits; gives the key of the result.

    Raises:
        NotFound, Unavailable, BadInput: a member cannot be loaded, or there are no answers.
    """
    from cssim.services.encoding import distances_of, features_of, refreshed

    ws, params = context.ws, context.job.params
    setup = Setup(
        tuple(params["members"]), params["strategy"], tuple(params["fit_on"]), params["features"]
    )
    triples = load_triples(ws, setup.fit_on)
    if not len(triples):
        raise BadInput("this set has no answers yet: label some of its pages first")
    with ws.database.reading() as session:
        by_id = runs.models_by_id(session, setup.models)
    distances = []
    for i, model_id in enumerate(setup.members):
        report = context.part(0.5 * i / len(setup.members), 0.5 * (i + 1) / len(setup.members))
        report(0, 1, f"{by_id[model_id].name}: loading")
        _, encoder = refreshed(ws, by_id[model_id])
        distances.append(
            distances_of(ws, encoder, triples, progress=report, cancelled=context.cancelled)
        )
    features = None
    if setup.features is not None:
        _, encoder = refreshed(ws, by_id[setup.features])
        features = features_of(ws, encoder, triples.reference, cancelled=context.cancelled)
    data = Data(np.stack(distances), triples, features)
    context.progress(0.5, 1, f"{setup.strategy}: fitting, each reference held out once")
    names = [by_id[i].name for i in setup.members]
    found = estimate(data, setup, names)
    context.progress(0.9, 1, "fitting on all answers")
    looking = "" if setup.features is None else by_id[setup.features].name
    key = key_of(load_shelf(ws), triples, setup)
    keep(ws, key, Estimated(found, fit(data, setup, projector=looking)))
    return {"key": key}


def _file(ws: Workspace, key: str) -> Path:
    return ws.settings.home / "estimates" / f"{key}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _estimate(values: Mapping[str, Any]) -> Estimate:
    return Estimate(
        **{
            **values,
            "ensemble": Score(**values["ensemble"]),
            "members": tuple(Score(**one) for one in values["members"]),
            "weights": tuple(values["weights"]),
        }
    )
