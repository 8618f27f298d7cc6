"""What a rule may put on a card (design section 4): closed slots, longest lengths, and words it may not use."""

import re
from string import Formatter

from cds_service.model import SLOTS
from cds_service.yaml_source import Node, Sheet, nearest

SUMMARY_LIMIT, SUMMARY_TARGET = 140, 110
FORBIDDEN = re.compile(
    r"\b(must|never|missed|errors?|mistakes?|mistaken|malpractice|negligen\w+|wrong(?:ly)?|overlooked|incorrect\w*|"
    r"studies show|guideline-recommended|guarantee\w*|misread)\b|!",
    re.IGNORECASE,
)


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
