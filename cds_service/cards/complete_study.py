"""The draft order of a complete study, where the basis is missing, outdated, non-diagnostic, or shows only a part.

A plain imaging ServiceRequest (FHIR R4 §ServiceRequest): what to image stands in cards/complete-studies.yaml, why it is
asked for in the note. It never holds, changes or replaces the treatment order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cds_service.cards.order import IMAGING, before, diagnosis, named, priority
from cds_service.cards.phrases import study_words
from cds_service.model import Case, Coding

PROFILE = "http://second-read.org/fhir/StructureDefinition/complete-study-service-request"


@dataclass(frozen=True, slots=True)
class CompleteStudies:
    """Which study to offer: by stretch of the spine, by group of the operation, by body region; code and words."""

    by_segment: Mapping[str, tuple[Coding, str]] = field(default_factory=dict)
    by_group: Mapping[str, tuple[Coding, str]] = field(default_factory=dict)
    by_region: Mapping[str, tuple[Coding, str]] = field(default_factory=dict)

    def study(self, case: Case, region: str | None) -> tuple[Coding, str] | None:
        """The study for this case; `region` is that of a lesion elsewhere, and then decides alone. None: none fits."""
        if region is not None:
            return self.by_region.get(region)
        order = case.order
        if order.region == "spine" and len(order.segments) == 1 and order.segments[0] in self.by_segment:
            return self.by_segment[order.segments[0]]
        of_group = next((self.by_group[m.group] for m in order.members if m.group in self.by_group), None)
        return of_group or self.by_region.get(order.region or "")


def complete_study_order(
    case: Case, what: tuple[Coding, str], question: str, *, user: str, now: datetime
) -> dict[str, Any]:
    """The ServiceRequest as plain FHIR R4 JSON."""
    code, says = what
    study, report = case.study, case.report
    supporting = [named(study.reference, "ImagingStudy", study_words(study))] if study and not study.from_report else []
    supporting += [named(report.reference, "DiagnosticReport", "Report of the earlier study")] if report else []
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "meta": {"profile": [PROFILE]},
        **before(case),
        "status": "draft",
        "intent": "proposal",
        "category": [{"coding": [IMAGING]}],
        "priority": priority(case, now),
        "code": {"coding": [{"system": code.system, "code": code.code, "display": code.display}], "text": says},
        "subject": {"reference": f"Patient/{case.patient.id}"},
        "authoredOn": now.isoformat(timespec="seconds"),
        **({"reasonCode": reasons} if (reasons := diagnosis(case)) else {}),
        **({"supportingInfo": supporting} if supporting else {}),
        "note": [{"text": question}],
    }
    if user.startswith(("Practitioner/", "PractitionerRole/")):
        resource["requester"] = {"reference": user}
    return resource
