"""The cross-validation matrix: each CS model on each cluster, its own marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cssim import words
from cssim.plots.heat import heat
from cssim.plots.style import PALETTE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def matrix_figure(matrix: Mapping[str, Any], *, dark: bool = False) -> Figure:
    """Accuracy of models (rows) on clusters (columns); frames mark clusters a model was trained on.

    Args:
        matrix: `matrix` of an analysis.
        dark: for a dark page.
    """
    models, clusters = list(matrix["models"]), list(matrix["clusters"])
    hover = [
        [_hover(model, cluster, matrix, i, j) for j, cluster in enumerate(clusters)]
        for i, model in enumerate(models)
    ]
    figure = heat(models, clusters, matrix["accuracy"], hover, dark=dark, absent="–")
    for i, row in enumerate(matrix["own"]):
        for j, own in enumerate(row):
            if own:
                figure.add_shape(
                    type="rect",
                    x0=j - 0.47,
                    x1=j + 0.47,
                    y0=i - 0.46,
                    y1=i + 0.46,
                    line={"color": PALETTE[1], "width": 3},
                )
    return figure


def _hover(model: str, cluster: str, matrix: Mapping[str, Any], i: int, j: int) -> str:
    share, own = matrix["accuracy"][i][j], matrix["own"][i][j]
    number = "no triple counts" if share is None else f"{100 * share:.1f} %"
    held = (matrix.get("held_out") or [False] * len(matrix["models"]))[i]
    trained = "<br>trained on it" + (", judged by held-out pages" if held else "")
    best = "<br>the best model on this cluster" if matrix["best"][j] == model else ""
    return (
        f"<b>{model}</b> on {cluster}: {number}<br>{words.count(matrix['triples'][i][j], 'triple')}"
        f"{trained if own else ''}{best}"
    )


def matrix_table(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers behind the figure, one row for each model and cluster; shares 0..1."""
    return [
        {
            "model": model,
            "cluster": cluster,
            "accuracy": matrix["accuracy"][i][j],
            "triples": matrix["triples"][i][j],
            "trained on it": matrix["own"][i][j],
        }
        for i, model in enumerate(matrix["models"])
        for j, cluster in enumerate(matrix["clusters"])
    ]
