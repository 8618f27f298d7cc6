"""An order-sign request without what could tell who it is about. Pure: the caller gives the number of days to move."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

GONE = "(masked)"
NO_INSTANCE = "00000000-0000-4000-8000-000000000000"
_PLAIN = frozenset({  # strings of these elements say what kind of thing it is, never who
    "resourceType", "status", "intent", "priority", "code", "system", "hook", "type", "mode", "relation", "use",
    "contentType", "language", "unit", "comparator", "gender", "linkId", "scope", "token_type", "version", "kind",
})  # fmt: skip
_WORDS = frozenset({"text", "display"})  # of a CodeableConcept or Coding
_CONCEPTS = frozenset({
    "code", "category", "reasonCode", "bodySite", "medicationCodeableConcept", "procedureCode", "conclusionCode",
    "performerType", "specialty", "class", "valueCodeableConcept", "statusReason", "clinicalStatus",
    "verificationStatus", "modality", "laterality", "coding", "security", "tag", "orderDetail", "courseOfTherapyType",
    "itemCodeableConcept", "method", "dataAbsentReason",
})  # fmt: skip
_DESCRIPTIONS = frozenset({("ImagingStudy", "description"), ("series", "description")})
_REPORT_TEXT = frozenset({("DiagnosticReport", "conclusion"), ("Observation", "valueString"), ("presentedForm", "data"),
                          ("Binary", "data")})  # fmt: skip
_IDS = frozenset({"id", "patientId", "userId", "encounterId", "reference", "fullUrl", "url", "uid", "value",
                  "subject"})  # fmt: skip
_DROPPED = frozenset({"name", "telecom", "address", "photo", "contact", "div", "extension",
                      "modifierExtension", "note", "patientInstruction", "link", "communication"})  # fmt: skip
_is_instant = re.compile(r"(\d{4}-\d{2}-\d{2})(T\S*)?").fullmatch
_is_month = re.compile(r"\d{4}(-\d{2})?").fullmatch


def masked(request: Mapping[str, Any], days: int, *, with_report_text: bool = False) -> dict[str, Any]:
    """`request` with everything masked that is not known to be harmless, and every instant moved by `days`."""
    mask = _Mask(days, tuple(_names(request)) if with_report_text else None)
    whole: dict[str, Any] = mask.value(request, ("request",))
    return whole


class _Mask:
    """One request's names for ids, and how its strings are treated."""

    def __init__(self, days: int, names: tuple[str, ...] | None) -> None:
        self._days = timedelta(days=days)
        self._names = names  # of the patient, to be struck out of report text; None: report text is masked whole
        self._known: dict[str, str] = {}

    def value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            owner = value.get("resourceType")
            here = (*path, owner) if isinstance(owner, str) else path
            return {name: self.value(each, (*here, name)) for name, each in value.items() if name not in _DROPPED}
        if isinstance(value, list):
            return [self.value(each, path) for each in value]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: tuple[str, ...]) -> str:
        name, owner = path[-1], path[-2] if len(path) > 1 else ""
        if name in _PLAIN:
            return text if len(text) <= 200 else GONE
        if name in _WORDS and owner in _CONCEPTS:
            return text
        if (owner, name) in _DESCRIPTIONS:
            return text
        if name == "access_token":
            return ""
        if name == "hookInstance":
            return NO_INSTANCE
        if name == "birthDate":
            return text[:4]
        if (owner, name) in _REPORT_TEXT:
            return self._report(text, encoded=name == "data")
        if found := _is_instant(text):
            return self._moved(found.group(1)) + (found.group(2) or "")
        if _is_month(text):
            return text[:4]
        if name == "fhirServer":
            return "https://fhir.example"
        return self._renamed(text) if name in _IDS else GONE

    def _moved(self, day: str) -> str:
        try:
            return (date.fromisoformat(day) + self._days).isoformat()
        except (ValueError, OverflowError):
            return GONE

    def _renamed(self, text: str) -> str:
        """A reference keeps its type, an id becomes a number of its own; the same id is always the same."""
        kind, _, rest = text.removeprefix("#").rpartition("/")
        kept = kind.rpartition("/")[2]
        shown = self._known.setdefault(rest, f"x{len(self._known) + 1}")
        prefix = "#" if text.startswith("#") else f"{kept}/" if kept.isalpha() else ""
        return prefix + shown

    def _report(self, text: str, *, encoded: bool) -> str:
        if self._names is None:
            return GONE
        strike = _striker(self._names)
        if not encoded:
            return strike(text)
        try:
            plain = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return GONE  # a PDF or the like: names in it cannot be struck out
        return base64.b64encode(strike(plain).encode()).decode()


def _names(value: Any) -> Iterator[str]:
    """Every word of the names and identifiers of Patient resources, wherever they stand."""
    if isinstance(value, Mapping):
        if value.get("resourceType") == "Patient":
            for part in ("name", "identifier", "telecom", "address", "contact", "birthDate"):
                yield from _words(value.get(part))
        for each in value.values():
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name not in ("system", "use", "type"):
                yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str):
        yield from (word for word in re.split(r"[\s,;^]+", value) if len(word) > 1)


def _striker(names: tuple[str, ...]) -> Callable[[str], str]:
    """Strikes those words out of a text, in any case."""
    if not names:
        return lambda text: text
    longest_first = sorted(set(names), key=len, reverse=True)
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub("*" * 3, text)
