"""Maps of an inspection: what each dot and each panel shows, with the null of every map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.ensembles.competence import GRID, WINDOW, competence_map
from cssim.ensembles.regions import (
    DRAWS,
    RegionTest,
    Windows,
    pairwise_agreement,
    region_tests,
    shrunk,
)
from cssim.errors import BadInput
from cssim.plots.regions import Dots, Mark, Panel, group_marks
from cssim.services import gallery
from cssim.services.inspection_types import TRAINED, UNSEEN, Inspection
from cssim.services.workspace import Workspace
from cssim.types import Image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("model", "multiples", "difference", "agreement")
"""One row; all CS models side by side; one row minus another; how far the CS models agree."""
PLANES = ("pca", "tsne")
OVERLAYS = ("none", "clusters", "tags", "leakage")
LEAST_REACH = 0.05
"""Colours are full at this distance from the centre at least, so that noise looks pale."""
MANY, FEW_DRAWS = 5_000, 99
"""Above so many references the null is made of fewer shuffles, so that sliders stay live."""


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows; plain values, so that it can be a key and stand in an address."""

    kind: str = "model"
    row: str = ""
    other: str = ""
    """The row that is taken away in a difference."""
    plane: str = "pca"
    surface: bool = True
    """Whether the competence map lies beneath the dots."""
    grid: int = GRID
    window: int = WINDOW
    overlay: str = "none"
    tags: tuple[str, ...] = ()
    """Only references with one of these tags; none takes all."""
    least: int = 1
    """Only references with so many triples."""

    def __post_init__(self) -> None:
        for name, allowed in (("kind", KINDS), ("plane", PLANES), ("overlay", OVERLAYS)):
            if getattr(self, name) not in allowed:
                raise BadInput(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )


@dataclass(frozen=True, eq=False)
class Picture:
    """A view with its numbers."""

    dots: Dots
    panels: tuple[Panel, ...]
    tests: tuple[RegionTest, ...]
    """The null of each panel's map."""
    marks: tuple[Mark, ...]
    places: Ints
    """(k,) places of the dots among the inspection's references."""
    axes: tuple[str, str]


def reference_images(ws: Workspace, inspection: Inspection) -> tuple[Image, ...]:
    """The image of each reference, in order; one that is gone is known by its number."""
    found = gallery.images_of(ws, inspection.reference.tolist())
    return tuple(
        found.get(id_, Image(id_, f"image {id_}, gone")) for id_ in inspection.reference.tolist()
    )


def compared_rows(inspection: Inspection) -> list[int]:
    """Places of the rows that stand side by side: the CS models, or all where there are few."""
    rows = inspection.info.rows
    cs = [i for i, row in enumerate(rows) if row.kind == "cs"]
    return cs if len(cs) > 1 else list(range(len(rows)))


def planes(inspection: Inspection) -> list[str]:
    """The planes in which the references lie."""
    return [name for name in PLANES if getattr(inspection, name) is not None]


def shown_places(inspection: Inspection, images: Sequence[Image], view: View) -> Ints:
    """Places of the references that a view shows, in order."""
    keep = inspection.counts >= view.least
    if view.tags:
        wanted = set(view.tags)
        keep = keep & np.array([not wanted.isdisjoint(image.tags) for image in images])
    return np.flatnonzero(keep)


def shuffles(references: int) -> int:
    """How many shuffles a null of so many references is made of."""
    return DRAWS if references <= MANY else FEW_DRAWS


