"""t-SNE of reference features, for looking only (van der Maaten and Hinton 2008).

scikit-learn can neither report nor be stopped while it optimises. So it runs in a process of its
own, whose report is read as it comes and which is ended when somebody wants it to stop. The same
features and seed give the same picture: it starts from the principal components, not at random.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cssim.ensembles.projection import checked_features, fit_projection
from cssim.errors import BadInput, Cancelled, CSSimError

Floats = NDArray[np.float64]

LEAST = 5
"""References below which there is nothing to lay out."""
COMPONENTS = 50
"""Principal components that are laid out; the rest is mostly noise and costs time."""
PERPLEXITY = 30.0
ITERATIONS = 1_000
_STEP = re.compile(r"Iteration (\d+):")


def tsne(
    features: NDArray[np.floating],
    *,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Floats:
    """(k, 2) coordinates of (k, d) features; their scale and orientation mean nothing.

    Args:
        features: of at least `LEAST` references, finite.
        seed: of the optimisation.
        progress: told (done, total, message) of the iterations.
        cancelled: asked after each 50 iterations.

    Raises:
        BadInput: too few features, or not finite.
        Cancelled: `cancelled` said so.
        CSSimError: the process failed, with its last words.
    """
    given = checked_features(features).astype(np.float64)
    if len(given) < LEAST:
        raise BadInput(f"t-SNE needs {LEAST} references, got {len(given)}")
    # Lengths mean nothing to models that compare directions.
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    unit = given / np.where(lengths > 0, lengths, 1.0)
    few = min(COMPONENTS, len(given) - 1, given.shape[1])
    with tempfile.TemporaryDirectory(prefix="cssim-tsne-") as name:
        folder = Path(name)
        np.save(folder / "in.npy", fit_projection(unit, few)(unit), allow_pickle=False)
        _run(folder, seed, progress, cancelled)
        found: Floats = np.load(folder / "out.npy", allow_pickle=False)
    return found


def _run(
    folder: Path,
    seed: int,
    progress: Callable[[int, int, str], None] | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    command = [sys.executable, "-u", "-m", "cssim.ensembles.tsne", str(folder), str(seed)]
    last: list[str] = []
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    try:
        assert child.stdout is not None
        for line in child.stdout:
            last = [*last[-4:], line.strip()]
            if cancelled is not None and cancelled():
                raise Cancelled("t-SNE was stopped")
            step = _STEP.search(line)
            if step and progress is not None:
                progress(int(step.group(1)), ITERATIONS, "laying out references by t-SNE")
        if child.wait():
            raise CSSimError(f"t-SNE failed: {' '.join(last)}")
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _main(folder: Path, seed: int) -> None:
    from sklearn.manifold import TSNE

    given = np.load(folder / "in.npy", allow_pickle=False)
    found = TSNE(
        n_components=2,
        perplexity=min(PERPLEXITY, (len(given) - 1) / 3),
        init="pca",
        max_iter=ITERATIONS,
        random_state=seed,
        n_jobs=1,
        verbose=2,
    ).fit_transform(given)
    np.save(folder / "out.npy", np.asarray(found, dtype=np.float64), allow_pickle=False)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
