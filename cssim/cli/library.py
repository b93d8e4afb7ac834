"""`images`, `labels`, `projects`: what a project is made of, in and out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cssim import words
from cssim.cli.base import App, counting_bar, json_option, pass_app, say_json, say_table
from cssim.errors import BadInput
from cssim.services import executors, library, sweeping, withdrawing
from cssim.services import projects as project_service
from cssim.types import ClusterKind, Image

existing = click.Path(exists=True, path_type=Path)


@click.group()
def images() -> None:
    """Pictures of the project."""


@images.command(epilog="Example: python -m cssim images add photos/ --tag holiday")
@click.argument("sources", nargs=-1, required=True, type=existing)
@click.option("--tag", "tags", multiple=True, help="A word for all of them; may be repeated.")
@click.option("--tag-folders", is_flag=True, help="Also tag each by its first sub-folder.")
@click.option("--prefix", default="", help="Put before each name, e.g. val.")
@json_option
@pass_app
def add(
    app: App,
    sources: tuple[Path, ...],
    tags: tuple[str, ...],
    tag_folders: bool,
    prefix: str,
    as_json: bool,
) -> None:
    """Take in folders, image files or CSV manifests; a second time changes nothing.

    Files that cannot be used are listed with the reason, and the rest goes in.
    """
    bar, move = counting_bar("reading images")
    with bar:
        report = library.add_images(
            app.ws, sources, tags=tags, tag_folders=tag_folders, prefix=prefix, progress=move
        )
    if as_json:
        say_json(asdict(report))
        return
    click.echo(str(report))
    for problem in report.refused:
        click.echo(f"refused {problem.name}: {problem.reason}", err=True)
    for remark, count in report.remarks.items():
        click.echo(f"{words.count(count, 'file')}: {remark}", err=True)
    if not (report.added or report.filled or report.known or report.named or report.refused):
        raise BadInput(f"expected pictures, found none in {', '.join(map(str, sources))}")


@images.command("list", epilog="Example: python -m cssim images list --tag ocean --limit 5")
@click.option("--tag", help="Only images with this tag.")
@click.option("--search", default="", help="Only images whose name contains this.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@json_option
@pass_app
def list_images(app: App, tag: str | None, search: str, limit: int, as_json: bool) -> None:
    """List images by the order in which they came."""
    found = project_service.list_images(app.ws, tag=tag, search=search, limit=limit)
    if as_json:
        say_json([asdict(image) for image in found])
        return
    rows = [asdict(image) | {"pixels": "here" if image.available else "missing"} for image in found]
    say_table(rows, ("id", "name", "width", "height", "tags", "pixels"), "no images")


@images.command(epilog="Example: python -m cssim images withdraw 07.jpg --reason privacy")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; shown to whoever brings the file again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_app
def withdraw(app: App, pictures: tuple[str, ...], reason: str, yes: bool, as_json: bool) -> None:
    """Delete pictures for good, in every project, and refuse their bytes from then on.

    Each is named by its name, id or SHA-256. Answers about them are kept and not counted.
    """
    found = withdrawing.find(app.ws, pictures)
    if not yes:
        _ask(found, withdrawing.places(app.ws, found))
    done = withdrawing.withdraw(app.ws, found, reason)
    stop = threading.Event()
    with executors.stopping_on_signals(stop):
        ended = withdrawing.finish(app.ws, done, stop=stop)
    if as_json:
        say_json(asdict(done) | {"finished": ended})
        return
    click.echo(
        f"withdrew {words.count(len(done.images), 'picture')}, deleted "
        f"{words.count(done.deleted, 'file or vector', 'files and vectors')}"
    )
    if not ended:
        click.echo(f"job {done.job} makes sure that nothing comes back, in a worker")


def _ask(found: Sequence[Image], places: withdrawing.Places) -> None:
    click.echo(
        f"{', '.join(image.name for image in found)}: on "
        f"{words.count(places.open_pages, 'open page')} and "
        f"{words.count(places.answered_pages, 'answered page')} with "
        f"{words.count(places.judgements, 'judgement')}; trained on them: "
        f"{', '.join(places.models) or 'no model'}; projects: {', '.join(places.projects)}"
    )
    click.confirm("Delete for good?", abort=True)


@images.command(epilog="Example: python -m cssim images withdrawn")
@json_option
@pass_app
def withdrawn(app: App, as_json: bool) -> None:
    """List what was withdrawn, newest first."""
    found = withdrawing.list_withdrawals(app.ws)
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = [
        asdict(one)
        | {
            "at": f"{one.at:%Y-%m-%d %H:%M}",
            "sha256": one.sha256[:12],
            "state": "withdrawn" if one.stands else "allowed again",
        }
        for one in found
    ]
    say_table(rows, ("id", "at", "by", "reason", "sha256", "state"), "nothing was withdrawn")


@images.command(epilog="Example: python -m cssim images sweep")
@pass_app
def sweep(app: App) -> None:
    """Delete what a backup brought back of withdrawn pictures, and thumbnails of older versions."""
    gone = sweeping.sweep_again(app.ws)
    click.echo(f"deleted {words.count(gone, 'file or vector', 'files and vectors')}")


@images.command(epilog="Example: python -m cssim images restore 3")
@click.argument("number", type=int)
@pass_app
def restore(app: App, number: int) -> None:
    """Allow the bytes of withdrawal NUMBER again; import the file, and all is as before."""
    withdrawing.restore(app.ws, number)
    click.echo("allowed again: import its file with `images add`")


@click.group()
def labels() -> None:
    """People's answers, in and out."""


