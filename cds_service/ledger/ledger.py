"""The ledger: what was decided, which cards were returned, what the user did with them."""

import atexit
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson

from cds_service.errors import LedgerUnavailable
from cds_service.ledger import past, rows
from cds_service.ledger.keys import Keyring, normal_patient
from cds_service.ledger.operations import Operating, RuleBudget
from cds_service.ledger.patients import Patients
from cds_service.ledger.rows import Call, CallCard, Row
from cds_service.ledger.store import TOLD_OF_A_VERDICT, UNAVAILABLE, Store
from cds_service.ledger.writer import TICK_SECONDS, Asked, Writer
from cds_service.model import AuthenticatedClient, Card, Decision, Feedback, HookRequest, PastCard, Spent, State

MEMORY = timedelta(days=400)  # how far `history` looks back
MOST_WAITING = 2000  # calls in the queue; about 10 kB each
LINGER_SECONDS = 0.1  # so long another process may not see a card; this one sees it at once
ANSWER_SECONDS = 5.0  # how long somebody waits for a commit
PROBE = "(probe)"  # the client of a row that only proves that the database takes rows again

log = logging.getLogger(__name__)


class Ledger:
    """One opened ledger, for one process and all its threads; made by `open_ledger`, after any fork.

    `losses` counts the calls that were decided and answered but could not be written.
    """

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        *,
        clock: Callable[[], datetime],
        on_loss: Callable[[int], None] | None = None,
        budget: RuleBudget | None = None,
        on_over_budget: Callable[[str], None] | None = None,
    ) -> None:
        self.losses = 0
        self._store = store
        self._keys = keys
        self._key = keys.current
        self._clock = clock
        self._on_loss = on_loss
        self._process = os.getpid()
        self._closed = False
        self._failing = False
        self._lock = threading.Lock()
        # Ascends in time and within this process; the low bits keep two processes of one millisecond apart, mostly.
        self._numbers = count((time.time_ns() // 1_000_000) << 20 | (self._process & 0x3FF) << 10)
        self._on_the_way: dict[tuple[str, str], dict[str, CallCard]] = {}  # of a client's patient, by uuid
        self._patients = Patients(store, clock, MEMORY)
        self._operating = Operating(store, keys, clock, budget, on_over_budget)
        self._irrelevant: Counter[tuple[str, datetime]] = Counter()
        self._counted_at = time.monotonic()
        self._writer = Writer(self._settle, most_waiting=MOST_WAITING, linger=LINGER_SECONDS)
        atexit.register(self.close)

    # --- what a call does -----------------------------------------------------------------------------------------

    def record(
        self,
        request: HookRequest,
        client: AuthenticatedClient,
        decisions: Sequence[Decision],
        cards: Sequence[Card],
        millis: Mapping[str, float],
    ) -> None:
        """Keep one relevant call: it is written within moments, or counted in `losses`. Never raises, never waits."""
        try:
            kept = self._keep(request, client, decisions, cards, millis)
            if self._unusable() or not self._writer.tell(kept):
                self._forget(kept)
                self._lose(1)
        except Exception as error:  # noqa: BLE001 - the answer is ready; nothing here may cost it
            log.warning("ledger: a call could not be kept: %s", type(error).__name__)
            self._lose(1)

    def count_irrelevant(self, client: AuthenticatedClient) -> None:
        """Count one call that concerned neither surgery nor cancer treatment; written by the minute, within seconds."""
        minute = self._clock().replace(second=0, microsecond=0)
        with self._lock:
            self._irrelevant[rows.client_name(client), minute] += 1

    def record_feedback(self, client: AuthenticatedClient, items: Sequence[Feedback]) -> None:
        """Make feedback durable, whether the card is known or not; `LedgerUnavailable` if that could not be done.

        The same item twice is one, and counted as two arrivals (CDS Hooks 2.0.1, Feedback: a client may repeat it).
        """
        self._check()
        name, now = rows.client_name(client), self._clock()
        asked = Asked(tuple(rows.feedback_row(self._keys, name, item, now) for item in items))
        if not self._writer.ask(asked, ANSWER_SECONDS):
            raise LedgerUnavailable("the ledger did not answer in time")
        if asked.problem:
            raise LedgerUnavailable(asked.problem)

    def history(
        self,
        client: AuthenticatedClient,
        patient_id: str,
        studies: Sequence[str],
        orders: Sequence[str],
        encounter: str | None = None,
    ) -> tuple[PastCard, ...]:
        """The cards returned for this patient of this client in the last 400 days, the newest first.

        Studies and orders of `studies` and `orders` are named as spelled there, others are None. `LedgerUnavailable`
        if the database could not be read: "no history" and "history unknown" are different things.
        """
        self._check()
        name = rows.client_name(client)
        # First what is on the way, then what has arrived: a card that arrives in between is seen twice, never missed.
        waiting: list[Sequence[Any]] = []
        whose = (name, normal_patient(patient_id))
        if whose in self._on_the_way:
            with self._lock:
                cards = tuple(self._on_the_way.get(whose, {}).values())
            waiting += [past.on_the_way(card, key=self._key, client=name) for card in cards if not card.repeated]
        known = [
            patient
            for key in self._keys.all
            if self._patients.may_have_cards(patient := rows.patient_hash(key, name, patient_id))
        ]
        if not waiting and not known:
            return ()
        since = rows.instant(self._clock() - MEMORY)
        found = [
            row
            for patient in known or [rows.patient_hash(self._key, name, patient_id)]
            for row in self._store.read(self._store.history, {"patient": patient, "since": since})
        ]
        if not found and not waiting:
            return ()
        # Arrived rows stand last and replace the same card on the way, because only they can carry feedback.
        return past.past_cards(
            [*waiting, *found],
            keys=self._keys.all,
            client=name,
            studies=studies,
            orders=orders,
            encounter=encounter,
        )

    @property
    def state(self) -> State:
        """What is switched off, over its budget or opted out, as it stood a few seconds ago; from memory."""
        return self._operating.state

    def spent(self, client: AuthenticatedClient, user: str, encounter: str | None) -> Spent:
        """How many cards this clinician and this encounter have been given lately, repetitions aside; from memory.

        `LedgerUnavailable` where that cannot be known.
        """
        self._check()
        name = rows.client_name(client)
        users = [rows.reference_hash(key, "user", name, user) for key in self._keys.all] if user else []
        encounters = [hash for key in self._keys.all if (hash := rows.encounter_hash(key, name, encounter))]
        return self._patients.spent(users, encounters)

    # --- for those who look at it ------------------------------------------------------------------------------------

    def verdicts(self, hook_instance: str) -> list[dict[str, Any]]:
        """Every verdict of the last call of that hook instance, in the order decided; `checks` with their truth."""
        self.flush()
        found = next(
            filter(None, (self._store.read(self._store.verdicts, {"hook": rows.hook_hash(key, hook_instance)})
                          for key in self._keys.all)),
            [],
        )  # fmt: skip
        told = [dict(zip(TOLD_OF_A_VERDICT, row, strict=True)) for row in found]
        return [row | {"checks": orjson.loads(row["checks"])} for row in told]

    def ready(self) -> bool:
        """Whether this ledger would take a record now; after a failure it tries with a row of its own."""
        if self._unusable() or not self._writer.alive:
            return False
        if self._failing:
            with self._lock:
                self._irrelevant[PROBE, self._clock().replace(second=0, microsecond=0)] += 0
            self._writer.ask(Asked(), 1.0)
            return not self._failing
        try:
            self._store.check_file()
            self._store.read(self._store.patient_of_card, {"card": "", "client": ""})
        except LedgerUnavailable:
            return False
        return True

    def flush(self) -> bool:
        """Wait until everything recorded so far is written or counted as lost; False if that took too long."""
        return not self._unusable() and self._writer.ask(Asked(), ANSWER_SECONDS)

    def close(self) -> None:
        """Write what waits and let go of the database; in a forked child, where nothing is ours, do nothing."""
        if self._unusable():
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._writer.stop(2 * ANSWER_SECONDS):
            self._settle((), (Asked(),))
            self._seal(always=True)
            self._store.close()

    # --- the writer's side --------------------------------------------------------------------------------------------

    def _settle(self, calls: Sequence[Call], asked: Sequence[Asked]) -> None:
        """Write one batch: first the calls, so that feedback finds its card, then the feedback, durably."""
        problem: str | None = "the ledger could not be written"
        self._seal()  # first, so that a segment ends with its day
        try:
            self._write_calls(calls, counts=self._due_counts(now=bool(asked)))
            problem = self._write_feedback([row for one in asked for row in one.rows])
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the one thread that writes
            log.error("ledger: %d calls lost by a fault: %s", len(calls), type(error).__name__)
            self._failing = True
            self._lose(len(calls))
        finally:
            for call in calls:
                self._forget(call)
            for one in asked:
                one.problem = problem if one.rows else None
                if one.rows:
                    one.done.set()
            self._operating.look()
            for one in asked:  # who asks for nothing but that everything is settled
                one.done.set()

    def _write_calls(self, calls: Sequence[Call], counts: Mapping[tuple[str, datetime], int]) -> None:
        written: list[rows.Written] = []
        for call in calls:
            try:
                written.append(rows.written(self._keys, call))
            except Exception as error:  # noqa: BLE001 - one odd call must not cost the others of its batch
                log.warning("ledger: a call could not be written down: %s", type(error).__name__)
                self._lose(1)
        if not written and not counts:
            return
        try:
            with self._store.writing("quick", rows.instant(self._clock())) as insert:
                insert("calls", [one.call for one in written])
                insert("verdicts", [row for one in written for row in one.verdicts])
                insert("cards", [row for one in written for row in one.cards])
                insert("irrelevant_calls", [
                    {"client": client, "minute": rows.instant(minute), "count": number}
                    for (client, minute), number in counts.items()
                ])  # fmt: skip
            self._failing = False
            self._operating.spoke([row for one in written for row in one.cards])
        except UNAVAILABLE as error:
            log.warning("ledger: %d calls lost: %s", len(written), type(error).__name__)
            self._failing = True
            self._lose(len(written))
            with self._lock:
                self._irrelevant.update(counts)

    def _write_feedback(self, feedback: list[Row]) -> str | None:
        if not feedback:
            return None
        try:
            for row in feedback:
                row["patient_hash"] = self._store.patient_hash_of(row["card"], row["client"])
            with self._store.writing("durable", rows.instant(self._clock())) as insert:
                insert("feedback", feedback)
                insert("feedback_arrivals", feedback)
                insert(
                    "review_queue",
                    [row | {"queued_at": row["received_at"]} for row in feedback if row["effect"] == "review"],
                )
            self._failing = False
        except UNAVAILABLE as error:
            log.warning("ledger: %d feedback items refused: %s", len(feedback), type(error).__name__)
            self._failing = True
            return f"the ledger could not be written: {type(error).__name__}"
        return None

    def _seal(self, *, always: bool = False) -> None:
        """Sign what has gathered; what could not be signed now is signed with the next."""
        try:
            self._store.seal_if_due(rows.instant(self._clock()), always=always)
        except UNAVAILABLE as error:
            log.warning("ledger: no checkpoint was written: %s", type(error).__name__)

    def _due_counts(self, *, now: bool) -> dict[tuple[str, datetime], int]:
        if not self._irrelevant or not (now or time.monotonic() - self._counted_at >= TICK_SECONDS):
            return {}
        with self._lock:
            taken = dict(self._irrelevant)
            self._irrelevant.clear()
        self._counted_at = time.monotonic()
        return taken

    # --- small print ------------------------------------------------------------------------------------------------

    def _keep(
        self,
        request: HookRequest,
        client: AuthenticatedClient,
        decisions: Sequence[Decision],
        cards: Sequence[Card],
        millis: Mapping[str, float],
    ) -> Call:
        kept = rows.keep(
            next(self._numbers), request, rows.client_name(client), self._clock(), decisions, cards, millis
        )
        if kept.cards:
            self._patients.add(rows.patient_hash(self._key, kept.client, kept.patient_id))
            self._spend(kept)
            with self._lock:
                waiting = self._on_the_way.setdefault((kept.client, normal_patient(kept.patient_id)), {})
                waiting.update((card.uuid, card) for card in kept.cards)
        return kept

    def _spend(self, call: Call) -> None:
        user = rows.reference_hash(self._key, "user", call.client, call.user) if call.user else None
        encounter = rows.encounter_hash(self._key, call.client, call.encounter_id)
        for card in call.cards:
            if not card.repeated:
                self._patients.spend(card.uuid, rows.instant(call.at), user, encounter)

    def _forget(self, call: Call) -> None:
        if not call.cards:
            return
        whose = (call.client, normal_patient(call.patient_id))
        with self._lock:
            waiting = self._on_the_way.get(whose, {})
            for card in call.cards:
                waiting.pop(card.uuid, None)
            if not waiting:
                self._on_the_way.pop(whose, None)

    def _lose(self, number: int) -> None:
        if not number:
            return
        with self._lock:
            self.losses += number
        if self._on_loss is not None:
            self._on_loss(number)

    def _unusable(self) -> bool:
        return self._closed or self._process != os.getpid()

    def _check(self) -> None:
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        if self._process != os.getpid():
            raise LedgerUnavailable("the ledger was opened before this process was forked; open it after the fork")


def open_ledger(
    url: str,
    keys: Keyring,
    *,
    clock: Callable[[], datetime] | None = None,
    on_loss: Callable[[int], None] | None = None,
    budget: RuleBudget | None = None,
    on_over_budget: Callable[[str], None] | None = None,
) -> Ledger:
    """Open, on first use make, the ledger at `url`; `SettingsError` or `LedgerUnavailable` if that is impossible."""
    return Ledger(
        Store(url, keys),
        keys,
        clock=clock or (lambda: datetime.now(UTC)),
        on_loss=on_loss,
        budget=budget,
        on_over_budget=on_over_budget,
    )
