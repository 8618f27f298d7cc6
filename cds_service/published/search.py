"""FHIR R4 search over what is published: a searchset Bundle, or `BadRequest` naming each parameter that is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from cds_service.errors import BadRequest, Issue
from cds_service.published.resources import Published

Fhir = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
SUPPORTED: Mapping[str, tuple[str, str]] = {  # name -> (type, documentation)
    "_id": ("token", "Logical id of the resource."),
    "url": ("uri", "Canonical URL, exactly."),
    "version": ("token", "Business version."),
    "name": ("string", "Computable name; starts with, case ignored. :exact and :contains are known."),
    "status": ("token", "draft, active or retired."),
}
_RESULT = ("_count", "_offset", "_summary", "_elements", "_format", "_pretty")
_MODIFIERS = {"name": ("exact", "contains")}
_COUNT, _MOST = 20, 200
# FHIR R4 marks these as summary elements of a canonical resource; what is marked differs little between our types.
_IN_SUMMARY = frozenset(
    (
        "resourceType", "id", "meta", "implicitRules", "url", "identifier", "version", "name", "title", "type",
        "status", "experimental", "subjectCodeableConcept", "date", "publisher", "contact", "useContext",
        "jurisdiction", "effectivePeriod", "kind", "abstract", "context", "baseDefinition", "derivation", "fhirVersion",
        "caseSensitive", "content", "immutable",
    )
)  # fmt: skip
_MANDATORY = {"StructureDefinition": ("kind", "abstract", "type"), "CodeSystem": ("content",)}
_SUMMARIES = ("true", "false", "count", "data", "text")


@dataclass(slots=True)
class _Asked:
    """A search, understood: filters by parameter (each a list of alternatives), and how to give out the result."""

    filters: list[tuple[str, str, list[str]]] = field(default_factory=list)
    count: int = _COUNT
    offset: int = 0
    summary: str = "false"
    elements: frozenset[str] = frozenset()
    kept: list[tuple[str, str]] = field(default_factory=list)  # what was understood, for the self link
    ignored: list[str] = field(default_factory=list)


def search(of: Mapping[str, Published], kind: str, pairs: Pairs, base: str, *, strict: bool) -> Fhir:
    """The Bundle for one search of one type. `base` is the address of the server, such as https://host/fhir.

    With `strict` (Prefer: handling=strict) an unknown parameter is refused; otherwise it is ignored, left out of the
    self link and named in an OperationOutcome of the Bundle. A wrong value or modifier is always refused.
    """
    asked = _understand(pairs, strict)
    found = [one for one in of.values() if all(_matches(one, *filter_) for filter_ in asked.filters)]
    bundle: Fhir = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    address = f"{base}/{kind}"
    if asked.summary == "count" or asked.count == 0:
        bundle["link"] = [{"relation": "self", "url": _link(address, asked.kept)}]
        page: list[Published] = []
    else:
        bundle["link"] = _links(address, asked, len(found))
        page = found[asked.offset : asked.offset + asked.count]
    entries: list[Fhir] = [
        {"fullUrl": f"{address}/{one.id}", "resource": _shown(one.read(), asked), "search": {"mode": "match"}}
        for one in page
    ]
    if asked.ignored:
        entries.append({"resource": _ignored(asked.ignored), "search": {"mode": "outcome"}})
    if entries:
        bundle["entry"] = entries
    return bundle


def _understand(pairs: Pairs, strict: bool) -> _Asked:
    asked, wrong = _Asked(), []
    for given, value in pairs:
        name, _, modifier = given.partition(":")
        if name in SUPPORTED:
            if modifier and modifier not in _MODIFIERS.get(name, ()):
                wrong.append(Issue(given, f"{name} without a modifier" + _known(_MODIFIERS.get(name, ()))))
                continue
            if value:  # FHIR R4, Search: an empty value is as if the parameter were not there
                asked.filters.append((name, modifier, [part for part in value.split(",") if part]))
                asked.kept.append((given, value))
        elif name in _RESULT and not modifier:
            if fault := _result(asked, name, value):
                wrong.append(Issue(name, fault))
            elif name not in ("_format", "_pretty"):
                asked.kept.append((name, value))
        elif strict:
            wrong.append(Issue(given, f"one of {', '.join((*SUPPORTED, *_RESULT))}"))
        else:
            asked.ignored.append(given)
    if wrong:
        raise BadRequest(tuple(wrong))
    return asked


def _known(modifiers: Iterable[str]) -> str:
    return "".join(f", or with :{modifier}" for modifier in modifiers)


def _result(asked: _Asked, name: str, value: str) -> str:
    """Take one result parameter in; what was expected where it is wrong."""
    if name in ("_count", "_offset"):
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            return "a whole number of 0 or more"
        if name == "_count":
            asked.count = min(int(value), _MOST)
        else:
            asked.offset = int(value)
    elif name == "_summary":
        if value not in _SUMMARIES:
            return f"one of {', '.join(_SUMMARIES)}"
        asked.summary = value
    elif name == "_elements":
        asked.elements = frozenset(part.strip().rpartition(".")[2] for part in value.split(",") if part.strip())
    return ""


def _matches(one: Published, name: str, modifier: str, values: list[str]) -> bool:
    own = {"_id": one.id, "url": one.url, "version": one.version, "name": one.name, "status": one.status}[name]
    if name == "name":
        if modifier == "exact":
            return own in values
        lower = own.casefold()
        if modifier == "contains":
            return any(value.casefold() in lower for value in values)
        return any(lower.startswith(value.casefold()) for value in values)
    return own in [value.rpartition("|")[2] if name == "status" else value for value in values]


def _links(address: str, asked: _Asked, total: int) -> list[Fhir]:
    others = [pair for pair in asked.kept if pair[0] not in ("_offset", "_count")]

    def at(offset: int) -> str:
        return _link(address, [*others, ("_count", str(asked.count)), ("_offset", str(offset))])

    links = [{"relation": "self", "url": _link(address, asked.kept)}]
    if total > asked.count or asked.offset:
        links.append({"relation": "first", "url": at(0)})
        if asked.offset:
            links.append({"relation": "previous", "url": at(max(0, asked.offset - asked.count))})
        if asked.offset + asked.count < total:
            links.append({"relation": "next", "url": at(asked.offset + asked.count)})
        links.append({"relation": "last", "url": at((max(total, 1) - 1) // asked.count * asked.count)})
    return links


def _link(address: str, pairs: Iterable[tuple[str, str]]) -> str:
    text = urlencode(list(pairs), quote_via=quote, safe=":/,")
    return f"{address}?{text}" if text else address


def _shown(resource: Fhir, asked: _Asked) -> Fhir:
    """The resource, or the part of it that was asked for, tagged as a part (FHIR R4, Search: _summary, _elements)."""
    must = frozenset({"resourceType", "id", "meta", "status", *_MANDATORY.get(resource["resourceType"], ())})
    keep = must
    if asked.elements:
        keep = must | asked.elements
    elif asked.summary == "true":
        keep = _IN_SUMMARY
    elif asked.summary == "text":
        keep = must | {"text"}
    elif asked.summary == "data":
        keep = frozenset(resource) - {"text"}
    else:
        return resource
    part = {key: value for key, value in resource.items() if key in keep}
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    part["meta"] = {**resource.get("meta", {}), "tag": [*resource.get("meta", {}).get("tag", ()), tag]}
    return part


def _ignored(names: list[str]) -> Fhir:
    text = f"not known and ignored: {', '.join(sorted(set(names)))}"
    issue = {"severity": "warning", "code": "not-supported", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
