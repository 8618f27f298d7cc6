"""Lints: what a rule may do and had better not. A file can silence one, with the reason; errors cannot be silenced."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.rules.rule import Criterion
from cds_service.yaml_source import Node, Sheet

LINTS: dict[str, str] = {  # those that a file can silence
    "unused-parameter": "a number that nothing uses",
    "summary-long": "a summary longer than is read at a glance",
    "reading-grade": "words above the tenth school grade",
    "basis-not-shown": "a card that does not name the study it rests on",
    "no-known-false-positives": "nobody has written down when it speaks and had better not",
    "over-broad": "a rule that would speak on every order of a kind",
    "placeholder": "words of the scaffold, or a todo, in a rule that is decided",
    "review-due": "a review date that is near",
}
_PLACEHOLDER = re.compile(r"\b(?:todo|tbd|fixme|xxx)\b|^say here\b", re.IGNORECASE)
_OF_ORDER = frozenset({"order", "encounter", "rule", "lead_time"})
_DECIDED = ("silent", "active")


def lint_rule(node: Node, fields: Mapping[str, Any], criteria: Iterable[Criterion], sheet: Sheet) -> None:
    """What the file as a whole had better not do; each lint has its section in docs/content-errors.md."""
    decided = fields.get("status") in _DECIDED
    if "known_false_positives" in fields and not fields["known_false_positives"]:
        sheet.wrong(node.value["known_false_positives"], "no-known-false-positives",
                    "no case is named in which the rule speaks and had better not", "warning")  # fmt: skip
    lines = tuple(criteria)
    if decided and lines and all(set(line.kinds) <= _OF_ORDER for line in lines):
        sheet.wrong(node.value["criteria"], "over-broad",
                    "no criterion looks beyond the order: every such order would bring a card", "warning")  # fmt: skip
    if decided:
        for text in _texts(node):
            if _PLACEHOLDER.search(str(text.value)):
                sheet.wrong(text, "placeholder", f"{str(text.value)[:40]!r} is still to be written", "warning")
    card = node.value.get("card")
    indicator = card.value.get("indicator") if card is not None and isinstance(card.value, dict) else None
    if indicator is not None and indicator.value == "critical":
        sheet.wrong(indicator, "critical-indicator", "no card of this service is critical; see warns_when")


def _texts(node: Node) -> Iterable[Node]:
    for name in ("title", "rationale"):
        if name in node.value:
            yield node.value[name]
    listed = node.value.get("known_false_positives")
    if listed is not None and isinstance(listed.value, list):
        yield from listed.value
    parameters = node.value.get("parameters")
    if parameters is not None and isinstance(parameters.value, dict):
        for item in parameters.value.values():
            if isinstance(item.value, dict) and "why" in item.value:
                yield item.value["why"]


def silence(listed: Iterable[tuple[Node, Mapping[str, Any]]], sheet: Sheet) -> None:
    """Take out the warnings that the file silences; a silence without a reason in words is itself a lint."""
    quiet: set[str] = set()
    for item, fields in listed:
        why = str(fields.get("why", ""))
        if "lint" not in fields:
            continue
        if len(why.split()) < 3 or _PLACEHOLDER.search(why):
            sheet.wrong(
                item, "silencing-without-reason", f"'{fields['lint']}' is silenced, and nobody can tell why", "warning"
            )
            continue
        quiet.add(str(fields["lint"]))
    sheet.problems[:] = [p for p in sheet.problems if not (p.severity == "warning" and p.code in quiet)]
