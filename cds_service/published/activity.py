"""What a card orders, as FHIR R4 ActivityDefinitions: one for each subspecialty of the routing table, one for any."""

from collections.abc import Iterator
from typing import Any

from cds_service.cards.order import CODE, PROFILE, performer_type
from cds_service.content import Content
from cds_service.model import Subspecialty

CANONICAL = "http://second-read.org/fhir"
VERSION = "1.0.0"
DATE = "2026-11-28"


def activity_id(subspecialty: str | None) -> str:
    """The id of the definition for a subspecialty, or of the one for whoever reads that organ."""
    return f"second-read-{subspecialty}" if subspecialty else "second-read"


def activity_definitions(content: Content) -> Iterator[dict[str, Any]]:
    """Every definition, as plain JSON, in the order of their ids."""
    yield _definition(None, content.site.label)
    for id in sorted(content.routing.ids):
        yield _definition(content.routing.subspecialty(id), content.site.label)


def _definition(reader: Subspecialty | None, publisher: str) -> dict[str, Any]:
    label = reader.label if reader else "the subspecialty of the organ"
    id = activity_id(reader.id if reader else None)
    role = performer_type(reader) if reader else {"text": "Radiologist of the subspecialty of the organ"}
    return {
        "resourceType": "ActivityDefinition",
        "id": id,
        "meta": {"profile": [f"{CANONICAL}/StructureDefinition/second-read-activity"]},
        "url": f"{CANONICAL}/ActivityDefinition/{id}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in id.split("-")),
        "title": f"Second read by {label}" + (" radiology" if reader and "radiology" not in label else ""),
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": publisher,
        "description": "A radiologist of this subspecialty reads an existing study again before a treatment is started."
        " The order is a proposal in draft; it never holds, replaces or fulfils the treatment order.",
        "kind": "ServiceRequest",
        "profile": PROFILE,
        "code": CODE,
        "intent": "proposal",
        "priority": "routine",
        "participant": [{"type": "practitioner", "role": role}],
    }
