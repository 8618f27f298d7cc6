"""A small file that changes one rule of a lower layer: its status, a number, one more exclusion, without a copy of it.

cards/changes/<rule>.yaml of a layer, laid over the rule before it is compiled: so what is changed is checked exactly as
if it had been written in the rule file, and a mistake is named in the file that makes it. Several layers may change a
rule, each over the one before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cds_service.rules.fields import Field, Vocabulary, read_fields
from cds_service.yaml_source import At, Node, Sheet, nearest, read_yaml

Change = tuple[Node, Sheet]  # what a file says, and where what is wrong with it is noted
CHANGE: dict[str, Field] = {
    "rule": Field("text", "id of the rule that is changed; the file is called after it", required=True),
    "of_version": Field("version", "the version of the rule that this was written for", required=True),
    "why": Field("text", "why this site or department differs", required=True),
    "status": Field("choice", "draft, silent, active or retired here", ("draft", "silent", "active", "retired")),
    "owner": Field("mapping", "who answers for the rule here"),
    "signed": Field("text", "who approved it here"),
    "reviewed": Field("date", "day of the last review here"),
    "review_by": Field("date", "after this day the rule goes silent here"),
    "parameters": Field("mapping", "numbers in place of those of the rule, each with unit and reason"),
    "exclusions": Field("list", "further exclusions"),
    "tests": Field("list", "further inline tests; one with the name of a test of the rule takes its place"),
}
_TAKEN = ("status", "owner", "signed", "reviewed", "review_by")


def read_changes(
    folders: Iterable[Path], known: Iterable[str]
) -> tuple[dict[str, list[tuple[Node, Sheet]]], list[Sheet]]:
    """Rule id -> its changes in the order of the layers, and the sheets of all files with what is wrong with them.

    `known` are the ids of the rules there are.
    """
    changes: dict[str, list[Change]] = {}
    sheets = []
    ids = frozenset(known)
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        sheet = Sheet(str(path))
        sheets.append(sheet)
        node = read_yaml(path, sheet)
        if node is None:
            continue
        read = read_fields(node, CHANGE, sheet, Vocabulary({}, {}, {}, set()), "change")
        rule = str(read.get("rule", ""))
        if rule and rule != path.stem:
            sheet.wrong(node.value["rule"], "file-name", f"the file is named '{path.stem}' and the rule '{rule}'")
        if rule and rule not in ids:
            sheet.wrong(node.value["rule"], "unknown-rule", f"there is no rule '{rule}'{nearest(rule, ids)}")
        if not sheet.problems:
            changes.setdefault(rule, []).append((node, sheet))
    return changes, sheets


def changed(rule: Node, changes: Iterable[Change]) -> Node:
    """The rule with its changes laid over it; what does not fit it is noted on the sheet of the change."""
    for node, sheet in changes:
        rule = _changed(rule, node, sheet)
    return rule


def _changed(rule: Node, change: Node, sheet: Sheet) -> Node:
    value, keys = dict(rule.value), dict(rule.keys)
    given = change.value
    version = value["version"].value if "version" in value else None
    if given["of_version"].value != version:
        words = f"written for version {given['of_version'].value}; the rule is at {version}: read it again"
        sheet.wrong(given["of_version"], "change-of-other-version", words, "warning")
    for name in _TAKEN:
        if name in given:
            value[name] = _of(given[name], sheet.file)
            keys[name] = (*change.keys[name][:2], sheet.file)
    if "parameters" in given:
        value["parameters"] = _with_parameters(value.get("parameters"), given["parameters"], sheet)
    for name in ("exclusions", "tests"):
        if name in given:
            keys.setdefault(name, (*change.keys[name][:2], sheet.file))
            value[name] = _with_lines(value.get(name), _of(given[name], sheet.file), replaces=name == "tests")
    return replace(rule, value=value, keys=keys)


def _with_parameters(own: Node | None, given: Node, sheet: Sheet) -> Node:
    """The parameters of the rule with some in other words; a new one would be used by nothing."""
    known: Mapping[str, Node] = own.value if own is not None and isinstance(own.value, dict) else {}
    merged = dict(known)
    for name, node in given.value.items():
        if name in known:
            merged[name] = _of(node, sheet.file)
        else:
            near = nearest(name, known)
            sheet.wrong(given.keys[name], "unknown-parameter", f"the rule has no parameter '{name}'{near}")
    return replace(own or given, value=merged)


def _with_lines(own: Node | None, given: Node, *, replaces: bool) -> Node:
    lines = list(own.value) if own is not None and isinstance(own.value, list) else []
    if replaces:
        names = {_name(item) for item in given.value}
        lines = [item for item in lines if _name(item) not in names]
    return replace(own or given, value=[*lines, *given.value])


def _name(node: Node) -> object:
    return node.value["name"].value if isinstance(node.value, dict) and "name" in node.value else None


def _of(node: Node, file: str) -> Node:
    """The same value, known to stand in another file than the rule."""
    keys: dict[str, At] = {key: (at[0], at[1], file) for key, at in node.keys.items()}
    if isinstance(node.value, dict):
        value: object = {key: _of(item, file) for key, item in node.value.items()}
    elif isinstance(node.value, list):
        value = [_of(item, file) for item in node.value]
    else:
        value = node.value
    return replace(node, value=value, keys=keys, file=file)
