"""A map on its way to the browser: unpacked it is the figure that plotly would draw."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from cssim.plots.regions import Dots, Mark, Panel, region_figure, region_parts, region_print
from cssim.plots.wire import wire

KINDS = {"f4": "<f4", "f8": "<f8", "i4": "<i4"}
PLACES, CELLS = 40, 12


def unpacked(value: Any) -> Any:
    """Arrays again, with nothing of ours."""
    if isinstance(value, dict) and "bdata" in value:
        flat = np.frombuffer(b64decode(value["bdata"]), dtype=KINDS[value["dtype"]])
        shape = value.get("shape")
        return flat.reshape([int(n) for n in shape.split(",")]) if shape else flat
    return value


def panels(rng: np.random.Generator, count: int) -> list[Panel]:
    edges = np.stack([np.linspace(0, 1, CELLS + 1), np.linspace(2, 3, CELLS + 1)])
    made = []
    for k in range(count):
        surface = rng.random((CELLS, CELLS))
        surface[0, k] = np.nan
        made.append(Panel(f"m{k}", rng.random(PLACES), 0.5, 0.2, edges, surface))
    return made


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def dots(rng: np.random.Generator) -> Dots:
    ids = np.arange(PLACES) + 2**40  # more than 32 bits hold
    return Dots(ids, rng.random((PLACES, 2)), rng.integers(1, 9, PLACES))


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_sent_is_what_plotly_would_draw(
    rng: np.random.Generator, dots: Dots, count: int
) -> None:
    shown = panels(rng, count)
    marks = [Mark("rings", dots.xy[:5], image=dots.image[:5])]
    sent = json.loads(wire(region_parts(dots, shown, marks=marks)))
    figure = region_figure(dots, shown, marks=marks)
    first = next(trace for trace in sent["data"] if trace["meta"] == "dots")
    assert len(sent["data"]) == len(figure.data) == 3 * count
    np.testing.assert_array_equal(unpacked(sent["image"]), dots.image)
    np.testing.assert_array_equal(unpacked(sent["triples"]), dots.triples)
    for panel, values in zip(shown, sent["values"], strict=True):
        np.testing.assert_allclose(unpacked(values), panel.value, rtol=1e-6)
    for trace, drawn in zip(sent["data"], figure.data, strict=True):
        assert trace["meta"] == drawn.meta
        whole = first | trace if trace["meta"] == "dots" else trace
        np.testing.assert_array_equal(unpacked(whole["x"]), drawn.x)
        np.testing.assert_array_equal(unpacked(whole["y"]), drawn.y)
        if trace["meta"] == "map":
            np.testing.assert_array_equal(unpacked(trace["z"]), drawn.z)
        if trace["meta"] == "dots":
            marker = first["marker"] | trace["marker"]
            for name in ("color", "size", "opacity"):
                np.testing.assert_array_equal(unpacked(marker[name]), drawn.marker[name])
            assert (marker["cmin"], marker["cmax"]) == (drawn.marker.cmin, drawn.marker.cmax)
            assert whole["xaxis"] == drawn.xaxis
    assert sent["layout"]["xaxis"]["domain"] == list(figure.layout.xaxis.domain)


def test_a_dark_map_in_the_colours_of_print_is_the_light_one(
    rng: np.random.Generator, dots: Dots
) -> None:
    shown, marks = panels(rng, 1), [Mark("stars", dots.xy[:2], text=("a", "b"))]
    dark, light = (wire(region_parts(dots, shown, marks=marks, dark=one)) for one in (True, False))
    assert dark != light
    for colour, printed in region_print().items():
        assert f'"{colour}"' not in light
        dark = dark.replace(f'"{colour}"', f'"{printed}"')
    assert dark == light


def test_the_colours_of_many_panels_are_told_once_and_from_each_mean(
    rng: np.random.Generator, dots: Dots
) -> None:
    first, *later = [
        trace["marker"]
        for trace in region_parts(dots, panels(rng, 3))["data"]
        if trace["meta"] == "dots"
    ]
    assert not any(one["showscale"] or "colorbar" in one for one in later)
    assert first["colorbar"]["ticktext"] == ["-20", "-10", "0", "+10", "+20"]
    assert first["colorbar"]["title"]["text"] == "accuracy, points from each mean"
    np.testing.assert_allclose(first["colorbar"]["tickvals"], [-0.2, -0.1, 0, 0.1, 0.2])
    (alone,) = [t for t in region_parts(dots, panels(rng, 1))["data"] if t["meta"] == "dots"]
    told = alone["marker"]["colorbar"]
    assert told["ticktext"] == ["30 %", "40 %", "50 % mean", "60 %", "70 %"]
    np.testing.assert_allclose(told["tickvals"], [0.3, 0.4, 0.5, 0.6, 0.7])


def test_what_was_counted_is_sent_where_it_is_given(rng: np.random.Generator, dots: Dots) -> None:
    parts, counted = region_parts(dots, panels(rng, 1)), rng.random(PLACES)
    np.testing.assert_allclose(unpacked(json.loads(wire(parts, counted))["raw"]), counted, 1e-6)
    assert json.loads(wire(parts))["raw"] is None


def test_places_and_evidence_are_sent_once(rng: np.random.Generator, dots: Dots) -> None:
    one, eight = (len(wire(region_parts(dots, panels(rng, n)))) for n in (1, 8))
    sent = json.loads(wire(region_parts(dots, panels(rng, 3))))
    _, *later = [trace for trace in sent["data"] if trace["meta"] == "dots"]
    for trace in later:
        assert not {"x", "y", "customdata"} & set(trace)
        assert not {"size", "opacity"} & set(trace["marker"])
    assert eight < 8 * one


def test_dots_that_differ_between_panels_are_sent_with_their_panel(
    rng: np.random.Generator, dots: Dots
) -> None:
    known = Panel("known", rng.random(PLACES), 0.5, 0.2)
    gap = np.where(np.arange(PLACES) == 3, np.nan, rng.random(PLACES))
    sent = json.loads(wire(region_parts(dots, [known, Panel("gap", gap, 0.5, 0.2)])))
    later = sent["data"][1]["marker"]
    assert unpacked(later["opacity"])[3] == pytest.approx(0.15)
    assert np.isnan(unpacked(sent["values"][1])[3])
