"""Which orders of a basket are surgery by their own account, and were recognised by no code, local code or words.

A site that sends codes nobody listed gets silence, and silence looks like agreement; so such orders are counted.
"""

import re

from cds_service.gather.accessors import Raw, children, codings, concept
from cds_service.gather.orders import Basket
from cds_service.model import Concept

_SURGICAL_CATEGORIES = frozenset({"387713003", "SURG"})  # SNOMED CT "Surgical procedure"
_SURGICAL_WORDS = re.compile(r"\bsurg(?:ery|ical)\b|\boperat(?:ion|ive)\b", re.I)
_PCS, _PCS_SURGERY = "http://www.cms.gov/Medicare/Coding/ICD10", "0"  # first character: section Medical and Surgical
_CPT = "http://www.ama-assn.org/go/cpt"
_CPT_SURGERY = re.compile(r"[1-6]\d{4}")  # the section Surgery by its numbers; no code of it stands here


def unmatched_surgery(basket: Basket) -> tuple[tuple[str, str], ...]:
    """(code system, code) of the first coding of each such order; ("", "") for one without a code."""
    found = []
    for order in basket.orders:
        if order.kind != "other":
            continue
        raw = basket.raw.get(order.reference)
        if raw is not None and raw.get("resourceType") == "ServiceRequest" and _is_surgery(raw, order.concept):
            first = next(iter(order.concept.codings), None)
            found.append((first.system, first.code) if first else ("", ""))
    return tuple(found)


def _is_surgery(raw: Raw, named: Concept) -> bool:
    """By its category; without a category that says so, by the section of a procedure code."""
    for category in children(raw, "category"):
        if any(coding.code in _SURGICAL_CATEGORIES for coding in codings(category)):
            return True
        if _SURGICAL_WORDS.search(concept(category).words):
            return True
    return any(
        (coding.system == _PCS and coding.code.startswith(_PCS_SURGERY))
        or (coding.system == _CPT and _CPT_SURGERY.fullmatch(coding.code))
        for coding in named.codings
    )
