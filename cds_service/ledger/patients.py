"""Which patients have a card on record: asked at every relevant call, and almost always answered no.

A query per call costs little in time and much in company: the interpreter changes threads at each. So the keyed hashes
of patients with cards are kept in memory, and what other processes have added is fetched a few times a second. A
patient wrongly held costs one query; a card of another process may go unseen for a quarter of a second, in which a
signing session would show the same card again anyway.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from cds_service.ledger.rows import instant
from cds_service.ledger.store import Store

REFRESH_SECONDS = 0.25
LATE = timedelta(minutes=2)  # how long after its card was made a row may still arrive


class Patients:
    """The hashes of patients with cards since `memory` ago."""

    def __init__(self, store: Store, clock: Callable[[], datetime], memory: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._since = instant(clock() - memory)
        self._held: set[str] = set()
        self._due = 0.0
        self._lock = threading.Lock()

    def add(self, patient: str) -> None:
        """This process has made a card for this patient."""
        self._held.add(patient)

    def may_have_cards(self, patient: str) -> bool:
        """False only if no card was on record a moment ago; raises `LedgerUnavailable` when that cannot be known."""
        if time.monotonic() >= self._due:
            self._refresh()
        return patient in self._held

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() < self._due:
                return
            now = self._clock()
            self._held.update(row[0] for row in self._store.read(self._store.patients, {"since": self._since}))
            self._since = max(self._since, instant(now - LATE))
            self._due = time.monotonic() + REFRESH_SECONDS
