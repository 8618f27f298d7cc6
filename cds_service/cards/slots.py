"""Filling a rule's sentences: a sentence whose slot has no value is left out, so no card ever shows a hole."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from cds_service.cards.phrases import literal_cut, order_words, plain, study_words
from cds_service.model import SLOTS, Case, Finding, Speech, Subspecialty, Verdict

_SLOT = re.compile(r"\{(\w+)\}")
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z{\"])")


def leading_finding(verdict: Verdict) -> Finding | None:
    """The finding that speaks loudest: what stands against the order first, then what a criterion rested on."""
    told = [check for check in verdict.checks if check.finding and check.truth == "true"]
    order = {"warning": 0, "criterion": 1, "exclusion": 2}
    told.sort(key=lambda check: order[check.role])
    return next((check.finding for check in told if check.role != "exclusion"), None)


def slot_values(case: Case, verdict: Verdict, reader: Subspecialty, hours: int) -> dict[str, str]:
    """Every slot of `model.SLOTS` that this case can fill, within its longest length; the others are absent."""
    finding = leading_finding(verdict)
    values = {
        "order": order_words(case.order, SLOTS["order"]),
        "study": study_words(case.study) if case.study else "",
        "subspecialty": reader.label,
        "turnaround": f"{hours} h",
    }
    if finding:
        words = literal_cut(plain(finding.quote), SLOTS["quote"])
        category = f"{finding.system} {finding.value}" if finding.concept == "rads" else ""
        values |= {
            "quote": words,
            "section": finding.section,
            "severity": finding.severity or "",
            "level": " and ".join(finding.levels[:2]),
            "category": category,
        }
    return {name: value for name, value in values.items() if value}


@lru_cache(maxsize=256)
def _pieces(template: str, summary: bool = False) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A template's sentences (a summary's clauses), each with the slots it needs."""
    pieces = re.split(r"(?<=[:;])\s+", template.strip()) if summary else _SENTENCE.split(template.strip())
    return tuple((piece, tuple(_SLOT.findall(piece))) for piece in pieces)


def fill(template: str, values: Mapping[str, str], escape: Callable[[str], str] = plain) -> str:
    """The template's sentences with their slots filled; a sentence with an empty slot is dropped."""
    kept = [piece for piece, slots in _pieces(template) if all(name in values for name in slots)]
    return " ".join(
        [_SLOT.sub(lambda m: escape(values[m.group(1)]), piece) if "{" in piece else piece for piece in kept]
    )


def summary_line(speech: Speech, values: Mapping[str, str], longest: int = 139) -> str:
    """One sentence below 140 characters; what does not fit goes from the end, at a clause."""
    clauses = _pieces(speech.summary, summary=True)
    kept = [clause for clause, slots in clauses if all(name in values for name in slots)] or [clauses[0][0]]
    while True:
        line = plain(_SLOT.sub(lambda m: values.get(m.group(1), ""), " ".join(kept))).rstrip(" :;,")
        line = line if line.endswith((".", "?", '"')) else line + "."
        if len(line) <= longest or len(kept) == 1:
            return line if len(line) <= longest else line[: longest - 1].rsplit(" ", 1)[0] + "…"
        kept = kept[:-1]
