"""`jobs`: watch, stop and retry long work."""

from __future__ import annotations

from dataclasses import asdict

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import batches
from cssim.services import jobs as service
from cssim.services.batches import BatchProgress
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


@jobs.command(epilog="Example: python -m cssim jobs pause 3")
@click.argument("job_id", type=int)
@json_option
@pass_app
def pause(app: App, job_id: int, as_json: bool) -> None:
    """Let a job wait until it is resumed; a training keeps its last epoch."""
    _say(service.pause(app.ws, job_id), as_json)


@jobs.command(epilog="Example: python -m cssim jobs resume 3")
@click.argument("job_id", type=int)
@json_option
@pass_app
def resume(app: App, job_id: int, as_json: bool) -> None:
    """Let a paused job go on."""
    _say(service.resume(app.ws, job_id), as_json)


@jobs.command("batches", epilog="Example: python -m cssim jobs batches")
@json_option
@pass_app
def list_batches(app: App, as_json: bool) -> None:
    """List requests of several jobs, newest first: how far they are, how long they will take."""
    found = [batches.batch_progress(app.ws, one.id) for one in batches.list_batches(app.ws)]
    rows = [_batch_row(one) for one in found]
    if as_json:
        say_json(rows)
        return
    columns = ("id", "name", "jobs", "done", "failed", "paused", "progress", "seconds_left")
    say_table(rows, columns, "no batches")


@jobs.command(epilog="Example: python -m cssim jobs batch 1 pause")
@click.argument("batch_id", type=int)
@click.argument("action", type=click.Choice(["pause", "resume", "cancel", "retry"]))
@json_option
@pass_app
def batch(app: App, batch_id: int, action: str, as_json: bool) -> None:
    """Pause, resume, cancel or retry all jobs of a batch."""
    act = {
        "pause": batches.pause_batch,
        "resume": batches.resume_batch,
        "cancel": batches.cancel_batch,
        "retry": batches.retry_batch,
    }[action]
    changed = act(app.ws, batch_id)
    if as_json:
        say_json({"batch": batch_id, "changed": changed})
    else:
        click.echo(f"{action}: {changed} of the jobs of batch {batch_id}")


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
    elif job.paused:
        click.echo(f"job {job.id} waits until `jobs resume {job.id}`")
    elif job.state is JobState.RUNNING and job.cancel_requested:
        click.echo(f"job {job.id} will stop at its next step")
    else:
        click.echo(f"job {job.id} is {job.state}")


def _row(job: JobInfo) -> dict[str, object]:
    return {
        **asdict(job),
        "state": "paused" if job.paused and job.state is JobState.QUEUED else job.state,
        "progress": f"{job.progress:.0%}",
        "created": job.created_at and f"{job.created_at:%Y-%m-%d %H:%M}",
        "message": job.error or job.message,
    }


def _batch_row(found: BatchProgress) -> dict[str, object]:
    return {
        "id": found.batch.id,
        "name": found.batch.name,
        "jobs": len(found.jobs),
        "done": found.count(JobState.DONE),
        "failed": found.count(JobState.FAILED),
        "cancelled": found.count(JobState.CANCELLED),
        "paused": found.paused,
        "progress": f"{found.share:.0%}",
        "seconds_left": found.seconds_left,
    }


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
