"""A saved ensemble answers as its members and its strategy do, and refuses what it must."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

import cssim
from cssim.embeddings.encoder import Encoder, load_encoder
from cssim.ensembles.distances import triple_distances
from cssim.ensembles.ensemble import Ensemble
from cssim.ensembles.saved import Member, identity_of, load_ensemble, save_ensemble
from cssim.ensembles.strategies import STRATEGIES, Fitted, strategy
from cssim.errors import BadInput, Conflict, NotFound
from cssim.triples import Triples
from cssim.types import Choice


@dataclass
class MeanColour:
    """An encoder that can be worked out by hand: mean red, green and blue, times a sign."""

    name: str = "mean colour"
    fingerprint: str = "c0"
    dim: int = 3
    power: float = 1.0

    def embed(self, images) -> np.ndarray:
        rows = [np.asarray(i, dtype=np.float32).mean(axis=(0, 1)) + 1 for i in images]
        return np.array(rows, dtype=np.float32).reshape(-1, 3) ** self.power


def plain(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((4, 5, 3), (red, green, blue), dtype=np.uint8)


RED, ORANGE, BLUE = plain(250, 10, 10), plain(250, 120, 10), plain(10, 10, 250)
TWO = {"soft": MeanColour(), "sharp": MeanColour("sharp", "c1", power=3.0)}
SUM = Fitted("uniform", (0.25, 0.75), (0.5, 2.0), slope=4.0)


def by_hand(power: float, x: np.ndarray, y: np.ndarray) -> float:
    u, v = ((p[0, 0].astype(float) + 1) ** power for p in (x, y))
    return float(1 - u @ v / np.sqrt((u @ u) * (v @ v)))


def test_the_encoder_of_these_tests_keeps_the_contract():
    assert isinstance(MeanColour(), Encoder)


def test_the_closer_candidate_by_hand():
    found = Ensemble(TWO, SUM).closer(RED, BLUE, ORANGE)
    soft = [by_hand(1, RED, x) for x in (BLUE, ORANGE)]
    sharp = [by_hand(3, RED, x) for x in (BLUE, ORANGE)]
    total = [0.25 * p / 0.5 + 0.75 * q / 2.0 for p, q in zip(soft, sharp, strict=True)]
    assert found.choice is Choice.B
    assert found.distances == pytest.approx(total, abs=1e-6)
    assert found.member_distances["sharp"] == pytest.approx(sharp, abs=1e-6)
    assert found.votes == {"soft": Choice.B, "sharp": Choice.B}
    expected = 1 / (1 + np.exp(-4 * (total[0] - total[1])))
    assert found.confidence == pytest.approx(expected, abs=1e-6)


def test_it_introduces_itself_in_one_line_without_its_networks():
    strategy, members = SUM.strategy, ", ".join(TWO)
    assert repr(Ensemble(TWO, SUM)) == f"Ensemble({strategy} of {members})"


def test_swapping_the_candidates_swaps_the_answer_and_keeps_the_confidence():
    ensemble = Ensemble(TWO, SUM)
    one, other = ensemble.closer(RED, BLUE, ORANGE), ensemble.closer(RED, ORANGE, BLUE)
    assert (one.choice, other.choice) == (Choice.B, Choice.A)
    assert other.confidence == pytest.approx(one.confidence)


def test_a_picture_ties_with_itself_exactly():
    found = Ensemble(TWO, SUM).closer(RED, BLUE, BLUE.copy())
    assert (found.choice, found.confidence) == (None, 0.5)
    assert set(found.votes.values()) == {None}


def test_without_validation_answers_there_is_no_confidence():
    assert Ensemble(TWO, replace(SUM, slope=None)).closer(RED, BLUE, ORANGE).confidence is None


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_each_strategy_answers_as_it_does_on_arrays(name):
    rng = np.random.default_rng(0)
    pictures = [plain(*rng.integers(0, 255, 3)) for _ in range(30)]
    images = [PIL.Image.fromarray(p) for p in pictures]
    rows = rng.permuted(np.tile(np.arange(30), (40, 1)), axis=1)[:, :3].T
    distances = triple_distances([e.embed(images) for e in TWO.values()], *rows)
    features = TWO["soft"].embed([images[i] for i in rows[0]])
    fitted = strategy(name).fit(
        distances,
        rng.integers(0, 5, 40) / 4,
        reference=rows[0],
        features=features,
        projector="soft",
    )
    combined = fitted.combine(distances, features)
    ensemble = Ensemble(TWO, fitted)
    for t in range(10):
        found = ensemble.closer(*(pictures[i] for i in rows[:, t]))
        assert found.distances == pytest.approx(combined[t].tolist())
        if not fitted.votes:
            reference, a, _ = (pictures[i] for i in rows[:, t])
            assert ensemble.distance(reference, a) == pytest.approx(combined[t, 0])


def by_reference(projector: str) -> Fitted:
    rng = np.random.default_rng(1)
    features = np.repeat(rng.random((10, 3)), 4, axis=0)
    return strategy("knn").fit(
        rng.random((2, 40, 2)),
        rng.integers(0, 2, 40) / 1,
        reference=np.repeat(np.arange(10), 4),
        features=features,
        projector=projector,
    )


def test_a_projector_that_is_no_member_is_saved_and_loaded_beside_them(tmp_path):
    fitted, looks = by_reference("histogram"), load_encoder("histogram", models=None)
    members = [Member("soft", encoder="histogram"), Member("sharp", encoder="hog")]
    with pytest.raises(BadInput, match="projector"):
        save_ensemble(tmp_path / "none", members, fitted)
    assert not (tmp_path / "none").exists()
    own = Member("histogram", encoder="histogram", identity=identity_of(looks))
    save_ensemble(tmp_path / "saved", members, fitted, projector=own)
    loaded = load_ensemble(tmp_path / "saved")
    assert loaded.fitted == fitted
    assert loaded.projector is not None
    assert loaded.projector.fingerprint == looks.fingerprint


def test_weights_by_the_reference_need_their_projector_and_have_no_vector():
    with pytest.raises(BadInput, match="'somebody'"):
        Ensemble(TWO, by_reference("somebody"))
    with pytest.raises(BadInput, match="by the reference"):
        Ensemble(TWO, by_reference("soft")).embed([RED])


def test_distance_is_the_one_that_closer_compares():
    ensemble = Ensemble(TWO, SUM)
    found = ensemble.closer(RED, BLUE, ORANGE)
    assert ensemble.distance(RED, BLUE) == pytest.approx(found.distances[0])
    assert ensemble.distance(RED, RED) == pytest.approx(0, abs=1e-12)


def test_vectors_half_the_square_of_whose_distance_is_the_ensembles():
    ensemble = Ensemble(TWO, SUM)
    vectors = ensemble.embed([RED, ORANGE, BLUE])
    assert vectors.shape == (3, 6)
    assert vectors.dtype == np.float32
    for i, x in enumerate((RED, ORANGE, BLUE)):
        expected = ensemble.distance(RED, x)
        assert ((vectors[0] - vectors[i]) ** 2).sum() / 2 == pytest.approx(expected, abs=1e-6)


def test_a_vote_has_no_distance_and_a_negative_weight_no_vector():
    vote = Ensemble(TWO, Fitted("vote", (0.5, 0.5), (1.0, 1.0), votes=True))
    assert vote.closer(RED, BLUE, ORANGE).choice is Choice.B
    with pytest.raises(BadInput, match="two candidates"):
        vote.distance(RED, BLUE)
    with pytest.raises(BadInput, match="two candidates"):
        vote.embed([RED])
    against = Ensemble(TWO, Fitted("stacking", (1.5 / 2, -0.5 / 2), (1.0, 1.0)))
    assert against.distance(RED, BLUE) != 0
    with pytest.raises(BadInput, match="against"):
        against.embed([RED])


def test_members_are_known_by_their_weights_and_not_by_their_precision():
    card = SimpleNamespace(tensors_sha256="t0")
    trained: Any = SimpleNamespace(name="cs", fingerprint="bf16", dim=3, info=card)
    backbone: Any = SimpleNamespace(name="vit", fingerprint="bf16", dim=3, weights="w0")
    assert [identity_of(e) for e in (trained, backbone, MeanColour())] == ["t0", "w0", "c0"]


def metrics_saved(folder: Path) -> Path:
    """An ensemble of the two metrics that need no weights."""
    members = [
        Member(name, encoder=name, identity=identity_of(load_encoder(name)))
        for name in ("histogram", "hog")
    ]
    save_ensemble(folder, members, SUM, card={"fitted on": "nothing"})
    return folder


def test_an_ensemble_saved_and_loaded_gives_the_same_answers(tmp_path: Path):
    folder = metrics_saved(tmp_path / "pair")
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(3)]
    loaded = cssim.load_ensemble(folder)
    encoders = {name: load_encoder(name) for name in ("histogram", "hog")}
    assert loaded.closer(*noise) == Ensemble(encoders, SUM).closer(*noise)
    assert loaded.card == {"fitted on": "nothing"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pair"]


def test_members_at_hand_are_not_loaded_again(tmp_path: Path):
    members = [Member(name, encoder="no such backbone", identity="c" + str(i))
               for i, name in enumerate(TWO)]  # fmt: skip
    save_ensemble(tmp_path / "two", members, SUM)
    loaded = load_ensemble(tmp_path / "two", encoders=TWO)
    assert loaded.closer(RED, BLUE, ORANGE).choice is Choice.B


def test_members_whose_weights_have_changed_are_refused(tmp_path: Path):
    members = [Member(name, encoder="x", identity="c0") for name in TWO]
    save_ensemble(tmp_path / "two", members, SUM)
    with pytest.raises(BadInput, match="'sharp' has other weights"):
        load_ensemble(tmp_path / "two", encoders=TWO)


def test_trained_members_are_copied_without_their_training_state(tmp_path: Path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("model.json", "model.safetensors", "state.safetensors"):
        (model / name).write_text(name)
    members = [Member("soft", folder=model), Member("sharp", encoder="x")]
    save_ensemble(tmp_path / "e", members, SUM)
    copied = tmp_path / "e" / "members" / "0"
    assert sorted(p.name for p in copied.iterdir()) == ["model.json", "model.safetensors"]


def test_a_trained_member_on_real_weights_loads_from_its_copy(shared: Path, tmp_path: Path):
    from cssim.embeddings.backbones import load_backbone
    from cssim.training.checkpoint import load_model
    from cssim.training.config import TrainConfig
    from cssim.training.loop import fit

    models, name = shared / "weights", "mobilenet_v1_0.25_128_qat"
    where: dict[str, Any] = {"models": models, "device": "cpu", "precision": "float32"}
    pictures = [PIL.Image.fromarray(p) for p in (RED, ORANGE, BLUE)]
    one, none = np.ones(3), np.full(3, np.nan)
    ids = np.arange(3)
    triples = Triples(ids, (ids + 1) % 3, (ids + 2) % 3, one, 0 * one, none, none, ids)
    backbone = load_backbone(name, **where)
    config = TrainConfig(adapter="head", epochs=1, validation_share=0.0)
    for _ in fit(backbone, triples, lambda i: pictures[i], config, folder=tmp_path / "cs"):
        pass
    trained = load_model(tmp_path / "cs", **where)
    members = [
        Member("frozen", encoder=name, identity=identity_of(backbone)),
        Member("cs", folder=tmp_path / "cs", identity=identity_of(trained)),
    ]
    save_ensemble(tmp_path / "both", members, SUM)
    shutil.rmtree(tmp_path / "cs")
    found = load_ensemble(tmp_path / "both", **where).closer(RED, BLUE, ORANGE)
    expected = Ensemble({"frozen": backbone, "cs": trained}, SUM).closer(RED, BLUE, ORANGE)
    assert found == expected
    assert found.member_distances["cs"] != found.member_distances["frozen"]


def test_saving_refuses_a_folder_that_exists_and_leaves_nothing_behind_on_failure(tmp_path: Path):
    folder = metrics_saved(tmp_path / "pair")
    with pytest.raises(Conflict, match="exists"):
        metrics_saved(folder)
    missing = [Member("soft", folder=tmp_path / "gone"), Member("sharp", encoder="x")]
    with pytest.raises(NotFound, match="gone"):
        save_ensemble(tmp_path / "new", missing, SUM)
    with pytest.raises(ValueError, match="JSON"):
        save_ensemble(tmp_path / "new", [Member(n, encoder="x") for n in TWO], SUM,
                      card={"x": float("nan")})  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pair"]


def test_damaged_and_missing_ensembles_say_so(tmp_path: Path):
    with pytest.raises(NotFound, match=r"ensemble\.json"):
        load_ensemble(tmp_path)
    card = metrics_saved(tmp_path / "pair") / "ensemble.json"
    content = json.loads(card.read_text())
    for damage, message in (
        ("{", "cannot be read"),
        (json.dumps({**content, "format": 9}), "format 9"),
        ("[]", "format"),
        (json.dumps({"format": 1}), "incomplete"),
        (json.dumps({**content, "members": [{}]}), "incomplete"),
        (json.dumps({**content, "fitted": {}}), "not a fitted"),
        (json.dumps({**content, "members": content["members"][:1]}), "2 members"),
    ):
        card.write_text(damage)
        with pytest.raises(BadInput, match=message):
            load_ensemble(tmp_path / "pair")


def test_members_need_distinct_names_and_one_source(tmp_path: Path):
    with pytest.raises(BadInput, match="distinct"):
        save_ensemble(tmp_path / "e", [Member("x", encoder="x")] * 2, SUM)
    with pytest.raises(BadInput, match="2 members"):
        save_ensemble(tmp_path / "e", [Member("x", encoder="x")], SUM)
    with pytest.raises(BadInput, match="either"):
        Member("x")
    with pytest.raises(BadInput, match="either"):
        Member("x", encoder="x", folder=tmp_path)
