"""`second-read rules off | on` and `second-read opt-out`: what a site may stop at once, without a restart."""

from datetime import UTC, datetime
from pathlib import Path

import click

from cds_service.config import Settings
from cds_service.content.of_settings import load_settings_content
from cds_service.ledger.operations import opt_out_end_row, opt_out_row, rule_row
from cds_service.model import EVERY_RULE
from cds_service.workbench import terminal
from cds_service.workbench.opened_ledger import CONFIG, DAY, add_operation, end_of, opened, state_now
from cds_service.yaml_source import nearest

_RULE = click.option("--rule", default="all", show_default=True, metavar="ID", help="One rule alone.")


@click.command(name="off")
@click.argument("rule", metavar="ID|all")
@click.option("--by", required=True, help="Who switches it off.")
@click.option("--reason", required=True, help="Why.")
@click.option("--until", type=DAY, help="The last day; without it, until it is switched on.")
@CONFIG
def switch_off(rule: str, by: str, reason: str, until: datetime | None, config: Path | None) -> None:
    """Switch a rule off, or all of them.

    It is decided and recorded as before, and shown to nobody; in every running worker within seconds.

    Exit codes: 0 switched off, 1 there is no such rule, or the ledger cannot be written.
    """
    now = datetime.now(UTC)
    with opened(config) as (store, settings, _):
        named = _named(rule, settings)
        end = _not_over(end_of(until), now)
        add_operation(store, rule_row("rule-off", named, by=by, reason=reason, at=now, until=end))
    terminal.say(f"{rule}: off{f' up to and with {until:%Y-%m-%d}' if until else ''}, in every worker within seconds")


@click.command(name="on")
@click.argument("rule", metavar="ID|all")
@click.option("--by", required=True, help="Who switches it on.")
@click.option("--reason", required=True, help="Why.")
@CONFIG
def switch_on(rule: str, by: str, reason: str, config: Path | None) -> None:
    """Undo `off`, or let a rule speak again that was over its budget, which is then counted anew.

    `all` undoes `off all`; rules that are off by themselves stay off.

    Exit codes: 0 switched on, 1 there is no such rule, or the ledger cannot be written.
    """
    now = datetime.now(UTC)
    with opened(config) as (store, settings, keys):
        named = _named(rule, settings)
        add_operation(store, rule_row("rule-on", named, by=by, reason=reason, at=now))
        left = [each for each in state_now(store, keys).switched(now) if named in (each.rule, EVERY_RULE)
                or each.rule == EVERY_RULE]  # fmt: skip
    terminal.say(f"{rule}: on, in every worker within seconds")
    for each in left:
        terminal.say(f"still off: {each.rule or 'all'} ({each.because}, {each.by}: {each.reason})", "yellow")


@click.group(name="opt-out")
def opt_out() -> None:
    """Spare a user, a place or a group cards for a time; what is spared is recorded as silent."""


@opt_out.command(name="add")
@click.option(
    "--user", "reference", metavar="REFERENCE", help="Such as Practitioner/123, or a Location or Organization."
)
@click.option("--group", default="", help="A group of site.yaml.")
@_RULE
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--reason", required=True, help="Why.")
@click.option("--until", required=True, type=DAY, help="The last day.")
@CONFIG
def add(
    reference: str | None, group: str, rule: str, owner: str, reason: str, until: datetime, config: Path | None
) -> None:
    """Add an opt-out; it ends by itself after its last day."""
    now = datetime.now(UTC)
    if bool(reference) == bool(group):
        terminal.leave("give either --user or --group")
    with opened(config) as (store, settings, keys):
        named = _named(rule, settings)
        if group:
            groups = load_settings_content(settings).site.groups
            if group not in groups:
                terminal.leave(f"site.yaml has no group '{group}'{nearest(group, groups)}")
        row = opt_out_row(
            keys, rule=named, owner=owner, reason=reason, at=now, until=_not_over(end_of(until), now) or now,
            group=group, reference=reference or "",
        )  # fmt: skip
        add_operation(store, row)
    terminal.say(f"opt-out {row['handle']}: {reference or group} is not shown {rule} up to and with {until:%Y-%m-%d}")


@opt_out.command(name="list")
@CONFIG
@terminal.AS_JSON
def list_opt_outs(config: Path | None, as_json: bool) -> None:
    """List the opt-outs in force."""
    with opened(config) as (store, _, keys):
        found = state_now(store, keys).opted_out(datetime.now(UTC))
    if as_json:
        terminal.say_json({"opt_outs": [
            {"id": each.id, "rule": each.rule or "all", "group": each.group, "reference": each.reference,
             "owner": each.owner, "reason": each.reason, "since": each.since.isoformat(),
             "until": each.until.isoformat()} for each in found]})  # fmt: skip
        return
    rows = terminal.table("id", "who", "rule", "until", "owner", "reason")
    for each in found:
        rows.add_row(each.id, each.group or each.reference, each.rule or "all", f"{each.until.astimezone():%Y-%m-%d}",
                     each.owner, each.reason)  # fmt: skip
    terminal.console().print(rows if found else "nobody has opted out")


@opt_out.command(name="end")
@click.argument("id")
@click.option("--by", required=True, help="Who ends it.")
@click.option("--reason", required=True, help="Why.")
@CONFIG
def end(id: str, by: str, reason: str, config: Path | None) -> None:
    """End an opt-out before its day."""
    now = datetime.now(UTC)
    with opened(config) as (store, _, keys):
        known = [each.id for each in state_now(store, keys).opted_out(now)]
        if id not in known:
            terminal.leave(f"there is no opt-out '{id}' in force{nearest(id, known)}")
        add_operation(store, opt_out_end_row(id, by=by, reason=reason, at=now))
    terminal.say(f"opt-out {id}: ended")


def _not_over(end: datetime | None, now: datetime) -> datetime | None:
    if end is not None and end <= now:
        terminal.leave("--until is over already")
    return end


def _named(rule: str, settings: Settings) -> str:
    """The rule as it is recorded; leaves where the content has no such rule."""
    if rule == "all":
        return EVERY_RULE
    known = [each.id for each in load_settings_content(settings).rules.rules]
    if rule not in known:
        terminal.leave(f"there is no rule '{rule}'{nearest(rule, known)}")
    return rule
