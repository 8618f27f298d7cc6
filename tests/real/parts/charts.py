"""One small chart that earns a card: a lumbar fusion that rests on an MRI whose report stops short of severe.

Every chart has ids of its own, so that no test meets the memory (cool-down, signing session) of another.
"""

import base64
import copy
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Resource = dict[str, Any]
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
FUSION = (SNOMED, "50172003", "Lumbar spinal fusion (procedure)")
LUMBAR_STENOSIS = (SNOMED, "18347007", "Spinal stenosis of lumbar region (disorder)")
LUMBAR_MR = (LOINC, "24968-0", "MR Lumbar spine")
CT_ABDOMEN = (LOINC, "79103-8", "CT Abdomen W contrast IV")
REPORT = """\
EXAM: MRI LUMBAR SPINE WITHOUT CONTRAST

TECHNIQUE: Sagittal T1 and T2, axial T2 through the disc spaces.

FINDINGS: Normal alignment. L3-L4: No stenosis. L4-L5: Disc bulge with facet arthropathy and moderate central canal
stenosis. L5-S1: No stenosis.

IMPRESSION: Moderate central canal stenosis at L4-L5.
"""
KEYS = {
    "patient": "Patient",
    "encounter": "Encounter",
    "imagingStudies": "ImagingStudy",
    "diagnosticReports": "DiagnosticReport",
    "conditions": "Condition",
    "serviceRequests": "ServiceRequest",
    "medicationRequests": "MedicationRequest",
    "procedures": "Procedure",
    "stagingObservations": "Observation",
}


def concept(coding: tuple[str, str, str], text: str | None = None) -> Resource:
    """A CodeableConcept with one coding."""
    system, code, display = coding
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text or display}


def bundle(resources: Iterable[Resource], next_url: str | None = None) -> Resource:
    """A searchset Bundle, or one page of it."""
    found: Resource = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    if next_url:
        found["link"] = [{"relation": "next", "url": next_url}]
    return found


def days_ago(days: float, now: datetime | None = None) -> str:
    """An instant that many days before now (negative: after)."""
    return ((now or datetime.now(UTC)) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Chart:
    """One synthetic patient, what is on file, and the order about to be signed."""

    patient_id: str
    order: Resource
    resources: tuple[Resource, ...] = field(repr=False)

    def of(self, kind: str) -> list[Resource]:
        """The resources of one type on file."""
        return [each for each in self.resources if each["resourceType"] == kind]

    def prefetch(self, *keys: str) -> dict[str, Any]:
        """What an EHR that honours these prefetch keys would send (none named: all)."""
        made: dict[str, Any] = {}
        for key in keys or KEYS:
            found = copy.deepcopy(self.of(KEYS[key]))
            made[key] = found[0] if key in ("patient", "encounter") else bundle(found)
        return made

    def request(
        self,
        prefetch: dict[str, Any] | None = None,
        *,
        orders: Iterable[Resource] | None = None,
        fhir: str | None = None,
        token: str | None = None,
        scope: str = "user/*.rs",
    ) -> dict[str, Any]:
        """The order-sign call."""
        signed = [self.order] if orders is None else list(orders)
        body: dict[str, Any] = {
            "hook": "order-sign",
            "hookInstance": str(uuid.uuid4()),
            "prefetch": prefetch or {},
            "context": {
                "userId": "Practitioner/surgeon-1",
                "patientId": self.patient_id,
                "encounterId": self.of("Encounter")[0]["id"],
                "draftOrders": bundle(signed) | {"type": "collection"},
            },
        }
        if fhir:
            body["fhirServer"] = fhir
        if token:
            body["fhirAuthorization"] = {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": scope,
                "subject": "second-read",
            }
        return body


def fusion_chart(report: str = REPORT, now: datetime | None = None) -> Chart:
    """A new patient whose lumbar fusion should be met with one card."""
    tag = uuid.uuid4().hex[:12]
    subject = {"reference": f"Patient/p{tag}"}
    encounter = {"reference": f"Encounter/e{tag}"}
    order = surgery_order(tag, FUSION, "L4-L5 posterior lumbar interbody fusion", now) | {
        "subject": subject,
        "encounter": encounter,
        "reasonCode": [concept(LUMBAR_STENOSIS)],
        "supportingInfo": [{"reference": f"ImagingStudy/s{tag}"}],
    }
    radiology = concept((f"{HL7}/v2-0074", "RAD", "Radiology"))
    text = base64.b64encode(report.encode()).decode()
    resources: tuple[Resource, ...] = (
        {
            "resourceType": "Patient",
            "id": f"p{tag}",
            "gender": "female",
            "birthDate": "1961-04-02",
            "name": [{"family": "Synthetic", "given": ["Chart"]}],
        },
        {
            "resourceType": "Encounter",
            "id": f"e{tag}",
            "status": "in-progress",
            "subject": subject,
            "class": {"system": f"{HL7}/v3-ActCode", "code": "AMB"},
        },
        {
            "resourceType": "ImagingStudy",
            "id": f"s{tag}",
            "status": "available",
            "subject": subject,
            "started": days_ago(20, now),
            "description": "MRI lumbar spine without contrast",
            "procedureCode": [concept(LUMBAR_MR)],
            "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"}],
        },
        {
            "resourceType": "DiagnosticReport",
            "id": f"r{tag}",
            "status": "final",
            "subject": subject,
            "category": [radiology],
            "code": concept(LUMBAR_MR),
            "effectiveDateTime": days_ago(20, now),
            "issued": days_ago(19.9, now),
            "imagingStudy": [{"reference": f"ImagingStudy/s{tag}"}],
            "conclusion": report.rsplit("IMPRESSION:", 1)[-1].strip(),
            "presentedForm": [{"contentType": "text/plain", "language": "en", "data": text}],
        },
        {
            "resourceType": "Condition",
            "id": f"c{tag}",
            "subject": subject,
            "code": concept(LUMBAR_STENOSIS),
            "clinicalStatus": concept((f"{HL7}/condition-clinical", "active", "Active")),
            "verificationStatus": concept((f"{HL7}/condition-ver-status", "confirmed", "Confirmed")),
        },
    )
    return Chart(f"p{tag}", order, resources)


