"""What each rule did over a window of days, from rows: returned, answered, silent and why, excluded, undetermined.

The unit of an answer is one *showing*: a card and its repetitions within the signing session, of which any may be the
one that was answered. "Returned" is not "shown": of a card nobody answered it is not known whether anybody saw it.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa

from cds_service.ledger.tables import calls, cards, feedback, verdicts


@dataclass(slots=True)
class RuleCounts:
    """One rule's counts. `orders` woke it; each of them is in exactly one of the counts that follow it."""

    orders: int = 0
    spoke: int = 0  # met and not silent; merged into another rule's card, or not offered here, it led no card
    silent: Counter[str] = field(default_factory=Counter)  # met and silent, by why
    not_met: int = 0
    excluded: int = 0
    undetermined: int = 0
    errors: int = 0
    returned: int = 0  # cards that the rule led, repetitions aside
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # of those overridden
    joined: int = 0  # cards led by another rule that name this one as a further reason

    @property
    def no_answer(self) -> int:
        """Returned, and nothing was ever said of it: whether it was seen is not known."""
        return self.returned - self.accepted - self.overridden

    @property
    def answered(self) -> int:
        """Certainly shown."""
        return self.accepted + self.overridden


@dataclass(slots=True)
class Readout:
    """Every rule's counts since a day, and the orders in scope of any rule."""

    since: str
    orders: int
    calls: int
    rules: dict[str, RuleCounts]


def read_out(connection: sa.Connection, since: str) -> Readout:
    """The counts of the days from `since` (ISO) on."""
    wanted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(calls.c.orders), 0)).where(calls.c.day >= since)
    called, orders = connection.execute(wanted).one()
    found: dict[str, RuleCounts] = defaultdict(RuleCounts)
    kinds = (verdicts.c.rule, verdicts.c.status, verdicts.c.outcome, verdicts.c.silent_because)
    counted = sa.select(*kinds, sa.func.count()).where(verdicts.c.day >= since).group_by(*kinds)
    for rule, status, outcome, why, number in connection.execute(counted):
        _count_verdicts(found[rule], status, outcome, why, number)
    _count_showings(connection, since, found)
    return Readout(since, orders, called, dict(found))


def _count_verdicts(counts: RuleCounts, status: str, outcome: str, why: str | None, number: int) -> None:
    counts.orders += number
    if outcome == "indicated" and status == "silent":
        counts.silent[why or "not recorded"] += number
    elif outcome == "indicated":
        counts.spoke += number
    elif outcome == "excluded":
        counts.excluded += number
    elif outcome == "undetermined":
        counts.undetermined += number
    elif outcome == "error":
        counts.errors += number
    else:
        counts.not_met += number


def _count_showings(connection: sa.Connection, since: str, found: dict[str, RuleCounts]) -> None:
    same = sa.and_(feedback.c.card == cards.c.uuid, feedback.c.client == cards.c.client)
    whose = (cards.c.client, cards.c.patient_hash, cards.c.topic, cards.c.order_hash)
    told = (cards.c.uuid, cards.c.rules, cards.c.repeated, feedback.c.outcome, feedback.c.at, feedback.c.reason_code)
    wanted = (
        sa.select(*whose, *told)
        .select_from(cards.outerjoin(feedback, same))
        .where(cards.c.returned_at >= since)
        .order_by(*whose, cards.c.returned_at, cards.c.uuid)
    )
    showing: _Showing | None = None
    for *of, uuid, rules, repeated, outcome, at, reason in connection.execute(wanted):
        if showing is None or showing.of != of or (not repeated and uuid != showing.first):
            if showing is not None:
                showing.count(found)
            showing = _Showing(of, uuid, rules.split(), bool(repeated))
        showing.take(outcome, at, reason)
    if showing is not None:
        showing.count(found)


class _Showing:
    """A card and its repetitions. Accepted goes before overridden; of equals the latest holds."""

    def __init__(self, of: list[str], first: str, rules: list[str], passive: bool) -> None:
        self.of, self.first, self.rules = of, first, rules
        self._passive = passive  # only offered while ordering: it counts once somebody answers it
        self._answer: tuple[bool, str, str] | None = None

    def take(self, outcome: str | None, at: str | None, reason: str | None) -> None:
        if outcome is not None:
            answer = (outcome == "accepted", at or "", reason or "")
            self._answer = max(self._answer, answer) if self._answer else answer

    def count(self, found: dict[str, RuleCounts]) -> None:
        if self._passive and self._answer is None:
            return
        for place, rule in enumerate(self.rules):
            counts = found[rule]
            if place:
                counts.joined += 1
                continue
            counts.returned += 1
            if self._answer and self._answer[0]:
                counts.accepted += 1
            elif self._answer:
                counts.overridden += 1
                counts.reasons[self._answer[2] or "(none given)"] += 1
