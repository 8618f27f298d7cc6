"""Criteria about what the report says: findings, disagreement with the order, and what it makes of a lesion."""

from collections.abc import Callable
from typing import Any

from cds_service.model import Case, Finding, Reading
from cds_service.rules import severity
from cds_service.rules.facts import no, unknown, yes
from cds_service.rules.rule import Answer, Facts, Question

_KEPT = 512  # answers of one line


def _once(ask: Callable[[Case, Reading], Answer]) -> Question:
    """A question whose answer rests on the reading and on where the order is planned, and so is worked out once."""
    kept: dict[tuple[Any, ...], Answer] = {}

    def asked(facts: Facts) -> Answer:
        case = facts.case
        reading = _reading(case)
        if reading is None:
            return _unread(case)
        order = case.order
        key = (reading.digest, order.levels, order.side, order.region)
        answer = kept.get(key) if reading.digest else None
        if answer is None:
            answer = ask(case, reading)
            if len(kept) >= _KEPT:
                kept.clear()
            if reading.digest:
                kept[key] = answer
        return answer

    return asked


def finding(fields: dict[str, Any]) -> Question:
    """The report speaks of a concept in this way: all fields that are given hold for one mention."""
    about, sections = frozenset(fields["about"]), tuple(fields.get("sections", ()))
    grades, planned = fields.get("worst_severity"), fields.get("at") == "planned"
    usual = ("present", "uncertain") if fields.get("hedged") else ("present",)
    assertions = frozenset(fields.get("assertion", usual))

    def ask(case: Case, reading: Reading) -> Answer:
        found = [
            f for f in reading.findings
            if f.concept in about and (f.section in sections if sections else f.section in severity.RANKS)
        ]  # fmt: skip
        if grades:
            return _graded(case, reading, found, grades)
        if planned:
            found = severity.at_planned(case.order, found)[0]
        fitting = [item for item in found if item.assertion in assertions and _fits(item, fields)]
        if fitting:
            return yes("the report says so", severity.telling(case.order, fitting, fields["about"]))
        return _silent(reading)

    return _once(ask)


def _fits(item: Finding, fields: dict[str, Any]) -> bool:
    if fields.get("hedged") is not None and severity.is_open(item) is not fields["hedged"]:
        return False
    if "suspicion" in fields and item.suspicion not in fields["suspicion"]:
        return False
    if "rads" in fields and item.flag not in fields["rads"]:
        return False
    if "trend" in fields and item.trend not in fields["trend"]:
        return False
    if "min_value" in fields:
        value = (item.value or "").strip()
        return value.isdigit() and int(value) >= fields["min_value"]
    return True


def _graded(case: Case, reading: Reading, found: list[Finding], grades: tuple[str, ...]) -> Answer:
    here = severity.at_planned(case.order, [f for f in found if f.assertion in ("present", "uncertain", "absent")])[0]
    worst = severity.worst_severity(case, here)
    if worst is None:
        return _silent(reading)
    state, item = worst
    if state == "ungraded":
        return unknown("the severity is not stated")
    return yes("the worst grade", item) if state in grades else no("another grade", item)


def disagreement(fields: dict[str, Any]) -> Question:
    """At the planned level the report calls it less than severe, leaves it open, denies it, or puts it elsewhere."""
    about, explained_by = frozenset(fields["about"]), frozenset(fields.get("explained_by", ()))

    def ask(case: Case, reading: Reading) -> Answer:
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

    return _once(ask)


def _plain(item: Finding) -> bool:
    """Neither hedged nor graded mild."""
    return not item.hedged and item.severity != "mild"


def lesion(fields: dict[str, Any]) -> Question:
    """What the report makes of the lesion, at worst, is one of these calls."""
    calls = frozenset(fields["call"])

    def ask(case: Case, reading: Reading) -> Answer:
        call, item = severity.lesion_call(case, reading)
        if call is None:
            return _silent(reading) if item is None else unknown("the report names a lesion and judges it not")
        return yes(f"the report calls it {call}", item) if call in calls else no(f"the report calls it {call}", item)

    return _once(ask)


def _reading(case: Case) -> Reading | None:
    return case.report.reading if case.report is not None and not case.report.restricted else None


def _unread(case: Case) -> Answer:
    gap = case.missing(case.report.reference) if case.report else case.missing("diagnosticReports")
    return unknown("no report could be read", gap)


def _silent(reading: Reading) -> Answer:
    """The report says nothing of the kind: false, unless part of it could not be read."""
    if reading.gaps:
        return unknown("part of the report could not be read", reading.gaps[0])
    return no("the report does not say so")
