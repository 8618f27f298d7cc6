"""Plain accessors over raw FHIR JSON that tolerate anything: a wrong type reads as absence, never as an exception.

Validating inbound prefetch with resource models costs forty times the parsing and refuses a whole Bundle for one
vendor field, so what comes in is read, not validated.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from cds_service.model import Coding, Concept

Raw = dict[str, Any]

_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\Z")
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def text(node: object, name: str) -> str:
    """The string at `name`, stripped; "" where there is none."""
    if isinstance(node, dict):
        value = node.get(name)
        if isinstance(value, str):
            return value.strip()
    return ""


def child(node: object, name: str) -> Raw:
    """The object at `name`; {} where there is none. A list of one stands for its member, as some feeds send it."""
    value = node.get(name) if isinstance(node, dict) else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else {}


def children(node: object, name: str) -> list[Raw]:
    """The objects at `name`, whether a list or one object was sent; what is no object is passed over."""
    value = node.get(name) if isinstance(node, dict) else None
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# Text, and (system, code, display) of each coding, as they were sent: hashable, and otherwise anything.
Signature = tuple[Any, tuple[tuple[Any, Any, Any], ...]]


def signature(node: object) -> Signature:
    """A CodeableConcept as a key: what it means is then worked out once, not once a call."""
    if not isinstance(node, dict):
        return ("", ())
    sent = node.get("coding")
    try:
        listed = sent if isinstance(sent, list) else [node if sent is None else sent]  # a Coding for a concept
        key = (node.get("text"), tuple([(c.get("system"), c.get("code"), c.get("display")) for c in listed]))
        hash(key)
    except (AttributeError, TypeError):  # a coding that is no object, or a value that is one: read what can be read
        codes = children(node, "coding")
        return (text(node, "text"), tuple([(text(c, "system"), text(c, "code"), text(c, "display")) for c in codes]))
    return key


@lru_cache(maxsize=16384)
def concept_of(of: Signature) -> Concept:
    """The concept of a signature: codings that have a code, and words from the text, else from the first display."""
    words, sent = _clean(of[0]), [(_clean(system), _clean(code), _clean(display)) for system, code, display in of[1]]
    found = tuple(Coding(*coding) for coding in sent if coding[1])
    words = words or next((c.display for c in found if c.display), "")
    if not words and not found:
        words = next((display for _, _, display in sent if display), "")
    return Concept(found, words)


def _clean(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def codings(concept: object) -> tuple[Coding, ...]:
    """The codings of a CodeableConcept, or of a bare Coding (R5 and some feeds put one for the other)."""
    return concept_of(signature(concept)).codings if isinstance(concept, dict) else ()


def first_code(concept: object) -> str:
    """The code of a concept's first coding that has one; "" where there is none."""
    sent = concept.get("coding") if isinstance(concept, dict) else None
    if isinstance(sent, list):
        for coding in sent:
            if code := text(coding, "code"):
                return code
        return ""
    return text(concept if sent is None else sent, "code")


def concept(node: object) -> Concept:
    """A CodeableConcept; its text falls back to the first coding's display, even where that coding has no code."""
    return concept_of(signature(node))


def instant(value: object) -> datetime | None:
    """A FHIR date, dateTime or instant as an aware datetime (partial dates: their first moment; no zone: UTC)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        if len(value) > 10:
            parsed = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", value) if len(value) > 26 else value)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if partial := _PARTIAL_DATE.match(value):
            year, month, day = partial.groups(default="1")
            return datetime(int(year), int(month), int(day), tzinfo=UTC)
    except ValueError:
        return None
    return None


def first_instant(node: object, *names: str) -> datetime | None:
    """The first of the named dates or periods (their start, else their end) that can be read."""
    for name in names:
        value = node.get(name) if isinstance(node, dict) else None
        found = instant(value) if isinstance(value, str) else None
        if isinstance(value, dict):
            found = instant(value.get("start")) or instant(value.get("end"))
        if found:
            return found
    return None


def calendar_date(value: object) -> date | None:
    """A FHIR date, or the day of a dateTime."""
    found = instant(value)
    return found.date() if found else None


def number(value: object) -> float | None:
    """A finite JSON number, or the number a string spells."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def identifiers(node: object, name: str = "identifier") -> tuple[str, ...]:
    """Business identifiers as `system|value`."""
    return tuple(f"{text(item, 'system')}|{value}" for item in children(node, name) if (value := text(item, "value")))


def walk_extensions(node: object, depth: int = 4) -> Iterator[Raw]:
    """Every extension of a node, nested ones too, to a small depth."""
    for extension in children(node, "extension"):
        yield extension
        if depth:
            yield from walk_extensions(extension, depth - 1)
