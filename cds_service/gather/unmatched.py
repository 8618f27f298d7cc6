"""Which orders of a basket were recognised by no code, local code or words, and are surgery or may be.

Surgery is what says so by its own account. What says nothing of its kind, neither by a category nor by a code system
that tells, is kept apart: most of it is no surgery, and a site whose EHR sends no categories would else see nothing.
A site that sends codes nobody listed gets silence, and silence looks like agreement; so such orders are counted.
"""

import re
from typing import NamedTuple

from cds_service.gather.accessors import Raw, children, codings, concept
from cds_service.gather.orders import Basket
from cds_service.model import Concept
from cds_service.terminology.index import DICOM, ICD10CM, ICD10PCS, LOINC, RXNORM, canonical_system

_SURGICAL_CATEGORIES = frozenset({"387713003", "SURG"})  # SNOMED CT "Surgical procedure"
_SURGICAL_WORDS = re.compile(r"\bsurg(?:ery|ical)\b|\boperat(?:ion|ive)\b", re.I)
_PCS_SURGERY = "0"  # first character: section Medical and Surgical
_CPT = "http://www.ama-assn.org/go/cpt"
_CPT_SURGERY = re.compile(r"[1-6]\d{4}")  # the section Surgery by its numbers; no code of it stands here


# Code systems whose codes tell of what kind an order is, or that it is no order of a service.
_TELLING = frozenset({LOINC, ICD10CM, ICD10PCS, RXNORM, DICOM, _CPT, "http://radlex.org"})


class Missed(NamedTuple):
    """(code system, code) of the first coding of each order; ("", "") for one without a code."""

    surgery: tuple[tuple[str, str], ...]
    unclassified: tuple[tuple[str, str], ...]  # coded, by codes and systems that tell nothing of the kind


def missed_orders(basket: Basket) -> Missed:
    """The orders of a basket that nothing recognised: those that are surgery, and those that may be anything."""
    found, unclassified = [], []
    for order in basket.orders:
        if order.kind != "other":
            continue
        raw = basket.raw.get(order.reference)
        if raw is None or raw.get("resourceType") != "ServiceRequest":
            continue
        first = next(iter(order.concept.codings), None)
        if _is_surgery(raw, order.concept):
            found.append((first.system, first.code) if first else ("", ""))
        elif first is not None and not raw.get("category") and not _tells_its_kind(order.concept):
            unclassified.append((first.system, first.code))
    return Missed(tuple(found), tuple(unclassified))


def _tells_its_kind(named: Concept) -> bool:
    return any(canonical_system(coding.system) in _TELLING for coding in named.codings)


def _is_surgery(raw: Raw, named: Concept) -> bool:
    """By its category; without a category that says so, by the section of a procedure code."""
    for category in children(raw, "category"):
        if any(coding.code in _SURGICAL_CATEGORIES for coding in codings(category)):
            return True
        if _SURGICAL_WORDS.search(concept(category).words):
            return True
    return any(
        (coding.system == ICD10PCS and coding.code.startswith(_PCS_SURGERY))
        or (coding.system == _CPT and _CPT_SURGERY.fullmatch(coding.code))
        for coding in named.codings
    )
