"""The one thread that writes, and the bounded queue before it.

A call that is recorded only joins the queue. The thread takes whatever waits, in one transaction, after lingering a
moment for company; somebody who waits for an answer (`ask`) ends the lingering. Nothing here knows what is written.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

MOST_PER_BATCH = 512
TICK_SECONDS = 10.0  # how often the thread looks up without being called, for counts that nobody announced


class Asked:
    """Something somebody waits for: `done` is set when it is settled; `problem` then says why it failed, if it did."""

    __slots__ = ("done", "problem", "rows")

    def __init__(self, rows: tuple[Any, ...] = ()) -> None:
        self.rows = rows
        self.done = threading.Event()
        self.problem: str | None = None


class Writer:
    """The thread and its queue. `settle(calls, asked)` does the writing and must not raise."""

    def __init__(
        self, settle: Callable[[Sequence[Any], Sequence[Asked]], None], *, most_waiting: int, linger: float
    ) -> None:
        self._settle = settle
        self._most_waiting = most_waiting
        self._linger = linger
        self._queue: deque[Any] = deque()
        self._called = threading.Event()
        self._urgent = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def tell(self, call: Any) -> bool:
        """Join the queue and go on; False when it is full or closed."""
        if self._stopping or len(self._queue) >= self._most_waiting:
            return False
        self._queue.append(call)
        if not self._called.is_set():
            self._called.set()
        return True

    def ask(self, asked: Asked, seconds: float) -> bool:
        """Join the queue, which is never full for this, and wait until everything up to here is settled."""
        if not self.alive:
            return False
        self._queue.append(asked)
        self._urgent.set()
        self._called.set()
        return asked.done.wait(seconds)

    def stop(self, seconds: float) -> bool:
        """Write what waits, then end; False if that took longer than `seconds`."""
        self._stopping = True
        self._urgent.set()
        self._called.set()
        self._thread.join(seconds)
        return not self.alive

    def _run(self) -> None:
        while not (self._stopping and not self._queue):
            if self._called.wait(TICK_SECONDS):
                self._urgent.wait(self._linger)
            # Cleared before the queue is emptied: whoever joins from here on calls again.
            self._called.clear()
            self._urgent.clear()
            batch = self._take()
            if self._queue:
                self._urgent.set()
                self._called.set()
            self._settle(
                [item for item in batch if not isinstance(item, Asked)],
                [item for item in batch if isinstance(item, Asked)],
            )

    def _take(self) -> list[Any]:
        batch: list[Any] = []
        while self._queue and len(batch) < MOST_PER_BATCH:
            batch.append(self._queue.popleft())
        return batch
