"""Small FHIR resources for inline tests, built from codes that cards/cases/codes.yaml names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.routing import Routing

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


@dataclass(frozen=True, slots=True)
class Codes:
    """Codes by name, so that a test says `lumbar-discectomy` and no number."""

    named: Mapping[str, Mapping[str, Any]]
    routing: Routing

    def concept(self, name: Any) -> dict[str, Any]:
        """A CodeableConcept: of a name, of `{text: …}`, or as it is given."""
        if isinstance(name, dict):
            return dict(name)
        if name not in self.named:
            raise KeyError(f"cards/cases/codes.yaml names no '{name}'")
        item = self.named[name]
        coding = {key: str(item[key]) for key in ("system", "code", "display") if key in item}
        return {**({"coding": [coding]} if coding else {}), **({"text": item["text"]} if "text" in item else {})}

    def reader(self, who: str) -> dict[str, Any] | None:
        """The specialty coding of a reader, or None for a subspecialty that no code proves."""
        if who in self.named:
            found: dict[str, Any] = self.concept(who)["coding"][0]
            return found
        proof = next(iter(self.routing.subspecialty(who).proves), None)
        return None if proof is None else {"system": proof.system, "code": proof.code, "display": proof.display}


def _fields(item: Any) -> dict[str, Any]:
    return dict(item) if isinstance(item, dict) else {"code": item}


def condition(item: Any, codes: Codes, place: int) -> dict[str, Any]:
    """An active, confirmed Condition unless said otherwise."""
    given = _fields(item)
    return {
        "resourceType": "Condition", "id": f"c{place}", "code": codes.concept(given["code"]),
        "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": given.get("clinical", "active")}]},
        "verificationStatus": {"coding": [{"system": _VERIFICATION, "code": given.get("verification", "confirmed")}]},
    }  # fmt: skip


def procedure(item: Any, codes: Codes, place: int) -> dict[str, Any]:
    """A completed Procedure of ten days ago unless said otherwise."""
    given = _fields(item)
    return {
        "resourceType": "Procedure", "id": f"x{place}", "status": given.get("status", "completed"),
        "code": codes.concept(given["code"]), "performedDateTime": given.get("performed", "-10 d"),
    }  # fmt: skip


def observation(item: Any, codes: Codes, place: int) -> dict[str, Any]:
    """A staging Observation."""
    given = _fields(item)
    return {
        "resourceType": "Observation", "id": f"o{place}", "status": "final", "code": codes.concept(given["code"]),
        "effectiveDateTime": given.get("effective", "-10 d"),
        "valueCodeableConcept": {"text": given.get("value", "stage as coded")},
    }  # fmt: skip


def other_report(item: Any, codes: Codes, place: int, study: str | None) -> dict[str, Any]:
    """A further report on file; `study: same` ties it to the study of the case."""
    given = _fields(item)
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport", "id": f"d{place}", "status": given.get("status", "final"),
        "code": codes.concept(given["code"]), "issued": given.get("issued", "-10 d"),
        "effectiveDateTime": given.get("issued", "-10 d"),
    }  # fmt: skip
    if "category" in given:
        report["category"] = [codes.concept(given["category"])]
    if "text" in given:
        report["conclusion"] = given["text"]
    if given.get("study") == "same" and study:
        report["imagingStudy"] = [{"reference": study}]
    return report


def imaging(item: Any, place: int) -> dict[str, Any]:
    """A further ImagingStudy on file."""
    return {
        "resourceType": "ImagingStudy", "id": f"s{place}", "status": "available", "started": f"-{item['age']}",
        "description": item["region"],
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": item["modality"]}],
    }  # fmt: skip


def request(item: Any, codes: Codes, id: str, study: str | None, status: str) -> dict[str, Any]:
    """A further order, on file or in the basket; `study: same` ties it to the study of the case."""
    given = _fields(item)
    order: dict[str, Any] = {
        "resourceType": given.get("resource", "ServiceRequest"), "id": given.get("id", id),
        "status": given.get("status", status), "intent": "order", "authoredOn": given.get("authored", "-3 d"),
    }  # fmt: skip
    drug = order["resourceType"] == "MedicationRequest"
    order["medicationCodeableConcept" if drug else "code"] = codes.concept(given["code"])
    if "reason" in given:
        order["reasonCode"] = [codes.concept(given["reason"])]
    if given.get("study") == "same" and study:
        order["supportingInformation" if drug else "supportingInfo"] = [{"reference": study}]
    if "text" in given:
        order["medicationCodeableConcept" if drug else "code"]["text"] = given["text"]
    return order
