"""The CapabilityStatement at /fhir/metadata (FHIR R4, RESTful API: capabilities)."""

from typing import Any

from cds_service.published.resources import TYPES
from cds_service.published.search import SUPPORTED


def capability_statement(base: str, software: str, date: str) -> dict[str, Any]:
    """What can be read at `base`: nothing can be written. `date` is when the content was last reviewed or changed."""
    searched = [{"name": name, "type": kind, "documentation": words} for name, (kind, words) in SUPPORTED.items()]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": "The Second Read developers",
        "kind": "instance",
        "software": {"name": "Second Read", "version": software},
        "implementation": {"description": "Rules, code lists and profiles. No patient data.", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Read-only. Prefer: handling=strict refuses unknown search parameters.",
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "no-version",
                        "readHistory": False,
                        "updateCreate": False,
                        "searchParam": searched,
                    }
                    for kind in TYPES
                ],
            }
        ],
    }  # fmt: skip
