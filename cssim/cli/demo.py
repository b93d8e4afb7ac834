"""`demo`: the embedded default world, built and opened."""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import asdict, replace

import click

from cssim import words
from cssim.cli.base import App, json_option, pass_app, progress_bar, say_json
from cssim.cli.machine import app as serve_app
from cssim.errors import BadInput
from cssim.services import accounts, demo, executors

PORTS_TO_TRY = 20


@click.command("demo", epilog="Example: python -m cssim --home cssim-data/demo demo --serve")
@click.option("--serve", is_flag=True, help="Start the app and a worker afterwards.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the app; the next free one.")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    help="Compare this backbone (registry, Hub name or folder), and train on the first one; may "
    "be given several times [default: the tiny ones that are shipped].",
)
@click.option("--small", is_flag=True, help="A world of 144 pictures, for a quick look.")
@click.option("--reset", is_flag=True, help="Delete the demo's home folder, and do nothing else.")
@json_option
@click.pass_context
@pass_app
def demo_command(
    app: App,
    context: click.Context,
    serve: bool,
    port: int | None,
    backbones: tuple[str, ...],
    small: bool,
    reset: bool,
    as_json: bool,
) -> None:
    """Build or open the demo project: generated pictures, simulated people, real models.

    Its home should be a folder of its own; `make demo` takes cssim-data/demo.
    """
    settings = app.settings
    if settings.project == "default":
        settings = replace(settings, project="demo")
    if reset:
        click.echo(f"deleted {demo.reset_demo(settings)}")
        return
    app.settings = settings  # the workspace, not yet open, will be this project's
    report = _build(app, backbones, small)
    if as_json:
        say_json(asdict(report))
    else:
        _tell(report)
    if serve:
        port = _free_port(settings.host, port or settings.port)
        _tell_links(app, f"http://{settings.host}:{port}")
        context.invoke(serve_app, port=port, host=None)


def _build(app: App, backbones: tuple[str, ...], small: bool) -> demo.DemoReport:
    stop = threading.Event()
    bar, draw = progress_bar("demo")
    told = ""

    def move(share: float, message: str) -> None:
        nonlocal told
        draw(share, message)
        step = message.partition(":")[0]
        if step != told and not sys.stderr.isatty():  # where no bar is drawn, e.g. in a log
            click.echo(f"{share:4.0%} {step}", err=True)
        told = step

    with executors.stopping_on_signals(stop), bar:
        return demo.build_demo(
            app.ws,
            size=demo.small_world() if small else None,
            backbones=backbones,
            progress=move,
            stop=stop,
        )


def _tell(report: demo.DemoReport) -> None:
    for step, seconds in report.steps.items():
        click.echo(f"  {step:24} {seconds:6.1f} s")
    click.echo(
        f"{words.count(report.images, 'picture')}, "
        f"{words.count(sum(report.triples.values()), 'triple')} by simulated people "
        f"({report.seconds:.0f} s). Even the truth agrees with only {report.ceiling:.1%} of the "
        "votes on the test set: that is the ceiling of every model."
    )


def _tell_links(app: App, address: str) -> None:
    """Two ways in; the app says its address itself."""
    click.echo(f"\nTwo people can sign in at {address}, each once by a link of their own:")
    for name, what in (
        (demo.NEWCOMER, "look round as researcher and administrator"),
        (demo.ANNOTATOR, "label as annotator"),
    ):
        link = accounts.make_link(app.ws, name)
        click.echo(f"  {what} ({name}):\n    {address}/enter/{link}")
    click.echo("Each link works once; the same command prints new ones.\n")


def _free_port(host: str, wanted: int) -> int:
    """`wanted`, or the first free port after it."""
    for port in range(wanted, min(wanted + PORTS_TO_TRY, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise BadInput(f"ports {wanted} to {port} are all taken; name a free one with --port")
