"""`app`, `worker`, `doctor`: what runs on this machine, and whether it can."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import click

import cssim
from cssim.cli.base import App, json_option, pass_app, say_json
from cssim.config import child_environment
from cssim.errors import NotFound
from cssim.services import health, ray_executor
from cssim.services.executors import run_worker, stopping_on_signals


@click.command(epilog="Example: python -m cssim app --port 8600")
@click.option("--port", type=click.IntRange(1, 65535), help="Port [default: CSSIM_PORT, or 8501].")
@click.option("--host", help="Address to listen on [default: CSSIM_HOST, or 127.0.0.1].")
@click.option(
    "--single-user",
    is_flag=True,
    help="Nobody signs in: whoever opens the app on this machine is its owner.",
)
@pass_app
def app(app: App, port: int | None, host: str | None, single_user: bool) -> None:
    """Start the app and print its address; Ctrl-C stops it."""
    script = Path(cssim.__file__).resolve().parent.parent / "app.py"
    if not script.exists():
        raise NotFound(
            f"the app is not beside the package: expected {script}. An installed CS-Sim holds the "
            "library and the commands; start the app in a folder with all its sources."
        )
    host, port = host or app.settings.host, port or app.settings.port
    single_user = single_user or app.settings.single_user
    settings = replace(app.settings, host=host, port=port, single_user=single_user)
    environment = child_environment(settings)
    click.echo(f"CS-Sim runs at http://{host}:{port}")
    sys.stdout.flush()
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += [f"--server.port={port}", f"--server.address={host}", "--server.headless=true"]
    largest = max(settings.max_upload_mb, settings.max_model_mb)  # each form has its own below it
    command += [f"--server.maxUploadSize={largest}"]
    os.chdir(script.parent)  # Streamlit reads its own settings from .streamlit here
    os.execve(sys.executable, command, environment)


@click.command(epilog="Example: python -m cssim worker --drain")
@click.option("--once", is_flag=True, help="Run one job, or none where none waits, and end.")
@click.option("--drain", is_flag=True, help="End when no job waits or runs any more.")
@click.option(
    "--with-parent",
    "parent",
    type=int,
    metavar="PID",
    help="End when the process PID, which started this one, has ended and no job waits.",
)
@pass_app
def worker(app: App, once: bool, drain: bool, parent: int | None) -> None:
    """Take jobs and run them; SIGTERM or Ctrl-C puts the job at hand back and ends.

    With CSSIM_EXECUTOR=ray it hands them to the machines of a Ray cluster instead.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("cssim").setLevel(logging.INFO)
    stop = threading.Event()
    run = ray_executor.dispatch if app.settings.executor == "ray" else run_worker
    with stopping_on_signals(stop):
        ran = run(
            app.ws,
            limit=1 if once else None,
            drain=drain,
            parent=parent,
            stop=stop,
        )
    for job in ran:
        click.echo(
            f"job {job.id} ({job.kind}): {job.state}" + (f": {job.error}" if job.error else "")
        )


@click.command(epilog="Example: python -m cssim doctor")
@json_option
@pass_app
def doctor(app: App, as_json: bool) -> None:
    """Say what is installed and reachable, and whether the database is healthy.

    Exit code 1 where something that CS-Sim cannot do without is wrong.
    """
    report = health.examine(app.ws)
    if as_json:
        say_json(report)
    else:
        for title, facts in report["facts"].items():
            click.echo(click.style(title, bold=True))
            for name, value in facts.items():
                click.echo(f"  {name:24} {value}")
    for problem in report["problems"]:
        click.echo(f"problem: {problem}", err=True)
    if report["problems"]:
        raise SystemExit(1)
