"""Maps of reference images: dots and competence beneath them, one panel or many.

Colours run from orange (below the centre) over grey to blue (above it): told apart with every kind
of colour vision, and dark enough on both sides. The size and opacity of a dot are its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.plots.style import PALETTE, for_print, ink, layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

_BELOW = ("#7F3B08", "#D9700F", "#F3B26B")
_ABOVE = ("#7DB4DC", "#2E7FBF", "#08406E")
_RIMS = {False: "rgba(40,40,40,0.55)", True: "rgba(0,0,0,0.65)"}
SMALL, LARGE = 4.0, 11.5
"""Diameters of a dot with the least and with the most triples, in pixels, where there is room."""
ROOM = 500
"""Dots up to which there is room; the area of more shrinks with the root of their number."""
CROWD = 4_000
"""Dots, over all panels, above which they have no rims."""
FAINT = 0.45
"""Opacity of a dot with the least triples."""
COLUMNS = 4
"""Panels beside each other."""
FINE = 70
"""Cells across a map beneath small panels, at most about; every so many of a finer one are drawn.
A panel has hardly more pixels than a fine map has cells, and windows are many cells wide."""


@dataclass(frozen=True, eq=False)
class Panel:
    """What one map shows."""

    title: str
    value: Floats
    """(k,) number of each dot, in the order of `Dots`; NaN is drawn as a grey ring."""
    centre: float
    """Colour in the middle: the model's mean, or 0 for differences."""
    reach: float
    """Distance from the centre at which the colour is full, > 0."""
    edges: Floats | None = None
    """(2, grid + 1) of the map beneath; None draws none."""
    surface: Floats | None = None
    """(grid, grid) the map, row = second dimension; NaN is empty."""
    unit: str = "accuracy"
    """What the colours mean."""
    points: bool = False
    """Whether values are differences, in percentage points."""
    note: str = ""
    """Below the title, in lines parted by `<br>`, e.g. what the map is worth."""
    raw: Floats | None = None
    """(k,) number of each dot as it was counted; None where it is not told."""


@dataclass(frozen=True, eq=False)
class Dots:
    """Where the references lie, and how much is known of each."""

    image: NDArray[np.int64]
    """(k,) image ids: what a click gives back."""
    xy: Floats
    """(k, 2)."""
    triples: NDArray[np.int64]
    """(k,) >= 1."""


@dataclass(frozen=True, eq=False)
class Mark:
    """Something laid over the dots."""

    name: str
    xy: Floats
    """(m, 2)."""
    text: tuple[str, ...] = ()
    """Beside each; none draws none."""
    symbol: str = "circle-open"
    colour: str = ""
    """Empty: the colour of text."""
    size: float = 14.0
    image: NDArray[np.int64] | None = None
    """(m,) image ids where the marks are images; None: nothing happens on a click."""


def scale(*, dark: bool = False) -> list[list[Any]]:
    """The diverging colour scale, for plotly: orange below, blue above, grey between."""
    middle = "#8B9097" if dark else "#D6D6D6"
    colours = (*_BELOW, middle, *_ABOVE)
    if dark:
        colours = ("#FFB45C", "#E8842A", "#B57A4A", middle, "#6C9CC4", "#4FA3E8", "#9AD0FF")
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def region_print() -> dict[str, str]:
    """What stands on white for each colour of a dark map, see `style.for_print`."""
    scales = zip(scale(dark=True), scale(), strict=True)
    return for_print() | {one[1]: other[1] for one, other in scales} | {_RIMS[True]: _RIMS[False]}


def region_figure(
    dots: Dots,
    panels: Sequence[Panel],
    *,
    marks: Sequence[Mark] = (),
    axes: tuple[str, str] = ("", ""),
    dark: bool = False,
    columns: int = COLUMNS,
    panel_height: int = 560,
) -> Figure:
    """Panels of the same dots in different colours, with what lies beneath and over them.

    Each dot's `customdata` is (image id, triples, value); traces of dots have `meta` "dots", maps
    "map", marks "mark". Panels move together. The colour bar tells one panel's
    own unit; the colours of many are the distance from each one's centre.

    Args:
        dots: the references shown.
        panels: at least one.
        marks: laid over all panels, e.g. the references of context clusters.
        axes: names of the dimensions; of one panel alone.
        dark: for a dark page.
        columns: panels beside each other at most.
        panel_height: of one row of panels, in pixels; a legend comes on top.
    """
    from plotly.graph_objects import Figure

    return Figure(
        region_parts(
            dots,
            panels,
            marks=marks,
            axes=axes,
            dark=dark,
            columns=columns,
            panel_height=panel_height,
        )
    )


