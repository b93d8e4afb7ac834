"""What a project holds: classes, answers by day, where the labels lie, what sets share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.plots.heat import heat
from cssim.plots.style import PALETTE, ink, layout, quiet_ink

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CLASSES = {
    1: "almost the same",
    2: "similar, close idea",
    3: "related",
    4: "weakly connected",
    5: "irrelevant",
}
_STEPS = ("#08306B", "#2171B5", "#4F9BCB", "#86BCDC", "#B9D6EA")
"""Classes from close to far: one hue, so that their order shows."""


def classes_figure(sets: Mapping[str, Mapping[int, int]], *, dark: bool = False) -> Figure:
    """How often each class was given in each set, as shares of the set's classes.

    Args:
        sets: by name, how often each class 1..5 was given; sets without classes are left out.
        dark: for a dark page.
    """
    from plotly.graph_objects import Bar, Figure

    shown = {name: counts for name, counts in sets.items() if sum(counts.values())}
    totals = {name: sum(counts.values()) for name, counts in shown.items()}
    figure = Figure()
    for value, title in CLASSES.items():
        figure.add_trace(
            Bar(
                name=f"{value} {title}",
                y=list(shown),
                x=[100 * shown[name].get(value, 0) / totals[name] for name in shown],
                customdata=[shown[name].get(value, 0) for name in shown],
                orientation="h",
                marker={
                    "color": _STEPS[value - 1],
                    "line": {"color": quiet_ink(dark), "width": 0.5},
                },
                hovertemplate=(
                    f"<b>%{{y}}</b><br>{value} {title}: %{{x:.1f}} %, "
                    "%{customdata:,} times<extra></extra>"
                ),
            )
        )
    figure.update_layout(**layout(dark=dark), barmode="stack", height=150 + 26 * len(shown))
    figure.update_layout(legend_traceorder="normal", margin_t=70)
    figure.update_xaxes(title="Share of the classes given (%)", range=[0, 100])
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def classes_table(sets: Mapping[str, Mapping[int, int]]) -> list[dict[str, Any]]:
    """The numbers behind `classes_figure`."""
    return [
        {"set": name, "class": value, "meaning": title, "times": counts.get(value, 0)}
        for name, counts in sets.items()
        for value, title in CLASSES.items()
    ]


def days_figure(
    counts: Sequence[tuple[str, date, int]], *, most: int = 6, dark: bool = False
) -> Figure:
    """Answers by day, stacked by person; those beyond the busiest few are drawn together.

    Args:
        counts: (what the person is called, day, answers), any order.
        most: people with a colour of their own.
        dark: for a dark page.
    """
    from plotly.graph_objects import Bar, Figure

    totals: dict[str, int] = {}
    for name, _, n in counts:
        totals[name] = totals.get(name, 0) + n
    order = sorted(totals, key=lambda name: (-totals[name], name))
    own, rest = order[:most], set(order[most:])
    figure = Figure()
    days = sorted({day for _, day, _ in counts})
    for k, group in enumerate([*([name] for name in own), *([sorted(rest)] * bool(rest))]):
        by_day = dict.fromkeys(days, 0)
        for name, day, n in counts:
            if name in group:
                by_day[day] += n
        title = group[0] if len(group) == 1 else words.count(len(group), "other")
        figure.add_trace(
            Bar(
                name=title,
                x=[day.isoformat() for day in days],
                y=[by_day[day] for day in days],
                marker={"color": PALETTE[k % len(PALETTE)]},
                hovertemplate=f"<b>{title}</b><br>%{{x}}: %{{y:,}} answers<extra></extra>",
            )
        )
    figure.update_layout(**layout(dark=dark), barmode="stack", height=340)
    figure.update_layout(bargap=max(0.1, 1 - 0.12 * len(days)))  # a lone bar is no wall
    few = len(days) <= 14
    figure.update_xaxes(type="category" if few else "date")
    figure.update_yaxes(title="Answers", rangemode="tozero")
    return figure


def coverage_map(
    points: NDArray[np.floating],
    labelled: NDArray[np.bool_],
    ids: NDArray[np.int64],
    *,
    dark: bool = False,
) -> Figure:
    """All pictures on a plane, and where those lie that are references with labels.

    Lines of equal density of the references lie over dots of all pictures; each dot's `customdata`
    is the image's id.

    Args:
        points: (n, 2) coordinates.
        labelled: (n,) whether the picture is the reference of a page.
        ids: (n,) image ids.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Histogram2dContour, Scattergl

    figure = Figure()
    own = points[labelled]
    if len(own) >= 10:
        figure.add_trace(
            Histogram2dContour(
                x=own[:, 0],
                y=own[:, 1],
                ncontours=8,
                colorscale=[[0, "rgba(213,94,0,0)"], [1, "rgba(213,94,0,0.5)"]],
                line={"width": 0.5, "color": PALETTE[1]},
                showscale=False,
                hoverinfo="skip",
                name="density of references",
            )
        )
    for title, which, colour, size in (
        ("other pictures", ~labelled, quiet_ink(dark), 4),
        ("references of pages", labelled, PALETTE[1], 7),
    ):
        figure.add_trace(
            Scattergl(
                name=title,
                x=points[which, 0],
                y=points[which, 1],
                customdata=ids[which],
                mode="markers",
                marker={"color": colour, "size": size, "opacity": 0.6},
                hovertemplate=f"{title}, image %{{customdata}}<extra></extra>",
            )
        )
    figure.update_layout(**layout(dark=dark), height=520)
    figure.update_xaxes(title="First component", showgrid=False, showticklabels=False)
    figure.update_yaxes(title="Second component", showgrid=False, showticklabels=False)
    return figure


