"""Prefetch, key by key, in all the states a client may leave it (CDS Hooks 2.0.1 §Prefetch Template).

A key may be absent, null, an OperationOutcome, a resource, a searchset Bundle or one page of it; and in the field it
may also be an HTML error page or a Bundle with one broken entry. Whatever cannot be used becomes a named gap.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import quote

from cds_service.gather.accessors import Raw, children, first_instant, text
from cds_service.gather.references import index
from cds_service.model import Gap, HookRequest

State = Literal["absent", "null", "failed", "resource", "bundle", "page", "unreadable"]
REQUIRED = ("imagingStudies", "diagnosticReports")  # without these no relevant order can be decided


@dataclass(frozen=True, slots=True)
class Received:
    """What one key brought: its resources by name, the next page where there is one, and what was wrong with it."""

    key: str
    state: State
    found: dict[str, Raw] = field(default_factory=dict)  # by `Type/id`, or the place in the Bundle
    aliases: dict[str, str] = field(default_factory=dict)  # other names of what was found
    next_url: str | None = None
    gaps: tuple[Gap, ...] = ()

    @property
    def satisfied(self) -> bool:
        """Whether nothing more needs to be asked for this key."""
        return self.state in ("resource", "bundle")


_WHY: dict[State, str] = {
    "absent": "prefetch-omitted",
    "null": "prefetch-null",
    "failed": "prefetch-failed",
    "unreadable": "unreadable",
}


def received(key: str, value: object, *, sent: bool = True, base: str | None = None) -> Received:
    """Sort one prefetch value, or one FHIR answer, into its state."""
    if not sent:
        return _nothing(key, "absent")
    if value is None:
        return _nothing(key, "null")
    kind = text(value, "resourceType")
    if not isinstance(value, dict) or not kind:
        return _nothing(key, "unreadable")
    if kind == "OperationOutcome":
        return _nothing(key, "failed")
    if kind != "Bundle":
        return Received(key, "resource", *index([{"resource": value}], base, key)[:2])
    return _bundle(key, value, base)


def _nothing(key: str, state: State) -> Received:
    return Received(key, state, gaps=(Gap(key, _WHY[state]),))


def _bundle(key: str, bundle: Raw, base: str | None) -> Received:
    sent = bundle.get("entry")
    entries = sent if isinstance(sent, list) else []
    gaps = [] if sent is None or isinstance(sent, list) else [Gap(key, "unreadable", "Bundle.entry is not a list")]
    found, aliases, unreadable = index(entries, base, key)
    gaps += [Gap(f"{key}[{position}]", "unreadable") for position in unreadable]
    next_url = next((text(link, "url") for link in children(bundle, "link") if text(link, "relation") == "next"), None)
    state: State = "page" if next_url else "bundle"
    return Received(key, state, found, aliases, next_url or None, tuple(gaps))


def from_request(request: HookRequest, keys: tuple[str, ...]) -> dict[str, Received]:
    """Every key of our discovery answer, as this request filled it; keys we never asked for are left alone."""
    base = request.fhir.base if request.fhir else None
    return {
        key: received(key, request.prefetch.get(key), sent=key in request.prefetch, base=base)
        for key in keys
        if key != "encounter" or request.encounter_id or "encounter" in request.prefetch
    }


def filled(template: str, request: HookRequest) -> str:
    """A prefetch template with the context's ids in it, as a path below the FHIR base."""
    context: dict[str, Any] = {
        "context.patientId": request.patient_id,
        "context.encounterId": request.encounter_id or "",
        "context.userId": request.user_id,
    }
    for name, value in context.items():
        template = template.replace("{{" + name + "}}", quote(value, safe=""))
    return template


_SORT = re.compile(r"&?_sort=[^&]*")
_DATES = ("effectiveDateTime", "effectivePeriod", "started", "issued")


def plainly(search: str) -> str:
    """The same search without an order: some servers refuse `_sort` where they do not know it."""
    return _SORT.sub("", search)


def newest_first(page: Received) -> bool:
    """Whether a page comes in falling order of time, so that what is not on it is older; ties and gaps are let be."""
    moments = [moment for found in page.found.values() if (moment := first_instant(found, *_DATES))]
    return all(later >= earlier for later, earlier in pairwise(moments))
