"""Strict fields: what a mapping of a content file may hold, said once, for the loader and for the editors' schema.

`read_fields` notes every unknown key (with the nearest right one), every missing field, every wrong type or word,
and answers with plain values; what could not be read is absent from the answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from cds_service.yaml_source import Node, Sheet, nearest

Shape = Literal[
    "text", "flag", "number", "date", "version", "duration", "choice", "choices", "words", "members", "mapping", "list",
    "anything",
]  # fmt: skip
UNITS = {"d": "days", "h": "hours"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([dh])")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its shape, what it means, and the words it may hold (or the name of a list in `Vocabulary`)."""

    shape: Shape
    means: str
    words: tuple[str, ...] | str = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a file may refer to: named lists, value sets with their groups, and the parameters in scope."""

    lists: Mapping[str, frozenset[str]]
    value_sets: Mapping[str, frozenset[str]]
    parameters: Mapping[str, timedelta | float]
    used: set[str]  # parameters that were referred to

    def words(self, of: Field) -> frozenset[str]:
        """The words a field may hold; empty means any."""
        return self.lists.get(of.words, frozenset()) if isinstance(of.words, str) else frozenset(of.words)


def read_fields(node: Node, fields: Mapping[str, Field], sheet: Sheet, words: Vocabulary, where: str) -> dict[str, Any]:
    """The fields of one mapping as plain values."""
    if not isinstance(node.value, dict):
        sheet.wrong(node, "type", f"{where} is to be a mapping with {', '.join(fields)}")
        return {}
    for key in node.value:
        if key not in fields:
            sheet.wrong(node.keys[key], "unknown-key", f"{where} has no field '{key}'{nearest(key, fields)}")
    answer: dict[str, Any] = {}
    for name, of in fields.items():
        given = node.value.get(name)
        if given is None:
            if of.required:
                sheet.wrong(node, "missing-field", f"{where} lacks '{name}': {of.means}")
            continue
        value = _READ[of.shape](given, of, sheet, words, f"{where}.{name}")
        if value is not None:
            answer[name] = value
    return answer


def _text(node: Node, of: Field, sheet: Sheet, _: Vocabulary, where: str) -> str | None:
    if isinstance(node.value, str) and node.value.strip():
        return " ".join(node.value.split())
    sheet.wrong(node, "type", f"{where} is to be text (got {_shown(node)}): {of.means}")
    return None


def _flag(node: Node, of: Field, sheet: Sheet, _: Vocabulary, where: str) -> bool | None:
    if isinstance(node.value, bool):
        return node.value
    sheet.wrong(node, "type", f"{where} is to be true or false (got {_shown(node)}): {of.means}")
    return None


def _number(node: Node, of: Field, sheet: Sheet, words: Vocabulary, where: str) -> float | None:
    if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node.value, str) and node.value.startswith("$"):
        value = _parameter(node, sheet, words, where)
        if value is None or isinstance(value, float):
            return value
        sheet.wrong(node, "type", f"{where} uses {node.value}, whose unit does not fit")
        return None
    sheet.wrong(node, "type", f"{where} is to be a number (got {_shown(node)}): {of.means}")
    return None


def _date(node: Node, _of: Field, sheet: Sheet, _: Vocabulary, where: str) -> date | None:
    try:
        return date.fromisoformat(str(node.value))
    except ValueError:
        sheet.wrong(node, "type", f"{where} is to be a date such as 2026-11-21 (got {_shown(node)})")
        return None


def _version(node: Node, _of: Field, sheet: Sheet, _: Vocabulary, where: str) -> str | None:
    if isinstance(node.value, str) and _VERSION.fullmatch(node.value):
        return node.value
    sheet.wrong(node, "type", f"{where} is to be major.minor.patch, e.g. 1.2.0 (got {_shown(node)})")
    return None


def _duration(node: Node, _of: Field, sheet: Sheet, words: Vocabulary, where: str) -> timedelta | None:
    if isinstance(node.value, str) and node.value.startswith("$"):
        value = _parameter(node, sheet, words, where)
        if value is None or isinstance(value, timedelta):
            return value
        sheet.wrong(node, "type", f"{where} uses {node.value}, whose unit does not fit")
        return None
    length = duration(node.value)
    if length is None:
        sheet.wrong(node, "type", f"{where} is to be a duration such as '24 h', '90 d' or $name (got {_shown(node)})")
    return length


def _parameter(node: Node, sheet: Sheet, words: Vocabulary, where: str) -> timedelta | float | None:
    name = str(node.value)[1:]
    if name not in words.parameters:
        sheet.wrong(node, "unknown-parameter", f"{where} uses ${name}, which is no parameter"
                    + nearest(name, words.parameters))  # fmt: skip
        return None
    words.used.add(name)
    return words.parameters[name]


def _choice(node: Node, of: Field, sheet: Sheet, words: Vocabulary, where: str) -> str | None:
    allowed = words.words(of)
    if isinstance(node.value, str) and (not allowed or node.value in allowed):
        return node.value
    near = nearest(node.value, allowed)
    sheet.wrong(node, _code(of), f"{where} is {_shown(node)}; allowed: {_listed(allowed)}{near}")
    return None


def _choices(node: Node, of: Field, sheet: Sheet, words: Vocabulary, where: str) -> tuple[str, ...] | None:
    items = node.value if isinstance(node.value, list) else [node]
    read = [_choice(item, of, sheet, words, where) for item in items]
    if not items:
        sheet.wrong(node, "bad-value", f"{where} is an empty list: {of.means}")
        return None
    return tuple(word for word in read if word is not None)


def _words(node: Node, of: Field, sheet: Sheet, words: Vocabulary, where: str) -> tuple[str, ...] | None:
    items = node.value if isinstance(node.value, list) else [node]
    read = [_text(item, of, sheet, words, where) for item in items]
    return tuple(word for word in read if word is not None)


def _members(node: Node, _of: Field, sheet: Sheet, words: Vocabulary, where: str) -> frozenset[tuple[str, str]] | None:
    """`{value-set: [group, …] | any}` as (value set, group) pairs; `any` is spread out, so that a lookup is one."""
    if not isinstance(node.value, dict) or not node.value:
        sheet.wrong(node, "type", f"{where} is to be {{value-set: [group, …] | any}}")
        return None
    pairs: set[tuple[str, str]] = set()
    for name, groups in node.value.items():
        if name not in words.value_sets:
            sheet.wrong(node.keys[name], "unknown-value-set",
                        f"{where}: there is no value set '{name}'{nearest(name, words.value_sets)}")  # fmt: skip
            continue
        known = words.value_sets[name]
        if groups.value == "any":
            pairs.update((name, group) for group in known | {""})
            continue
        for item in groups.value if isinstance(groups.value, list) else [groups]:
            if item.value in known:
                pairs.add((name, str(item.value)))
            else:
                sheet.wrong(item, "unknown-group", f"{where}: value set '{name}' has no group {_shown(item)}; it has "
                            f"{_listed(known)}{nearest(item.value, known)}")  # fmt: skip
    return frozenset(pairs)


def _mapping(node: Node, of: Field, sheet: Sheet, _: Vocabulary, where: str) -> Node | None:
    if isinstance(node.value, dict):
        return node
    sheet.wrong(node, "type", f"{where} is to be a mapping: {of.means}")
    return None


def _list(node: Node, of: Field, sheet: Sheet, _: Vocabulary, where: str) -> list[Node] | None:
    if isinstance(node.value, list):
        return node.value
    sheet.wrong(node, "type", f"{where} is to be a list: {of.means}")
    return None


def _anything(node: Node, _of: Field, _sheet: Sheet, _: Vocabulary, _where: str) -> Node:
    return node


_READ = {
    "text": _text, "flag": _flag, "number": _number, "date": _date, "version": _version, "duration": _duration,
    "choice": _choice, "choices": _choices, "words": _words, "members": _members, "mapping": _mapping, "list": _list,
    "anything": _anything,
}  # fmt: skip


def duration(value: object) -> timedelta | None:
    """`24 h` or `90 d` as a timedelta."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(**{UNITS[match[2]]: float(match[1])}) if match else None


def _code(of: Field) -> str:
    return f"unknown-{of.words.rstrip('s')}" if isinstance(of.words, str) and of.words else "bad-value"


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    return "a list" if isinstance(node.value, list) else repr(node.value)


def _listed(allowed: frozenset[str]) -> str:
    words = sorted(allowed)
    return ", ".join(words) if len(words) <= 12 else f"{', '.join(words[:12])}, … ({len(words)} in all)"
