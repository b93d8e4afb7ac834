"""What analyses say of ensembles: calibration, coverage, bounds, members left out, the null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import Cancelled, CSSimError
from cssim.services.chosen import Chosen, weighing
from cssim.services.encoding import distances_of, features_of, refreshed
from cssim.services.library import load_triples
from cssim.services.plain import plain
from cssim.services.running import JobContext
from cssim.services.validating import context_test
from cssim.triples import Triples
from cssim.types import EnsembleInfo
from db import runs

if TYPE_CHECKING:
    from cssim.evaluation.report import CompareSettings

Floats = NDArray[np.float64]


def ensemble_parts(
    context: JobContext,
    chosen: Chosen,
    triples: Triples,
    distances: Mapping[str, Floats],
    credits: Mapping[str, Floats],
    settings: CompareSettings,
    notes: list[str],
) -> list[dict[str, Any]]:
    """One entry for each ensemble that can be computed.

    Args:
        context: of the job.
        chosen: the ensembles, with their members.
        triples: what is evaluated.
        distances: (n, 2) of each ensemble and each member, by name.
        credits: (n,) likewise.
        settings: draws, seed and level.
        notes: gets what is missing, and why.
    """
    found = []
    for ensemble in chosen.ensembles:
        if ensemble.name in distances:
            part = _Part(context, chosen, ensemble, triples, distances, credits, settings)
            found.append(
                {
                    "name": ensemble.name,
                    "strategy": ensemble.strategy,
                    "oracle": part.oracle(),
                    **part.confidence(notes),
                    **part.ablation(notes),
                }
            )
    return found


class _Part:
    """One ensemble on one body of triples."""

    def __init__(
        self,
        context: JobContext,
        chosen: Chosen,
        ensemble: EnsembleInfo,
        triples: Triples,
        distances: Mapping[str, Floats],
        credits: Mapping[str, Floats],
        settings: CompareSettings,
    ) -> None:
        self._context, self._ensemble, self._triples = context, ensemble, triples
        self._members = chosen.members(ensemble)
        self._distances, self._credits, self._settings = distances, credits, settings
        self._fitted, self._features = weighing(context, ensemble, triples)
        self._draws = context.job.params.get("shuffles", 0)

    def oracle(self) -> dict[str, float]:
        """The bounds over the members, beside the ensemble and its best member on these triples."""
        from cssim.evaluation.bounds import oracle_by_reference, oracle_credit

        stack = np.stack([self._credits[member.name] for member in self._members])
        return {
            "ensemble": float(np.nanmean(self._credits[self._ensemble.name])),
            "best member": float(np.nanmean(stack, axis=1).max()),
            "best by reference": float(
                np.nanmean(oracle_by_reference(stack, self._triples.reference))
            ),
            "best by triple": float(np.nanmean(oracle_credit(stack))),
        }

    def confidence(self, notes: list[str]) -> dict[str, Any]:
        """Reliability and accuracy against coverage, of ensembles that state a confidence."""
        from cssim.evaluation.accuracy import soft_credit
        from cssim.evaluation.calibration import accuracy_against_coverage, reliability

        name, triples = self._ensemble.name, self._triples
        probability = self._probability()
        if probability is None:
            notes.append(f"{name} states no confidence: it was fitted on no answers.")
            return {"calibration": None, "coverage": None}
        chosen: dict[str, Any] = {
            "draws": self._settings.draws,
            "seed": self._settings.seed,
            "level": self._settings.level,
        }
        curve = accuracy_against_coverage(
            0.5 + np.abs(probability - 0.5),
            soft_credit(self._distances[name], triples.share_a),
            triples.reference,
            **chosen,
        )
        steps = plain(reliability(probability, triples.share_a, triples.reference, **chosen))
        for step in steps["steps"]:
            if step["references"] < 2:  # nothing to resample
                step |= {"low": None, "high": None}
        return {"calibration": steps, "coverage": plain(curve) | self._no_interval(len(curve.low))}

    def _probability(self) -> Floats | None:
        """(n,) that people find A closer, by a slope that has not seen the reference."""
        from cssim.ensembles.strategies import cross_confidence

        combined, settings = self._distances[self._ensemble.name], self._settings
        if not settings.cross_fit:
            return self._fitted.confidence(combined)
        return cross_confidence(
            combined,
            self._triples.share_a,
            self._triples.reference,
            folds=settings.cross_fit,
            seed=settings.seed,
        )

    def _no_interval(self, points: int | None = None) -> dict[str, Any]:
        """Empty bounds where one reference is all there is, so that nothing can be resampled."""
        if len(np.unique(self._triples.reference)) > 1:
            return {}
        nothing = None if points is None else [None] * points
        return {"low": nothing, "high": nothing}

    def ablation(self, notes: list[str]) -> dict[str, Any]:
        """Each member left out and the rest fitted again on the same clusters; gating's null."""
        name = self._ensemble.name
        nothing: dict[str, Any] = {"ablation": None, "gating_null": None}
        if len(self._members) < 2:
            notes.append(f"{name} has one member: none can be left out.")
            return nothing
        try:
            return self._refitted(notes)
        except Cancelled:
            raise
        except CSSimError as error:  # a validation image lost its pixels, a model its weights
            notes.append(f"{name} cannot be fitted again: {error}")
            return nothing

    def _refitted(self, notes: list[str]) -> dict[str, Any]:
        from cssim.evaluation.ablation import left_out
        from cssim.evaluation.accuracy import soft_credit, strict_credit

        seen, known, looks = self._validation()
        if seen.fingerprint != self._ensemble.config.get("fit_data"):
            notes.append(
                f"{self._ensemble.name}: the answers that it was fitted on have changed since; it "
                "is as it was, and without each member fitted on the answers of now."
            )
        rows = []
        here = np.stack([self._distances[member.name] for member in self._members])
        score = soft_credit if self._settings.credit == "soft" else strict_credit
        for i, member in enumerate(self._members):
            self._context.progress(0.99, 1, f"{self._ensemble.name} without {member.name}")
            rest = np.arange(len(self._members)) != i
            combined = self._combined(here[rest], known[rest], seen, looks)
            rows.append(score(combined, self._triples.share_a))
        found = left_out(
            [member.name for member in self._members],
            np.stack(rows),
            self._credits[self._ensemble.name],
            self._triples.reference,
            draws=self._settings.draws,
            seed=self._settings.seed,
            level=self._settings.level,
        )
        table = [plain(one) | self._no_interval() for one in found]
        test = self._tested(seen, known, looks, notes)
        return {"ablation": table, "gating_null": test}

    def _combined(
        self, here: Floats, known: Floats, seen: Triples, looks: NDArray[np.float32] | None
    ) -> Floats:
        """(n, 2) of some members, fitted as the whole ensemble is."""
        from cssim.ensembles.strategies import cross_fit, strategy

        settings = self._settings
        if settings.cross_fit:
            return cross_fit(
                self._ensemble.strategy,
                here,
                self._triples.share_a,
                self._triples.reference,
                features=self._features,
                folds=settings.cross_fit,
                seed=settings.seed,
            )
        fitted = strategy(self._ensemble.strategy).fit(
            known, seen.share_a, reference=seen.reference, features=looks, folds=0
        )
        return fitted.combine(here, self._features)

    def _tested(
        self,
        seen: Triples,
        known: Floats,
        looks: NDArray[np.float32] | None,
        notes: list[str],
    ) -> dict[str, Any] | None:
        """Whether looking at the reference helps, on the validation clusters.

        As tested when the ensemble was built, unless the answers have changed since or nothing was
        tested then. None for a strategy that does not look.
        """
        config = self._ensemble.config
        test = config.get("context")
        if test is None or "untested" in test or seen.fingerprint != config.get("fit_data"):
            test = context_test(
                self._ensemble.strategy,
                known,
                seen,
                looks,
                "the validation references",
                draws=self._draws,
                seed=self._settings.seed,
                progress=self._context.part(0.99, 0.999),
            )
        if test is not None and "untested" in test:
            notes.append(f"{self._ensemble.name}: its weights were not tested: {test['untested']}.")
            return None
        return None if test is None else dict(test)

    def _validation(self) -> tuple[Triples, Floats, NDArray[np.float32] | None]:
        """What the ensemble was fitted on: triples, (members, n, 2) distances, features."""
        ws, config = self._context.ws, self._ensemble.config
        seen = load_triples(ws, config.get("fit_on", []))
        encoders = [refreshed(ws, member)[1] for member in self._members]
        cancelled = self._context.cancelled
        known = np.stack([distances_of(ws, e, seen, cancelled=cancelled) for e in encoders])
        if not self._fitted.needs_features:
            return seen, known, None
        with ws.database.reading() as session:
            model = runs.models_by_id(session, [config["features"]])[config["features"]]
        looking = refreshed(ws, model)[1]
        return seen, known, features_of(ws, looking, seen.reference, cancelled=cancelled)
