"""The tool that weighs recipe parts, on ten drawn pictures and a network of a few numbers."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from cssim.config import load_settings
from cssim.services import library
from cssim.services.workspace import open_workspace
from cssim.training import learner
from cssim.training.config import TrainConfig
from cssim.training.data import Dataset
from cssim.training.linear import HeadModel
from cssim.triples import Triples
from tests.embeddings.small_models import save_small
from tests.experiments import recipe_parts, tables
from tests.experiments.people import People
from tests.experiments.studies import PARTS, STUDIES
from tests.experiments.trial import raw_margin

TWO: dict[str, tuple[str, dict[str, object]]] = {"one": ("one", {}), "other": ("other", {})}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return save_small("vit", tmp_path_factory.mktemp("vit"))


def call(*words):
    done = CliRunner().invoke(recipe_parts.main, [str(w) for w in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def rows(path):
    return list(recipe_parts.read(path))


def run(data, small, results, *words, study="parts"):
    scratch = results.parent / "scratch"
    size = ("--references", 2, "--unseen", 3, "--scratch", scratch, "--set", "epochs=2")
    return call("run", study, data, results, "--backbone", small, *size, *words)


def test_votes_are_those_of_the_file(data):
    people = People.read(data)
    assert len(people.triples) == len((data / "triplets.csv").read_text().splitlines()) - 1
    assert set(people.triples.votes_a + people.triples.votes_b) == {3.0}
    lower = np.minimum(people.triples.a, people.triples.b)
    closer = np.where(people.triples.votes_a > 1.5, people.triples.a, people.triples.b)
    assert (closer == lower).all()
    assert people.name(1) == "00"


def answers(people):
    """Every triple by the content of its pictures, the candidates in a fixed order."""
    pixels = {int(i): people.load(int(i)).tobytes() for i in people.ids}
    t = people.triples
    columns = zip(t.reference, t.a, t.b, t.votes_a, t.votes_b, strict=True)
    return {
        (pixels[int(r)], *sorted([(pixels[int(a)], float(n)), (pixels[int(b)], float(m))]))
        for r, a, b, n, m in columns
    }


def test_a_project_gives_the_answers_of_the_file_it_was_made_from(data, tmp_path):
    home = tmp_path / "project"
    ws = open_workspace(load_settings(home=home, project="materials"))
    library.add_images(ws, [data / "images"])
    library.import_labels(ws, data / "triplets.csv", per_reference=2, validation_share=0)
    project = People.of_project(home, "materials")
    assert answers(project) == answers(People.read(data))
    trained, judging = project.divided(0)
    assert (len(trained), len(judging)) == (2, 3)


def test_no_reference_is_trained_on_and_judges(data):
    people = People.read(data)
    trained, judging = people.divided(2)
    assert len(trained) == 2
    assert not set(trained) & set(judging.tolist())
    assert len(judging) == 3


def test_every_part_that_a_head_can_have_is_tried_once_on_the_same_triples(data, small, tmp_path):
    results = tmp_path / "results.jsonl"
    run(data, small, results, "--set", "adapter=head")
    found = rows(results)
    assert [row["variant"] for row in found] == 2 * [name for name in PARTS if name != "augment"]
    assert {row["adapter"] for row in found} == {"head"}
    for reference in {row["reference"] for row in found}:
        judged = [row["local"][1] for row in found if row["reference"] == reference]
        assert len(set(judged)) == 1
    assert all(len(row["global"]) == 3 for row in found)


def test_a_call_that_was_stopped_goes_on(data, small, tmp_path):
    results = tmp_path / "results.jsonl"
    words = ("--set", "adapter=head", "--variant", "default", "--variant", "majority")
    run(data, small, results, *words)
    whole = results.read_text().splitlines()
    results.write_text("\n".join(whole[:1]) + "\n")
    said = run(data, small, results, *words)
    assert said.startswith("1/3 ")
    times = {"seconds": 0, "processor_seconds": 0}
    timeless = [{**json.loads(line), **times} for line in whole]
    again = [{**row, **times} for row in rows(results)]
    assert sorted(map(str, again)) == sorted(map(str, timeless))


def test_lora_and_the_frozen_backbone_are_judged_alike(data, small, tmp_path):
    results = tmp_path / "results.jsonl"
    words = ("--variant", "1", "--variant", "all", "--variant", "frozen")
    run(data, small, results, *words, study="depth")
    found = rows(results)
    assert {row["variant"] for row in found} == {"1", "all", "frozen"}
    trained = [row for row in found if row["variant"] != "frozen"]
    assert all(row["seconds"] > 0 and row["images"] > 0 for row in trained)
    assert len({tuple(row["global_counts"]) for row in found}) == 1


def test_a_model_that_did_not_learn_answers_as_the_frozen_backbone(data, small, tmp_path):
    results = tmp_path / "results.jsonl"
    still = ("--set", "lr=0", "--set", "ranking_lr=0")
    run(data, small, results, *still, "--variant", "1", "--variant", "frozen", study="depth")
    first, second = (r for r in rows(results) if r["reference"] == rows(results)[0]["reference"])
    assert first["global"] == second["global"]
    assert first["local"] == second["local"]
    # Untrained, the antisymmetric block ranks as the distance does.
    right = sum(first["global"]) / sum(first["global_counts"])
    assert first["global_by_block"] == pytest.approx(right)


def test_raw_margins_are_on_unnormalised_distances_and_are_put_back():
    before = vars(learner)["batch_loss"]
    config = TrainConfig.from_dict({"adapter": "head", "choice_weight": 0.0, "margin": 4.0})
    model = HeadModel(2, config)
    one, unknown = np.ones(1, dtype=np.int64), np.full(1, np.nan)
    votes = np.array([2.0]), np.array([0.0])
    triples = Triples(one, one + 1, one + 2, *votes, unknown, unknown, one)
    batch = Dataset(triples, np.arange(1, 4), 4.0, 0.0, 2.0).batch(np.arange(1))
    embeddings = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    with raw_margin(True):
        loss = vars(learner)["batch_loss"]
        assert loss(model, embeddings, batch, config).item() == pytest.approx(0)  # 4 + 1 - 8 < 0
        near = embeddings / 2
        assert loss(model, near, batch, config).item() == pytest.approx(4 + 0.25 - 2)
    assert before(model, embeddings, batch, config).item() == pytest.approx(4 + 0 - 2)
    assert vars(learner)["batch_loss"] is before


def trial(variant, reference, local, far, seed=0):
    return {
        "variant": variant, "reference": reference, "seed": seed, "backbone": "b", "by": "page",
        "local": [local, 10], "global": far, "global_counts": [10] * len(far),
    }  # fmt: skip


def test_the_table_gives_paired_points_and_marks_what_excludes_zero():
    given = [
        trial(name, reference, 8 - lost, [7 - lost, 9 - lost])
        for name, lost in (("one", 0), ("other", 1))
        for reference in ("r", "s")
    ]
    text = tables.markdown(given, TWO).splitlines()
    assert text[4] == "| one | 80.0 [80.0, 80.0] |  | 80.0 [70.0, 90.0] |  |  |  | 2 (2) |"
    assert text[5].startswith("| other | 70.0 [70.0, 70.0] | **-10.0 [-10.0, -10.0]** | 70.0 ")
    assert "**-10.0 [-10.0, -10.0]** |  |  | 2 (2) |" in text[5]


def test_differences_stand_beside_the_first_row_of_each_backbone():
    given = [
        {**trial(name, reference, 8 - lost, [7 - lost]), "backbone": backbone}
        for name, lost in (("one", 0), ("other", 1))
        for reference in ("r", "s")
        for backbone in ("b", "c")
    ]
    text = tables.differences(given, TWO).splitlines()
    assert text[0] == "| | b, local | b, global | c, local | c, global | n |"
    assert text[2].startswith("| one | 80.0 [80.0, 80.0] | 70.0 [70.0, 70.0] | 80.0 ")
    assert text[3] == f"| other |{4 * ' **-10.0 [-10.0, -10.0]** |'} 2 (2) |"


def test_intervals_of_global_accuracy_vary_with_trained_and_judging_references():
    rng = np.random.default_rng(1)
    trained, judging = rng.normal(0, 0.1, (2, 60))
    right = 10 * (0.7 + trained[:40, None] + judging[None])
    credits = tables.Credits(
        np.full((40, 2), 10.0), np.stack([right, np.full(right.shape, 10.0)], axis=2)
    )
    mean, low, high = credits.far_mean()
    assert mean == pytest.approx(10 * right.mean())
    expected = 100 * np.sqrt(trained[:40].var() / 40 + judging.var() / 60)
    assert (high - low) / 3.92 == pytest.approx(expected, rel=0.05)


def test_what_was_judged_on_other_triples_is_not_subtracted():
    one, other = (tables.Credits(np.array([[5.0, n]]), np.zeros((1, 1, 2))) for n in (8.0, 9.0))
    with pytest.raises(ValueError, match="same triples"):
        one.minus(other)


def test_a_pair_needs_both_sides():
    only = [trial("one", "r", 8, [5]), trial("one", "s", 8, [5]), trial("other", "s", 6, [5])]
    text = tables.markdown(only, TWO).splitlines()
    assert text[5].endswith("| 1 (1) |")


@pytest.mark.parametrize("study", STUDIES)
def test_settings_of_a_study_are_those_of_the_product(study):
    for _, settings in STUDIES[study].values():
        TrainConfig.from_dict({k: v for k, v in settings.items() if k != "raw"})
