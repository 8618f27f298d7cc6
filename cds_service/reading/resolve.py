"""What a report as a whole says where its sentences differ: which category stands, and what contradicts what.

Addendum beats impression beats the rest; of one section the highest current value of a system speaks, for each site and
side. Nothing is dropped: what does not speak for the report is marked.
"""

from collections.abc import Iterable
from dataclasses import replace

from cds_service.model import Conflict, Finding

_RANKS = {"addendum": 3, "impression": 2}
_WEIGHT = {None: 0, "benign": 0, "limited": 1, "intermediate": 2, "high": 3}
_CURRENT = ("present", "uncertain")
_SIDED = ("lesion", "rads")
_WHOLE = ("malignancy", "metastasis", "recurrence", "lymphadenopathy", "cord-compression", "cauda-equina-compression")


def resolve(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings, each stated category or stage that another one speaks for marked as overridden."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, finding in enumerate(findings):
        if finding.concept in ("rads", "tnm") and finding.assertion in _CURRENT:
            key = (finding.concept, finding.system, finding.site, finding.side if finding.concept == "rads" else None)
            groups.setdefault(key, []).append(place)
    overridden: set[int] = set()
    for places in groups.values():
        if len(places) > 1:
            best = max(places, key=lambda place: (*_standing(findings[place]), -place))
            said = findings[best]
            overridden.update(
                place
                for place in places
                if place != best and (findings[place].value != said.value or _rank(findings[place]) < _rank(said))
            )
    if not overridden:
        return findings
    return tuple(
        replace(finding, overridden=True) if place in overridden else finding for place, finding in enumerate(findings)
    )


def _standing(finding: Finding) -> tuple[int, int, str]:
    return _rank(finding), _WEIGHT[finding.flag], finding.value or ""


def _rank(finding: Finding) -> int:
    return _RANKS.get(finding.section, 1)


def conflicts(findings: tuple[Finding, ...]) -> tuple[Conflict, ...]:
    """Where a report contradicts itself between sections: the side of its one lesion, a thing stated and denied, a
    category that differs, a level graded differently."""
    found: list[Conflict] = []
    current = [
        (place, finding) for place, finding in enumerate(findings)
        if finding.assertion in ("present", "absent") and not finding.hedged
    ]  # fmt: skip
    impression = [(place, finding) for place, finding in current if _rank(finding) > 1]
    body = [(place, finding) for place, finding in current if finding.section == "findings"]
    if not impression or not body:
        return ()
    both = {finding.concept for _, finding in body}.intersection(finding.concept for _, finding in impression)
    body = [one for one in body if one[1].concept in both]
    impression = [one for one in impression if one[1].concept in both]
    found += _side(body, impression)
    for concept in _WHOLE:
        if concept in both:
            found += _presence(concept, body, impression)
    found += _graded(body, impression)
    return tuple(found)


Placed = Iterable[tuple[int, Finding]]


def _side(body: Placed, impression: Placed) -> list[Conflict]:
    """`Left renal mass` in the findings, `right renal mass` in the impression: one organ, one side each."""
    found = []
    for place, later in impression:
        if later.concept != "lesion" or later.assertion != "present" or later.side not in ("left", "right"):
            continue
        same = [
            (at, early)
            for at, early in body
            if early.concept == "lesion" and early.assertion == "present" and early.side
            and early.organs and early.organs == later.organs and early.suspicion != "benign"
        ]  # fmt: skip
        sides = {early.side for _, early in same}
        if len(sides) == 1 and sides <= {"left", "right"} and later.side not in sides:
            found.append(Conflict("side", same[0][0], place))
    return found[:1]


def _presence(concept: str, body: Placed, impression: Placed) -> list[Conflict]:
    early = [(at, finding) for at, finding in body if finding.concept == concept]
    late = [(at, finding) for at, finding in impression if finding.concept == concept]
    if not early or not late or early[0][1].organs != late[0][1].organs:
        return []
    first, second = {f.assertion for _, f in early}, {f.assertion for _, f in late}
    if len(first) == len(second) == 1 and first != second:
        return [Conflict("presence", early[0][0], late[0][0])]
    return []


def _graded(body: Placed, impression: Placed) -> list[Conflict]:
    """A category of one system, or a grade at one level and side, that the impression states otherwise."""
    found = []
    for place, later in impression:
        if later.assertion != "present":
            continue
        for at, early in body:
            if early.concept != later.concept or early.assertion != "present" or early.side != later.side:
                continue
            if later.concept == "rads":
                if (early.system, early.site) == (later.system, later.site) and early.value != later.value:
                    found.append(Conflict("category", at, place))
                    break
            elif (
                later.levels and early.levels == later.levels and early.phrase == later.phrase
                and early.severity and later.severity and early.severity != later.severity
            ):  # fmt: skip
                found.append(Conflict("severity", at, place))
                break
    return found