def region_parts(
    dots: Dots,
    panels: Sequence[Panel],
    *,
    marks: Sequence[Mark] = (),
    axes: tuple[str, str] = ("", ""),
    dark: bool = False,
    columns: int = COLUMNS,
    panel_height: int = 560,
) -> dict[str, Any]:
    """`data` and `layout` of `region_figure`, which plotly's classes take 100 ms to check."""
    many = len(panels) > 1
    data: list[dict[str, Any]] = []
    for k, panel in enumerate(panels):
        number = "" if k == 0 else str(k + 1)
        place = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        shift = panel.centre if many else 0.0
        if panel.surface is not None and panel.edges is not None:
            data.append(_surface(panel, shift, dark, FINE if many else 0) | place)
        made = _dots(dots, panel, shift, len(panels), dark)
        if k == 0:
            made["marker"] |= {"showscale": True, "colorbar": _bar(panel, shift, dark, many)}
        data.append(made | place)
        data += [_mark(mark, dark, k, many) | place for mark in marks]
    shape = region_layout(panels, bool(marks), axes, dark, columns, panel_height)
    return {"data": data, "layout": shape}


def region_layout(
    panels: Sequence[Panel],
    marked: bool,
    axes: tuple[str, str] = ("", ""),
    dark: bool = False,
    columns: int = COLUMNS,
    panel_height: int = 560,
) -> dict[str, Any]:
    """The layout of `region_figure` alone, e.g. with fewer columns for a phone."""
    across = min(columns, len(panels))
    down = ceil(len(panels) / across)
    shape = _layout(dark, panels, across, down, axes, panel_height * down)
    return shape | {"height": panel_height * down + (36 if marked else 0)}


