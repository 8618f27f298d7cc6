"""Operational state as rows that are only ever added (decision 12): what is switched off, over budget, opted out.

The last row of a rule says whether it is off; an opt-out holds until its day, or until a row ends it. Every process
reads the few rows there are every few seconds, on the thread that writes, so that no call waits for it.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from cds_service.errors import SettingsError
from cds_service.ledger.keys import Keyring
from cds_service.ledger.rows import Row, instant
from cds_service.ledger.store import UNAVAILABLE, Store
from cds_service.model import EVERY_RULE, OptOut, State, Switch

REFRESH_SECONDS = 5.0  # the thread looks up at least every ten seconds: state holds everywhere well within a minute
SEALED_AS = "operations.subject"
SERVICE = "the service"  # who sets a rule silent that is over its budget

_log = structlog.get_logger("ledger")


@dataclass(frozen=True, slots=True)
class RuleBudget:
    """How often a rule may speak: cards that it leads, in percent of the orders in scope of any rule.

    Judged over the last `days` (or since the rule was switched on again), from `minimum` orders on.
    """

    percent: int = 5
    minimum: int = 200
    days: int = 28


def rule_row(kind: str, rule: str, *, by: str, reason: str, at: datetime, until: datetime | None = None) -> Row:
    """A row `rule-off`, `rule-on` or `rule-budget`; `rule` EVERY_RULE: all of them."""
    return {
        "at": instant(at), "kind": kind, "rule": rule, "handle": "", "by": by, "reason": reason,
        "until": instant(until) if until else None,
    }  # fmt: skip


def opt_out_row(
    keys: Keyring,
    *,
    rule: str,
    owner: str,
    reason: str,
    at: datetime,
    until: datetime,
    group: str = "",
    reference: str = "",
) -> Row:
    """A row that opts a group of the site's, or the reference of a user or place, out of one rule or all."""
    row = rule_row("opt-out", rule, by=owner, reason=reason, at=at, until=until)
    sealed = keys.seal(reference or None, SEALED_AS)
    return row | {"handle": secrets.token_hex(4), "user_group": group or None, "subject_sealed": sealed}


def opt_out_end_row(handle: str, *, by: str, reason: str, at: datetime) -> Row:
    """A row that ends an opt-out before its day."""
    return rule_row("opt-out-end", EVERY_RULE, by=by, reason=reason, at=at) | {"handle": handle}


def state_of(rows: Iterable[Mapping[str, Any]], keys: Keyring) -> State:
    """What holds, by these rows in the order they were written."""
    switches: dict[str, Switch] = {}
    opt_outs: dict[str, OptOut] = {}
    for row in rows:
        kind, rule = row["kind"], row["rule"]
        since, until = datetime.fromisoformat(row["at"]), row["until"]
        end = datetime.fromisoformat(until) if until else None
        if kind == "rule-on":
            switches.pop(rule, None)
        elif kind == "rule-off":
            switches[rule] = Switch(rule, "switched-off", row["by"], row["reason"], since, end)
        elif kind == "rule-budget":
            switches.setdefault(rule, Switch(rule, "rule-budget", row["by"], row["reason"], since, end))
        elif kind == "opt-out" and end is not None:
            reference = _opened(keys, row)
            if reference is not None:
                opt_outs[row["handle"]] = OptOut(
                    row["handle"], rule, row["by"], row["reason"], since, end, row["user_group"] or "", reference
                )
        elif kind == "opt-out-end":
            opt_outs.pop(row["handle"], None)
    return State(tuple(switches.values()), tuple(opt_outs.values()))


def _opened(keys: Keyring, row: Mapping[str, Any]) -> str | None:
    """Whom an opt-out is about; None, and a word in the log, where the key that sealed it is gone."""
    try:
        return keys.open(row["subject_sealed"], SEALED_AS) or ""
    except SettingsError:
        _log.error("opt-out cannot be opened", reason=row["handle"])
        return None


class Operating:
    """The state as one process sees it, and the watch over the rules' budgets; both kept by the writer's thread."""

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        clock: Callable[[], datetime],
        budget: RuleBudget | None,
        on_over_budget: Callable[[str], None] | None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._budget = budget
        self._on_over_budget = on_over_budget
        self._rows: list[Row] = []
        self._spoke: set[str] = set()
        self._read_at = 0.0
        self.state = State()
        self.refresh(now=True)

    def refresh(self, *, now: bool = False) -> None:
        """Read the rows again, when that is due; while they cannot be read, the state is as it was."""
        if not now and time.monotonic() < self._read_at + REFRESH_SECONDS:
            return
        columns = ("id", "at", "kind", "rule", "handle", "by", "reason", "until", "user_group", "subject_sealed")
        found = [dict(zip(columns, row, strict=True)) for row in self._store.read(self._store.operations, {})]
        if found != self._rows:
            self._rows, self.state = found, state_of(found, self._keys)
        self._read_at = time.monotonic()

    def look(self) -> None:
        """What the writer's thread does after each batch; never raises."""
        try:
            self.watch()
            self.refresh()
        except Exception as error:  # noqa: BLE001 - the one thread that writes must go on
            _log.warning("operational state could not be read", error=type(error).__name__)

    def spoke(self, cards: Sequence[Row]) -> None:
        """These cards have been written: the rules that lead them are to be held against their budget."""
        self._spoke.update(card["rules"].partition(" ")[0] for card in cards if not card["repeated"])

    def watch(self) -> None:
        """Set silent, by a row, each rule that spoke and is over its budget; the row is as durable as feedback."""
        if not self._spoke or self._budget is None or not self._budget.percent:
            self._spoke.clear()
            return
        try:
            self.refresh(now=True)
            quiet = {switch.rule for switch in self.state.switched(self._clock())}
            for rule in sorted(self._spoke - quiet):
                if told := self._over(rule, self._budget):
                    row = rule_row("rule-budget", rule, by=SERVICE, reason=told, at=self._clock())
                    with self._store.writing("durable", row["at"]) as insert:
                        insert("operations", [row])
                    _log.error("rule over its budget is silent", rule=rule, reason=told)
                    if self._on_over_budget:
                        self._on_over_budget(rule)
            self._spoke.clear()
            self.refresh(now=True)
        except UNAVAILABLE as error:  # the rules that spoke are looked at again with the next batch
            _log.warning("budgets could not be watched", error=type(error).__name__)

    def _over(self, rule: str, budget: RuleBudget) -> str:
        """How far over its budget a rule is, in words; "" where it is not."""
        since = instant(self._clock() - timedelta(days=budget.days))
        on = [row["at"] for row in self._rows if row["kind"] == "rule-on" and row["rule"] in (rule, EVERY_RULE)]
        since = max([since, *on])
        asked = {"since": since, "day": since[:10], "rule": rule, "rule_first": f"{rule} %"}
        ((orders, cards),) = self._store.read(self._store.budget, asked)
        if orders < budget.minimum or cards * 100 <= orders * budget.percent:
            return ""
        return f"{cards} cards in {orders} orders since {since[:10]}: more than {budget.percent} in 100"
