"""`second-read rules explain`: one case, every line, in words that fit a terminal."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from cds_service.model import Case, Check, Outcome, Truth
from cds_service.workbench import terminal
from cds_service.workbench.explaining import (
    WORDS,
    Explanation,
    explain,
    explanation_json,
    moment,
    order_lines,
    report_line,
    shown_checks,
    study_line,
)
from cds_service.workbench.situations import Explained, NoSuchCase, explained
from cds_service.yaml_source import nearest

_STYLES = {Truth.TRUE: "green", Truth.FALSE: "default", Truth.UNKNOWN: "yellow"}
_PARTS = (("criterion", "criteria (all are to be met)"), ("exclusion", "exclusions (any one keeps it quiet)"),
          ("warning", "what a warning asks, and what explains the operation"))  # fmt: skip


@click.command(name="explain")
@click.argument("case")
@click.option("--rule", "only", help="One rule alone.")
@click.option("--why-not", "why_not", metavar="RULE", help="One rule, even where the order does not wake it.")
@click.option("--report", help="What the report says instead (base cases only).")
@click.option("--as-of", help="The moment of a chart or a recorded call, such as 2026-11-28T09:00:00Z (now).")
@terminal.CONTENT
@terminal.AS_JSON
def explain_case(
    case: str,
    only: str | None,
    why_not: str | None,
    report: str | None,
    as_of: str | None,
    layers: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say why each rule speaks or does not on CASE.

    CASE is a base case of cards/cases, a chart of the demo, or a file with a recorded order-sign request. Nothing is
    read from a network: what was not sent is shown as a gap.

    Exit codes: 0 explained, 1 no such case or rule.
    """
    content = terminal.load_or_leave(layers)
    wanted = why_not or only
    known = [rule.id for rule in content.rules.rules]
    if wanted is not None and wanted not in known:
        terminal.leave(f"there is no rule '{wanted}'{nearest(wanted, known)}")
    try:
        changes = {"report": report} if report is not None else None
        found = explained(case, content, moment(as_of) or datetime.now(UTC), changes)
    except (NoSuchCase, ValueError) as error:
        terminal.leave(str(error))
    told = [(one, explain(one, content, wanted)) for one in found.cases]
    if why_not is None:
        told = [(one, tuple(e for e in each if only is None or e.reached)) for one, each in told]
    if as_json:
        orders = [explanation_json(one, each, content.rules.digest) for one, each in told]
        terminal.say_json({"case": found.name, "unrecognised": list(found.unrecognised), "orders": orders})
        sys.exit(0)
    _show(found, told, content.rules.digest)


def _show(found: Explained, told: list[tuple[Case, tuple[Explanation, ...]]], digest: str) -> None:
    for words in found.unrecognised:
        terminal.say(f"{words}: no value set of this content recognises this order, so no rule is asked")
    for case, each in told:
        terminal.say(f"{found.name}  at {case.as_of:%Y-%m-%d %H:%M} UTC  under rules {digest}", "bold")
        for place, line in enumerate(order_lines(case.order)):
            terminal.wrapped("" if place else "order", line)
        terminal.wrapped("study", study_line(case.study, case))
        terminal.wrapped("report", report_line(case.report, case))
        terminal.wrapped("gaps", ", ".join(f"{gap.what} ({gap.why})" for gap in case.gaps) or "none")
        if not each:
            terminal.say("no rule is about this order")
        for one in each:
            _show_rule(one)


def _show_rule(one: Explanation) -> None:
    verdict, rule = one.verdict, one.rule
    speaks = verdict.outcome is Outcome.INDICATED
    line = Text(f"\n=> {verdict.outcome.value.upper()}", style="bold green" if speaks else "bold")
    line.append(f", {verdict.indicator}" if speaks else f" because {verdict.because}")
    line.append(f"  {rule.id} {rule.version} ({rule.status})", style="default")
    terminal.console().print(line)
    terminal.say(f"   {terminal.short(rule.file)}", "dim")
    if not one.reached and rule.status in ("active", "silent"):
        woken = ", ".join(f"{name}/{group}" if group else name for name, group in sorted(rule.trigger))
        terminal.wrapped("", f"the order does not wake this rule; it is about {woken}")
    for note in one.notes:
        terminal.wrapped("note", note, "yellow")
    checks = shown_checks(one)
    for role, title in _PARTS:
        mine = [check for check in checks if check.role == role]
        if mine:
            terminal.say(f"   {title}", "dim")
        for check in mine:
            _show_check(check, "" if role != "exclusion" or check.id in rule.own else "exclusions.yaml:")


def _show_check(check: Check, file: str) -> None:
    line = Text("   ")
    line.append(f"{WORDS[check.truth]:<8}", style=_STYLES[check.truth])
    line.append(f"{check.id:<30} ", style="bold" if check.truth is not Truth.FALSE else "default")
    line.append(f"{file or 'line '}{check.line}" if check.line else "", style="dim")
    terminal.console().print(line)
    if check.finding is not None:
        terminal.wrapped("", f"   “{check.finding.quote}” ({check.finding.section})", "cyan")
    unknown = check.truth is Truth.UNKNOWN and check.if_unknown
    if because := "; ".join(filter(None, (check.because, f"if_unknown: {check.if_unknown}" if unknown else ""))):
        terminal.wrapped("", f"   {because}", "yellow" if unknown else "dim")
    if check.gap is not None:
        terminal.wrapped("", f"   gap: {check.gap.what} ({check.gap.why})", "yellow")