def picture(inspection: Inspection, images: Sequence[Image], view: View) -> Picture:
    """A view with its numbers.

    Accuracies of dots are shrunk towards the model's mean over all references of the inspection;
    maps and their nulls are made of the shown references' own accuracies, as the paper does.

    Args:
        inspection: what is looked at.
        images: of its references, in order.
        view: what to show.

    Raises:
        BadInput: no such plane, or no reference fits the filters.
        NotFound: no such row.
    """
    places = shown_places(inspection, images, view)
    if not len(places):
        raise BadInput("no reference fits these filters; widen them")
    coordinates = getattr(inspection, view.plane)
    if coordinates is None:
        raise BadInput(f"this inspection has no {view.plane}; make it again with a frozen model")
    xy = np.asarray(coordinates)[places]
    values = _values(inspection, view)
    raw = np.stack([one.raw[places] for one in values])
    reach = max(LEAST_REACH, *(_reach(one.shown[places], one.centre) for one in values))
    surfaces, edges = _surfaces(values, xy, places, view) if view.surface else ([], None)
    draws = shuffles(len(places))
    tests = region_tests(xy, raw, grid=view.grid, window=view.window, draws=draws)
    panels = tuple(
        Panel(
            title=one.title,
            value=one.shown[places],
            centre=one.centre,
            reach=reach,
            edges=edges,
            surface=surfaces[k] if view.surface else None,
            unit=one.unit,
            points=view.kind == "difference",
            note=null_note(tests[k], wide=len(values) == 1),
            raw=one.raw[places],
        )
        for k, one in enumerate(values)
    )
    dots = Dots(inspection.reference[places], xy, inspection.counts[places])
    return Picture(
        dots, panels, tuple(tests), tuple(_marks(inspection, images, view, places, xy)),
        places, _axes(inspection, view),
    )  # fmt: skip


def null_note(test: RegionTest, *, wide: bool = False) -> str:
    """What a map is worth, in a few words, and the verdict in a line of its own.

    Args:
        test: of the map.
        wide: whether there is room for a sentence.
    """
    if test.explained is None or test.shuffled is None or test.p is None:
        return "no differences"
    explained, shuffled = f"{100 * test.explained:.0f} %", f"{100 * test.shuffled:.0f} %"
    told = f"{explained} · null {shuffled} · p {told_p(test.p)}"
    if wide:
        told = f"regions explain {explained}, shuffled {shuffled}, p {told_p(test.p)}"
    return f"{told}<br>{'regions matter' if is_sure(test) else 'no more than chance'}"


def is_sure(test: RegionTest) -> bool:
    """Whether a map explains more than maps of shuffled references do."""
    return test.p is not None and test.p <= SURE


def null_sentence(title: str, test: RegionTest) -> str:
    """The same as a sentence with its verdict; Markdown."""
    if test.explained is None or test.shuffled is None or test.p is None:
        return f"{title}: the references do not differ, so there is nothing for regions to explain."
    verdict = (
        "**regions matter**"
        if is_sure(test)
        else "**no more than chance: read no region out of this map**"
    )
    return (
        f"{title}: regions explain **{100 * test.explained:.1f} %** of the differences between "
        f"{words.count(test.references, 'reference')}, shuffled references "
        f"**{100 * test.shuffled:.1f} %** ({100 * (test.low or 0):.1f} to "
        f"{100 * (test.high or 0):.1f} %), p {told_p(test.p)}: {verdict}."
    )


SURE = 0.05
"""Up to this p a map is said to explain more than chance."""


def told_p(value: float) -> str:
    """`= 0.120`, or `≤ 0.005` where the shuffles can tell no more."""
    return f"= {value:.3f}" if value >= 0.0105 else f"≤ {value:.3f}"


@lru_cache(maxsize=64)
def _windows_of(key: bytes, count: int, grid: int) -> int:
    """The window, by the points' own bytes; see `suggested_window`."""
    xy = np.frombuffer(key, dtype=np.float64).reshape(count, 2)
    for window in (10, 14, 20, 28, 40, 56):
        if float(np.median(Windows.of(xy, grid, window).count)) >= LEGIBLE:
            return window
    return 56


LEGIBLE = 8
"""References that a typical window should hold before a map is worth reading."""


def suggested_window(inspection: Inspection, grid: int = GRID) -> int:
    """The paper's window, or the least wider one with `LEGIBLE` references in a typical place."""
    if inspection.pca is None:
        return WINDOW
    xy = np.ascontiguousarray(inspection.pca, dtype=np.float64)
    return _windows_of(xy.tobytes(), len(xy), grid)


@dataclass(frozen=True, eq=False)
class _Value:
    """What one panel shows of each reference."""

    title: str
    raw: Floats
    """(g,) as it was counted."""
    shown: Floats
    """(g,) shrunk."""
    centre: float
    unit: str
    parts: tuple[tuple[float, Floats], ...]
    """Factors and accuracies of which the map is the sum."""