@labels.command("import", epilog="Example: python -m cssim labels import dist_254.txt dist_389.txt")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=existing)
@click.option("--format", "form", help="cosis, csv or cosis-npy [default: by the extension].")
@click.option("--cluster", help="Name of the cluster [default: the file's name].")
@click.option("--kind", type=click.Choice([kind.value for kind in ClusterKind]))
@click.option("--context", help="What the reference shows.")
@click.option("--skip-bad", is_flag=True, help="Leave faulty lines out and report them.")
@click.option("--split", type=click.Choice(["val", "train"]), help="Split of a CoSIS file.")
@click.option("--names", type=existing, help="The CoSIS file filename_dict.txt.")
@click.option(
    "--per-reference",
    type=int,
    help="Make a context cluster for each of so many references of a CSV; the others are divided "
    "into a validation and a test set.",
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    help="The same for the references named; may be repeated.",
)
@click.option(
    "--validation-share",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the other references that goes to validation.",
)
@click.option("--seed", default=0, show_default=True, help="Of the choice of references.")
@json_option
@pass_app
def import_labels(
    app: App,
    /,
    paths: tuple[Path, ...],
    form: str | None,
    per_reference: int | None,
    references: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Take label files in; where a line is faulty, nothing of its file goes in.

    The other files go in all the same, and the exit code is 1.
    """
    if len(paths) > 1 and options["cluster"]:
        raise BadInput(
            f"--cluster names one cluster, got {words.count(len(paths), 'file')}; leave it out"
        )
    reports, refusals = [], []
    for path in paths:
        bar, move = counting_bar(f"reading {path.name}")
        try:
            with bar:
                report = library.import_labels(
                    app.ws,
                    path,
                    format=form,
                    per_reference=references or per_reference,
                    progress=move,
                    **options,
                )
        except BadInput as error:
            refusals.append(str(error))
            continue
        reports.append(report)
        if not as_json:
            click.echo(str(report))
            for fault in report.skipped:
                click.echo(f"skipped {fault}", err=True)
    if as_json:
        say_json([asdict(report) for report in reports])
    if refusals:
        raise BadInput("\n".join(refusals))


@labels.command("export", epilog="Example: python -m cssim labels export ocean ocean.csv")
@click.argument("cluster")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", help="cosis, csv, jsonl or parquet [default: by the extension].")
@click.option("--counted", is_flag=True, help="Leave answers of excluded people out.")
@json_option
@pass_app
def export_labels(
    app: App, cluster: str, path: Path, form: str | None, counted: bool, as_json: bool
) -> None:
    """Write the labels of a cluster, or of `all` clusters, to a file."""
    report = library.export_labels(
        app.ws, None if cluster == "all" else cluster, path, form, counted_only=counted
    )
    if as_json:
        say_json(asdict(report))
    else:
        click.echo(str(report))


@labels.command("list", epilog="Example: python -m cssim labels list --json")
@json_option
@pass_app
def list_clusters(app: App, as_json: bool) -> None:
    """Each cluster in numbers."""
    found = [asdict(summary) for summary in library.cluster_summaries(app.ws)]
    if as_json:
        say_json(found)
        return
    rows = [row["cluster"] | row | {"open": row["open_pages"]} for row in found]
    columns = ("name", "kind", "references", "pages", "open", "judgements", "votes", "triples")
    say_table(rows, (*columns, "images", "missing_images"), "no clusters yet")


@click.command(epilog="Example: python -m cssim projects")
@json_option
@pass_app
def projects(app: App, as_json: bool) -> None:
    """List the projects; one is made where --project names a new one."""
    found = [asdict(project) for project in project_service.list_projects(app.ws)]
    if as_json:
        say_json(found)
    else:
        say_table(found, ("id", "name", "criterion"), "no projects")
