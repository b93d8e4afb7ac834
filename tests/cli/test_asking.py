"""`ask` and `search`, as people and scripts read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cssim.cli import main
from tests.world import IMAGES, World, make_world

pytestmark = pytest.mark.usefixtures("world")


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With ensembles of two metrics: of equal weights, and of weights by the reference."""
    made = make_world(tmp_path)
    run("images", "add", made.images)
    run("labels", "import", made.answers, "--cluster", "w", "--kind", "validation")
    run("embed", "histogram", "hog", "tiny-clip")
    pair = ("--member", "histogram", "--member", "hog")
    run("ensemble", "build", "pair", *pair)
    run("ensemble", "build", "near", *pair, "--strategy", "knn", "--fit-on", "w",
        "--features", "tiny-clip")  # fmt: skip
    return made


def test_the_answer_and_each_members_view_of_it(world: World) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    values = json.loads(run("ask", "pair", *pictures, "--json").stdout)
    lines = run("ask", "pair", *pictures).stdout.splitlines()
    assert lines[0] == f"{values['choice']} is closer"
    to_a, to_b = values["member_distances"]["hog"]
    assert lines[2] == f"  hog: {values['votes']['hog']} ({to_a:.4f} to A, {to_b:.4f} to B)"
    same = run("ask", "pair", pictures[0], pictures[1], pictures[1]).stdout
    assert same.startswith("both are equally close\n  histogram: tie")


def test_the_explanation_names_weights_and_similar_references(world: World) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    values = json.loads(run("ask", "near", *pictures, "--explain", "--json").stdout)
    why = values["explanation"]
    text = run("ask", "near", *pictures, "--explain").stdout
    assert "confidence" in text
    assert "Weights (knn; they depend on the reference)" in text
    for name, weight in why["weights"].items():
        assert f"{name}  " in text
        assert f"{weight:.3f}" in text
    nearest = why["nearest"][0]
    assert nearest["name"] == pictures[0].name  # it is a validation reference itself
    assert "Nearest validation references, as tiny-clip sees them" in text
    assert f"{nearest['accuracy']['hog']:.1%}" in text
    bare = run("ask", "pair", *pictures, "--explain").stdout
    assert "they are the same for all references" in bare
    assert "Built without validation answers" in bare


def test_a_folder_is_searched(world: World, tmp_path: Path) -> None:
    (world.images / "broken.png").write_bytes(b"no picture")
    reference = world.images / "picture 02.png"
    words = ("search", "pair", reference, world.images, "--top", 4)
    values = json.loads(run(*words, "--json").stdout)
    assert (len(values["found"]), values["pictures"]) == (4, IMAGES)
    index = tmp_path / "kept.npz"
    for _ in range(2):
        shown = run(*words, "--index", index)
        assert [line.split("  ")[-1] for line in shown.stdout.splitlines()] == [
            "path",
            *(one["path"] for one in values["found"]),
        ]
        assert "left out: " in shown.stderr
        assert "broken.png" in shown.stderr
    assert index.is_file()


def test_mistakes_are_one_message(world: World, tmp_path: Path) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    assert "Usage" in run("ask", "pair", *pictures[:2], code=2).stderr
    assert "does not exist" in run("ask", "pair", tmp_path / "x", *pictures[:2], code=2).stderr
    assert "somebody" in run("ask", "somebody", *pictures, code=1).stderr
    text = tmp_path / "text.jpg"
    text.write_text("words")
    assert "not an image" in run("ask", "pair", text, *pictures[:2], code=1).stderr
    (tmp_path / "empty").mkdir()
    assert "no pictures in" in run("search", "pair", pictures[0], tmp_path / "empty").stdout