def _values(inspection: Inspection, view: View) -> list[_Value]:
    if view.kind == "difference":
        one = _row_value(inspection, inspection.row(view.row))
        other = _row_value(inspection, inspection.row(view.other))
        title = f"{one.title} minus {other.title}"
        unit = "percentage points"
        parts = ((1.0, one.raw), (-1.0, other.raw))
        return [_Value(title, one.raw - other.raw, one.shown - other.shown, 0.0, unit, parts)]
    if view.kind == "agreement":
        return [_agreement(inspection)]
    rows = [inspection.row(view.row)] if view.kind == "model" else compared_rows(inspection)
    return [_row_value(inspection, row) for row in rows]


def _row_value(inspection: Inspection, row: int) -> _Value:
    counts = inspection.counts.astype(np.float64)
    raw = np.asarray(inspection.sums[row] / counts)
    near = shrunk(np.asarray(inspection.sums[row]), counts)
    mean = float(inspection.sums[row].sum() / counts.sum())
    return _Value(inspection.info.names[row], raw, near, mean, "accuracy", ((1.0, raw),))


def _agreement(inspection: Inspection) -> _Value:
    rows = compared_rows(inspection)
    says = np.sign(inspection.distances[rows, :, 1] - inspection.distances[rows, :, 0])
    raw = pairwise_agreement(says, inspection.which, len(inspection.reference))
    counts = inspection.counts.astype(np.float64)
    near, mean = shrunk(raw * counts, counts), float((raw * counts).sum() / counts.sum())
    title = f"Agreement of {words.count(len(rows), 'model')}"
    return _Value(title, raw, near, mean, "pairs of models that agree", ((1.0, raw),))


def _reach(values: Floats, centre: float) -> float:
    return float(np.quantile(np.abs(values - centre), 0.97))


def _surfaces(
    values: Sequence[_Value], xy: Floats, places: Ints, view: View
) -> tuple[list[Floats], Floats]:
    parts = [accuracy[places] for one in values for _, accuracy in one.parts]
    made = competence_map(xy, np.stack(parts), grid=view.grid, window=view.window)
    found, k = [], 0
    for one in values:
        total = np.zeros(made.count.shape)
        for factor, _ in one.parts:
            total = total + factor * made.accuracy[k]
            k += 1
        found.append(total)
    return found, made.edges


def _marks(
    inspection: Inspection, images: Sequence[Image], view: View, places: Ints, xy: Floats
) -> list[Mark]:
    ids = inspection.reference[places]
    if view.overlay == "tags":
        return group_marks(_labels([images[i] for i in places.tolist()]), xy, ids)
    if view.overlay == "leakage" and view.kind in ("model", "difference"):
        seen = inspection.seen[inspection.row(view.row), places]
        names = np.array(["", "shown in training", "reference in training"])[seen]
        return group_marks(names.tolist(), xy, ids) if (seen != UNSEEN).any() else []
    if view.overlay == "leakage":
        seen = inspection.seen[compared_rows(inspection)].max(axis=0)[places]
        names = np.where(seen == TRAINED, "reference in training of one", "").tolist()
        return group_marks(names, xy, ids) if (seen == TRAINED).any() else []
    if view.overlay == "clusters" and inspection.info.landmarks:
        found = [
            (mark.cluster, mark.pca if view.plane == "pca" else mark.tsne, mark.reference)
            for mark in inspection.info.landmarks
        ]
        there = [(name, at, id_) for name, at, id_ in found if at is not None]
        return [
            Mark(
                "references of CS clusters",
                np.array([at for _, at, _ in there]),
                text=tuple(name for name, _, _ in there),
                symbol="star-diamond",
                size=11,
                image=np.array([id_ for _, _, id_ in there], dtype=np.int64),
            )
        ]
    return []


def _labels(images: Sequence[Image]) -> list[str]:
    """One tag for each image: the first that does not lie on all of them."""
    common = set.intersection(*(set(image.tags) for image in images))
    return [next((tag for tag in image.tags if tag not in common), "") for image in images]


def _axes(inspection: Inspection, view: View) -> tuple[str, str]:
    if view.plane == "tsne":
        return "t-SNE 1", "t-SNE 2"
    shares = inspection.info.explained
    if shares is None:
        return "PC 1", "PC 2"
    return f"PC 1 ({100 * shares[0]:.0f} % of variance)", f"PC 2 ({100 * shares[1]:.0f} %)"
