"""FHIR references brought to one form, so that two spellings of one resource compare equal.

Relative (`Patient/1`), absolute on the caller's own server, versioned (`…/_history/2`), contained (`#a`) and
`urn:uuid:` references all occur in one basket (FHIR R4 §2.3.0). An absolute reference to another server keeps its full
address and so never equals one of ours.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from cds_service.gather.accessors import Raw, child, children, identifiers, text

_HISTORY = re.compile(r"/_history/[^/]+/?\Z")
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[^/?#\s]+\Z")


def same_base(one: str, other: str) -> bool:
    """Whether two FHIR base addresses are one: scheme and host in any case, path exactly, no trailing slash."""
    left, right = urlsplit(one.rstrip("/")), urlsplit(other.rstrip("/"))
    return (left.scheme.lower(), left.netloc.lower(), left.path) == (
        right.scheme.lower(),
        right.netloc.lower(),
        right.path,
    )


def normal(reference: str, base: str | None = None) -> str:
    """`Type/id` for a relative reference or an absolute one under `base`; any other reference as it was sent."""
    reference = _HISTORY.sub("", reference.strip())
    if _RELATIVE.match(reference):
        return reference
    parts = reference.rsplit("/", 2)
    if base and len(parts) == 3 and same_base(parts[0], base):
        return f"{parts[1]}/{parts[2]}"
    return reference


def reference_to(node: object, name: str, base: str | None = None) -> str:
    """The normal form of the one reference at `name`; "" where there is none."""
    return normal(text(child(node, name), "reference"), base) if child(node, name) else ""


def references_to(node: object, name: str, base: str | None = None) -> tuple[str, ...]:
    """The normal forms of all literal references at `name`."""
    if not isinstance(node, dict) or name not in node:
        return ()
    return tuple([normal(found, base) for item in children(node, name) if (found := text(item, "reference"))])


def based_on(node: Raw, base: str | None = None) -> tuple[str, ...]:
    """What a resource is based on: literal references, and the identifiers of logical ones as `system|value`."""
    if "basedOn" not in node:
        return ()
    found = []
    for item in children(node, "basedOn"):
        if literal := text(item, "reference"):
            found.append(normal(literal, base))
        if value := text(identifier := child(item, "identifier"), "value"):  # HL7 Europe sends basedOn so
            found.append(f"{text(identifier, 'system')}|{value}")
    return tuple(found)


def names_at(resource: Raw, name: str, base: str | None = None) -> tuple[str, ...]:
    """What the references at `name` name: `Type/id`, an address, `system|value` of a logical one, `Type/id#x` inside.

    A resource that came inside `resource` is known by its own identifiers too, for the server may hold it as well.
    """
    found: list[str] = []
    for item in children(resource, name):
        literal, identified = text(item, "reference"), child(item, "identifier")
        if literal.startswith("#"):
            found.append(key_of(resource) + literal)
            found += identifiers(contained(resource, literal) or {})
        elif literal:
            found.append(normal(literal, base))
        if value := text(identified, "value"):
            found.append(f"{text(identified, 'system')}|{value}")
    return tuple(found)


def inside(resource: Raw, name: str) -> dict[str, Raw]:
    """The imaging that came contained in a resource called `name`, as `name#id`; without a subject, its holder's."""
    found = {}
    for item in children(resource, "contained"):
        if text(item, "resourceType") in ("ImagingStudy", "DiagnosticReport") and text(item, "id"):
            own = text(child(item, "subject"), "reference")
            held = {} if own and not own.startswith("#") else {"subject": resource.get("subject")}
            found[f"{name}#{text(item, 'id')}"] = item | held
    return found


def key_of(resource: Raw) -> str:
    """`Type/id` of a resource, or "" where it has no id."""
    kind, id = text(resource, "resourceType"), text(resource, "id")
    return f"{kind}/{id}" if kind and id else ""


def contained(resource: Raw, reference: str) -> Raw | None:
    """The resource inside `resource` that `#id` names."""
    if not reference.startswith("#"):
        return None
    return next((item for item in children(resource, "contained") if text(item, "id") == reference[1:]), None)


def index(entries: list[Any], base: str | None, where: str = "") -> tuple[dict[str, Raw], dict[str, str], list[int]]:
    """Bundle entries by `Type/id` (else their place in the Bundle); other names for them (fullUrl); unreadable places.

    OperationOutcome entries are left out: a searchset may carry one as `search.mode` outcome.
    """
    found: dict[str, Raw] = {}
    aliases: dict[str, str] = {}
    unreadable = []
    for position, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = text(resource, "resourceType")
        if not kind or not isinstance(resource, dict):
            unreadable.append(position)
        elif kind != "OperationOutcome":
            id = text(resource, "id")
            key = f"{kind}/{id}" if id else f"{where}[{position}]"
            found[key] = resource
            if (url := text(entry, "fullUrl")) and (name := normal(url, base)) != key:
                aliases[name] = key
    return found, aliases, unreadable
