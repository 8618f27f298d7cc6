"""Every FHIR resource that the service gives out, listed once for a set of content and read from its file when asked.

Only what a search needs is kept in memory; a resource itself is made from its rule, or read from its file, each time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from cds_service.content import Content
from cds_service.published.activity import activity_definitions
from cds_service.published.plan import plan_definition

Fhir = dict[str, Any]
TYPES = ("PlanDefinition", "ActivityDefinition", "ValueSet", "CodeSystem", "StructureDefinition")
_FOLDERS = ("profiles", "extensions", "bindings", "codesystems", "valuesets")


@dataclass(frozen=True, slots=True)
class Published:
    """One resource: what it can be found by, and how to get it."""

    kind: str
    id: str
    url: str
    version: str
    name: str
    status: str
    read: Callable[[], Fhir]


def published(content: Content) -> Mapping[str, Mapping[str, Published]]:
    """Type -> id -> resource, ids in order; types without a resource are there and empty."""
    found: dict[str, dict[str, Published]] = {kind: {} for kind in TYPES}
    for resource, read in _all(content):
        kind, id, url, name = (resource[key] for key in ("resourceType", "id", "url", "name"))
        found[kind][id] = Published(kind, id, url, resource.get("version", ""), name, resource["status"], read)
    return {kind: dict(sorted(of.items())) for kind, of in found.items()}


def _all(content: Content) -> Iterator[tuple[Fhir, Callable[[], Fhir]]]:
    for rule in content.rules.rules:
        make = partial(plan_definition, rule, content.evidence, content.site.label)
        yield make(), make
    for definition in activity_definitions(content):
        yield definition, partial(dict, definition)
    for path in _files(content):
        yield _read(path), partial(_read, path)


def _files(content: Content) -> Iterator[Path]:
    """Profiles, extensions and code lists; what a site's licence forbids to be passed on is never among them."""
    for folder in _FOLDERS:
        for path in content.files(f"fhir_profiles/{folder}", "*.json"):
            if content.snomed or path.parent.name != "snomed":
                yield path


def _read(path: Path) -> Fhir:
    resource: Fhir = orjson.loads(path.read_bytes())
    return resource
