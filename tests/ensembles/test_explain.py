"""An explanation names weights, evidence and similar references, as counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from cssim.ensembles.ensemble import Ensemble
from cssim.ensembles.explain import Record, load_record, save_record
from cssim.ensembles.fitted import Fitted
from cssim.ensembles.saved import Member, load_ensemble, save_ensemble
from cssim.ensembles.strategies import STRATEGIES, strategy
from cssim.ensembles.weighting import collect
from cssim.errors import BadInput, NotFound
from tests.ensembles.test_ensemble import BLUE, ORANGE, RED, SUM, TWO, MeanColour

KNOWN = MeanColour().embed([RED, ORANGE, BLUE])
REFERENCE = np.repeat([30, 10, 20], 4)  # red, orange, blue
FEATURES = np.repeat(KNOWN, 4, axis=0)
SHARE = np.array([1.0, 0.75, 0.5, 0, 1, 1, 0, 0, 0.25, 1, 1, 1])
NEARER = np.array([[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0], [1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0]])
DISTANCES = np.stack([NEARER, 1 - NEARER], axis=2) * 0.5  # member, triple, candidate
NAMES = ("orange.jpg", "blue.jpg", "red.jpg")  # by id


def record(encoder: str = "soft") -> Record:
    return Record(collect(DISTANCES, SHARE, REFERENCE, FEATURES), NAMES, encoder)


def test_similar_references_with_each_members_accuracy_by_hand():
    found = Ensemble(TWO, SUM, record=record()).explain(RED, top=2)
    assert found.weights == {"soft": 0.25, "sharp": 0.75}
    assert (found.by_reference, found.competence, found.references) == (False, None, None)
    assert [one.name for one in found.nearest] == ["red.jpg", "orange.jpg"]
    red, orange = found.nearest
    assert (red.image_id, red.triples) == (30, 4)
    assert red.distance == pytest.approx(0, abs=1e-12)
    # Red: the soft member says A four times, of shares 1, .75, .5, 0; the sharp one B, A, A, B.
    assert red.accuracy == pytest.approx({"soft": 2.25 / 4, "sharp": (0 + 0.75 + 0.5 + 1) / 4})
    assert orange.accuracy == pytest.approx({"soft": 4 / 4, "sharp": 2 / 4})
    u, v = KNOWN[0].astype(float), KNOWN[1].astype(float)
    assert orange.distance == pytest.approx(1 - u @ v / np.sqrt((u @ u) * (v @ v)))
    soft = np.where(NEARER[0] == 0, SHARE, 1 - SHARE).mean()
    assert found.overall is not None
    assert found.overall["soft"] == pytest.approx(soft)


@pytest.mark.parametrize("name", [s.name for s in STRATEGIES.values() if s.needs_features])
def test_weights_by_the_reference_are_those_that_answer(name: str):
    rng = np.random.default_rng(0)
    features = np.repeat(rng.random((30, 3)) * 250, 6, axis=0)
    fitted = strategy(name).fit(
        rng.random((2, 180, 2)),
        rng.integers(0, 3, 180) / 2,
        reference=np.repeat(np.arange(30), 6),
        features=features,
        projector="soft",
    )
    ensemble = Ensemble(TWO, fitted)
    found = ensemble.explain(RED)
    assert found.by_reference
    assert found.nearest == ()
    own = ensemble.closer(RED, BLUE, ORANGE).member_distances
    total = sum(
        found.weights[name] * own[name][0] / spread
        for name, spread in zip(TWO, fitted.spreads, strict=True)
    )
    assert ensemble.distance(RED, BLUE) == pytest.approx(total)
    if found.competence is not None:
        known = [value for value in found.competence.values() if value is not None]
        assert all(-0.5 <= value <= 1.5 for value in known)
        assert found.references is not None


def test_a_record_is_saved_with_the_ensemble_and_read_back(tmp_path: Path):
    members = [Member(name, encoder="x") for name in TWO]
    save_ensemble(tmp_path / "e", members, SUM, record=record())
    loaded = load_ensemble(tmp_path / "e", encoders=TWO)
    assert loaded.explain(BLUE) == Ensemble(TWO, SUM, record=record()).explain(BLUE)
    assert loaded.explain(BLUE).nearest[0].name == "blue.jpg"
    save_ensemble(tmp_path / "bare", members, SUM)
    bare = load_ensemble(tmp_path / "bare", encoders=TWO).explain(BLUE)
    assert (bare.nearest, bare.overall, bare.encoder) == ((), None, "")


def test_a_record_that_does_not_fit_is_refused(tmp_path: Path):
    members = [Member(name, encoder="x") for name in TWO]
    with pytest.raises(BadInput, match="'somebody'"):
        save_ensemble(tmp_path / "e", members, SUM, record=record("somebody"))
    one = Fitted("uniform", (1.0,), (1.0,))
    with pytest.raises(BadInput, match="of 2 members, the ensemble has 1"):
        save_ensemble(tmp_path / "e", members[:1], one, record=record())
    with pytest.raises(BadInput, match="as many names"):
        Record(record().evidence, NAMES[:2], "soft")
    with pytest.raises(NotFound, match="'somebody'"):
        Ensemble(TWO, SUM, record=record("somebody")).explain(RED)
    assert not list(tmp_path.iterdir())


def test_damaged_records_say_so(tmp_path: Path):
    from safetensors.numpy import save_file

    path = tmp_path / "validation.safetensors"
    assert load_record(path) is None
    save_record(path, record())
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(BadInput, match="copy the folder again"):
        load_record(path)
    save_file({"reference": np.zeros(1)}, path, metadata={"format": "9"})
    with pytest.raises(BadInput, match="format '9'"):
        load_record(path)
    save_file({"reference": np.zeros(1)}, path, metadata={"format": "1"})
    with pytest.raises(BadInput, match="copy the folder again"):
        load_record(path)
