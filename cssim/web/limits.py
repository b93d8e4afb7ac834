"""How often people and addresses may ask: token buckets in the memory of the one server process.

A bucket fills at a steady rate up to its size; each request takes one token, and whoever finds the
bucket empty is told for how long to wait. Buckets are forgotten when the server ends: the limit
keeps a runaway program from harming the others, and is not what keeps passwords safe (tries to
sign in are counted in the database, see `cssim.services.accounts`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_OF_BURST = 15
"""A bucket holds what flows in during so many seconds."""
IMAGES = 10
"""So many images cost as much as one request to the API."""
DOORS = "/sign-in", "/enter/", "/reset/", "/invite/", "/oidc/"
"""Where people come in: each try may cost a password hash."""
DOOR_RATE, DOOR_BURST = 2.0, 100.0
"""Tries to come in from one address: a second, and at once (a class that starts together)."""


class Buckets:
    """Token buckets of one size, by key. Not safe between threads: the event loop owns it."""

    def __init__(
        self,
        rate: float,
        size: float,
        *,
        most: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate, self.size = rate, size
        self._most, self._clock = most, clock
        self._levels: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, key: object, cost: float = 1.0) -> float:
        """Take tokens out: 0.0 where there were enough, else the seconds until there are."""
        if self.rate <= 0:
            return 0.0
        now = self._clock()
        level, before = self._levels.pop(key, (self.size, now))
        level = min(self.size, level + (now - before) * self.rate)
        short = cost - level
        self._levels[key] = (level if short > 0 else level - cost, now)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)  # the one that was silent for longest
        return max(0.0, short / self.rate)

    def __len__(self) -> int:
        return len(self._levels)


@dataclass(frozen=True, slots=True)
class _Cost:
    kind: str
    tokens: float


class Limits:
    """The limits of one server process.

    Args:
        rate_person: requests to the API a second for each person; 0 sets no limit.
        rate_address: the same for each address.
        clock: seconds, from any start; another only in tests.
    """

    def __init__(
        self,
        rate_person: float,
        rate_address: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._people = Buckets(rate_person, rate_person * SECONDS_OF_BURST, clock=clock)
        self._addresses = Buckets(rate_address, rate_address * SECONDS_OF_BURST, clock=clock)
        door_rate = DOOR_RATE if rate_address > 0 else 0.0
        self._doors = Buckets(door_rate, DOOR_BURST, clock=clock)

    def of_address(self, method: str, path: str, address: str) -> float:
        """Seconds that this address must wait, 0.0 where it need not."""
        cost = _cost(method, path)
        if cost is None:
            return 0.0
        buckets = self._doors if cost.kind == "door" else self._addresses
        return buckets.take(address, cost.tokens)

    def of_person(self, method: str, path: str, person_id: int) -> float:
        """Seconds that this person must wait, 0.0 where they need not."""
        cost = _cost(method, path)
        if cost is None or cost.kind == "door":
            return 0.0
        return self._people.take(person_id, cost.tokens)


def _cost(method: str, path: str) -> _Cost | None:
    if path.startswith("/api/") or path == "/health":
        return _Cost("api", 1.0)
    if path.startswith("/images/"):
        return _Cost("api", 1.0 / IMAGES)
    if path.startswith(DOORS) and (method == "POST" or path.startswith("/oidc/")):
        return _Cost("door", 1.0)
    return None
