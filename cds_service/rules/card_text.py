"""What a rule may put on a card (design section 4): closed slots, longest lengths, and words it may not use.

The four criteria under which the FDA counts decision support for professionals as no device (section 520(o)(1)(E) of
the FD&C Act) are held as far as words can break them: no claim to have analysed images, the basis shown,
no probability for this patient, nothing that presses for time, and an equal choice to decline.
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from cds_service.model import SLOTS
from cds_service.rules.reading_grade import grade
from cds_service.yaml_source import Node, Sheet, nearest

SUMMARY_LIMIT, SUMMARY_TARGET = 140, 110
FORBIDDEN = re.compile(
    r"\b(must|never|missed|errors?|mistakes?|mistaken|malpractice|negligen\w+|wrong(?:ly)?|overlooked|incorrect\w*|"
    r"studies show|guideline-recommended|guarantee\w*|misread)\b|!",
    re.IGNORECASE,
)
HARDEST_GRADE = 10.0
_BREAKS = (  # code, what breaks it, what is to be said instead
    ("claims-pixels", re.compile(
        r"\b(?:images? (?:was|were|have been|has been|is|are) (?:analy[sz]ed|measured|processed)|"
        r"we (?:see|saw|measure\w*|detect\w*)|"
        r"(?:AI|algorithm|software|computer)\b.{0,30}\b(?:see|saw|find|found|detect\w*|measure\w*)|"
        r"image analysis|(?:seen|detected|measured) by (?:us|this service|software|AI))", re.IGNORECASE),
     "this service reads reports and never pixels"),
    ("patient-probability", re.compile(
        r"\d\s*(?:%|percent\b|per cent\b)|\b(?:probabilit\w+|likelihood|odds|chance|risk score|"
        r"(?:high|low|raised|increased) risk)\b", re.IGNORECASE),
     "a rule states no number or likelihood for this patient; numbers of studies stand in evidence"),
    ("time-critical", re.compile(
        r"\b(?:immediate(?:ly)?|urgent(?:ly)?|emergen\w+|at once|right away|without delay|act now|stat|asap|"
        r"time[- ]critical)\b",
        re.IGNORECASE),
     "a card is no alarm; emergencies are excluded"),
)  # fmt: skip


def slots(text: str) -> tuple[str, ...] | None:
    """The slots of a text in order, or None where its braces do not match."""
    try:
        return tuple(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return None


def check_text(node: Node, text: str, sheet: Sheet, where: str) -> None:
    """Slots are of the closed list, and no word accuses, promises or commands."""
    found = slots(text)
    if found is None:
        sheet.wrong(node, "unknown-slot", f"{where} has a brace that opens or closes nothing")
        return
    for name in found:
        if name not in SLOTS:
            sheet.wrong(node, "unknown-slot", f"{where} has no slot '{name}'; there are {', '.join(SLOTS)}"
                        + nearest(name, SLOTS))  # fmt: skip
    match = FORBIDDEN.search(text)
    if match:
        sheet.wrong(node, "forbidden-word", f"{where} says {match[0]!r}; a card considers and suggests")


def check_summary(node: Node, text: str, sheet: Sheet) -> None:
    """Under 140 characters however long its slots come out; 110 is the target."""
    found = slots(text)
    if found is None:
        return
    longest = len(re.sub(r"\{\w*\}", "", text)) + sum(SLOTS.get(name, 0) for name in found)
    if longest >= SUMMARY_LIMIT:
        sheet.wrong(
            node,
            "summary-too-long",
            f"summary can reach {longest} characters; CDS Hooks allows fewer than {SUMMARY_LIMIT}",
        )
    elif longest > SUMMARY_TARGET:
        sheet.wrong(
            node, "summary-long", f"summary can reach {longest} characters; the target is {SUMMARY_TARGET}", "warning"
        )


def check_card(node: Node, card: Mapping[str, Any], sheet: Sheet) -> None:
    """The card as a whole: what makes it no device, and how hard it is to read."""
    texts = {name: str(card[name]) for name in ("summary", "why", "question", "reason") if name in card}
    for name, text in texts.items():
        for code, pattern, instead in _BREAKS:
            if match := pattern.search(text):
                sheet.wrong(node.value[name], code, f"card.{name} says {match[0]!r}: {instead}")
    basis = {slot for name in ("summary", "why") for slot in slots(texts.get(name, "")) or ()}
    if "summary" in texts and not basis & {"study", "quote", "section", "category"}:
        sheet.wrong(node.value["summary"], "basis-not-shown",
                    "neither summary nor why names the {study} or what its report says", "warning")  # fmt: skip
    if "override_reasons" in card and len(set(card["override_reasons"])) < 2:
        sheet.wrong(node.value["override_reasons"], "no-way-to-decline",
                    "declining is to be as easy as accepting: give at least two reasons to choose from")  # fmt: skip
    told = " ".join(f"{texts[name].rstrip('.')}." for name in ("why", "question") if name in texts)
    if told and (found := grade(told)) > HARDEST_GRADE:
        sheet.wrong(node.value["why"] if "why" in texts else node, "reading-grade",
                    f"why and question read at grade {found:g}; {HARDEST_GRADE:g} is the limit", "warning")  # fmt: skip
