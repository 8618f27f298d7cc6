"""`second-read rules promote`: one rung up the ladder draft -> silent -> active, written into the rule's file.

The file is edited as text, line by line, so that comments, order and layout stay as a person left them. Who signs is
named by who calls; nobody is invented, and nothing is promoted because time has passed.
"""

import re
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from cds_service.rules.rule import Rule
from cds_service.workbench import terminal
from cds_service.workbench.checking import check_loaded
from cds_service.workbench.trying import try_rules
from cds_service.workbench.versions import deciding_digest
from cds_service.yaml_source import Node, Sheet, nearest, read_yaml

SILENT_AT_LEAST = timedelta(days=14)
_NEXT = {"draft": "silent", "silent": "active"}
_BLANK_NAMES = re.compile(r"^(?:unassigned|unknown|n/?a|tbd|todo|none|nobody|name|test)\b", re.IGNORECASE)


@click.command(name="promote")
@click.argument("id")
@click.option("--change", "note", required=True, help="What this version changes; it joins `changes`.")
@click.option("--signed-by", "signers", multiple=True, metavar="'NAME, ROLE'", help="For active: twice, two people.")
@click.option("--back-test", type=click.Path(exists=True, path_type=Path, dir_okay=False), help="For active: its file.")
@click.option("--on", type=click.DateTime(formats=["%Y-%m-%d"]), help="The day of the promotion (today).")
@terminal.CONTENT
@terminal.AS_JSON
def promote_rule(
    id: str,
    note: str,
    signers: tuple[str, ...],
    back_test: Path | None,
    on: Any,
    layers: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Move rule ID one rung up: draft to silent, or silent to active.

    Its tests must hold. For active it must have been silent, as it is now, for two weeks; a back-test file and two
    named sign-offs are recorded in the file. Status, version and changes are edited in place.

    Exit codes: 0 promoted, 1 refused; then every reason is told and nothing is written.
    """
    content = terminal.load_or_leave(layers)
    day = on.date() if on else date.today()  # noqa: DTZ011  the owner's calendar
    found, _ = check_loaded(content, day)
    rule = next((rule for rule in found if rule.id == id), None)
    if rule is None:
        terminal.leave(f"there is no rule '{id}' that can be read{nearest(id, [r.id for r in found])}")
    root = read_yaml(Path(rule.file), Sheet(rule.file))
    assert root is not None  # noqa: S101  it was read a moment ago
    to = _NEXT.get(rule.status)
    reasons = [] if to else [f"the rule is {rule.status}: only a draft or a silent rule can be promoted"]
    reasons += [f"test '{t.test.name}' fails: {t.wrong[0]}" for t in try_rules([rule], content) if t.wrong]
    if to == "active":
        reasons += _not_ready(root, signers, back_test, day)
    if reasons:
        if as_json:
            terminal.say_json({"rule": id, "promoted": False, "reasons": reasons})
        else:
            terminal.say(f"{id} stays {rule.status}:", "bold red")
            for reason in reasons:
                terminal.say(f"  - {reason}")
        sys.exit(1)
    version = _written(rule, root, str(to), note, signers, back_test, day)
    if as_json:
        terminal.say_json({"rule": id, "promoted": True, "status": to, "version": version, "file": rule.file})
    else:
        terminal.say(f"{id} {version} is {to}: {terminal.short(rule.file)}", "bold green")


def _not_ready(root: Node, signers: tuple[str, ...], back_test: Path | None, day: date) -> list[str]:
    """Why a silent rule may not become active yet."""
    reasons = []
    listed = root.value["promoted"].plain() if "promoted" in root.value else []
    silent = [item for item in listed if item.get("to") == "silent" and item.get("decides") == deciding_digest(root)]
    if not silent:
        reasons.append("no silent period of the rule as it is now is recorded under `promoted`")
    else:
        since = date.fromisoformat(str(silent[-1]["on"]))
        if day - since < SILENT_AT_LEAST:
            reasons.append(
                f"silent since {since}: {SILENT_AT_LEAST.days} days are asked, {(day - since).days} have passed"
            )
    if back_test is None:
        reasons.append("no back-test: give its file with --back-test")
    elif not back_test.read_bytes().strip():
        reasons.append(f"{back_test} is empty")
    people = {name.partition(",")[0].strip().lower() for name in signers}
    if len(people) < 2:
        reasons.append("two people sign: give --signed-by 'NAME, ROLE' twice")
    for name in signers:
        who, _, role = name.partition(",")
        if not who.strip() or not role.strip() or _BLANK_NAMES.match(who.strip()):
            reasons.append(f"--signed-by '{name}' names no person with a role")
    return reasons


def _written(
    rule: Rule, root: Node, to: str, note: str, signers: tuple[str, ...], back_test: Path | None, day: date
) -> str:
    """The file with status, version, changes and the promotion; answers with the new version."""
    path, version = Path(rule.file), _raised(rule.version, to)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    entry = f"  - {{to: {to}, on: {day}, version: {version}, decides: {deciding_digest(root)}"
    if to == "active":
        entry += f", back_test: {_quoted(str(back_test))}, signed: [{', '.join(map(_quoted, signers))}]"
    lines = _set(lines, "status", to)
    lines = _set(lines, "version", version)
    if to == "active":
        lines = _set(lines, "signed", _quoted(f"{'; '.join(signers)}; {day}"))
    lines = _after(lines, "changes", f"  {version}: {_quoted(' '.join(note.split()))}\n")
    lines = _after(lines, "promoted", entry + "}\n", last=True)
    path.write_text("".join(lines), encoding="utf-8")
    return version


def _raised(version: str, to: str) -> str:
    major, minor, _ = (int(part) for part in version.split("."))
    return f"{major + 1}.0.0" if to == "active" and major == 0 else f"{major}.{minor + 1}.0"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _set(lines: list[str], key: str, value: str) -> list[str]:
    """The value of a top-level key changed on its line; a comment behind it stays where it stood."""
    found = re.compile(
        rf"^{key}:[ \t]*(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^#\n]*?)(?P<rest>[ \t]+#.*)?(?P<end>\r?\n|$)"
    )
    for place, line in enumerate(lines):
        if match := found.match(line):
            rest = match["rest"] or ""
            width = len(match["value"]) + len(rest) - len(rest.lstrip())
            gap = " " * max(width - len(value), 1) if rest else ""
            return [*lines[:place], f"{key}: {value}{gap}{rest.lstrip()}{match['end']}", *lines[place + 1 :]]
    return lines


def _after(lines: list[str], key: str, entry: str, last: bool = False) -> list[str]:
    """A line added to a top-level block: first, or last; a block that is not there yet is made before `changes`."""
    start = next((place for place, line in enumerate(lines) if re.match(rf"^{key}:\s*(#.*)?$", line)), None)
    if start is None:
        before = next((place for place, line in enumerate(lines) if line.startswith("changes:")), len(lines))
        return [*lines[:before], f"{key}:\n", entry, "\n", *lines[before:]]
    place = start + 1
    while last and place < len(lines) and re.match(r"^\s+\S", lines[place]):
        place += 1
    return [*lines[:place], entry, *lines[place:]]
