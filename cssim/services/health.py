"""What this machine has and whether the installation is healthy."""

from __future__ import annotations

import platform
import shutil
from datetime import timedelta
from importlib import metadata
from typing import Any

import cssim
from cssim import words
from cssim.config import Settings
from cssim.services.executors import live_workers
from cssim.services.workspace import Workspace
from cssim.types import JobState
from db import engine, jobs, library, runs, withdrawals
from db.models import now

PACKAGES = ("streamlit", "torch", "transformers", "peft", "plotly", "scikit-learn", "sqlalchemy")
"""Packages whose versions matter when something goes wrong."""
LOW_DISK = 1 << 30
"""Bytes of free space below which work is at risk."""


def examine(ws: Workspace) -> dict[str, Any]:
    """`facts`: titles, each with names and values; `problems`: what has to be mended, in words.

    Loads torch, to say where models would run.
    """
    problems: list[str] = []
    facts = {
        "installed": _installed(problems),
        "models run on": _device(ws, problems),
        "backbones": _backbones(ws),
        "database": _database(ws, problems),
        "state": _state(ws, problems),
    }
    return {"facts": facts, "problems": problems}


def _backbones(ws: Workspace) -> dict[str, str]:
    rows = backbone_rows(ws.settings)
    here = [row["name"] for row in rows if row["reachable"]]
    absent = [row["name"] for row in rows if not row["reachable"]]
    return {
        "reachable": ", ".join(here),
        "not on this machine": ", ".join(absent) or "none",
        "searched": f"{ws.settings.models} (CSSIM_MODELS), then the Hub's cache",
    }


def backbone_rows(settings: Settings) -> list[dict[str, Any]]:
    """Known backbones and metrics: all of `BackboneSpec`, and whether and where each is here.

    `parameters` are millions, `reachable` says whether it loads without a network.
    """
    from cssim.embeddings.backbones import known

    return [backbone_row(settings, name) for name in known()]


def backbone_row(settings: Settings, name: str) -> dict[str, Any]:
    """One of them, or any Hub name or folder; see `backbone_rows`.

    Raises:
        NotFound: nothing is called so.
    """
    from cssim.embeddings.backbones import resolve, status

    spec = resolve(name, models=settings.models)
    reachable, where = status(name, models=settings.models)
    return {
        "name": name,
        "family": spec.family,
        "input_size": spec.input_size or None,
        "pooling": spec.pooling,
        "parameters": spec.parameters or None,
        "targets": ", ".join(spec.targets) or None,
        "licence": spec.licence,
        "reachable": reachable,
        "where": where,
    }


def _installed(problems: list[str]) -> dict[str, str]:
    facts = {"cssim": cssim.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[name] = "missing"
            problems.append(f"the package {name} is missing: pip install -r requirements.txt")
    return facts


def _device(ws: Workspace, problems: list[str]) -> dict[str, str]:
    try:
        import torch

        from cssim.embeddings.device import choose_device, choose_precision

        device = choose_device(ws.settings.device)
        precision = choose_precision(ws.settings.precision, device, "vit")
    except Exception as error:  # whatever keeps torch from working is what the person must read
        problems.append(f"models cannot run: {error}")
        return {"device": "none"}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": str(device),
        "hardware": name or platform.machine(),
        "precision": f"{str(precision).removeprefix('torch.')} (transformers)",
        "threads": str(ws.settings.threads or torch.get_num_threads()),
    }


def _database(ws: Workspace, problems: list[str]) -> dict[str, str]:
    report = engine.health(ws.database)
    if report["revision"] != report["newest_revision"]:
        problems.append(f"the database is at revision {report['revision']}, not the newest")
    if report.get("integrity", "ok") != "ok":
        problems.append(f"the database file is damaged: {report['integrity']}; restore a backup")
    return {name: str(value) for name, value in report.items()}


def _state(ws: Workspace, problems: list[str]) -> dict[str, str]:
    home = ws.settings.home.resolve()
    free = shutil.disk_usage(home).free
    if free < LOW_DISK:
        problems.append(f"only {free / 1e6:.0f} MB are free in {home}")
    with ws.database.reading() as session:
        project = ws.project.id
        waiting = len(jobs.list_jobs(session, project, states=[JobState.QUEUED]))
        facts = {
            "home": str(home),
            "free": f"{free / 1e9:.1f} GB",
            "project": ws.project.name,
            "images": str(library.count_images(session, project)),
            "clusters": str(len(library.list_clusters(session, project))),
            "models": str(len(runs.list_models(session, project))),
            "ensembles": str(len(runs.list_ensembles(session, project))),
            "jobs waiting": str(waiting),
        }
        long_since = now() - timedelta(hours=1)
        left = sum(at < long_since for _, _, at in withdrawals.unswept(session))
    if left:
        problems.append(
            f"{words.count(left, 'withdrawn picture')} may still have files here: the job that "
            "deletes them was stopped; run `python -m cssim images sweep`"
        )
    alive = live_workers(ws.database, ws.settings)
    facts["workers alive"] = ", ".join(alive) or "none (the app starts one)"
    if waiting and not alive:
        problems.append("jobs wait and no worker is alive: run `python -m cssim worker`")
    return facts
