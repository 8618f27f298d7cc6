"""`second-read rules status`: what each rule did of late, and what keeps it silent now."""

from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import click

from cds_service.config import Settings
from cds_service.content import Content
from cds_service.content.of_settings import load_settings_content
from cds_service.ledger.connecting import snapshot
from cds_service.ledger.readout import Readout, RuleCounts, read_out
from cds_service.model import EVERY_RULE, State
from cds_service.workbench import terminal
from cds_service.workbench.opened_ledger import CONFIG, opened, state_now

LEAST = 30  # below so many no share is told: it would say more about chance than about the rule
Z = 1.959964  # 95 %
LIMITS = (
    "cards_per_response", "cards_per_clinician", "cards_per_encounter",
    "rule_budget_percent", "rule_budget_days", "rule_budget_orders",
)  # fmt: skip


@click.command(name="status")
@click.option("--days", default=28, show_default=True, type=click.IntRange(1, 3660), help="How far back, with today.")
@CONFIG
@terminal.AS_JSON
def show_status(days: int, config: Path | None, as_json: bool) -> None:
    """Show what each rule did: cards returned, accepted, overridden, without an answer; silent, excluded, undetermined.

    Also every switch, budget and opt-out in force. Shares are told from 30 cases on, with their 95 % interval.

    Exit codes: 0 shown, 1 content or ledger cannot be read.
    """
    now = datetime.now(UTC)
    since = (now - timedelta(days=days - 1)).date().isoformat()
    with opened(config) as (store, settings, keys):
        content, state = load_settings_content(settings), state_now(store, keys)
        with snapshot(store.engine) as connection:
            found = read_out(connection, since)
    if as_json:
        terminal.say_json(as_object(found, content, state, settings, now))
    else:
        _show(found, content, state, settings, now)


def interval(part: int, whole: int) -> tuple[float, float] | None:
    """The 95 % interval of a share (Wilson 1927), or None where the whole is too small to tell one."""
    if whole < LEAST:
        return None
    share, square = part / whole, Z * Z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    reach = Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share(part: int, whole: int) -> str:
    """A part of a whole in words that fit a table: never a bare percentage, and none of few."""
    found = interval(part, whole)
    if found is None:
        return f"{part} of {whole}"
    return f"{part} of {whole}, {100 * part / whole:.0f} % ({100 * found[0]:.0f}-{100 * found[1]:.0f})"


def in_force(rule: str, status: str, state: State, now: datetime) -> str:
    """What holds for a rule now: its file's status, or why it is silent."""
    switched = [each for each in state.switched(now) if each.rule in (rule, EVERY_RULE)]
    return switched[0].because if switched and status == "active" else status


def as_object(found: Readout, content: Content, state: State, settings: Settings, now: datetime) -> dict[str, Any]:
    """The same for machines; a share is null where the whole is below 30."""
    status = {rule.id: rule.status for rule in content.rules.rules}
    return {
        "since": found.since, "calls": found.calls, "orders": found.orders,
        "rules": [
            {"rule": id, "status": status.get(id, "unknown"),
             "in_force": in_force(id, status.get(id, "unknown"), state, now),
             **_counts(found.rules.get(id) or RuleCounts(), found.orders)}
            for id in _listed(found, content)
        ],
        "switches": [
            {"rule": s.rule or "all", "because": s.because, "by": s.by, "reason": s.reason,
             "since": s.since.isoformat(), "until": s.until.isoformat() if s.until else None}
            for s in state.switched(now)
        ],
        "opt_outs": len(state.opted_out(now)),
        "limits": {name: getattr(settings, name) for name in LIMITS},
    }  # fmt: skip


def _counts(counts: RuleCounts, orders: int) -> dict[str, Any]:
    return {
        "orders": counts.orders, "spoke": counts.spoke, "silent": dict(counts.silent), "not_met": counts.not_met,
        "excluded": counts.excluded, "undetermined": counts.undetermined, "errors": counts.errors,
        "returned": counts.returned, "joined": counts.joined, "accepted": counts.accepted,
        "overridden": counts.overridden, "no_answer": counts.no_answer, "reasons": dict(counts.reasons),
        "accepted_of_answered": interval(counts.accepted, counts.answered),
        "accepted_of_returned": interval(counts.accepted, counts.returned),
        "returned_of_orders": interval(counts.returned, orders),
    }  # fmt: skip


def _listed(found: Readout, content: Content) -> list[str]:
    """The rules that are decided, and those that were."""
    decided = [rule.id for rule in content.rules.rules if rule.status in ("active", "silent")]
    return sorted({*decided, *found.rules})


def _show(found: Readout, content: Content, state: State, settings: Settings, now: datetime) -> None:
    status = {rule.id: rule.status for rule in content.rules.rules}
    terminal.say(f"since {found.since}: {found.calls} calls with {found.orders} orders for surgery or cancer treatment")
    rows = terminal.table(
        "rule", "now", "orders", "returned", "acc.", "over.", "no answer", "silent", "excl.", "undet.",
        right=("orders", "returned", "acc.", "over.", "no answer", "silent", "excl.", "undet."),
    )  # fmt: skip
    for id in _listed(found, content):
        counts = found.rules.get(id) or RuleCounts()
        rows.add_row(id, in_force(id, status.get(id, "unknown"), state, now), *map(str, (
            counts.orders, counts.returned, counts.accepted, counts.overridden, counts.no_answer,
            counts.silent.total(), counts.excluded, counts.undetermined)))  # fmt: skip
    terminal.console().print(rows)
    terminal.say(
        "orders: decided by the rule. returned: cards it led, a repetition in the same signing session aside;", "dim"
    )
    terminal.say("returned is not shown: of a card without an answer nobody knows whether it was seen.", "dim")
    for id in _listed(found, content):
        counts = found.rules.get(id) or RuleCounts()
        if counts.returned or counts.silent:
            _show_rule(id, counts, found.orders)
    for each in state.switched(now):
        until = f", until {each.until.astimezone():%Y-%m-%d %H:%M}" if each.until else ""
        since = f"since {each.since:%Y-%m-%d %H:%M}{until}"
        terminal.say(f"{each.rule or 'all'}: {each.because} {since}, by {each.by}: {each.reason}", "bold yellow")
    terminal.say(
        f"limits: {settings.cards_per_response} card a response, {settings.cards_per_clinician or 'any number'} a"
        f" clinician in 24 h, {settings.cards_per_encounter or 'any number'} an encounter; a rule leads at most"
        f" {settings.rule_budget_percent or 'any number'} in 100 orders of {settings.rule_budget_days} days"
        f" (from {settings.rule_budget_orders} orders on); {len(state.opted_out(now))} opt-outs"
    )


def _show_rule(id: str, counts: RuleCounts, orders: int) -> None:
    told = []
    if counts.returned:
        told.append(f"accepted {share(counts.accepted, counts.answered)} answered")
        told.append(f"led a card in {share(counts.returned, orders)} orders")
    if counts.silent:
        told.append("silent: " + ", ".join(f"{why} {number}" for why, number in counts.silent.most_common()))
    if counts.reasons:
        told.append("overridden: " + ", ".join(f"{code} {number}" for code, number in counts.reasons.most_common()))
    terminal.say(f"{id}: {'; '.join(told)}")
