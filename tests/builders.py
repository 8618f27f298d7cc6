"""Small FHIR R4 builders: each gives a valid resource, and takes only what a test is about."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
PATIENT = "pat-1"
MODERATE = (
    "TECHNIQUE: Sagittal and axial T1 and T2 images of the lumbar spine.\n"
    "COMPARISON: None.\n"
    "FINDINGS:\n"
    "L3-L4: Mild disc bulge. No canal stenosis.\n"
    "L4-L5: Moderate central canal stenosis from disc bulge and facet hypertrophy.\n"
    "L5-S1: Mild facet arthropathy. No stenosis.\n"
    "IMPRESSION:\n"
    "1. Moderate central canal stenosis at L4-L5.\n"
    "2. No fracture or cord compression."
)


def ago(**parts: float) -> str:
    """An instant that long before `NOW`."""
    return (NOW - timedelta(**parts)).isoformat()


def coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def fusion(id: str = "order-1", **more: Any) -> dict[str, Any]:
    """A draft order for lumbar fusion at L4-L5."""
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": "draft",
        "intent": "order",
        "code": coding(SNOMED, "50172003", "Lumbar spinal fusion (procedure)") | {"text": "Lumbar spinal fusion L4-L5"},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "reasonCode": [coding(SNOMED, "76107001", "Spinal stenosis (disorder)")],
    } | more


def drug(id: str = "order-1", rxnorm: str = "32592", display: str = "oxaliplatin", **more: Any) -> dict[str, Any]:
    """A draft MedicationRequest, coded by ingredient."""
    return {
        "resourceType": "MedicationRequest",
        "id": id,
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": coding("http://www.nlm.nih.gov/research/umls/rxnorm", rxnorm, display),
        "subject": {"reference": f"Patient/{PATIENT}"},
    } | more


def mri(id: str = "study-1", days: float = 20, site: str = "LSPINE", **more: Any) -> dict[str, Any]:
    """A lumbar MRI of that many days ago."""
    return {
        "resourceType": "ImagingStudy",
        "id": id,
        "status": "available",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "started": ago(days=days),
        "modality": [{"system": DICOM, "code": "MR"}],
        "description": "MRI lumbar spine without contrast",
        "series": [
            {"uid": "1.2.3", "modality": {"system": DICOM, "code": "MR"}, "bodySite": {"system": "local", "code": site}}
        ],
    } | more


def report(id: str = "report-1", study: str | None = "study-1", days: float = 20, **more: Any) -> dict[str, Any]:
    """A final radiology report with a conclusion, on that study."""
    found = {
        "resourceType": "DiagnosticReport",
        "id": id,
        "status": "final",
        "category": [coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")],
        "code": {"text": "MRI lumbar spine"},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": ago(days=days),
        "issued": ago(days=days),
        "conclusion": MODERATE,
    } | more
    return found | ({"imagingStudy": [{"reference": f"ImagingStudy/{study}"}]} if study else {})


def bundle(*resources: dict[str, Any], next_url: str | None = None) -> dict[str, Any]:
    """A searchset of these resources, with a next page where one is named."""
    links = {"link": [{"relation": "next", "url": next_url}]} if next_url else {}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]} | links


def prefetch(*resources: dict[str, Any]) -> dict[str, Any]:
    """Every prefetch key satisfied: with these resources where they belong, else with an empty searchset."""
    keys = {
        "imagingStudies": "ImagingStudy",
        "diagnosticReports": "DiagnosticReport",
        "conditions": "Condition",
        "serviceRequests": "ServiceRequest",
        "medicationRequests": "MedicationRequest",
        "procedures": "Procedure",
        "stagingObservations": "Observation",
    }
    found: dict[str, Any] = {
        key: bundle(*(r for r in resources if r["resourceType"] == kind)) for key, kind in keys.items()
    }
    found["diagnosticReports"]["entry"] += [
        {"resource": r, "search": {"mode": "include"}}
        for r in resources
        if r["resourceType"].startswith("Practitioner")
    ]
    return found | {
        "patient": {"resourceType": "Patient", "id": PATIENT, "birthDate": "1961-04-02", "gender": "female"},
        "encounter": {
            "resourceType": "Encounter",
            "id": "enc-1",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": f"Patient/{PATIENT}"},
        },
    }


def hook(*orders: dict[str, Any], prefetch: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An order-sign call that signs these orders."""
    call: dict[str, Any] = {
        "hook": "order-sign",
        "hookInstance": str(uuid4()),
        "context": {
            "userId": "Practitioner/surgeon-1",
            "patientId": PATIENT,
            "encounterId": "enc-1",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": o} for o in orders]},
        },
    }
    return call | ({"prefetch": prefetch} if prefetch is not None else {}) | more
