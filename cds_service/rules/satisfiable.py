"""Rules that can never speak, found without a case: what they ask for, they or every rule exclude."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from cds_service.rules.fields import Vocabulary, read_fields
from cds_service.rules.kinds import KINDS
from cds_service.yaml_source import Node, Sheet

_SINGLE = {
    "order": ("kind", "status", "priority"),
    "encounter": ("class",),
    "study": ("status",),
    "report": ("status",),
}
_IGNORED = frozenset({"id", "says", "if_unknown", "early", "withhold_when"})
_DRAFT = frozenset({"draft", "active"})  # what an EHR sends at order-sign: drafts, and active ones signed again


def check_satisfiable(
    fields: Mapping[str, Any],
    trigger: frozenset[tuple[str, str]],
    exempt: Iterable[str],
    sheet: Sheet,
    words: Vocabulary,
) -> None:
    """Note `unsatisfiable` at the line that makes the rule mute."""
    criteria = [item for item in fields.get("criteria", ()) if isinstance(item.value, dict)]
    asked = [(item, _kinds(item, sheet, words)) for item in criteria]
    _against_each_other(asked, sheet)
    for item, kinds in asked:
        order = kinds.get("order", {})
        if "status" in order and not _DRAFT & set(order["status"]):
            sheet.wrong(item, "unsatisfiable", "an order at signing is draft or active, and neither is allowed")
        if "x1-emergency" not in exempt and "priority" in order and set(order["priority"]) <= {"stat", "asap"}:
            sheet.wrong(item, "unsatisfiable", "stat and asap orders are excluded from every rule by x1-emergency")
        turnaround, soon = (fields.get("route") or {}).get("turnaround"), order.get("start_within")
        if "x9-lead-time" not in exempt and isinstance(soon, timedelta) and turnaround and soon <= turnaround:
            sheet.wrong(item, "unsatisfiable", "a start that near is excluded from every rule by x9-lead-time")
    _against_exclusions(criteria, fields.get("exclusions", ()), trigger, sheet, words)


def _against_each_other(asked: list[tuple[Node, dict[str, Any]]], sheet: Sheet) -> None:
    """Two criteria that allow one field of one thing no common word."""
    seen: dict[tuple[str, str], tuple[Node, set[str]]] = {}
    for item, kinds in asked:
        for kind, names in _SINGLE.items():
            for name in names:
                allowed = set(kinds.get(kind, {}).get(name, ()))
                if not allowed:
                    continue
                first, before = seen.get((kind, name), (item, allowed))
                if not before & allowed:
                    sheet.wrong(item, "unsatisfiable", f"{kind}.{name} has no word in common with line {first.line}")
                seen[kind, name] = (first, before & allowed or before)


def _against_exclusions(
    criteria: list[Node],
    exclusions: Iterable[Node],
    trigger: frozenset[tuple[str, str]],
    sheet: Sheet,
    words: Vocabulary,
) -> None:
    wanted = {_shape(item): item.line for item in criteria}
    for item in exclusions:
        if not isinstance(item.value, dict):
            continue
        shape = _shape(item)
        if shape in wanted:
            sheet.wrong(item, "unsatisfiable", f"it excludes what the criterion on line {wanted[shape]} asks for")
            continue
        kinds = _kinds(item, sheet, words)
        alone = set(item.value) - _IGNORED == {"order"} and set(kinds.get("order", {})) == {"in"}
        if alone and trigger and trigger <= kinds["order"]["in"]:
            sheet.wrong(item, "unsatisfiable", "it excludes every code that the rule is about")


def _shape(item: Node) -> str:
    """A line's kinds, as text that is equal for equal kinds."""
    return repr(sorted((key, value.plain()) for key, value in item.value.items() if key not in _IGNORED))


def _kinds(item: Node, sheet: Sheet, words: Vocabulary) -> dict[str, Any]:
    """The kinds of one line with their fields read; what is wrong with them has been told elsewhere."""
    quiet = Sheet(sheet.file)
    return {key: read_fields(value, KINDS[key], quiet, words, key) for key, value in item.value.items()
            if key in KINDS and isinstance(value.value, dict)}  # fmt: skip
