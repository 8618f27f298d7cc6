"""How fast one caller may call: a token bucket for each, in each worker process.

Per worker, because a count shared by all would cost every call a round trip; the setting therefore says what one worker
takes. It protects the other callers from one that runs wild, not from a flood: that is the proxy's part.
"""

import math
import threading
import time
from collections.abc import Callable

from cds_service.errors import TooManyCalls

BURST_SECONDS = 2.0  # what a caller that was quiet may send at once
MOST_CALLERS = 10_000


class Buckets:
    """The buckets of all callers; `per_second` 0 takes every call."""

    __slots__ = ("_clock", "_filled", "_lock", "_most", "_per_second")

    def __init__(self, per_second: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._clock = clock
        self._lock = threading.Lock()
        self._filled: dict[str, tuple[float, float]] = {}  # caller -> (calls left, when)

    def take(self, caller: str) -> None:
        """One call of this caller; raises `TooManyCalls` when it has none left."""
        if not self._per_second:
            return
        now = self._clock()
        with self._lock:
            left, when = self._filled.get(caller, (self._most, now))
            left = min(self._most, left + (now - when) * self._per_second)
            if left < 1.0:
                raise TooManyCalls(math.ceil((1.0 - left) / self._per_second))
            if caller not in self._filled and len(self._filled) >= MOST_CALLERS:
                self._filled.clear()
            self._filled[caller] = (left - 1.0, now)
