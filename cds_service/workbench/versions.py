"""What changed since an earlier state of the rules, and whether the version and the status say so."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cds_service.errors import Problem
from cds_service.rules.rule import Rule
from cds_service.yaml_source import Node, Sheet, parse_yaml, read_yaml

# What neither decides nor is said: it may change under the same version.
_TOLD = frozenset({"title", "version", "status", "owner", "signed", "reviewed", "review_by", "rationale", "promoted",
                   "known_false_positives", "tests", "changes", "silence", "sponsor", "source_attributes"})  # fmt: skip
_JUMPS = {("", "active"), ("draft", "active"), ("retired", "active")}


def deciding_digest(root: Node) -> str:
    """A digest of all in a rule file that decides, or stands on the card; comments, tests and people do not count."""
    kept = {key: _bare(node.plain()) for key, node in root.value.items() if key not in _TOLD}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _bare(value: Any) -> Any:
    """Without the sentences that explain a line, a number or an exemption."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if key not in ("says", "why") or "summary" in value}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def compare_versions(rules: Iterable[Rule], against: str) -> tuple[Problem, ...]:
    """`version-not-bumped` and `status-jump`, compared with a content folder or a git commit.

    Raises LookupError where `against` is neither.
    """
    problems: list[Problem] = []
    for rule in rules:
        now, before = read_yaml(Path(rule.file), Sheet(rule.file)), _before(Path(rule.file), against)
        if now is not None:
            problems += _compared(rule.file, now, before, against)
    return tuple(problems)


def _compared(file: str, now: Node, before: Node | None, against: str) -> Iterable[Problem]:
    old_status = str(before.value["status"].value) if before is not None and "status" in before.value else ""
    status = now.value["status"]
    if (old_status, status.value) in _JUMPS:
        was = f"'{old_status}'" if old_status else "absent"
        yield Problem(file, status.line, status.column, "status-jump",
                      f"the rule was {was} in {against} and is 'active': it has to be silent first")  # fmt: skip
    if before is None or "version" not in before.value:
        return
    version, old = now.value["version"], str(before.value["version"].value)
    if deciding_digest(now) != deciding_digest(before) and _order(str(version.value)) <= _order(old):
        changed = ", ".join(sorted(_changed(now, before)))
        told = f"{changed} differ from {against}, and the version is still {version.value} (was {old})"
        yield Problem(file, version.line, version.column, "version-not-bumped", told)


def _changed(now: Node, before: Node) -> set[str]:
    keys = {*now.value, *before.value} - _TOLD
    return {key for key in keys if _plain(now, key) != _plain(before, key)}


def _plain(root: Node, key: str) -> Any:
    return _bare(root.value[key].plain()) if key in root.value else None


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _before(path: Path, against: str) -> Node | None:
    folder = Path(against)
    if folder.is_dir():
        rules = next((f for f in (folder / "cards" / "rules", folder / "rules", folder) if f.is_dir()), folder)
        found = next(rules.rglob(path.name), None)
        return read_yaml(found, Sheet(str(found))) if found else None
    text = _of_git(path, against)
    return parse_yaml(text, Sheet(f"{against}:{path.name}")) if text else None


def _of_git(path: Path, commit: str) -> str:
    """The file as it was in a commit; "" where it was not yet there."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(path.parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  no shell, words checked

    if commit.startswith("-") or git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").returncode != 0:
        raise LookupError(f"'{commit}' is no folder, and no git commit that {path.parent} knows")
    shown = git("show", f"{commit}:./{path.name}")
    return shown.stdout if shown.returncode == 0 else ""
