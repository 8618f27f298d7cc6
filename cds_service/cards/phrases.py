"""Human words for studies, dates and orders, and the two ways text goes on a card: plain, and escaped for Markdown."""

import re
from datetime import datetime

from cds_service.model import Order, Report, Study

_MODALITY = {"MR": "MRI", "CT": "CT", "PT": "PET", "MG": "mammogram", "US": "ultrasound", "NM": "scintigram"}
_REGION = {
    "whole-body": "whole-body",
    "msk": "musculoskeletal",
    "neurovascular": "head and neck vessel",
    "heart": "cardiac",
    "vascular": "vascular",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in no locale but ours
ELLIPSIS = "…"


def day(moment: datetime | None) -> str:
    """`3 Nov 2026`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}" if moment else ""


def study_words(study: Study, *, dated: bool = True) -> str:
    """`lumbar MRI of 3 Nov 2026`; without a region, `CT of 3 Nov 2026`."""
    modality = "/".join(_MODALITY.get(m, m) for m in _told(study.modalities)) or "imaging study"
    where = " and ".join(study.segments[:2]) if "spine" in study.regions and study.segments else ""
    if not where and study.regions:
        where = "/".join(_REGION.get(r, r) for r in study.regions[:3])
    words = f"{where} {modality}".strip()
    return f"{words} of {day(study.started)}" if dated and study.started else words


def _told(modalities: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(m for m in ("PT", "MR", "CT", "MG", "US", "NM") if m in modalities)
    return kept or modalities[:1]


def order_words(order: Order, longest: int) -> str:
    """What is being signed, as the order calls it, cut at a word."""
    return cut(plain(order.concept.words or "the treatment ordered"), longest)


def report_words(report: Report) -> str:
    """How final a report is: `final`, `final, with addendum`, `amended`."""
    return f"{report.status}, with addendum" if report.addenda else report.status


def plain(words: str) -> str:
    """One line, no control or direction-changing characters."""
    if words.isascii() and words.isprintable() and "  " not in words:
        return words.strip()
    return _SPACE.sub(" ", _CONTROL.sub(" ", words)).strip()


def escaped(words: str) -> str:
    """Text from outside as literal Markdown: a report can hold `<`, `|`, `[` and `_`."""
    return _MARKDOWN.sub(r"\\\1", plain(words))


def cut(words: str, longest: int) -> str:
    """At most `longest` characters, cut at a word and marked as cut."""
    if len(words) <= longest:
        return words
    kept = words[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:-–(")
    return (kept or words[: longest - 1]) + ELLIPSIS


def literal_cut(words: str, longest: int) -> str:
    """The longest run of whole words from the start that fits: still a literal piece of what was said."""
    if len(words) <= longest:
        return words
    return words[:longest].rsplit(" ", 1)[0] if " " in words[:longest] else words[:longest]
