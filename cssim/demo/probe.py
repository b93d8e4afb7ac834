"""What a backbone sees of the drawn scenes: the numbers of the shipped backbones' cards.

    python -m cssim.demo.probe tiny-clip tiny-dino

A linear model is fitted from the frozen embedding to each attribute on some scenes, and tried on
others; neither the demo nor the pretraining draws any of them. That tells what a picture's vector
holds, and so what a model trained on top of it could come to compare by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cssim import words
from cssim.demo.scenes import CONTEXTS, SCALES, Scene, draw, random_scene
from cssim.embeddings.encoder import Encoder, load_encoder

Drawn = Sequence[tuple[Scene, Image.Image]]
WORLD = 777
"""Seed of the scenes that are probed."""
_FITTED, _TRIED = 150, 60
"""Scenes of each context."""
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of the scenes an embedding holds, on pictures that no probe was fitted on."""

    scales: dict[str, float]
    """Share of each attribute's variance that one linear model explains; below 0: nothing."""
    within: dict[str, float]
    """The same with a linear model for each context, mean over the contexts."""
    context: float
    """Share of pictures whose context a linear classifier finds."""
    kind: float
    """Share whose kind of subject it finds among the 32."""
    neighbour: float
    """Share whose nearest neighbour by cosine is of the same context."""
    per_second: float
    """Pictures embedded in a second of processor time, from the decoded picture on, by eights.

    Threads that wait count as well, so `OMP_NUM_THREADS=1` gives what one core does.
    """


def probed(fitted: int = _FITTED, tried: int = _TRIED) -> tuple[Drawn, Drawn]:
    """Scenes and pictures to fit on, and further ones to try, so many of each context."""

    def drawn(first: int, count: int) -> Drawn:
        scenes = [random_scene(c, WORLD, n) for n in range(first, first + count) for c in CONTEXTS]
        return [(scene, draw(scene)) for scene in scenes]

    return drawn(0, fitted), drawn(fitted, tried)


def embedded(encoder: Encoder, drawn: Drawn) -> NDArray[np.float64]:
    """(n, dim) vectors of the pictures."""
    images = [image for _, image in drawn]
    parts = [encoder.embed(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    return np.concatenate(parts).astype(np.float64)


def see(encoder: Encoder, train: Drawn, test: Drawn) -> Seen:
    """Fit the probes on `train` and try them on `test`."""
    embedded(encoder, test[:_BATCH])  # the first batch pays for what later ones reuse
    started = time.process_time()
    x_test = embedded(encoder, test)
    per_second = len(test) / (time.process_time() - started)
    x = embedded(encoder, train)
    middle, width = x.mean(axis=0), x.std(axis=0) + 1e-9
    fitted, tried = (x - middle) / width, (x_test - middle) / width
    y, y_test = _targets(train), _targets(test)
    context, context_test = (np.array([s.context for s, _ in d]) for d in (train, test))
    kind, kind_test = (np.array([f"{s.context}/{s.kind}" for s, _ in d]) for d in (train, test))
    own = np.mean(
        [
            _explained(fitted[context == c], y[context == c], tried[context_test == c],
                       y_test[context_test == c])
            for c in CONTEXTS
        ],
        axis=0,
    )  # fmt: skip
    everywhere = _explained(fitted, y, tried, y_test)
    return Seen(
        scales=dict(zip(SCALES, everywhere.tolist(), strict=True)),
        within=dict(zip(SCALES, own.tolist(), strict=True)),
        context=_found(fitted, context, tried, context_test),
        kind=_found(fitted, kind, tried, kind_test),
        neighbour=nearest_agree(x_test, context_test),
        per_second=per_second,
    )


def nearest_agree(vectors: NDArray[np.float64], labels: NDArray[np.str_]) -> float:
    """Share of rows (n, dim) whose nearest other row by cosine has the same label (n,)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    closeness = unit @ unit.T
    np.fill_diagonal(closeness, -np.inf)
    return float(np.mean(labels[closeness.argmax(axis=1)] == labels))


def _targets(drawn: Drawn) -> NDArray[np.float64]:
    return np.array([[getattr(scene, name) for name in SCALES] for scene, _ in drawn])


def _explained(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    x_test: NDArray[np.float64],
    y_test: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(scales,) explained variance of ridge regression, its strength chosen on x and y."""
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score

    strengths = np.logspace(-1, 5, 13)
    model = RidgeCV(alphas=strengths, alpha_per_target=True).fit(x, y)
    scores: NDArray[np.float64] = r2_score(y_test, model.predict(x_test), multioutput="raw_values")
    return scores


def _found(
    x: NDArray[np.float64],
    labels: NDArray[np.str_],
    x_test: NDArray[np.float64],
    labels_test: NDArray[np.str_],
) -> float:
    """Share of test rows that logistic regression labels rightly."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.1, max_iter=2000).fit(x, labels)
    return float(model.score(x_test, labels_test))


def main(arguments: list[str] | None = None) -> None:
    """Print what each backbone sees."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m cssim.demo.probe")
    parser.add_argument("backbones", nargs="+", help="names or folders")
    chosen = parser.parse_args(arguments)
    train, test = probed()
    for name in chosen.backbones:
        seen = see(load_encoder(name, precision="float32"), train, test)
        print(name)
        for scale in SCALES:
            print(
                f"  {scale:9s} {seen.scales[scale]:6.2f}, in one context {seen.within[scale]:6.2f}"
            )
        print(f"  context {seen.context:.0%}, kind {seen.kind:.0%}, ", end="")
        print(f"nearest of the same context {seen.neighbour:.0%}, ", end="")
        print(
            f"{words.count(round(seen.per_second), 'picture')} in a second of processor time",
            flush=True,
        )


if __name__ == "__main__":
    main()
