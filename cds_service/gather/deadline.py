"""One deadline for a whole call: nothing is waited for, and nothing retried, past it."""

import time
from collections.abc import Callable


class Deadline:
    """Counts down from the moment it is made; `seconds` for the whole call."""

    __slots__ = ("_clock", "_ends")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends - self._clock())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.remaining <= 0.0
