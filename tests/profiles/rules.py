"""Whether a PlanDefinition or ActivityDefinition is what our profiles say: the same validators as for orders.

pyrofile counts elements below an element that repeats over all of its repetitions, so that the second condition of an
action has "too many" kinds. Such a fault is dropped where each single condition has no more than one. None of the three
looks up the codes of a complex extension, so we do.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import fhirkit
from fhir.resources.R4B.activitydefinition import ActivityDefinition
from fhir.resources.R4B.plandefinition import PlanDefinition
from profiles.validity import PROFILES, by_profile
from pydantic import ValidationError

_MODELS = {"PlanDefinition": PlanDefinition, "ActivityDefinition": ActivityDefinition}
_PROFILES = {"PlanDefinition": "second-read-rule", "ActivityDefinition": "second-read-activity"}
_TOO_MANY = re.compile(r"allows at most 1 value\(s\) for \w+\.(?P<path>[\w.]+)")


def faults_of_definition(resource: dict[str, Any]) -> list[str]:
    """Every fault, each with the place it stands at and who found it."""
    kind = resource.get("resourceType", "")
    if kind not in _MODELS:
        return [f"resourceType: is to be one of {', '.join(_MODELS)}"]
    faults = [fault for fault in by_profile(resource) if not _miscounted(fault, resource)]
    faults += [f"{issue} [fhirkit]" for issue in fhirkit.validate(resource)]
    try:
        _MODELS[kind].model_validate(resource)
    except ValidationError as error:
        faults += [f"{kind}.{'.'.join(map(str, e['loc']))}: {e['msg']} [R4B model]" for e in error.errors()]
    if not any(url.endswith(f"/{_PROFILES[kind]}") for url in resource.get("meta", {}).get("profile", ())):
        faults.append(f"{kind}.meta.profile: does not claim {_PROFILES[kind]}")
    listed = json.loads((PROFILES / "codesystems" / "source-attribute.json").read_text("utf-8"))["concept"]
    known = {concept["code"] for concept in listed}
    names = _parts(resource, "source-attribute", "name")
    faults += [f"{kind}.extension source-attribute: '{name}' is not listed" for name in names if name not in known]
    return faults


def _parts(resource: dict[str, Any], extension: str, part: str) -> Iterator[str]:
    """The codes of one part of a complex extension."""
    for outer in resource.get("extension", ()):
        if outer["url"].endswith(f"/{extension}"):
            yield from (inner.get("valueCode", "") for inner in outer["extension"] if inner["url"] == part)


def _miscounted(fault: str, resource: dict[str, Any]) -> bool:
    match = _TOO_MANY.search(fault)
    return match is not None and _most(resource, match["path"].split(".")) <= 1


def _most(value: Any, path: list[str]) -> int:
    """The most values that one parent has at the end of the path."""
    if isinstance(value, list):
        return max((_most(item, path) for item in value), default=0)
    found = value.get(path[0]) if isinstance(value, dict) else None
    if len(path) == 1:
        return len(found) if isinstance(found, list) else int(found is not None)
    return _most(found, path[1:])
