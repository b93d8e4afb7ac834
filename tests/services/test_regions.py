"""Pictures of regions: numbers of the dots and maps against their own computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cssim.ensembles.competence import competence_map
from cssim.ensembles.regions import region_test, shrunk
from cssim.errors import BadInput, NotFound
from cssim.plots.regions import evidence_of, group_marks, region_figure, scale
from cssim.services import regions
from cssim.services.inspecting import Landmark
from cssim.services.regions import View, picture
from cssim.types import Image
from tests.inspections import made_up
from tests.typed import present

INSPECTION = made_up(references=30)
PCA = present(INSPECTION.pca)
IMAGES = tuple(
    Image(int(i), f"{i}.jpg", "0" * 64, tags=("all", "sea" if i % 3 else "land"))
    for i in INSPECTION.reference
)
MODEL = View(row="CS one", grid=20, window=6)


def test_dots_are_the_shrunk_accuracies_and_the_map_is_the_papers() -> None:
    found = picture(INSPECTION, IMAGES, MODEL)
    (panel,), (test,) = found.panels, found.tests
    row = INSPECTION.row("CS one")
    counts = INSPECTION.counts.astype(float)
    np.testing.assert_allclose(panel.value, shrunk(INSPECTION.sums[row], counts))
    assert panel.centre == pytest.approx(INSPECTION.credit[row].mean())
    raw = INSPECTION.sums[row] / counts
    made = competence_map(PCA, raw[None], grid=20, window=6)
    np.testing.assert_array_equal(panel.surface, made.accuracy[0])
    assert test == region_test(PCA, raw, grid=20, window=6)
    assert panel.title == "CS one"


def test_all_cs_models_stand_side_by_side_on_one_scale() -> None:
    found = picture(INSPECTION, IMAGES, replace(MODEL, kind="multiples"))
    assert [panel.title for panel in found.panels] == ["CS one", "CS two"]
    assert len({panel.reach for panel in found.panels}) == 1
    assert [panel.centre for panel in found.panels] == pytest.approx(INSPECTION.overall[1:3])


def test_a_difference_is_one_model_minus_the_other_everywhere() -> None:
    view = replace(MODEL, kind="difference", other="CS two")
    (panel,) = picture(INSPECTION, IMAGES, view).panels
    one, other = (
        picture(INSPECTION, IMAGES, replace(MODEL, row=name)).panels[0]
        for name in ("CS one", "CS two")
    )
    np.testing.assert_allclose(panel.value, one.value - other.value)
    surfaces = present(one.surface) - present(other.surface)
    np.testing.assert_allclose(present(panel.surface), surfaces)
    (back,) = picture(INSPECTION, IMAGES, replace(view, row="CS two", other="CS one")).panels
    np.testing.assert_allclose(back.value, -panel.value)
    assert panel.centre == 0


def test_agreement_counts_pairs_of_cs_models() -> None:
    view = replace(MODEL, kind="agreement", surface=False)
    found = picture(INSPECTION, IMAGES, view)
    says = INSPECTION.distances[1:3, :, 0] < INSPECTION.distances[1:3, :, 1]
    same = says[0] == says[1]
    assert found.panels[0].centre == pytest.approx(same.mean())
    raw = np.array([same[INSPECTION.which == g].mean() for g in range(30)])
    counts = INSPECTION.counts.astype(float)
    np.testing.assert_allclose(found.panels[0].value, shrunk(raw * counts, counts))
    assert found.panels[0].surface is None


@pytest.mark.parametrize("plane", ["pca", "tsne"])
@pytest.mark.parametrize("tags", [(), ("sea",), ("land",), ("sea", "land")])
@pytest.mark.parametrize("kind", ["model", "multiples", "difference", "agreement"])
def test_each_dot_carries_the_id_of_the_image_that_lies_there(
    kind: str, tags: tuple[str, ...], plane: str
) -> None:
    view = replace(MODEL, kind=kind, other="sum", tags=tags, plane=plane, overlay="tags")
    found = picture(INSPECTION, IMAGES, view)
    figure = region_figure(found.dots, found.panels, marks=found.marks)
    own = dict(zip(INSPECTION.reference.tolist(), getattr(INSPECTION, plane), strict=True))
    wanted = {i.id for i in IMAGES if not tags or set(tags) & set(i.tags)}
    traces = [trace for trace in figure.data if trace.meta == "dots"]
    assert len(traces) == len(found.panels)
    for trace, panel in zip(traces, found.panels, strict=True):
        ids = [int(row[0]) for row in trace.customdata]
        assert set(ids) == wanted
        for k, id_ in enumerate(ids):
            np.testing.assert_allclose((trace.x[k], trace.y[k]), own[id_], rtol=1e-6)
            place = INSPECTION.reference.tolist().index(id_)
            assert trace.customdata[k][1] == INSPECTION.counts[place]
            assert trace.customdata[k][2] == panel.value[k]
            assert found.places[k] == place
    for mark in (trace for trace in figure.data if trace.meta == "mark"):
        for row, x in zip(mark.customdata, mark.x, strict=True):
            assert own[int(row[0])][0] == x


def test_filters_that_nothing_fits_and_rows_that_are_none_are_refused() -> None:
    with pytest.raises(BadInput, match="no reference fits"):
        picture(INSPECTION, IMAGES, replace(MODEL, tags=("sky",)))
    with pytest.raises(NotFound, match="there are: frozen"):
        picture(INSPECTION, IMAGES, replace(MODEL, row="CS three"))
    with pytest.raises(BadInput, match="kind must be"):
        View(kind="heat")
    with pytest.raises(BadInput, match="no tsne"):
        picture(replace(INSPECTION, tsne=None), IMAGES, replace(MODEL, plane="tsne"))


def test_evidence_is_size_and_opacity() -> None:
    counts = np.where(np.arange(30) % 2, 4, 16)
    few = replace(INSPECTION, counts=counts, sums=INSPECTION.accuracy * counts)
    found = picture(few, IMAGES, MODEL)
    figure = region_figure(found.dots, found.panels)
    (dots,) = [trace for trace in figure.data if trace.meta == "dots"]
    sizes, faint = np.asarray(dots.marker.size), np.asarray(dots.marker.opacity)
    odd = np.arange(30) % 2 == 1
    assert sizes[odd].max() < sizes[~odd].min()
    assert faint[odd].max() < faint[~odd].min() <= 1
    np.testing.assert_allclose(evidence_of(np.array([4, 16])), [np.sqrt(4 / 15.4), 1], rtol=1e-3)


def test_colours_are_centred_on_the_mean_and_differ_on_both_sides() -> None:
    found = picture(INSPECTION, IMAGES, MODEL)
    (dots,) = [t for t in region_figure(found.dots, found.panels).data if t.meta == "dots"]
    panel = found.panels[0]
    assert (dots.marker.cmin + dots.marker.cmax) / 2 == pytest.approx(panel.centre)
    assert dots.marker.cmax - panel.centre == pytest.approx(panel.reach)
    for dark in (False, True):
        steps = scale(dark=dark)
        assert steps[3][0] == 0.5
        reds = [int(colour[1:3], 16) - int(colour[5:7], 16) for _, colour in steps]
        assert min(reds[:3]) > 20  # orange: more red than blue
        assert max(reds[4:]) < -20  # blue: the other way, so no kind of sight mixes them up


def test_overlays_mark_clusters_tags_and_what_was_seen() -> None:
    tags = picture(INSPECTION, IMAGES, replace(MODEL, overlay="tags")).marks
    assert {mark.name: len(mark.xy) for mark in tags} == {"sea": 20, "land": 10}
    seen = np.array(INSPECTION.seen)
    seen[1, 4], seen[1, 5] = 2, 1
    leaked = replace(INSPECTION, seen=seen)
    marks = picture(leaked, IMAGES, replace(MODEL, overlay="leakage")).marks
    assert {mark.name: present(mark.image).tolist() for mark in marks} == {
        "reference in training": [104],
        "shown in training": [105],
    }
    many = replace(MODEL, overlay="leakage", kind="multiples")
    assert [present(m.image).tolist() for m in picture(leaked, IMAGES, many).marks] == [[104]]
    assert picture(INSPECTION, IMAGES, many).marks == ()
    stars = replace(INSPECTION.info, landmarks=(Landmark("ocean", 7, (1.0, 2.0), None),))
    known = replace(INSPECTION, info=stars)
    (mark,) = picture(known, IMAGES, replace(MODEL, overlay="clusters")).marks
    assert (mark.text, mark.xy.tolist()) == (("ocean",), [[1.0, 2.0]])


def test_groups_beyond_the_palette_share_a_colour() -> None:
    labels = [f"g{i % 9}" for i in range(40)] + [""]
    xy, ids = np.zeros((41, 2)), np.arange(41)
    marks = group_marks(labels, xy, ids, most=4)
    assert [mark.name for mark in marks] == ["g0", "g1", "g2", "other"]
    assert sum(len(mark.xy) for mark in marks) == 40


def test_the_null_is_said_in_words() -> None:
    (test,) = picture(INSPECTION, IMAGES, MODEL).tests
    sentence = regions.null_sentence("CS one", test)
    assert f"explain **{100 * present(test.explained):.1f} %**" in sentence
    assert f"shuffled references **{100 * present(test.shuffled):.1f} %**" in sentence
    assert "no more than chance" in sentence
    sure = replace(test, p=0.005)
    assert "p ≤ 0.005: **regions matter**." in regions.null_sentence("CS one", sure)
    alike = replace(test, explained=None)
    assert "nothing for regions to explain" in regions.null_sentence("CS one", alike)
    assert regions.null_note(alike) == "no differences"


def test_a_map_that_fails_its_null_says_so_beside_it() -> None:
    found = picture(INSPECTION, IMAGES, replace(MODEL, kind="multiples"))
    for panel, test in zip(found.panels, found.tests, strict=True):
        assert panel.note.endswith("<br>no more than chance") is (present(test.p) > regions.SURE)
    (test,) = picture(INSPECTION, IMAGES, MODEL).tests
    failing = replace(test, explained=0.137, shuffled=0.141, p=0.051)
    assert regions.null_note(failing) == "14 % · null 14 % · p = 0.051<br>no more than chance"
    assert regions.null_note(replace(failing, p=0.05), wide=True) == (
        "regions explain 14 %, shuffled 14 %, p = 0.050<br>regions matter"
    )


def test_a_panel_tells_what_was_counted_beside_what_it_shows() -> None:
    (panel,) = picture(INSPECTION, IMAGES, MODEL).panels
    row = INSPECTION.row(MODEL.row)
    np.testing.assert_allclose(present(panel.raw), INSPECTION.sums[row] / INSPECTION.counts)
    assert (
        np.abs(present(panel.raw) - panel.centre).sum() > np.abs(panel.value - panel.centre).sum()
    )


def test_the_window_is_the_papers_where_references_are_many() -> None:
    assert regions.suggested_window(made_up(references=40)) > 10
    rng = np.random.default_rng(0)
    crowd = replace(INSPECTION, pca=rng.normal(size=(6000, 2)))
    assert regions.suggested_window(crowd) == 10
    assert regions.suggested_window(replace(INSPECTION, pca=None)) == 10


def test_without_cs_models_all_rows_are_compared() -> None:
    bare = made_up(rows=(("a", "frozen"), ("b", "metric")))
    assert regions.compared_rows(bare) == [0, 1]
    assert regions.planes(replace(bare, tsne=None)) == ["pca"]


def test_small_panels_draw_every_so_many_cells_of_a_fine_map() -> None:
    from cssim.plots.regions import FINE, Dots, Panel, region_figure

    rng = np.random.default_rng(0)
    edges = np.stack([np.linspace(0, 1, 201), np.linspace(2, 3, 201)])
    surface = rng.random((200, 200))
    dots = Dots(np.arange(1, 4), rng.random((3, 2)), np.full(3, 5))
    panel = Panel("m", rng.random(3), 0.5, 0.2, edges, surface)
    whole, small = (
        next(t for t in region_figure(dots, [panel] * n).data if t.meta == "map") for n in (1, 2)
    )
    assert np.allclose(whole.z, surface, atol=1e-6)
    step = 200 // FINE
    side = 200 // step
    assert np.asarray(small.z).shape == (side, side)
    assert len(small.x) == side + 1
    for row, column in ((0, 0), (3, 17), (side - 1, side - 1)):
        value = surface[row * step + step // 2, column * step + step // 2]
        assert small.z[row][column] == pytest.approx(value - 0.5, abs=1e-6)
        # The cell that is drawn lies where the one that it shows lies.
        inside = edges[0][column * step + step // 2]
        assert small.x[column] <= inside < small.x[column + 1]
