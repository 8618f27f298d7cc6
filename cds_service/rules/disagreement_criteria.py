"""Where the report stands against the order: the planned place, a category, another place; and what it calls a lesion.

An operation has a usual imaging indication. A report that stops short of it at the planned level, that puts a mass in a
category for which nobody operates, or that names another level or side than the order, disagrees with the order.
"""

from collections.abc import Mapping
from typing import Any

from cds_service.model import Case, Finding, Reading, Truth
from cds_service.rules import severity
from cds_service.rules.facts import no, unknown, yes
from cds_service.rules.kinds import CATEGORIES
from cds_service.rules.reading_criteria import once, silent
from cds_service.rules.rule import Answer, Question

_ASSERTED = ("present", "uncertain")


def disagreement(fields: dict[str, Any]) -> Question:
    """The report stands against the order in one of the ways that are given; true beats unknown beats false."""
    about, explained_by = frozenset(fields.get("about", ())), frozenset(fields.get("explained_by", ()))
    categories, places = _categories(fields), frozenset(fields.get("elsewhere", ()))

    def ask(case: Case, reading: Reading) -> Answer:
        answers = []
        if about:
            answers.append(_short_of_severe(case, reading, about, explained_by))
        if categories:
            answers.append(_in_category(case, reading, categories))
        if places:
            answers.append(_elsewhere(case, reading, places))
        for truth in (Truth.TRUE, Truth.UNKNOWN):
            for answer in answers:
                if answer[0] is truth:
                    return answer
        return answers[0] if answers else no("the rule names no way to disagree")

    return once(ask)


def _categories(fields: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    node = fields.get("categories")
    if node is None:
        return {}
    listed = node.plain().items()
    return {name: frozenset(map(str, v if isinstance(v, list | tuple) else [v])) for name, v in listed}


def _short_of_severe(case: Case, reading: Reading, about: frozenset[str], explained_by: frozenset[str]) -> Answer:
    """At the planned level the report calls it less than severe, leaves it open, denies it, or puts it elsewhere."""
    found = severity.mentions(reading, about | explained_by)
    here, elsewhere = severity.at_planned(case.order, found)
    for item in here:
        if item.concept in explained_by and item.assertion == "present" and _plain(item):
            return no("the report explains the operation", item)
    worst = severity.worst_severity(case, [f for f in here if f.concept in about])
    if worst is None:
        other = next((f for f in elsewhere if f.assertion == "present" and f.concept in about), None)
        if other is not None:
            return yes("the report names another level or side", other)
        return unknown("the report does not grade it", *reading.gaps[:1])
    state, item = worst
    if state == "severe":
        return no("severe at the planned level", item)
    if state == "ungraded":
        return unknown("the severity is not stated")
    because = {"open": "left open", "denied": "denied"}.get(state, "less than severe")
    return yes(f"{because} at the planned level", item)


def _plain(item: Finding) -> bool:
    """Neither hedged nor graded mild."""
    return not item.hedged and item.severity != "mild"


def _in_category(case: Case, reading: Reading, wanted: Mapping[str, frozenset[str]]) -> Answer:
    """The worst category of a system, on the side of the order, is one of those that speak against the operation."""
    for system, values in wanted.items():
        found = severity.categories(case, reading, system)
        if not found:
            continue
        worst = max(found, key=lambda f: CATEGORIES[system].index(str(f.value)))
        if worst.value in values:
            return yes("the report puts it in a category that speaks against the operation", worst)
    return silent(reading)


def _elsewhere(case: Case, reading: Reading, about: frozenset[str]) -> Answer:
    """Asserted at another level or side than the order's, and at the order's not at all."""
    region = case.order.region
    found = [
        f for f in severity.mentions(reading, about)
        if f.assertion in _ASSERTED and f.suspicion != "benign" and (not f.regions or region in f.regions)
    ]  # fmt: skip
    here, elsewhere = severity.at_planned(case.order, found)
    if elsewhere and not here:
        return yes("the report names another level or side", elsewhere[0])
    return silent(reading)


def lesion(fields: dict[str, Any]) -> Question:
    """What the report makes of the lesion, at worst, is one of these calls."""
    calls = frozenset(fields["call"])

    def ask(case: Case, reading: Reading) -> Answer:
        call, item = severity.lesion_call(case, reading)
        if call is None:
            return silent(reading) if item is None else unknown("the report names a lesion and judges it not")
        return yes(f"the report calls it {call}", item) if call in calls else no(f"the report calls it {call}", item)

    return once(ask)


def incidental(fields: dict[str, Any]) -> Question:
    """The report calls a lesion outside the organ under treatment suspicious (R22)."""
    partly = fields.get("partly_imaged")

    def ask(case: Case, reading: Reading) -> Answer:
        item = severity.incidental(case.order, reading)
        if item is None:
            return silent(reading)
        if partly is not None and partly is not severity.partly_imaged(reading, item):
            return no("only part of it was imaged" if not partly else "the study shows it whole", item)
        return yes("a suspicious lesion elsewhere", item)

    return once(ask)
