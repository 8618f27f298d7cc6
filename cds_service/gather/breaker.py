"""A circuit breaker for one server: when it is dead, calls are not made to wait for it.

Closed, every call asks. After `failures` waves in a row that brought nothing at all it opens, and nothing is asked for
`rest` seconds. Then one call tries (half-open): an answer closes it, silence opens it again.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Shared by all threads of a process; `on_change` is told each new state."""

    __slots__ = ("_clock", "_failed", "_failures", "_lock", "_on_change", "_rest", "_since", "state")

    def __init__(
        self,
        *,
        failures: int = 5,
        rest: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] | None = None,
    ) -> None:
        self.state: State = "closed"
        self._failures, self._rest, self._clock, self._on_change = failures, rest, clock, on_change
        self._failed = 0
        self._since = 0.0  # when it opened, or when the probe set out
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Whether to ask now. In the half-open state one caller is let through; a probe that is lost is replaced."""
        if self.state == "closed":
            return True
        with self._lock:
            if not self._failed:  # closed meanwhile
                return True
            if self._clock() - self._since < self._rest:
                return False
            self._since = self._clock()
            if self.state == "open":
                self._turn("half-open")
            return True

    def answered(self) -> None:
        """The server answered, if only with an error of the caller's."""
        if self.state == "closed" and not self._failed:
            return
        with self._lock:
            self._failed = 0
            self._turn("closed")

    def failed(self) -> None:
        """A whole wave of reads brought nothing: refused connections, silence, or errors of the server's own."""
        with self._lock:
            self._failed += 1
            if self.state == "half-open" or self._failed >= self._failures:
                self._since = self._clock()
                self._turn("open")

    def _turn(self, state: State) -> None:
        if state != self.state:
            self.state = state
            if self._on_change:
                self._on_change(state)
