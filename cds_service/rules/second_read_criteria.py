"""Whether a second read says otherwise than the report it re-reads, or than the order (R16)."""

from typing import Any

from cds_service.model import Case, Reading
from cds_service.rules import severity
from cds_service.rules.facts import no, unknown, yes
from cds_service.rules.kinds import CATEGORIES
from cds_service.rules.rule import Answer, Facts, Question

_DECIDE = ("metastasis", "lymphadenopathy", "recurrence", "spinal-tumour", "spinal-infection", "vertebral-fracture")
_RANK = {"benign": 0, "probably-benign": 0, "indeterminate": 1, "suspicious": 2, "proven": 2}
_SPINE_GROUPS = ("fusion", "disc replacement", "decompression", "decompression/nerve root", "discectomy")


def conflict(fields: dict[str, Any]) -> Question:
    """The second read says otherwise than the first report, or stands against the order."""
    sides = frozenset(fields["with"])

    def ask(facts: Facts) -> Answer:
        case = facts.case
        again = case.second_read
        if again is None:
            return no("no second read")
        if again.restricted or again.reading is None or case.report is None or case.report.reading is None:
            return unknown("one of the two reports could not be read", case.missing(again.reference))
        if "report" in sides:
            answer = _differs(case, case.report.reading, again.reading)
            if answer is not None:
                return answer
        if "order" in sides:
            answer = _against_order(case, again.reading)
            if answer is not None:
                return answer
        gaps = (*again.reading.gaps, *case.report.reading.gaps)
        return unknown("part of a report could not be read", gaps[0]) if gaps else no("the two agree")

    return ask


def _differs(case: Case, first: Reading, again: Reading) -> Answer | None:
    """Another category, another call on the lesion, another grade at the planned level, or present against absent."""
    for system in CATEGORIES:
        before, after = (severity.categories(case, reading, system) for reading in (first, again))
        changed = next((f for f in after if f.value not in {b.value for b in before}), None)
        if before and changed is not None:
            return yes("another category", changed)
    (call, _), (recalled, told) = severity.lesion_call(case, first), severity.lesion_call(case, again)
    if call and recalled and told is not None and _RANK[call] != _RANK[recalled]:
        return yes("another call on the lesion", told)
    graded, regraded = (_planned(case, reading) for reading in (first, again))
    if graded and regraded and graded[0] != regraded[0] and "ungraded" not in (graded[0], regraded[0]):
        return yes("another grade at the planned level", regraded[1])
    for concept in _DECIDE:
        now = severity.mentions(again, (concept,))
        before_it = {f.assertion for f in severity.mentions(first, (concept,))}
        for item in now:
            if {item.assertion} | before_it == {"present", "absent"} and len(before_it) == 1:
                return yes("present in one, absent in the other", item)
    return None


def _planned(case: Case, reading: Reading) -> Any:
    here = severity.at_planned(case.order, severity.mentions(reading, ("spinal-stenosis",)))[0]
    return severity.worst_severity(case, here)


def _against_order(case: Case, again: Reading) -> Answer | None:
    """The second read alone, judged as a first report would be."""
    groups = {(m.value_set, m.group) for m in case.order.members}
    if any(("spine-surgery", group) in groups for group in _SPINE_GROUPS):
        worst = _planned(case, again)
        if worst is not None and worst[0] in ("denied", "mild", "moderate"):
            return yes("less than severe at the planned level", worst[1])
        return None
    call, told = severity.lesion_call(case, again)
    if case.order.kind == "surgery" and call in ("benign", "probably-benign") and told is not None:
        return yes("the second read calls the lesion benign", told)
    return None
