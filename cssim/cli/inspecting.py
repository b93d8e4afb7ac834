"""`inspect` and `selections`: the numbers behind the regions page, and what was picked on it."""

from __future__ import annotations

from pathlib import Path

import click

from cssim import words
from cssim.cli.base import (
    App,
    detach_option,
    json_option,
    pass_app,
    run_or_queue,
    say_json,
    say_table,
)
from cssim.services import inspecting, selections
from cssim.services.inspection_report import report


@click.command(epilog="Example: python -m cssim inspect --on held-out --model tiny-clip")
@click.option("--on", "clusters", multiple=True, required=True, help="A cluster to look at.")
@click.option("--model", "models", multiple=True, help="A model [default: everything].")
@click.option("--ensemble", "ensembles", multiple=True, help="An ensemble [default: everything].")
@click.option("--no-tsne", is_flag=True, help="Leave t-SNE out: it takes minutes for many.")
@click.option("--seed", default=0, show_default=True, help="Of t-SNE and of the folds.")
@json_option
@detach_option
@pass_app
def inspect(
    app: App,
    clusters: tuple[str, ...],
    models: tuple[str, ...],
    ensembles: tuple[str, ...],
    no_tsne: bool,
    seed: int,
    as_json: bool,
    detach: bool,
) -> None:
    """Let every model answer some clusters once, and say where maps explain more than chance.

    What is computed is kept for the regions page. Each look at a test set is counted.
    """
    named = bool(models or ensembles)
    request = inspecting.inspection_request(
        app.ws,
        clusters,
        models=models if named else None,
        ensembles=ensembles if named else None,
        tsne=not no_tsne,
        seed=seed,
    )
    done = run_or_queue(app, [("inspecting", request)], detach=detach, as_json=as_json)
    if detach:
        return
    found = report(inspecting.load_inspection(app.ws, done[0].result["inspection"]))
    if as_json:
        say_json(found)
        return
    click.echo(
        f"inspection {found['inspection']}: {words.count(found['triples'], 'triple')} of "
        f"{words.count(found['references'], 'reference')}; features of "
        f"{found['projector'] or 'no model'}"
    )
    rows = [
        {
            "row": row["name"],
            "kind": row["kind"],
            "accuracy": f"{row['accuracy']:.1%}",
            "explained": _share(row["explained"]),
            "shuffled": _share(row["shuffled"]),
            "p": "-" if row["p"] is None else f"{row['p']:.3f}",
            "out of fold": "yes" if row["cross_fitted"] else "",
            "seen": row["leakage"],
        }
        for row in found["rows"]
    ]
    say_table(rows, list(rows[0]), "no rows")
    for note in found["notes"]:
        click.echo(note)


@click.group("selections")
def selections_group() -> None:
    """References that were picked on the regions page and saved."""


@selections_group.command("list", epilog="Example: python -m cssim selections list --json")
@json_option
@pass_app
def list_(app: App, as_json: bool) -> None:
    """List selections by name."""
    found = [
        {
            "id": one.id,
            "name": one.name,
            "references": len(one.reference_ids),
            "by": one.by or None,
            "at": None if one.created_at is None else one.created_at.isoformat(),
            "note": one.note,
        }
        for one in selections.list_selections(app.ws)
    ]
    if as_json:
        say_json(found)
    else:
        say_table(found, ("id", "name", "references", "by", "note"), "no selections yet")


@selections_group.command(epilog="Example: python -m cssim selections export 3 --to region.csv")
@click.argument("selection", type=int)
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write [default: print].",
)
@json_option
@pass_app
def export(app: App, selection: int, path: Path | None, as_json: bool) -> None:
    """Write the images of the selection with that id: id, name, hash, tags."""
    one = selections.get(app.ws, selection)
    if as_json:
        say_json({"id": one.id, "name": one.name, "note": one.note,
                  "references": one.reference_ids, "view": one.view})  # fmt: skip
        return
    text = selections.export_csv(app.ws, one.reference_ids)
    if path is None:
        click.echo(text, nl=False)
        return
    path.write_text(text, "utf-8")
    click.echo(f"wrote {words.count(len(one.reference_ids), 'reference')} of {one.name} to {path}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
