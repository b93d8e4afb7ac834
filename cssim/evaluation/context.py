"""What a table says of weights that depend on the reference: whether looking at it helps."""

from __future__ import annotations

from dataclasses import dataclass

from cssim import words

LEVEL = 0.05
"""Shuffles that gain as much may be at most this share of all."""


@dataclass(frozen=True, slots=True)
class ContextTest:
    """Whether weights by the reference owe anything to what references look like."""

    gain: float | None = None
    """Soft credit minus that of the strategy without eyes, both cross-fitted; -1..1."""
    p: float | None = None
    """Share of shuffles of the references that gain as much, itself among them."""
    draws: int = 0
    """Shuffles."""
    blind: str = ""
    """The strategy without eyes, as tables call it."""
    where: str = ""
    """On which triples it was tested, in words."""
    untested: str = ""
    """Why there are no numbers; empty where there are."""

    def sentence(self, name: str) -> str:
        """What it says of the ensemble of that name."""
        if self.gain is None or self.p is None:
            return (
                f"Whether {name} gains by looking at the reference was not tested: {self.untested}"
            )
        beats = self.p <= LEVEL
        verdict = (
            f"no better than {self.blind}"
            if self.gain <= 0
            else "beats its null (not corrected for other rows)"
            if beats
            else "not shown to be context-sensitive"
        )
        return (
            f"{name}: looking at the reference gains {100 * self.gain:+z.2f} points over "
            f"{self.blind} ({self.where}); p = {self.p:.3g} against "
            f"{words.count(self.draws, 'shuffle')} of the references: {verdict}"
        )
