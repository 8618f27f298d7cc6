"""Triage: which draft orders are surgery or oncology treatment, recognised by code, local code, ingredient or text.

Most order-sign calls stop here. Nothing on this path parses a report, reads the network or looks at prefetch.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cds_service.anatomy import regions, side, spine_levels, spine_segments
from cds_service.gather.accessors import (
    Raw,
    child,
    children,
    codings,
    concept,
    first_instant,
    instant,
    number,
    text,
    walk_extensions,
)
from cds_service.gather.references import contained, index, key_of, names_at, normal, reference_to
from cds_service.model import Coding, Concept, Gap, HookRequest, Member, Order, OrderKind, Side
from cds_service.terminology import ValueSets

ORDER_TYPES = ("ServiceRequest", "MedicationRequest")
_KIND_OF_SET: dict[str, OrderKind] = {
    "spine-surgery": "surgery",
    "high-stakes-surgery": "surgery",
    "radiotherapy": "radiotherapy",
    "oncology-systemic-therapy": "systemic-therapy",
}
_ORDER_SETS = tuple(_KIND_OF_SET)
_KIND_OF_SET["pathology-and-biopsy"] = "surgery"  # by its words alone: the biopsies that cards/order-phrases.yaml names
_REASON_SETS = (
    "cancer-conditions",
    "spine-disorders",
    "neurovascular-and-diffuse-disease",
    "suspicious-lesion-findings",
    "order-context",
)
_RELEVANT: frozenset[OrderKind] = frozenset(_KIND_OF_SET.values())
# An order of one of these categories is about looking, measuring or talking, whatever surgery its text mentions.
_NOT_TREATMENT = frozenset({"363679005", "108252007", "RAD", "LAB"})
_SECOND_READ_REASONS = frozenset({"111418"})
_SECOND_READ_CODES = frozenset({"28191001", "306299005", "308461008"})
_SECOND_READ_WORDS = re.compile(
    r"\b(?:second[\s-](?:read|opinion)|outside (?:study|film|imaging) (?:interpretation|read)|over-?read|re-?read)\b",
    re.I,
)
_RADIOLOGY_WORDS = re.compile(
    r"radiolog|imaging|\bread\b|re-?read|over-?read|\b(?:mri?|ct|pet|scan|study|film)\b", re.I
)
_CYCLE = re.compile(r"\b(?:cycle\s*#?\s*(\d{1,2})|c(\d{1,2})\s?d\d{1,2})\b", re.I)
_INTENT = re.compile(
    r"\b(curative|definitive|radical|palliati(?:ve|on)|neoadjuvant|neo-adjuvant|adjuvant|prophylactic|maintenance|salvage)\b",
    re.I,
)


class Told(NamedTuple):
    """Levels and stretches of the spine, side and regions that words name."""

    levels: tuple[str, ...]
    segments: tuple[str, ...]
    side: Side | None
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Basket:
    """The draft orders of one call after triage; `raw` holds each order's JSON by its reference."""

    orders: tuple[Order, ...]
    raw: dict[str, Raw]
    gaps: tuple[Gap, ...] = ()
    selected: frozenset[str] | None = None  # of an order-select call: the others are background

    @property
    def relevant(self) -> tuple[Order, ...]:
        """Surgery and oncology treatment, in the basket's order."""
        return tuple(
            order
            for order in self.orders
            if order.kind in _RELEVANT and (self.selected is None or order.reference in self.selected)
        )


def orders(request: HookRequest, value_sets: ValueSets) -> Basket:
    """Every ServiceRequest and MedicationRequest of the basket, classified; other types are ignored.

    An order whose subject is another patient is dropped with the gap `wrong-patient`; an entry that is no resource
    becomes the gap `unreadable`. Neither costs the rest.
    """
    base = request.fhir.base if request.fhir else None
    entries = list(request.draft_orders)
    beside: dict[str, Raw] | None = None
    found, raw, gaps = [], {}, []
    for position, entry in enumerate(entries):
        resource = child(entry, "resource")
        kind = text(resource, "resourceType")
        if not kind:
            gaps.append(Gap(f"draftOrders[{position}]", "unreadable"))
            continue
        if kind not in ORDER_TYPES:
            continue
        if not of_patient(resource, request.patient_id, base):
            gaps.append(Gap(f"draftOrders[{position}]", "wrong-patient"))
            continue
        medication = child(resource, "medicationReference")
        if medication and beside is None:
            held, names, _ = index(entries, base)
            beside = held | {alias: held[name] for alias, name in names.items()}
        order = read_order(resource, value_sets, base, beside or {}, fallback=f"draftOrders[{position}]")
        found.append(order)
        raw[order.reference] = resource
    chosen = request.selections
    selected = None if chosen is None else frozenset([normal(each, base) for each in chosen])
    return Basket(tuple(found), raw, tuple(gaps), selected)


