"""Who has had a card: which patients at all, and how many cards each clinician and each encounter had of late.

Asked at every relevant call, and almost always answered no. A query per call costs little in time and much in company:
the interpreter changes threads at each. So keyed hashes are kept in memory, and what other processes have added is
fetched a few times a second. A patient wrongly held costs one query; a card of another process may go unseen for a
quarter of a second, in which a signing session would show the same card again anyway.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from cds_service.ledger.rows import instant
from cds_service.ledger.store import Store
from cds_service.model import Spent

REFRESH_SECONDS = 0.25
LATE = timedelta(minutes=2)  # how long after its card was made a row may still arrive
CLINICIAN_MEMORY = timedelta(hours=24)
ENCOUNTER_MEMORY = timedelta(days=30)  # longer than nearly every stay

Given = dict[str, dict[str, str]]  # hash -> uuid of a card -> when it was returned


class Patients:
    """The hashes of patients with cards since `memory` ago, and the cards that count against a budget."""

    def __init__(self, store: Store, clock: Callable[[], datetime], memory: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._since = instant(clock() - memory)
        self._held: set[str] = set()
        self._by_user: Given = {}
        self._by_encounter: Given = {}
        self._due = 0.0
        self._swept = 0.0
        self._lock = threading.Lock()

    def add(self, patient: str) -> None:
        """This process has made a card for this patient."""
        self._held.add(patient)

    def spend(self, uuid: str, at: str, user: str | None, encounter: str | None) -> None:
        """This card counts against the budgets of its clinician and its encounter."""
        if user:
            self._by_user.setdefault(user, {})[uuid] = at
        if encounter:
            self._by_encounter.setdefault(encounter, {})[uuid] = at

    def may_have_cards(self, patient: str) -> bool:
        """False only if no card was on record a moment ago; raises `LedgerUnavailable` when that cannot be known."""
        if time.monotonic() >= self._due:
            self._refresh()
        return patient in self._held

    def spent(self, users: Iterable[str], encounters: Iterable[str]) -> Spent:
        """What these hashes of one clinician, and of one encounter, have had; raises `LedgerUnavailable`."""
        if time.monotonic() >= self._due:
            self._refresh()
        now = self._clock()
        return Spent(
            _count(self._by_user, users, instant(now - CLINICIAN_MEMORY)),
            _count(self._by_encounter, encounters, instant(now - ENCOUNTER_MEMORY)),
        )

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() < self._due:
                return
            now = self._clock()
            for patient, uuid, at, repeated, user, encounter in self._store.read(
                self._store.given, {"since": self._since}
            ):
                self._held.add(patient)
                if not repeated:
                    self.spend(uuid, at, user, encounter)
            self._since = max(self._since, instant(now - LATE))
            self._sweep(now)
            self._due = time.monotonic() + REFRESH_SECONDS

    def _sweep(self, now: datetime) -> None:
        """Forget, once an hour, what no budget asks for any more."""
        if time.monotonic() < self._swept + 3600:
            return
        self._swept = time.monotonic()
        for given, memory in ((self._by_user, CLINICIAN_MEMORY), (self._by_encounter, ENCOUNTER_MEMORY)):
            oldest = instant(now - memory)
            for hash in [hash for hash, held in list(given.items()) if max(tuple(held.values())) < oldest]:
                given.pop(hash, None)


def _count(given: Given, hashes: Iterable[str], since: str) -> int:
    return sum(at >= since for hash in hashes for at in tuple(given.get(hash, {}).values()))
