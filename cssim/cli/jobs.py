"""`jobs`: watch, stop and retry long work."""

from __future__ import annotations

from dataclasses import asdict

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import jobs as service
from cssim.types import JobInfo, JobState


@click.group()
def jobs() -> None:
    """Watch, stop and retry long work."""


@jobs.command("list", epilog="Example: python -m cssim jobs list --state running --state queued")
@click.option("--state", "states", multiple=True, type=click.Choice([s.value for s in JobState]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@json_option
@pass_app
def list_jobs(app: App, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    found = service.list_jobs(app.ws, states=[JobState(s) for s in states], limit=limit)
    if as_json:
        say_json([asdict(job) for job in found])
        return
    columns = ("id", "kind", "state", "progress", "attempt", "created", "message")
    say_table([_row(job) for job in found], columns, "no jobs")


@jobs.command(epilog="Example: python -m cssim jobs show 3 --json")
@click.argument("job_id", type=int)
@json_option
@pass_app
def show(app: App, job_id: int, as_json: bool) -> None:
    """Show one job with what it reported."""
    job = service.get_job(app.ws, job_id)
    events = service.job_events(app.ws, job_id)
    if as_json:
        say_json({**asdict(job), "events": events})
        return
    for name, value in asdict(job).items():
        if value not in (None, "", {}):
            click.echo(f"{name:16} {value}")
    for event in events:
        click.echo("  ".join(f"{key}={_short(value)}" for key, value in event.items()))


@jobs.command(epilog="Example: python -m cssim jobs cancel 3")
@click.argument("job_id", type=int)
@json_option
@pass_app
def cancel(app: App, job_id: int, as_json: bool) -> None:
    """Stop a job: at once where it waits, at its next step where it runs."""
    _say(service.cancel(app.ws, job_id), as_json)


@jobs.command(epilog="Example: python -m cssim jobs retry 3")
@click.argument("job_id", type=int)
@json_option
@pass_app
def retry(app: App, job_id: int, as_json: bool) -> None:
    """Queue a failed or cancelled job again; training goes on from its last epoch."""
    _say(service.retry(app.ws, job_id), as_json)


@jobs.command(epilog="Example: python -m cssim jobs log 3")
@click.argument("job_id", type=int)
@pass_app
def log(app: App, job_id: int) -> None:
    """Print the end of a job's log."""
    text = service.job_log(app.ws, job_id)
    click.echo(text.rstrip() if text else f"job {job_id} has not run on this machine")


def _say(job: JobInfo, as_json: bool) -> None:
    if as_json:
        say_json(asdict(job))
    elif job.state is JobState.RUNNING:
        click.echo(f"job {job.id} will stop at its next step")
    else:
        click.echo(f"job {job.id} is {job.state}")


def _row(job: JobInfo) -> dict[str, object]:
    return {
        **asdict(job),
        "progress": f"{job.progress:.0%}",
        "created": job.created_at and f"{job.created_at:%Y-%m-%d %H:%M}",
        "message": job.error or job.message,
    }


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
