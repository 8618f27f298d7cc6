"""What the report says of a concept; and what all questions to a reading share."""

from collections.abc import Callable
from typing import Any

from cds_service.model import Case, Finding, Reading
from cds_service.rules import severity
from cds_service.rules.facts import no, unknown, yes
from cds_service.rules.rule import Answer, Facts, Question

_KEPT = 512  # answers of one line


def once(ask: Callable[[Case, Reading], Answer]) -> Question:
    """A question whose answer rests on the reading and on where the order is planned, and so is worked out once."""
    kept: dict[tuple[Any, ...], Answer] = {}

    def asked(facts: Facts) -> Answer:
        case = facts.case
        reading = reading_of(case)
        if reading is None:
            return unread(case)
        order = case.order
        group = order.members[0].group if order.members else ""
        key = (reading.digest, order.levels, order.side, order.region, group)
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
    same_region = fields.get("same_region", False)
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
        if same_region:
            found = [f for f in found if not f.regions or case.order.region in f.regions]
        fitting = [item for item in found if item.assertion in assertions and _fits(item, fields)]
        if fitting:
            return yes("the report says so", severity.telling(case.order, fitting, fields["about"]))
        return silent(reading)

    return once(ask)


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
        return silent(reading)
    state, item = worst
    if state == "ungraded":
        return unknown("the severity is not stated")
    return yes("the worst grade", item) if state in grades else no("another grade", item)


def reading_of(case: Case) -> Reading | None:
    """The reading of the basis report, where it may be used."""
    return case.report.reading if case.report is not None and not case.report.restricted else None


def unread(case: Case) -> Answer:
    """Unknown, because no report could be read."""
    gap = case.missing(case.report.reference) if case.report else case.missing("diagnosticReports")
    return unknown("no report could be read", gap)


def silent(reading: Reading) -> Answer:
    """The report says nothing of the kind: false, unless part of it could not be read."""
    if reading.gaps:
        return unknown("part of the report could not be read", reading.gaps[0])
    return no("the report does not say so")
