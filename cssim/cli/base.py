"""What all commands share: the workspace, errors, output, and running jobs in the foreground."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from cssim.config import Settings, load_settings
from cssim.errors import Cancelled, CSSimError
from cssim.services import executors, failing, jobs
from cssim.services.jobs import JobRequest
from cssim.services.plain import plain
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobInfo, JobState


class Commands(click.Group):
    """A group that tells what CS-Sim raises on purpose as one message, with exit code 1.

    So it does with what the machine fails at: a folder that cannot be written, a full disk, a
    database that is damaged or held. Anything else is a defect, and its traceback is wanted.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except CSSimError as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            told = failing.told(error, ctx.obj.settings) if isinstance(ctx.obj, App) else None
            if told is None:
                raise
            raise click.ClickException(str(told)) from error


class App:
    """Settings and workspace of one call, opened when a command first asks for them."""

    def __init__(self, *, home: Path | None, project: str | None) -> None:
        self._home, self._project = home, project

    @cached_property
    def settings(self) -> Settings:
        """The settings, with what the call overrides."""
        return load_settings(home=self._home, project=self._project)

    @cached_property
    def ws(self) -> Workspace:
        """The open workspace."""
        return open_workspace(self.settings)

    def close(self) -> None:
        """Close what was opened."""
        if "ws" in self.__dict__:
            self.ws.close()


pass_app = click.make_pass_decorator(App)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
detach_option = click.option(
    "--detach", is_flag=True, help="Only queue the work; a worker does it."
)

SHUFFLES = click.option(
    "--shuffles",
    type=click.IntRange(0),
    help="Of the references, to test weights that look at them [default: 19; 0 tests nothing].",
)
"""How ensembles that weigh by the reference are held against themselves."""

_EVALUATED = (
    click.option("--on", "clusters", multiple=True, required=True, help="A cluster to look at."),
    click.option("--model", "models", multiple=True, help="A model [default: everything]."),
    click.option(
        "--ensemble", "ensembles", multiple=True, help="An ensemble [default: everything]."
    ),
    click.option(
        "--credit",
        type=click.Choice(["soft", "strict"]),
        default="soft",
        show_default=True,
        help="Share of the voters who agree, or agreement with the majority.",
    ),
    click.option("--draws", type=click.IntRange(100), help="Bootstrap samples of references."),
    click.option("--seed", default=0, show_default=True, help="Of the bootstrap."),
    click.option(
        "--allow-leakage",
        is_flag=True,
        help="Also models trained on these clusters; they are marked.",
    ),
    click.option(
        "--cross-fit",
        type=click.IntRange(0),
        default=0,
        metavar="FOLDS",
        help="Fit ensembles again on these clusters, in folds by reference; no test sets.",
    ),
    SHUFFLES,
)


def evaluated_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that holds models against people's answers."""
    for option in reversed(_EVALUATED):
        command = option(command)
    return command


def say_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def say_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    """Print rows under headings; `empty` where there are none.

    A name may come from a file that somebody sent: what would steer the terminal is left out.
    """
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    if not cells:
        click.echo(empty)
        return
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    for row in [list(columns), *cells]:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def progress_bar(label: str) -> tuple[Any, Callable[[float, str], None]]:
    """A bar on stderr (use it in `with`), and the function that moves it to 0..1 with a message."""
    bar = click.progressbar(
        length=1000, label=label, file=sys.stderr, item_show_func=lambda text: text
    )
    shown = 0

    def move(share: float, message: str) -> None:
        nonlocal shown
        target = round(1000 * share)
        bar.update(target - shown, message)
        shown = target

    return bar, move


def counting_bar(label: str) -> tuple[Any, Callable[[int, int, str], None]]:
    """The same for use cases that report (done, total, message)."""
    bar, move = progress_bar(label)
    return bar, lambda done, total, message: move(done / total if total else 1.0, message)


def run_or_queue(
    app: App, requests: Sequence[tuple[str, JobRequest]], *, detach: bool, as_json: bool
) -> list[JobInfo]:
    """Run labelled requests here one after the other, or queue them all; what became of them.

    Ctrl-C cancels the one at hand in an orderly way (its next run goes on from there), a second
    Ctrl-C at once; those behind it are not started.

    Raises:
        CSSimError: one failed, with its reason.
        Cancelled: one was cancelled.
    """
    if detach:
        return _queue(app, [request for _, request in requests], as_json)
    done: list[JobInfo] = []
    stop = threading.Event()
    with executors.stopping_on_signals(stop):
        for label, request in requests:
            bar, move = progress_bar(label)
            with bar:
                job = jobs.run_here(app.ws, request, stop=stop, listener=move)
            _raise_unless_done(job)
            done.append(job)
    return done


def _queue(app: App, requests: Sequence[JobRequest], as_json: bool) -> list[JobInfo]:
    ids = [jobs.enqueue(app.ws, request.kind, request.params) for request in requests]
    queued = [jobs.get_job(app.ws, job_id) for job_id in ids]
    if as_json:
        say_json([asdict(job) for job in queued])
    else:
        click.echo("\n".join(f"queued job {job.id} ({job.kind})" for job in queued))
    if not executors.live_workers(app.ws.database, app.settings):
        click.echo("no worker is alive: start one with `python -m cssim worker`", err=True)
    return queued


def _raise_unless_done(job: JobInfo) -> None:
    if job.state is JobState.FAILED:
        raise CSSimError(f"job {job.id} failed: {job.error}")
    if job.state is not JobState.DONE:
        raise Cancelled(f"job {job.id} was cancelled; `jobs retry {job.id}` goes on with it")