def _surface(panel: Panel, shift: float, dark: bool, fine: int) -> dict[str, Any]:
    assert panel.edges is not None
    assert panel.surface is not None
    (across, up), surface = panel.edges, panel.surface
    step = max(1, len(surface) // fine) if fine else 1
    if step > 1:
        last = (len(surface) // step) * step
        across, up = across[: last + 1 : step], up[: last + 1 : step]
        surface = surface[step // 2 : last : step, step // 2 : last : step]
    return {
        "type": "heatmap",
        "x": across.astype(np.float32),
        "y": up.astype(np.float32),
        "z": (surface - shift).astype(np.float32),
        "zmin": panel.centre - shift - panel.reach,
        "zmax": panel.centre - shift + panel.reach,
        "colorscale": scale(dark=dark),
        "showscale": False,
        "opacity": 0.42,
        "hoverinfo": "skip",
        "meta": "map",
    }


def _dots(dots: Dots, panel: Panel, shift: float, panels: int, dark: bool) -> dict[str, Any]:
    """The dots as a dictionary: plotly's own classes check each of many thousand numbers."""
    many = panels > 1
    evidence = evidence_of(dots.triples)
    crowd = max(0.4, min(1.0, (ROOM / max(1, len(dots.image))) ** 0.25)) * (0.6 if many else 1.0)
    small, large = SMALL * crowd, LARGE * crowd
    known = np.isfinite(panel.value)
    marker: dict[str, Any] = {
        "color": np.where(known, panel.value - shift, 0.0).astype(np.float32),
        "cmin": panel.centre - shift - panel.reach,
        "cmax": panel.centre - shift + panel.reach,
        "colorscale": scale(dark=dark),
        "size": _short(small + (large - small) * evidence),
        "opacity": _short(np.where(known, FAINT + (1 - FAINT) * evidence, 0.15)),
        # Rims of very many small dots would hide their colours, and cost time.
        "line": {
            "width": 0.6 if panels * len(known) <= CROWD else 0.0,
            "color": _RIMS[dark],
        },
        "showscale": False,
    }
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": dots.xy[:, 0].astype(np.float32),
        "y": dots.xy[:, 1].astype(np.float32),
        "customdata": np.column_stack([dots.image, dots.triples, panel.value]),
        "marker": marker,
        "hoverinfo": "none",
        "showlegend": False,
        "name": panel.title,
        "meta": "dots",
    }


def _short(values: Floats) -> NDArray[np.float32] | float:
    """One number where all are equal: plotly draws that several times as fast."""
    if len(values) and np.ptp(values) == 0:
        return float(values[0])
    return values.astype(np.float32)


def evidence_of(triples: NDArray[np.int64]) -> Floats:
    """(k,) 0..1: the square root of the triples, between none and the 95 % quantile."""
    top = max(1.0, float(np.quantile(triples, 0.95))) if len(triples) else 1.0
    return np.asarray(np.clip(np.sqrt(triples / top), 0.0, 1.0))


def _bar(panel: Panel, shift: float, dark: bool, many: bool) -> dict[str, Any]:
    """The colours in numbers: one panel's own, or how far from each one's centre for many."""
    steps, centre = np.linspace(-panel.reach, panel.reach, 5), panel.centre - shift
    texts = [_tick(centre + step, panel.points or many) for step in steps]
    if many:
        texts[2] = "0"
    elif not panel.points:
        texts[2] = f"{texts[2]} mean"
    unit = f"{panel.unit}, points from each mean" if many else panel.unit
    return {
        "title": {"text": unit, "side": "right", "font": {"size": 12}},
        "tickvals": (centre + steps).tolist(),
        "ticktext": texts,
        "tickfont": {"size": 11, "color": ink(dark)},
        "thickness": 10,
        "len": 0.7,
        "outlinewidth": 0,
        "xpad": 4,
    }


def _tick(value: float, points: bool) -> str:
    return f"{100 * value:+.0f}" if points else f"{100 * value:.0f} %"


def _mark(mark: Mark, dark: bool, panel: int, many: bool) -> dict[str, Any]:
    colour = mark.colour or ink(dark)
    texts = bool(mark.text) and not many  # no room for words in small panels
    return {
        # Texts need the plain kind; a few marks are light in both.
        "type": "scatter" if texts else "scattergl",
        "mode": "markers+text" if texts else "markers",
        "x": mark.xy[:, 0],
        "y": mark.xy[:, 1],
        "text": list(mark.text) if texts else None,
        "textposition": "top center",
        "textfont": {"size": 12, "color": ink(dark)},
        "marker": {
            "symbol": mark.symbol,
            "size": mark.size * (0.65 if many else 1.0),
            "color": colour,
            "line": {"width": 1.6, "color": colour},
        },
        "customdata": None if mark.image is None else np.column_stack([mark.image]),
        "hoverinfo": "none" if mark.image is not None else "skip",
        "name": mark.name,
        "legendgroup": mark.name,
        "showlegend": panel == 0,
        "meta": "mark",
    }


def _layout(
    dark: bool,
    panels: Sequence[Panel],
    across: int,
    down: int,
    axes: tuple[str, str],
    height_px: int,
) -> dict[str, Any]:
    """Axes and titles of all panels; later axes follow the first, so that zooming moves all."""
    shape = layout(dark=dark)
    many = len(panels) > 1
    head = 16 + 15 * max(1 + panel.note.count("<br>") if panel.note else 0 for panel in panels)
    gap_x, gap_y = (0.012, (head + 14) / height_px) if many else (0.0, 0.0)
    width, height = (1 - gap_x * (across - 1)) / across, (1 - gap_y * (down - 1)) / down
    titles = []
    for k, panel in enumerate(panels):
        row, column = divmod(k, across)
        left, top = column * (width + gap_x), 1 - row * (height + gap_y)
        number = "" if k == 0 else str(k + 1)
        common: dict[str, Any] = {
            "showticklabels": False,
            "ticks": "",
            "showgrid": not many,
            "showline": True,
            "mirror": True,
        }
        follow = {"matches": "x"} if k else {}
        shape[f"xaxis{number}"] = {
            **common, **follow, "anchor": f"y{number}", "domain": [left, left + width],
            "title": {"text": "" if many else axes[0], "font": {"size": 12}, "standoff": 4},
        }  # fmt: skip
        follow = {"matches": "y"} if k else {}
        shape[f"yaxis{number}"] = {
            **common, **follow, "anchor": f"x{number}", "domain": [max(0.0, top - height), top],
            "title": {"text": "" if many else axes[1], "font": {"size": 12}, "standoff": 4},
        }  # fmt: skip
        titles.append(
            {
                "text": f"<b>{panel.title}</b><br>{panel.note}" if panel.note else panel.title,
                "showarrow": False, "align": "left", "xref": "paper", "yref": "paper",
                "x": left + 0.006, "y": top, "xanchor": "left", "yanchor": "bottom",
                "font": {"size": 11},
            }
        )  # fmt: skip
    shape |= {"annotations": titles, "hovermode": "closest", "dragmode": "lasso"}
    shape["margin"] = {"l": 6, "r": 6, "t": head + 8, "b": 6}
    shape["legend"] = {"orientation": "h", "y": -0.02, "yanchor": "top", "x": 0}
    shape["newselection"] = {"line": {"color": ink(dark), "width": 1.5, "dash": "dot"}}
    shape["uirevision"] = f"regions {axes[0]}"  # another plane is seen whole
    return shape


def group_marks(
    labels: Sequence[str], xy: Floats, image: NDArray[np.int64], *, most: int = len(PALETTE)
) -> list[Mark]:
    """A ring in the group's colour round each dot; groups beyond `most` share grey as "other".

    Args:
        labels: (k,) one for each dot; the empty text is left out.
        xy: (k, 2) of the dots.
        image: (k,) ids of the dots.
        most: groups with a colour of their own, the largest ones.
    """
    names = np.asarray(labels, dtype=str)
    found, sizes = np.unique(names[names != ""], return_counts=True)
    ranked = [str(name) for name in found[np.argsort(-sizes, kind="stable")]]
    shown = ranked if len(ranked) <= most else ranked[: most - 1]
    marks = []
    for k, name in enumerate(shown):
        own = names == name
        marks.append(Mark(name, xy[own], colour=PALETTE[k], size=11, image=image[own]))
    rest = np.isin(names, np.array(ranked[len(shown) :], dtype=str))
    if rest.any():
        marks.append(Mark("other", xy[rest], colour=PALETTE[-1], size=11, image=image[rest]))
    return marks
