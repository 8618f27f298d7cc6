"""Whether a second-read order is valid: three validators that know nothing of each other, and what they all miss.

`assert_valid_second_read_order(resource)` is what any test of a card calls. Missed by the validators, and asserted
here: the types that references may point to, a coding present under each required binding, and which extensions stand.
"""

import contextlib
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import fhirkit
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError
from pyrofile_validator import Validator
from pyrofile_validator.config import ValidatorConfig

PROFILES = Path(__file__).resolve().parents[2] / "fhir_profiles"
CANONICAL = "http://second-read.org/fhir"
PROFILE = f"{CANONICAL}/StructureDefinition/second-read-service-request"
BEFORE_ORDER = f"{CANONICAL}/StructureDefinition/before-order"
BOUND = {"code": "second-read-order-code", "performerType": "second-read-performer"}
_REFERENCE = re.compile(r"(?:https?://\S+/)?(?P<type>[A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]+)?")


def assert_valid_second_read_order(resource: dict[str, Any]) -> None:
    """Fail with every fault found, if there is any."""
    faults = faults_of(resource)
    assert not faults, "\n".join(faults)


def faults_of(resource: dict[str, Any]) -> list[str]:
    """Every fault of a second-read order, each with the place it stands at and who found it."""
    return [*by_profile(resource), *by_model(resource), *by_fhirkit(resource), *by_ourselves(resource)]


@cache
def _validator() -> Validator:
    """One validator with our definitions; its first use reads all of R4 and takes seconds."""
    folders = [str(PROFILES / name) for name in ("profiles", "extensions", "bindings", "codesystems")]
    wanted = {"fhirVersion": "4.0.1", "localPackagePaths": folders, "terminology": {"mode": "local"}}
    return Validator(ValidatorConfig.load_dict(wanted))


def by_profile(resource: dict[str, Any]) -> list[str]:
    """Faults against our StructureDefinition (pyrofile)."""
    with contextlib.redirect_stdout(io.StringIO()):  # it traces invariants to stdout
        report = _validator().validate_resource(resource)
    return [f"{issue.path}: {issue.message}{_invariant(issue.message)} [profile]" for issue in report.errors]


def _invariant(message: str) -> str:
    """The key of the invariant whose expression a message quotes."""
    return next((f" ({key})" for key, expression in _invariants().items() if expression in message), "")


@cache
def _invariants() -> dict[str, str]:
    profiles = [json.loads(path.read_text("utf-8")) for path in sorted((PROFILES / "profiles").glob("*.json"))]
    elements = [element for profile in profiles for element in profile["differential"]["element"]]
    return {one["key"]: one["expression"] for element in elements for one in element.get("constraint", ())}


def by_model(resource: dict[str, Any]) -> list[str]:
    """Faults against the R4 model (fhir.resources)."""
    try:
        ServiceRequest.model_validate(resource)
    except ValidationError as error:
        return [f"ServiceRequest.{'.'.join(map(str, e['loc']))}: {e['msg']} [R4B model]" for e in error.errors()]
    return []


def by_fhirkit(resource: dict[str, Any]) -> list[str]:
    """Faults against R4 (fhirkit-rs)."""
    return [f"{issue} [fhirkit]" for issue in fhirkit.validate(resource)]


def by_ourselves(resource: dict[str, Any]) -> list[str]:
    """What the validators miss."""
    faults: list[str] = []
    if resource.get("resourceType") != "ServiceRequest":
        faults.append("resourceType: is to be ServiceRequest")
    if PROFILE not in resource.get("meta", {}).get("profile", []):
        faults.append("ServiceRequest.meta.profile: does not claim our profile")
    faults += _wrong_target("subject", resource.get("subject"), {"Patient"})
    faults += _wrong_target("requester", resource.get("requester"), {"Practitioner", "PractitionerRole"})
    for one in resource.get("supportingInfo", []):
        faults += _wrong_target("supportingInfo", one, {"ImagingStudy", "DiagnosticReport"})
    for extension in resource.get("extension", []):
        if extension.get("url") == BEFORE_ORDER:
            target = extension.get("valueReference")
            faults += _wrong_target("before-order", target, {"ServiceRequest", "MedicationRequest"})
        else:
            faults.append(f"ServiceRequest.extension: {extension.get('url')} is not ours to send")
    for element, value_set in BOUND.items():
        concept = resource.get(element)
        codings = concept.get("coding", []) if isinstance(concept, dict) else []
        if not any((c.get("system"), c.get("code")) in _members(value_set) for c in codings):
            faults.append(f"ServiceRequest.{element}: no coding of {value_set}")
        for coding in codings:
            wanted = _members(value_set).get((coding.get("system"), coding.get("code")))
            if wanted is not None and coding.get("display", wanted) != wanted:
                faults.append(f"ServiceRequest.{element}: {coding['code']} is worded '{wanted}'")
    return faults


def _wrong_target(element: str, reference: dict[str, Any] | None, types: set[str]) -> list[str]:
    """A fault where a reference points to another type, or cannot be told to point anywhere."""
    if reference is None:
        return []
    text = reference.get("reference")
    if text is None:
        named = reference.get("type") if reference.get("identifier") else None
        return (
            [] if named in types else [f"ServiceRequest.{element}: a logical reference needs an identifier and a type"]
        )
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return [f"ServiceRequest.{element}: '{text}' is no reference"]
    if match["type"] in types:
        return []
    return [f"ServiceRequest.{element}: {match['type']} is not one of {', '.join(sorted(types))}"]


@cache
def _members(value_set: str) -> dict[tuple[str | None, str | None], str]:
    """Code -> display of an enumerated binding."""
    resource = json.loads((PROFILES / "bindings" / f"{value_set}.json").read_text("utf-8"))
    return {
        (include["system"], concept["code"]): concept["display"]
        for include in resource["compose"]["include"]
        for concept in include["concept"]
    }
