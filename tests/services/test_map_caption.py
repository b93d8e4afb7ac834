"""A caption holds the numbers of its map, computed here from the arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssim.services import regions
from cssim.services.map_caption import caption
from cssim.services.regions import View
from cssim.types import Image
from tests.inspections import made_up
from tests.typed import present

INSPECTION = made_up(references=40)
IMAGES = [
    Image(id_, f"{id_}.png", tags=("sea",) if k % 4 else ("land",))
    for k, id_ in enumerate(INSPECTION.reference.tolist())
]


def said(view: View) -> str:
    found = regions.picture(INSPECTION, IMAGES, view)
    return caption(INSPECTION.info, view, found)


def test_a_caption_holds_what_the_map_rests_on() -> None:
    view = View(row="CS one", window=30)
    text, row = said(view), INSPECTION.row("CS one")
    mean = INSPECTION.sums[row].sum() / INSPECTION.counts.sum()
    assert text.startswith("Accuracy of CS one on 40 reference images with 240 triples (ocean).")
    assert f"above the mean, {100 * mean:.1f} %" in text
    assert "features of frozen (30 % and 20 % of their variance)" in text
    assert "a square window of side 30 on a grid of side 200" in text
    (test,) = regions.picture(INSPECTION, IMAGES, view).tests
    assert f"CS one {100 * present(test.explained):.1f} % against" in text
    assert "199 random shuffles" in text
    assert "Beneath" not in said(replace(view, surface=False))


def test_filters_and_planes_are_said() -> None:
    view = View(row="CS one", plane="tsne", tags=("land",), least=2)
    kept = INSPECTION.counts[np.arange(40) % 4 == 0]
    text = said(view)
    assert f"10 reference images with {int(kept.sum())} triples" in text
    assert "only with the tag land; only with 2 triples or more" in text
    assert "t-SNE of up to 50 principal components" in text


@pytest.mark.parametrize(
    ("kind", "start", "maps"),
    [
        ("multiples", "Accuracy of 2 models on", ["CS one", "CS two"]),
        ("difference", "Accuracy of CS one minus that of sum on", ["CS one minus sum"]),
        ("agreement", "Agreement of 2 models: share of pairs", ["Agreement of 2 models"]),
    ],
)
def test_each_kind_of_map_is_called_what_it_is(kind: str, start: str, maps: list[str]) -> None:
    text = said(View(kind=kind, row="CS one", other="sum"))
    assert text.startswith(start)
    for name in maps:
        assert f"{name} " in text.split("dealt anew")[1]