def surgery_order(
    tag: str, code: tuple[str, str, str], text: str | None = None, now: datetime | None = None
) -> Resource:
    """A draft ServiceRequest, planned two weeks ahead; the caller adds the subject."""
    return {
        "resourceType": "ServiceRequest",
        "id": f"o{tag}",
        "status": "draft",
        "intent": "order",
        "priority": "routine",
        "code": concept(code, text),
        "occurrenceDateTime": days_ago(-14, now),
        "authoredOn": days_ago(0, now),
    }


def imaging_order(chart: Chart) -> Resource:
    """An order that is neither surgery nor cancer treatment, for the same patient."""
    order = surgery_order(uuid.uuid4().hex[:12], CT_ABDOMEN)
    return order | {"subject": {"reference": f"Patient/{chart.patient_id}"}}


def everywhere(chart: Chart) -> Chart:
    """The same chart as EHRs of every dialect hold it: the report's words as results and behind Binaries as well."""
    (report,) = chart.of("DiagnosticReport")
    text = base64.b64decode(report["presentedForm"][0]["data"]).decode()
    findings, _, impression = text.partition("IMPRESSION:")
    subject = {"subject": report["subject"]}
    accession = {"system": "urn:oid:2.999.1/acsn", "value": f"ACC-{report['id']}"}
    parts = {"find": ("59776-5", findings), "imp": ("19005-8", impression.strip())}
    observations = [
        {"resourceType": "Observation", "id": f"{name}{report['id']}", "status": "final", "valueString": words}
        | {"code": concept((LOINC, code, "Report part"))}
        | subject
        for name, (code, words) in parts.items()
    ]
    page = "<html><body><h1>MRI</h1><p>" + text.replace("\n\n", "</p><p>") + "</p></body></html>"
    forms = {
        "XR": ("aapplication/xml", "%PDF-1.4 not for reading"),
        "XML": ("text/plain", "<doc/>"),
        "TR": ("text/html", page),
    }
    binaries = [
        {"resourceType": "Binary", "id": f"{mark}-{report['id']}", "contentType": kind}
        | {"data": base64.b64encode(words.encode()).decode()}
        for mark, (kind, words) in forms.items()
    ]
    named = [{"reference": f"Observation/{each['id']}"} for each in observations]
    held = {
        "DiagnosticReport": {"result": named, "identifier": [accession]},
        "ImagingStudy": {"identifier": [accession]},
    }
    resources = tuple(each | held.get(each["resourceType"], {}) for each in chart.resources)
    return Chart(chart.patient_id, chart.order, (*resources, *observations, *binaries))


def pointing(chart: Chart, how: str, base: str) -> Chart:
    """The same chart whose order names its study in another way: relative, absolute, logical or contained."""
    (study,) = chart.of("ImagingStudy")
    inside = {key: value for key, value in study.items() if key != "subject"} | {"id": "inside"}
    named: Resource = {
        "relative": {"supportingInfo": [{"reference": f"ImagingStudy/{study['id']}"}]},
        "absolute": {"supportingInfo": [{"reference": f"{base}/ImagingStudy/{study['id']}"}]},
        "logical": {"supportingInfo": [{"type": "ImagingStudy", "identifier": study["identifier"][0]}]},
        "contained": {"supportingInfo": [{"reference": "#inside"}], "contained": [inside]},
    }[how]
    return Chart(chart.patient_id, chart.order | named, chart.resources)