def of_patient(resource: Raw, patient_id: str, base: str | None) -> bool:
    """Whether a resource is about the patient of the context; one that names no subject was asked for by patient."""
    subject = resource.get("subject") or resource.get("patient")
    if not isinstance(subject, dict):
        return True
    named = text(subject, "reference")
    return not named or named == f"Patient/{patient_id}" or normal(named, base) == f"Patient/{patient_id}"


def read_order(
    resource: Raw, value_sets: ValueSets, base: str | None, beside: dict[str, Raw], *, fallback: str = ""
) -> Order:
    """One request resource, draft or on file, with what our value sets recognise in it."""
    named, extra = _what_is_ordered(resource, base, beside)
    kind, members = classify(resource, named, extra, value_sets)
    order = Order(
        reference=key_of(resource) or fallback,
        kind=kind,
        status=text(resource, "status"),
        intent=text(resource, "intent"),
        priority=text(resource, "priority") or None,
        concept=named,
        members=members,
        authored=instant(resource.get("authoredOn")),
    )
    return _details(order, resource, value_sets, base) if kind != "other" else order


def _what_is_ordered(resource: Raw, base: str | None, beside: dict[str, Raw]) -> tuple[Concept, tuple[Coding, ...]]:
    """The order's concept, and the codings of a drug's ingredients."""
    if text(resource, "resourceType") == "ServiceRequest":
        return concept(child(resource, "code")), ()
    named = concept(child(resource, "medicationCodeableConcept") or child(resource, "medication"))
    reference = text(child(resource, "medicationReference"), "reference")
    if not reference:
        return named, ()
    drug = contained(resource, reference) or beside.get(normal(reference, base), {})
    ingredients = [concept(child(item, "itemCodeableConcept")) for item in children(drug, "ingredient")]
    code = concept(child(drug, "code"))
    words = code.text or " / ".join(i.words for i in ingredients if i.words)
    words = words or text(child(resource, "medicationReference"), "display") or named.text
    return Concept(named.codings + code.codings, words), tuple(c for i in ingredients for c in i.codings)


def classify(
    resource: Raw, named: Concept, extra: tuple[Coding, ...], value_sets: ValueSets
) -> tuple[OrderKind, tuple[Member, ...]]:
    """What kind of order this is, and the value-set members that say so: code first, text as the last resort."""
    if is_second_read(resource, named):
        return "second-read", ()
    members = value_sets.find_any(_ORDER_SETS, named.codings)
    if extra:
        by_ingredient = value_sets.find_any(("oncology-systemic-therapy",), extra)
        members += tuple(replace(member, matched_by="ingredient") for member in by_ingredient)
    if not members and named.words and not _about_looking(resource, named, value_sets):
        members = value_sets.find_text(named.words)
        if text(resource, "resourceType") == "MedicationRequest":
            members = tuple(m for m in members if m.value_set == "oncology-systemic-therapy")
    if not members:
        return "other", ()
    return _KIND_OF_SET.get(members[0].value_set, "other"), members


def _about_looking(resource: Raw, named: Concept, value_sets: ValueSets) -> bool:
    categories = {c.code for category in children(resource, "category") for c in codings(category)}
    return bool(categories & _NOT_TREATMENT) or bool(named.codings and value_sets.modalities(named.codings))


