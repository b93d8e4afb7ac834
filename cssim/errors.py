"""Everything that CS-Sim raises on purpose.

    CSSimError                    any of the below; str(error) is fit to be shown to a person
    ├── BadInput                  a value, file or request that cannot be used (HTTP 400)
    │   ├── BadSetting            a CSSIM_* variable or a field of a settings dataclass
    │   ├── BadImage              one image file that cannot be decoded or must not be
    │   ├── BadLabels             one label file; carries its faults, line by line
    │   └── LeakedEvaluation      an evaluation on data that a member was trained on
    ├── NotFound                  something named that does not exist (HTTP 404)
    ├── Conflict                  two things that cannot both be (HTTP 409)
    ├── NotAllowed                signed out, or the wrong role (HTTP 401 / 403)
    │   └── Throttled                 too many tries; says for how long to wait (HTTP 429)
    ├── Unavailable               something this machine lacks: weights, a package, a server (503)
    └── Cancelled                 a person stopped the work

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CSSimError(Exception):
    """Base of all errors that CS-Sim raises on purpose; its text is fit to be shown."""


class BadInput(CSSimError):
    """A value, file or request that cannot be used."""


class BadSetting(BadInput):
    """A setting out of its range, or one that cannot be read."""


class BadImage(BadInput):
    """An image file that cannot be decoded, or that must not be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in one line of a label file."""

    file: str
    """The file, as the caller named it."""
    line: int
    """1-based line; 0 where the fault is of the whole file."""
    expected: str
    """What should have stood there."""
    found: str
    """What stood there instead."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: expected {self.expected}, found {self.found}"


class BadLabels(BadInput):
    """A label file with faults; nothing of it was taken."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        shown = "\n".join(f"  {fault}" for fault in self.faults[:10])
        more = f"\n  ... and {len(self.faults) - 10} more" if len(self.faults) > 10 else ""
        super().__init__(
            f"{len(self.faults)} faulty line(s), nothing was imported:\n{shown}{more}\n"
            "Mend the file, or import the rest with --skip-bad."
        )


class LeakedEvaluation(BadInput):
    """An evaluation on data that one of the members was trained on."""


class NotFound(CSSimError):
    """Something named that does not exist."""


class Conflict(CSSimError):
    """Two things that cannot both be."""


class NotAllowed(CSSimError):
    """Signed out, or signed in with a role that may not do this."""


class Throttled(NotAllowed):
    """Too many tries in a short time; `seconds` is for how long to wait."""

    def __init__(self, text: str, *, seconds: int = 60) -> None:
        super().__init__(text)
        self.seconds = seconds


class Unavailable(CSSimError):
    """Something that this machine lacks: weights, a package, a server."""


class Cancelled(CSSimError):
    """A person stopped the work."""