def shared_figure(
    names: Sequence[str],
    counts: NDArray[np.int64],
    sizes: Sequence[int],
    what: str,
    *,
    dark: bool = False,
) -> Figure:
    """Which share of each set (columns) another set (rows) holds.

    Args:
        names: of the sets.
        counts: (sets, sets) of the column's pictures, in or near the row's.
        sizes: of the column's pictures in all.
        what: what is counted, e.g. `images`.
        dark: for a dark page.
    """
    shares = [
        [None if i == j or not sizes[j] else int(n) / sizes[j] for j, n in enumerate(row)]
        for i, row in enumerate(counts)
    ]
    hover = [
        [
            f"{int(n):,} of {sizes[j]:,} {what} of <b>{names[j]}</b><br>by <b>{names[i]}</b>"
            for j, n in enumerate(row)
        ]
        for i, row in enumerate(counts)
    ]
    return heat(names, names, shares, hover, dark=dark, absent="")


def ceilings_figure(agreement: Sequence[Mapping[str, Any]], *, dark: bool = False) -> Figure:
    """The human ceiling of each set with its interval; chance stands at one half.

    Args:
        agreement: `set`, `others`, `low`, `high`, `triples`; sets without overlap are left out.
        dark: for a dark page.
    """
    from plotly.graph_objects import Figure, Scatter

    rows = [one for one in agreement if one["others"] is not None]
    x = [100 * one["others"] for one in rows]
    figure = Figure(
        Scatter(
            x=x,
            y=[one["set"] for one in rows],
            mode="markers",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [
                    0.0 if one["high"] is None else 100 * one["high"] - at
                    for at, one in zip(x, rows, strict=True)
                ],
                "arrayminus": [
                    0.0 if one["low"] is None else at - 100 * one["low"]
                    for at, one in zip(x, rows, strict=True)
                ],
                "thickness": 1.5,
            },
            marker={"color": PALETTE[0], "size": 10},
            hovertext=[
                f"<b>{one['set']}</b>: {100 * one['others']:.1f} "
                f"%<br>{words.count(one['triples'], 'triple')} with two votes or more"
                for one in rows
            ],
            hoverinfo="text",
        )
    )
    figure.add_vline(50, line={"color": ink(dark), "width": 1, "dash": "dot"})
    figure.update_layout(**layout(dark=dark), height=110 + 32 * len(rows), margin_t=10)
    figure.update_xaxes(title="Agreement with the next person (%)")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure
