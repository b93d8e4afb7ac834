"""The command line: `python -m cssim`. One file per group of commands, all over the services.

Exit codes: 0 done; 1 it could not be done, with one clear message on stderr; 2 wrong usage.
"""

from __future__ import annotations

from pathlib import Path

import click

import cssim
from cssim.cli.analysing import analyse
from cssim.cli.asking import ask, search
from cssim.cli.backbones import backbones
from cssim.cli.base import App, Commands
from cssim.cli.comparing import compare, leakage
from cssim.cli.curves import curves
from cssim.cli.demo import demo_command
from cssim.cli.inspecting import inspect, selections_group
from cssim.cli.jobs import jobs
from cssim.cli.library import images, labels, projects
from cssim.cli.machine import app, doctor, worker
from cssim.cli.models import embed, ensemble
from cssim.cli.people import users
from cssim.cli.plans import plans
from cssim.cli.quality import quality
from cssim.cli.registry import models
from cssim.cli.training import train

_LOOP = """\b
The whole loop:
  python -m cssim images add photos/
  python -m cssim labels import triplets.csv --per-reference 8
  python -m cssim embed histogram tiny-clip
  python -m cssim train triplets-1 triplets-2 --backbone tiny-clip
  python -m cssim ensemble build all --fit-on triplets-validation
  python -m cssim compare --on triplets-test
"""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_LOOP)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds all state [default: CSSIM_HOME, or cssim-data].",
)
@click.option("--project", help="Project to work on [default: CSSIM_PROJECT, or default].")
@click.version_option(cssim.__version__, prog_name="cssim")
@click.pass_context
def main(context: click.Context, home: Path | None, project: str | None) -> None:
    """CS-Sim: context-sensitive image similarity, from labels to a trusted ensemble."""
    context.obj = App(home=home, project=project)
    context.call_on_close(context.obj.close)


for command in (
    analyse,
    app,
    ask,
    backbones,
    compare,
    curves,
    demo_command,
    doctor,
    embed,
    ensemble,
    images,
    inspect,
    jobs,
    labels,
    leakage,
    models,
    plans,
    projects,
    quality,
    search,
    selections_group,
    train,
    users,
    worker,
):
    main.add_command(command)