def is_second_read(resource: Raw, named: Concept) -> bool:
    """Whether this request asks for a second read of existing images (DICOM 111418, v2-0336 S, or words that say so).

    28191001 alone is any radiologist's consultation, so it counts only with a second-read reason or word.
    """
    if text(resource, "resourceType") != "ServiceRequest":
        return False
    reasons = {(c.system.rsplit("/", 1)[-1], c.code) for r in children(resource, "reasonCode") for c in codings(r)}
    if any(code in _SECOND_READ_REASONS for _, code in reasons):
        return True
    coded = any(c.code in _SECOND_READ_CODES for c in named.codings)
    if ("v2-0336", "S") in reasons and (coded or _RADIOLOGY_WORDS.search(named.words)):
        return True
    return bool(_SECOND_READ_WORDS.search(named.words) and (coded or _RADIOLOGY_WORDS.search(named.words)))


@lru_cache(maxsize=4096)
def _told(words: str) -> Told:
    """What an order's name or reason tells of place and side; orders of a kind are named alike."""
    return Told(spine_levels(words), spine_segments(words), side(words), regions(words))


def _details(order: Order, resource: Raw, value_sets: ValueSets, base: str | None) -> Order:
    """The facts of a relevant order: where, which side, why, when, which cycle."""
    reasons = tuple(concept(item) for item in children(resource, "reasonCode"))
    sites = [concept(item) for item in children(resource, "bodySite")]
    site_codes = tuple(c for site in sites for c in site.codings)
    notes = [text(note, "text") for note in children(resource, "note")]
    # Level and side are what the order says it will do; a note may tell another level's history, so it comes last.
    where = " ; ".join([order.concept.words, *(c.display for c in order.concept.codings), *(s.words for s in sites)])
    why = " ; ".join(reason.words for reason in reasons)
    here, because = _told(where), _told(why)
    levels = here.levels or because.levels or (spine_levels(" ; ".join(notes)) if notes else ())
    words = " ; ".join([where, why, *notes, *(text(d, "text") for d in children(resource, "dosageInstruction"))])
    region = next((m.region for m in order.members if m.region and m.region != "any"), None)
    if not region:
        found = value_sets.regions(site_codes) or here.regions or because.regions
        region = found[0] if found else None
    return replace(
        order,
        region="spine" if order.members and order.members[0].value_set == "spine-surgery" else region,
        levels=levels,
        segments=here.segments or spine_segments(" ; ".join(levels)) or because.segments,
        side=here.side or because.side,
        reasons=reasons,
        reason_members=value_sets.find_any(_REASON_SETS, tuple(c for r in reasons for c in r.codings)),
        intents=tuple(
            dict.fromkeys(w.lower() for w in _INTENT.findall(" ; ".join([words, *_coded_intents(resource)])))
        ),
        supporting=tuple(
            dict.fromkeys(
                reference
                for name in ("supportingInfo", "supportingInformation", "reasonReference", "basedOn")
                for reference in names_at(resource, name, base)
            )
        ),
        start=_planned_start(resource),
        cycle=_cycle(words, resource),
        renewal=bool(reference_to(resource, "priorPrescription", base)),
        status_reason=text(child(resource, "statusReason"), "text"),
    )


def _coded_intents(resource: Raw) -> list[str]:
    """Displays of coded treatment intents, as the CodeX radiotherapy profiles carry them in an extension."""
    return [
        concept(child(extension, "valueCodeableConcept")).words
        for extension in walk_extensions(resource)
        if "intent" in text(extension, "url").lower()
    ]


def _planned_start(resource: Raw) -> datetime | None:
    found = first_instant(resource, "occurrenceDateTime", "occurrencePeriod")
    if found:
        return found
    timings = [child(resource, "occurrenceTiming")]
    timings += [child(item, "timing") for item in children(resource, "dosageInstruction")]
    for timing in timings:
        events = timing.get("event")
        if isinstance(events, list) and (found := min(filter(None, map(instant, events)), default=None)):
            return found
        bounds = child(child(timing, "repeat"), "boundsPeriod")
        if found := instant(bounds.get("start")):
            return found
    return None


def _cycle(words: str, resource: Raw) -> int | None:
    for extension in walk_extensions(resource):
        if "cycle" in text(extension, "url").lower():
            value = number(extension.get("valueInteger", extension.get("valuePositiveInt")))
            if value is not None:
                return int(value)
    match = _CYCLE.search(words)
    return int(match.group(1) or match.group(2)) if match else None
