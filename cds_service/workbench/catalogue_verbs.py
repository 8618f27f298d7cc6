"""`second-read rules list` and `show`: the catalogue at a glance, and one rule in plain words."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from cds_service.layers import topmost
from cds_service.rules.load import read_evidence
from cds_service.rules.rule import Criterion, Rule
from cds_service.workbench import terminal
from cds_service.workbench.checking import check_layers
from cds_service.yaml_source import nearest


@click.command(name="list")
@click.option(
    "--status", type=click.Choice(["draft", "silent", "active", "retired"]), help="Only rules of this status."
)
@terminal.CONTENT
@terminal.AS_JSON
def list_rules(status: str | None, layers: tuple[Path, ...], as_json: bool) -> None:
    """List the rules that can be read.

    Exit codes: 0 listed, 1 a rule file has errors (see `validate`).
    """
    found, problems = _read(layers)
    broken = sorted({p.file for p in problems if p.severity == "error"})
    shown = sorted((r for r in found if status in (None, r.status)), key=lambda r: (r.concern, r.rank, r.id))
    if as_json:
        terminal.say_json({"rules": [_row(rule) for rule in shown], "unreadable": broken})
    else:
        rows = terminal.table("rule", "version", "status", "about", "tests", "review by", right=("tests",))
        for rule in shown:
            rows.add_row(rule.id, rule.version, rule.status, rule.concern, str(len(rule.tests)), str(rule.review_by))
        terminal.console().print(rows)
        for file in broken:
            terminal.say(f"{terminal.short(file)} has errors: second-read rules validate", "red")
    sys.exit(1 if broken else 0)


@click.command(name="show")
@click.argument("id")
@terminal.CONTENT
@terminal.AS_JSON
def show_rule(id: str, layers: tuple[Path, ...], as_json: bool) -> None:
    """Show rule ID in plain words: when it speaks, when it stays quiet, why, and who answers for it.

    Exit codes: 0 shown, 1 there is no such rule.
    """
    found, _ = _read(layers)
    rule = next((rule for rule in found if rule.id == id), None)
    if rule is None:
        terminal.leave(f"there is no rule '{id}' that can be read{nearest(id, [r.id for r in found])}")
    if as_json:
        terminal.say_json(_told(rule))
        return
    _show(rule, topmost(layers, "cards/evidence.yaml"))


def _read(layers: tuple[Path, ...]) -> Any:
    return check_layers(layers, date.today())  # noqa: DTZ011  the owner's calendar


def _row(rule: Rule) -> dict[str, Any]:
    return {"id": rule.id, "title": rule.title, "version": rule.version, "status": rule.status,
            "concern": rule.concern, "rank": rule.rank, "tests": len(rule.tests),
            "review_by": rule.review_by.isoformat(), "file": rule.file}  # fmt: skip


def _told(rule: Rule) -> dict[str, Any]:
    def lines(listed: tuple[Criterion, ...]) -> list[dict[str, Any]]:
        return [{"id": c.id, "says": c.says, "line": c.line, "if_unknown": c.if_unknown} for c in listed]

    return _row(rule) | {
        "criteria": lines(rule.criteria), "exclusions": lines((*rule.early, *rule.late)),
        "warns_when": lines(rule.warns_when), "disagrees_when": lines(rule.disagrees_when),
        "explained_by": lines(rule.explained_by), "card": {"summary": rule.speech.summary, "why": rule.speech.why,
        "question": rule.speech.question}, "about": dict(rule.about),
    }  # fmt: skip


def _show(rule: Rule, evidence: Path) -> None:
    screen, about = terminal.console(), rule.about
    screen.print(Text(f"{rule.id} {rule.version} ({rule.status})", "bold"))
    terminal.say(terminal.short(rule.file), "dim")
    terminal.wrapped("title", rule.title)
    terminal.wrapped("why", str(about.get("rationale", "")))
    own = rule.own
    _part("speaks when all of these are so", rule.criteria)
    _part("stays quiet when any of these is so", tuple(c for c in (*rule.early, *rule.late) if c.id in own))
    shared = [c.id for c in (*rule.early, *rule.late) if c.id not in own]
    terminal.wrapped("and", f"the exclusions of every rule: {', '.join(shared)}")
    if rule.irreversible and rule.warns_when:
        _part("warns, rather than informs, when", rule.warns_when)
        _part("unless one of these explains the operation", rule.explained_by)
    terminal.say("numbers", "dim")
    for name, item in about.get("parameters", {}).items():
        terminal.wrapped("", f"{name} = {item['value']} {item['unit']}: {item['why']}")
    terminal.say("evidence", "dim")
    studies, _ = read_evidence(evidence)
    for id in about.get("evidence", ()):
        terminal.wrapped(str(id), studies[id].card if id in studies else "")
    terminal.say("known to speak where it had better not", "dim")
    for line in about.get("known_false_positives", ()):
        terminal.wrapped("", f"- {line}")
    terminal.say("card", "dim")
    terminal.wrapped("summary", rule.speech.summary)
    terminal.wrapped("why now", rule.speech.why)
    terminal.wrapped("question", rule.speech.question)
    owner = about.get("owner", {})
    terminal.wrapped("owner", ", ".join(f"{name}: {who}" for name, who in owner.items()))
    terminal.wrapped("signed", str(about.get("signed", "")))
    terminal.wrapped("review", f"last {about.get('reviewed', '')}, next by {rule.review_by}")
    for version, change in about.get("changes", {}).items():
        terminal.wrapped(str(version), str(change))


def _part(title: str, lines: tuple[Criterion, ...]) -> None:
    if lines:
        terminal.say(title, "dim")
    for line in lines:
        unknown = f" (unknown: {line.if_unknown})" if line.if_unknown else ""
        terminal.wrapped("", f"- {line.says}{unknown}  [{line.id}, line {line.line}]")
