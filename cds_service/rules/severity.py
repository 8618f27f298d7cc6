"""How severe the report calls it where the operation is planned (decision 4), and what it makes of a lesion.

One place for the semantics that are never to be guessed: an addendum overrides, the impression outranks the findings
at the same level, ungraded mentions never lower a grade, and a mention of the other side is a mention elsewhere.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.model import SEVERITIES, SLOTS, Case, Finding, Order, Reading
from cds_service.rules.kinds import CATEGORIES

RANKS = {"findings": 1, "other": 1, "recommendation": 1, "impression": 2, "addendum": 3}
_CURRENT = ("present", "uncertain", "absent")
_PROBABLY_BENIGN = {("BI-RADS", "3"), ("Lung-RADS", "3"), ("Bosniak", "IIF"), ("Bosniak", "2F")}
_CALLS = ("benign", "probably-benign", "indeterminate", "suspicious", "proven")
_PROVEN = re.compile(
    r"\b(?:biopsy|tissue|histolog\w+|patholog\w+)[ -](?:proven|confirmed)\b|\bknown (?:\w+ )?(?:cancer|carcinoma)", re.I
)


@dataclass(frozen=True, slots=True)
class Place:
    """What was said at one level: the mentions that count there, strongest section only."""

    found: tuple[Finding, ...]

    def state(self) -> tuple[str, Finding]:
        """severe | moderate | mild | open | ungraded | denied, and the mention that says so."""
        graded = [f for f in self.found if f.assertion == "present" and f.severity and not _open_severe(f)]
        if graded:
            worst = max(graded, key=lambda f: SEVERITIES.index(f.severity or "mild"))
            return str(worst.severity), worst
        for state, fits in (("open", is_open), ("ungraded", _present)):
            for finding in self.found:
                if fits(finding):
                    return state, finding
        return "denied", self.found[0]


def is_open(finding: Finding) -> bool:
    """The report leaves it open: uncertain, hedged, or indeterminate by words or by category."""
    return finding.assertion == "uncertain" or (
        finding.assertion == "present"
        and (finding.hedged or finding.suspicion == "indeterminate" or finding.flag in ("intermediate", "limited"))
    )


def mentions(reading: Reading, concepts: Iterable[str], sections: Sequence[str] = ()) -> list[Finding]:
    """The current mentions of these concepts in the sections that assert."""
    wanted, counted = frozenset(concepts), sections or RANKS
    return [f for f in reading.findings if f.concept in wanted and f.assertion in _CURRENT and f.section in counted]


def at_planned(order: Order, found: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """(mentions at the level and side that the order names, mentions elsewhere).

    A mention without a level speaks of the planned level only where no mention names that level.
    """
    elsewhere = [f for f in found if _other_side(order, f)]
    here = [f for f in found if not _other_side(order, f)]
    if not order.levels:
        return here, elsewhere
    planned = set(order.levels)
    elsewhere += [f for f in here if f.levels and not planned & set(f.levels)]
    exact = [f for f in here if planned & set(f.levels)]
    return exact or [f for f in here if not f.levels], elsewhere


def places(order: Order, found: Sequence[Finding]) -> list[Place]:
    """The mentions by level; at each, those of the strongest section that decides anything there."""
    by_level: dict[str, list[Finding]] = {}
    planned = set(order.levels)
    for finding in found:
        for level in finding.levels or ("",):
            if not level or not planned or level in planned:
                by_level.setdefault(level, []).append(finding)
    return [Place(tuple(_strongest(items))) for items in by_level.values()]


def _strongest(found: list[Finding]) -> list[Finding]:
    """An addendum overrides whatever it says; else the impression outranks the findings with what it grades or leaves
    open; a bare denial in one section does not undo a grade in the other."""
    addendum = [f for f in found if f.section == "addendum"]
    if addendum:
        return addendum
    for rank in (2, 1):
        at_rank = [f for f in found if RANKS.get(f.section, 1) == rank]
        if any((f.assertion == "present" and f.severity) or is_open(f) for f in at_rank):
            return at_rank
    return found


def telling(order: Order, found: Sequence[Finding], about: Sequence[str] = ()) -> Finding:
    """The mention that says most of the order: asserted, of its level and side, whole on a card, in the strongest
    section, worst; then the concept that the rule names first."""
    found = [f for f in found if f.assertion != "absent"] or found
    if len(found) == 1:
        return found[0]
    planned = set(order.levels)

    def weight(finding: Finding) -> tuple[bool, bool, bool, int, int, int]:
        grade = SEVERITIES.index(finding.severity) + 1 if finding.severity else 0
        return (
            not _other_side(order, finding),
            bool(planned & set(finding.levels)),
            len(finding.quote) <= SLOTS["quote"],
            RANKS.get(finding.section, 0),
            grade,
            -about.index(finding.concept) if finding.concept in about else 0,
        )

    return max(found, key=weight)


def worst_severity(case: Case, found: Sequence[Finding]) -> tuple[str, Finding] | None:
    """The worst state over the places of these mentions, or None where there is no mention."""
    order = ("denied", "ungraded", "open", "mild", "moderate", "severe")
    states = [place.state() for place in places(case.order, found)]
    return max(states, key=lambda state: order.index(state[0]), default=None)


def lesion_call(case: Case, reading: Reading) -> tuple[str | None, Finding | None]:
    """What the report makes of the lesion at worst, and where; (None, mention) if it only names one, else (None, None).

    Benign is only what nothing else in the report contradicts; `proven` is a tumour that the report
    says tissue has answered for. An addendum that judges a lesion overrides.
    """
    region = case.order.region
    found = [
        f for f in mentions(reading, ("lesion", "malignancy", "rads"))
        if f.assertion != "absent" and not _other_side(case.order, f)
        and (not f.regions or region in (None, "any") or region in f.regions)
    ]  # fmt: skip
    judged = [(call, f) for f in found if (call := _call(f)) is not None]
    addendum = [item for item in judged if item[1].section == "addendum"]
    if judged:
        return max(addendum or judged, key=lambda item: (_CALLS.index(item[0]), RANKS.get(item[1].section, 1)))
    bare = next((f for f in found if f.concept == "lesion"), None)
    return None, bare


def categories(case: Case, reading: Reading, system: str) -> list[Finding]:
    """The current categories of one system on the side of the order; an addendum that gives one overrides."""
    known = CATEGORIES[system]
    found = [
        f for f in mentions(reading, ("rads",))
        if f.system == system and f.value in known and f.assertion != "absent" and not _other_side(case.order, f)
    ]  # fmt: skip
    return [f for f in found if f.section == "addendum"] or found


# operations whose organ lies in, or is imaged with, the neighbouring region
ALSO_OWN = {
    "colorectal": ("pelvis",), "bladder": ("abdomen",), "esophagus": ("abdomen", "neck"), "stomach": ("chest",),
    "liver": ("pelvis",), "head and neck": ("brain",),
    "thyroid/parathyroid": ("chest",), "breast": ("chest",), "neurovascular": ("brain", "neck"),
    "cranial": ("neurovascular", "neck"), "aortic aneurysm": ("abdomen", "chest", "heart"),
}  # fmt: skip


def incidental(order: Order, reading: Reading) -> Finding | None:
    """A lesion that the report calls suspicious and that lies in another region than the operation's, or None.

    A benign descriptor in the same words blocks it: a haemangioma stays one, whatever else the clause says.
    """
    if order.region in (None, "any", "other", "whole-body"):
        return None
    own = {order.region, "whole-body", "other"}
    for member in order.members:
        own.update(ALSO_OWN.get(member.group, ()))
    found = mentions(reading, ("lesion", "malignancy", "rads"))
    for item in found:
        suspicious = item.suspicion == "suspicious" or item.flag == "high" or item.concept == "malignancy"
        if not suspicious or item.assertion == "absent" or not item.regions or own & set(item.regions):
            continue
        if _PROVEN.search(item.quote) or any(
            other.suspicion == "benign" and other.start < item.end and item.start < other.end for other in found
        ):
            continue
        return item
    return None


def partly_imaged(reading: Reading, item: Finding) -> bool:
    """The words about the lesion, or the sentence after them, say that the study shows it in part."""
    after = reading.text[item.end : item.end + 160]
    stop = _SENTENCE_END.search(after, 2)
    return _PARTLY.search(f"{item.quote} {after[: stop.start() if stop else None]}") is not None


_SENTENCE_END = re.compile(r"[.;]\s|\n\s*\n")
_PARTLY = re.compile(
    r"\b(?:partially|incompletely|partly|only partly|not (?:fully|completely|entirely))"
    r"[ -](?:imaged|visuali[sz]ed|included|seen|evaluated|characteri[sz]ed|assessed|covered)\b|"
    r"\bedge of the (?:field|image|study)\b|\bincomplete(?:ly)? (?:imaging|coverage)\b", re.I
)  # fmt: skip


def _call(finding: Finding) -> str | None:
    if finding.concept == "rads":
        if finding.flag == "high":
            return "proven" if (finding.system, finding.value) == ("BI-RADS", "6") else "suspicious"
        if finding.flag in ("intermediate", "limited"):
            benign = (finding.system or "", finding.value or "") in _PROBABLY_BENIGN
            return "probably-benign" if benign else "indeterminate"
        return "benign" if finding.flag == "benign" else None
    if finding.concept == "malignancy":
        return "proven" if finding.assertion == "present" and _PROVEN.search(finding.quote) else "suspicious"
    if finding.suspicion is not None:
        return finding.suspicion
    return "indeterminate" if is_open(finding) else None


def _other_side(order: Order, finding: Finding) -> bool:
    return {order.side, finding.side} == {"left", "right"}


def _present(finding: Finding) -> bool:
    return finding.assertion == "present"


def _open_severe(finding: Finding) -> bool:
    return finding.hedged and finding.severity == "severe"
