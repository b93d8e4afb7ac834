"""The curves of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cssim.plots.style import PALETTE, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def training_curves(
    epochs: Sequence[Mapping[str, Any]],
    *,
    dark: bool = False,
    beside: Sequence[Mapping[str, Any]] = (),
) -> Figure:
    """Loss, local accuracy, learning rate and speed of one training run, epoch by epoch.

    A ring marks the epoch that is kept. Values that an epoch does not have are gaps. Speed is the
    images that were learned from, per second of the whole epoch, scoring included.

    Args:
        epochs: `Epoch.to_dict()` of each, in order; none give empty axes.
        dark: for a dark page.
        beside: epochs of another run that is drawn beside this one; the axes hold both.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=4,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.05,
        row_heights=[0.33, 0.33, 0.17, 0.17],
    )
    number = [epoch["number"] for epoch in epochs]
    kept = max((i for i, epoch in enumerate(epochs) if epoch["best"]), default=None)
    lines = (
        (1, "train_loss", "Loss, training", 1, 0, "dot"),
        (1, "loss", "Loss, held out", 1, 0, "solid"),
        (2, "ranking_accuracy", "Accuracy, ranking block", 100, 1, "dot"),
        (2, "accuracy", "Accuracy, distance", 100, 1, "solid"),
        (3, "lr", "Learning rate", 1, 2, "solid"),
        (4, "speed", "Images per second", 1, 3, "solid"),
    )
    for row, key, name, factor, colour, dash in lines:
        values = [_value(epoch, key, factor) for epoch in epochs]
        ring = [i == kept and key in ("loss", "accuracy") for i in range(len(number))]
        marker = {
            "size": [12 if ringed else 4 for ringed in ring],
            "symbol": ["circle-open" if ringed else "circle" for ringed in ring],
        }
        line = {"color": PALETTE[colour], "dash": dash}
        curve = Scatter(
            x=number,
            y=values,
            name=name,
            mode="lines+markers",
            line=line,
            marker=marker,
            showlegend=row < 3,  # the other panels are one curve each, named by their axis
        )
        figure.add_trace(curve, row=row, col=1)
    figure.update_layout(**layout(dark=dark), height=640)
    titles = ("Loss", "Local accuracy (%)", "Learning rate", "Images / s")
    for row, title in enumerate(titles, start=1):
        figure.update_yaxes(title=title, row=row, col=1)
    figure.update_yaxes(rangemode="tozero", row=4, col=1)
    figure.update_xaxes(title="Epoch", row=4, col=1)
    last = max((epoch["number"] for epoch in (*epochs, *beside)), default=0)
    figure.update_xaxes(tick0=0, dtick=max(1, round(last / 8)))
    if beside:
        for row in range(1, 5):
            both = [
                value
                for epoch in (*epochs, *beside)
                for at, key, _, factor, *_ in lines
                if at == row and (value := _value(epoch, key, factor)) is not None
            ]
            if both:
                room = 0.05 * (max(both) - min(both)) or 0.5
                low = 0.0 if row == 4 else min(both) - room
                figure.update_yaxes(range=[low, max(both) + room], row=row, col=1)
        figure.update_xaxes(range=[-0.03 * last, 1.03 * last])
    return figure


def _value(epoch: Mapping[str, Any], key: str, factor: float) -> float | None:
    """What is drawn of an epoch; None where it is not known.

    Images per second have no field of their own, and none where nothing was learned.
    """
    if key == "speed":
        images, seconds = epoch.get("images"), epoch.get("seconds")
        return images / seconds if images and seconds else None
    value = epoch[key]
    return None if value is None else factor * value
