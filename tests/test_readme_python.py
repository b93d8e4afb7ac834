"""The lines of Python in the README run as they stand, on a saved ensemble, without a database."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cssim import load_ensemble
from cssim.embeddings.encoder import load_encoder
from cssim.ensembles.saved import Member, identity_of, save_ensemble
from cssim.ensembles.strategies import strategy
from tests.embeddings.small_models import pictures, save_small

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the README names: an ensemble, a reference, two candidates, photos."""
    assert BLOCK is not None
    network = save_small("vit", tmp_path / "tiny")
    names = ["histogram", str(network)]
    rng = np.random.default_rng(0)
    fitted = strategy("stacking").fit(rng.random((2, 60, 2)), rng.random(60))
    where = re.search(r'load_ensemble\("([^"]+)"\)', BLOCK[1])
    assert where is not None
    target = tmp_path / where[1]
    target.parent.mkdir(parents=True)
    members = [Member(Path(n).name, n, identity=identity_of(load_encoder(n))) for n in names]
    save_ensemble(target, members, fitted)
    (tmp_path / "photos").mkdir()
    for i, picture in enumerate(pictures(6, seed=1)):
        picture.save(tmp_path / "photos" / f"{i}.png")
        if i < 3:
            picture.save(tmp_path / ("reference.jpg", "a.jpg", "b.jpg")[i])
    shutil.copy(tmp_path / "photos" / "4.png", tmp_path / "photos" / "copy.png")
    return tmp_path


def test_the_three_lines_run_and_say_what_the_ensemble_says(folder: Path) -> None:
    assert BLOCK is not None
    lines = [line for line in BLOCK[1].splitlines() if line and not line.startswith("from ")]
    assert len(lines) == 3
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", BLOCK[1]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ensemble = load_ensemble(folder / "cssim-data" / "ensembles" / "job-3-1")
    answer = ensemble.closer(*(folder / name for name in ("reference.jpg", "a.jpg", "b.jpg")))
    assert answer.choice is not None
    assert f"choice=<Choice.{answer.choice}: '{answer.choice}'>" in done.stdout
    assert f"confidence={answer.confidence}" in done.stdout
    for found in ensemble.search(folder / "reference.jpg", folder / "photos"):
        assert f"Found(path='photos/{Path(found.path).name}'" in done.stdout
    assert "Explanation(strategy='stacking'" in done.stdout
    assert not list(folder.rglob("*.db"))
