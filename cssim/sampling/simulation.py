"""Does active sampling pay? Accuracy against the number of answers, active against random.

Three trials, each a function that can be run again:

- `recorded_trial`: answers that people gave when algorithms chose the questions. An ordinal
  embedding is fitted on the first n answers of each algorithm and tested on questions that were
  drawn at random.
- `adaptive_trial`: simulated people with known points; questions are chosen batch by batch from
  what was learned so far.
- `pool_trial`: answers that exist; each rule chooses which of them to use first, by what models
  say. A combination of the models is fitted on the first n and tested on other references.

All differences are paired with random sampling. Intervals are at 95 %: over people of the test
questions in `recorded_trial`, over repetitions (Student's t) in the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cssim import words
from cssim.errors import BadInput
from cssim.sampling.active import disagreement, information, standardised
from cssim.sampling.ordinal import fit_embedding, margins_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RANDOM = "random"


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """One rule at one number of answers."""

    rule: str
    answers: int
    accuracy: float
    """Mean share of the test answers that are predicted, 0..1."""
    low: float
    high: float
    gain: float
    """Accuracy minus that of random sampling with as many answers; 0 for random itself."""
    gain_low: float
    gain_high: float


def recorded_trial(
    triples: Ints,
    rule: Sequence[str],
    test: Ints,
    test_person: Ints,
    *,
    items: int,
    sizes: Sequence[int],
    random_rule: str = RANDOM,
    dimensions: int = 2,
    repeats: int = 3,
    draws: int = 2000,
    seed: int = 0,
) -> list[TrialPoint]:
    """Embeddings fitted on the first answers of each rule.

    Args:
        triples: (n, 3) item numbers (reference, closer, farther) in the order they were given.
        rule: (n,) what chose each question.
        test: (t, 3) likewise, of questions drawn at random.
        test_person: (t,) who answered; people are resampled for the intervals.
        items: how many items there are.
        sizes: numbers of answers, each at most what the smallest rule has.
        random_rule: the name in `rule` of random sampling.
        dimensions: of the embedding.
        repeats: fits with other random starts whose accuracies are averaged.
        draws: bootstrap samples of people.
        seed: of everything.
    """
    names = np.array(list(rule))
    if random_rule not in names:
        raise BadInput(f"there are no answers to questions chosen by {random_rule!r}")
    rules = [random_rule, *sorted(set(names.tolist()) - {random_rule})]
    rng = np.random.default_rng(seed)
    persons, who = np.unique(test_person, return_inverse=True)
    weights = rng.multinomial(len(persons), np.full(len(persons), 1 / len(persons)), draws)
    asked = np.bincount(who, minlength=len(persons))
    found: list[TrialPoint] = []
    for size in sizes:
        samples: dict[str, tuple[float, Floats]] = {}
        for name in rules:
            own = triples[names == name][:size]
            if len(own) < size:
                raise BadInput(
                    f"{name} has {words.count(len(own), 'answer')}, {size} were asked for"
                )
            right = np.zeros(len(test))
            for _ in range(repeats):
                points = fit_embedding(own, items, dimensions=dimensions, rng=rng)
                right += _right(margins_of(points, test)) / repeats
            sums = np.bincount(who, weights=right, minlength=len(persons))
            samples[name] = float(right.mean()), (weights @ sums) / (weights @ asked)
        found += [_point(name, size, *samples[name], *samples[random_rule]) for name in rules]
    return found


def _right(margins: Floats) -> Floats:
    """1 where the closer candidate is found, one half in an exact tie."""
    return np.asarray((np.sign(margins) + 1) / 2)


def _point(
    rule: str, size: int, mean: float, sample: Floats, base: float, base_sample: Floats
) -> TrialPoint:
    low, high = np.quantile(sample, [0.025, 0.975])
    gap_low, gap_high = np.quantile(sample - base_sample, [0.025, 0.975])
    return TrialPoint(
        rule, size, mean, float(low), float(high), mean - base, float(gap_low), float(gap_high)
    )


def adaptive_trial(
    truth: Floats,
    *,
    noise: float,
    sizes: Sequence[int],
    rules: Sequence[str] = ("uncertainty", "information"),
    seeds: int = 10,
    pool: int = 400,
    holdout: float = 0.15,
    seed: int = 0,
) -> list[TrialPoint]:
    """Simulated people, who see the true distances with noise; questions follow what was learned.

    After each size the embedding is fitted anew. `uncertainty` then asks the questions of a random
    pool on which the fit is least sure, `information` those on which four fits to resampled
    answers differ most (`cssim.sampling.active.information`), `random` any. A share of the
    active questions stays random.

    Args:
        truth: (items, d) true points.
        noise: standard deviation of the noise on each distance, relative to the distances' own.
        sizes: numbers of answers after which the accuracy is measured, rising.
        rules: besides `random`.
        seeds: repetitions.
        pool: random questions among which a batch is chosen, in multiples of 1.
        holdout: share of random questions in an active batch.
        seed: of the first repetition.
    """
    items = len(truth)
    names = [RANDOM, *rules]
    scores = np.zeros((len(names), len(sizes), seeds))
    for repetition in range(seeds):
        base = np.random.default_rng([seed, repetition])
        test = _questions(items, 3000, base)
        answer = margins_of(truth, test)
        clear = test[answer != 0]
        signs = np.sign(margins_of(truth, clear))
        for at, name in enumerate(names):
            rng = np.random.default_rng([seed, repetition, 1])
            asked, points = np.zeros((0, 3), dtype=np.int64), None
            for step, size in enumerate(sizes):
                batch = _next_batch(
                    name, asked, points, items, size - len(asked), pool, holdout, rng
                )
                asked = np.concatenate([asked, _answered(truth, batch, noise, rng)])
                points = fit_embedding(
                    asked, items, dimensions=truth.shape[1], starts=2, rng=rng, warm=points
                )
                scores[at, step, repetition] = _right(signs * margins_of(points, clear)).mean()
    return _repeated(names, sizes, scores)


def _questions(items: int, count: int, rng: np.random.Generator) -> Ints:
    """(count, 3) random different items each."""
    return np.argsort(rng.random((count, items)), axis=1)[:, :3].astype(np.int64)


def _answered(truth: Floats, batch: Ints, noise: float, rng: np.random.Generator) -> Ints:
    """The questions turned so that the candidate that was called closer stands first."""
    margins = margins_of(truth, batch)
    spread = float(np.std(margins_of(truth, _questions(len(truth), 2000, rng))))
    seen = margins + rng.normal(0, noise * spread, len(batch))
    return np.where((seen < 0)[:, None], batch[:, [0, 2, 1]], batch)


def _next_batch(
    rule: str,
    asked: Ints,
    points: Floats | None,
    items: int,
    count: int,
    pool: int,
    holdout: float,
    rng: np.random.Generator,
) -> Ints:
    if rule == RANDOM or points is None:
        return _questions(items, count, rng)
    random = round(holdout * count)
    offered = _questions(items, max(pool, 4 * count), rng)
    if rule == "uncertainty":
        score = -np.abs(margins_of(points, offered))
    elif rule == "information":
        fits = [points]
        for _ in range(3):
            again = asked[rng.integers(len(asked), size=len(asked))]
            fits.append(
                fit_embedding(
                    again, items, dimensions=points.shape[1], starts=1, rng=rng, warm=points
                )
            )
        score = information(standardised([margins_of(fit, offered) for fit in fits]))
    else:
        raise BadInput(f"a rule is random, uncertainty or information, got {rule!r}")
    best = offered[np.argsort(-score, kind="stable")[: count - random]]
    return np.concatenate([best, _questions(items, random, rng)])


def pool_trial(
    margins: Floats,
    share: Floats,
    reference: Ints,
    fit: Callable[[Floats, Floats], Floats],
    *,
    sizes: Sequence[int],
    seeds: int = 20,
    test_share: float = 0.3,
    holdout: float = 0.15,
    seed: int = 0,
) -> list[TrialPoint]:
    """Answers that exist, used first where models disagree, or where they tell most.

    Each repetition draws test references anew. On the others, each rule chooses n answers; the
    weights fitted on them are tested on all answers of the test references.

    Args:
        margins: (models, n) d(R, B) - d(R, A).
        share: (n,) share of the voters who said A, 0..1.
        reference: (n,) image ids: whole references are tested.
        fit: weights (models,) of (k, models) standardised margins and (k,) shares.
        sizes: numbers of answers, rising.
        seeds: repetitions.
        test_share: share of the references that are tested.
        holdout: share of the answers that the active rules take at random.
        seed: of the first repetition.
    """
    rules: Mapping[str, Callable[[Floats], Floats]] = {
        "disagreement": disagreement,
        "information": information,
    }
    names = [RANDOM, *rules]
    values = standardised(margins)
    telling = {name: rule(values) for name, rule in rules.items()}
    distinct = np.unique(reference)
    scores = np.zeros((len(names), len(sizes), seeds))
    for repetition in range(seeds):
        rng = np.random.default_rng([seed, repetition])
        held = rng.choice(distinct, max(1, round(test_share * len(distinct))), replace=False)
        is_test = np.isin(reference, held)
        here, there = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        order = rng.permutation(here)
        if max(sizes) > len(here):
            raise BadInput(
                f"{words.count(max(sizes), 'answer was', 'answers were')} asked for, the pool has "
                f"{len(here)}"
            )
        for at, name in enumerate(names):
            ranked = order
            if name != RANDOM:
                ranked = order[np.argsort(-telling[name][order], kind="stable")]
            for step, size in enumerate(sizes):
                random = 0 if name == RANDOM else round(holdout * size)
                chosen = ranked[: size - random]
                rest = order[~np.isin(order, chosen)][:random]
                used = np.concatenate([chosen, rest])
                weights = fit(values[:, used].T, share[used])
                said = np.sign(weights @ values[:, there])
                scores[at, step, repetition] = (0.5 + said * (share[there] - 0.5)).mean()
    return _repeated(names, sizes, scores)


def _repeated(names: Sequence[str], sizes: Sequence[int], scores: Floats) -> list[TrialPoint]:
    """Means over repetitions (rules, sizes, repetitions) with t intervals, paired with random."""
    from scipy.stats import t

    repeats = scores.shape[2]
    wide = float(t.ppf(0.975, repeats - 1)) / np.sqrt(repeats) if repeats > 1 else float("nan")
    found = []
    for at, name in enumerate(names):
        for step, size in enumerate(sizes):
            own, gap = scores[at, step], scores[at, step] - scores[0, step]
            spread = float(own.std(ddof=1)) if repeats > 1 else float("nan")
            apart = float(gap.std(ddof=1)) if repeats > 1 else float("nan")
            mean, gain = float(own.mean()), float(gap.mean())
            low, high = np.clip([mean - wide * spread, mean + wide * spread], 0, 1)
            found.append(
                TrialPoint(
                    name,
                    int(size),
                    mean,
                    float(low),
                    float(high),
                    gain,
                    gain - wide * apart,
                    gain + wide * apart,
                )
            )
    return found
