"""The curves of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim.plots.style import PALETTE, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def training_curves(epochs: Sequence[Mapping[str, Any]], *, dark: bool = False) -> Figure:
    """Loss, local accuracy and learning rate of one training run, epoch by epoch.

    A ring marks the epoch that is kept. Values that an epoch does not have are gaps.

    Args:
        epochs: `Epoch.to_dict()` of each, in order; none give empty axes.
        dark: for a dark page.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.4, 0.4, 0.2]
    )
    number = [epoch["number"] for epoch in epochs]
    kept = max((i for i, epoch in enumerate(epochs) if epoch["best"]), default=None)
    lines = (
        (1, "train_loss", "Loss, training", 1, 0, "dot"),
        (1, "loss", "Loss, held out", 1, 0, "solid"),
        (2, "ranking_accuracy", "Accuracy, ranking block", 100, 1, "dot"),
        (2, "accuracy", "Accuracy, distance", 100, 1, "solid"),
        (3, "lr", "Learning rate", 1, 2, "solid"),
    )
    for row, key, name, factor, colour, dash in lines:
        values = [None if e[key] is None else factor * e[key] for e in epochs]
        ring = [i == kept and key in ("loss", "accuracy") for i in range(len(number))]
        marker = {
            "size": [12 if ringed else 4 for ringed in ring],
            "symbol": ["circle-open" if ringed else "circle" for ringed in ring],
        }
        line = {"color": PALETTE[colour], "dash": dash}
        curve = Scatter(
            x=number, y=values, name=name, mode="lines+markers", line=line, marker=marker
        )
        figure.add_trace(curve, row=row, col=1)
    figure.update_layout(**layout(dark=dark), height=560)
    for row, title in enumerate(("Loss", "Local accuracy (%)", "Learning rate"), start=1):
        figure.update_yaxes(title=title, row=row, col=1)
    figure.update_xaxes(title="Epoch", row=3, col=1)
    return figure
