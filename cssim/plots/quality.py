"""People as points: how fast they answer, and how far they agree with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cssim import words
from cssim.plots.style import PALETTE, ink, layout, paper

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True, slots=True)
class PersonPoint:
    """One person in the figure."""

    name: str
    seconds: float
    """Median time of an answer."""
    agreement: float
    """Mean share of the others who said the same, 0..1."""
    answers: int
    note: str = ""
    """What stands out, in words; empty where nothing does."""


def people_scatter(
    points: Sequence[PersonPoint], *, fast_seconds: float = 0.8, dark: bool = False
) -> Figure:
    """Agreement against speed, one mark a person; who stands out is marked.

    Args:
        points: the people.
        fast_seconds: a line is drawn there: answers below are too fast.
        dark: colours for a dark page.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for title, some, colour, symbol in (
        ("Nothing stands out", [p for p in points if not p.note], PALETTE[0], "circle"),
        ("Something stands out", [p for p in points if p.note], PALETTE[1], "diamond"),
    ):
        figure.add_scatter(
            x=[p.seconds for p in some],
            y=[100 * p.agreement for p in some],
            mode="markers",
            name=title,
            marker={
                "color": colour,
                "symbol": symbol,
                "size": 9,
                "line": {"width": 1, "color": paper(dark)},  # parts those that overlap
            },
            text=[
                f"{p.name}<br>{words.count(p.answers, 'answer')}"
                + (f"<br>{p.note}" if p.note else "")
                for p in some
            ],
            hovertemplate="%{text}<br>%{x:.1f} s, %{y:.0f} % agreement<extra></extra>",
        )
    figure.add_vline(
        x=fast_seconds, line={"color": ink(dark), "width": 1, "dash": "dot"}, opacity=0.6
    )
    figure.update_layout(
        **layout(dark=dark),
        xaxis={
            "title": {"text": "Median seconds of an answer"},
            "type": "log",
            "tickvals": [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100],
        },
        yaxis={"title": {"text": "Agreement with the others, %"}},
        height=380,
    )
    return figure
