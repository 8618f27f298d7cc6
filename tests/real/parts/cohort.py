"""People of a generated background population, each as an EHR would prefetch them, and the drafts they are given."""

import copy
import json
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from parts.charts import HL7, bundle, concept
from parts.processes import ROOT, make

Resource = dict[str, Any]
AS_OF = datetime(
    2026, 11, 16, 9, 0, tzinfo=UTC
)  # the day after the cohort's last: no report grows old with the calendar
PLANNED = "2026-12-01T08:00:00Z"
KINDS = (
    "ImagingStudy",
    "DiagnosticReport",
    "Condition",
    "ServiceRequest",
    "MedicationRequest",
    "Procedure",
)
KEYS = dict(
    zip(
        ("imagingStudies", "diagnosticReports", "conditions", "serviceRequests", "medicationRequests", "procedures"),
        KINDS,
        strict=True,
    )
)


@dataclass(frozen=True)
class Person:
    """One patient of the cohort and all that is on file."""

    id: str
    patient: Resource = field(repr=False)
    record: dict[str, list[Resource]] = field(repr=False)

    @property
    def has_cancer(self) -> bool:
        """Whether an active malignancy is on the problem list (ICD-10-CM chapter C, but for the skin)."""
        return any(
            coding["code"].startswith("C") and not coding["code"].startswith("C44")
            for condition in self.record["Condition"]
            for coding in condition["code"]["coding"]
            if "icd-10" in coding["system"]
        )

    @property
    def imaging(self) -> list[Resource]:
        """Studies on file, electrocardiograms and the like left out."""
        return [study for study in self.record["ImagingStudy"] if study.get("procedureCode")]

    def given(self, resources: list[Resource]) -> "Person":
        """The same person, with copies of these resources made out to them."""
        record = {kind: list(each) for kind, each in self.record.items()}
        for resource in copy.deepcopy(resources):
            record[resource["resourceType"]].append(resource | {"subject": {"reference": f"Patient/{self.id}"}})
        return Person(self.id, self.patient, record)

    def signs(self, order: Resource) -> Resource:
        """The order-sign call: everything prefetched, an ordinary clinic visit, one draft order."""
        order = order | {"subject": {"reference": f"Patient/{self.id}"}}
        visit = {
            "resourceType": "Encounter",
            "id": "visit-of-today",
            "status": "in-progress",
            "subject": order["subject"],
            "class": {"system": f"{HL7}/v3-ActCode", "code": "AMB"},
        }
        prefetch: Resource = {"patient": self.patient, "encounter": visit, "stagingObservations": bundle(())}
        return {
            "hook": "order-sign",
            "hookInstance": str(uuid.uuid4()),
            "prefetch": prefetch | {key: bundle(self.record[kind]) for key, kind in KEYS.items()},
            "context": {
                "userId": "Practitioner/surgeon-1",
                "patientId": self.id,
                "encounterId": visit["id"],
                "draftOrders": bundle([order]),
            },
        }


def people() -> list[Person]:
    """Everyone of the generated population who has a record, in a settled order; generated where it is not yet."""
    make("cohort")
    (folder,) = (ROOT / "build").glob("cohort-*/fhir_r4")
    records: dict[str, dict[str, list[Resource]]] = defaultdict(lambda: {kind: [] for kind in KINDS})
    for kind in KINDS:
        with (folder / f"{kind}.ndjson").open() as lines:
            for resource in map(json.loads, lines):
                records[resource["subject"]["reference"].removeprefix("Patient/")][kind].append(resource)
    with (folder / "Patient.ndjson").open() as lines:
        patients = sorted(map(json.loads, lines), key=lambda patient: patient["id"])
    return [Person(patient["id"], patient, records[patient["id"]]) for patient in patients]


def operation(code: tuple[str, str, str], **more: Any) -> Resource:
    """A draft operation, planned two weeks ahead."""
    return {
        "resourceType": "ServiceRequest",
        "id": f"draft-{uuid.uuid4().hex[:12]}",
        "status": "draft",
        "intent": "order",
        "priority": "routine",
        "code": concept(code),
        "authoredOn": AS_OF.isoformat(),
        "occurrenceDateTime": PLANNED,
    } | more


def drug(code: tuple[str, str, str]) -> Resource:
    """A draft prescription."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"draft-{uuid.uuid4().hex[:12]}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept(code),
        "authoredOn": AS_OF.isoformat(),
    }
