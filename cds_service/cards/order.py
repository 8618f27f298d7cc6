"""The draft second-read order that one click creates: a ServiceRequest of our profile, complete in itself.

It names the treatment order it precedes for the reader's information; it never holds, changes or replaces it. Codes:
clinical table 5 (DICOM CID 6051, HL7 v2-0336, SNOMED CT) and DICOM CID 7449 with the nearest NUCC code.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from cds_service.cards.phrases import plain, study_words
from cds_service.model import Case, Coding, Concept, Subspecialty

PROFILE = "http://second-read.org/fhir/StructureDefinition/second-read-service-request"
BEFORE_ORDER = "http://second-read.org/fhir/StructureDefinition/before-order"
SNOMED, DICOM = "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM"
IMAGING = {"system": SNOMED, "code": "363679005", "display": "Imaging (procedure)"}
_CONSULT = {"system": SNOMED, "code": "28191001", "display": "Consultation and report by radiologist"}
_REASON = [
    {"system": DICOM, "code": "111418", "display": "Review of an outside study"},
    {"system": "http://terminology.hl7.org/CodeSystem/v2-0336", "code": "S", "display": "Second Opinion"},
]
ORDER_TEXT = "Subspecialty second read of existing imaging"
CODE: dict[str, Any] = {"coding": [_CONSULT], "text": ORDER_TEXT}
_SOON = timedelta(days=7)
_LITERAL = re.compile(r"[A-Z][A-Za-z]+/[^\s\[\]#]+\Z|[a-z][a-z0-9+.-]*:\S+\Z")


def second_read_order(case: Case, reader: Subspecialty, question: str, *, user: str, now: datetime) -> dict[str, Any]:
    """The ServiceRequest as plain FHIR R4 JSON; raises ValueError when the case has no study to be read."""
    study, report = case.study, case.report
    if study is None:
        raise ValueError("a second read needs a study")
    images = study_words(study)
    supporting = [named(study.reference, "ImagingStudy", images)] if not study.from_report else []
    supporting += [named(report.reference, "DiagnosticReport", f"Report of {images}")] if report else []
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "meta": {"profile": [PROFILE]},
        **before(case),
        "status": "draft",
        "intent": "proposal",
        "category": [{"coding": [IMAGING]}],
        "priority": priority(case, now),
        "code": dict(CODE),
        "subject": {"reference": f"Patient/{case.patient.id}"},
        "authoredOn": now.isoformat(timespec="seconds"),
        "performerType": performer_type(reader),
        "reasonCode": [{"coding": _REASON, "text": f"Second read of {images}"}, *diagnosis(case)],
        "supportingInfo": supporting,
        "note": [{"text": question}],
    }
    if user.startswith(("Practitioner/", "PractitionerRole/")):
        resource["requester"] = {"reference": user}
    return resource


def before(case: Case) -> dict[str, Any]:
    """The extension that names the treatment order; an order that came without an id cannot be named."""
    if not _LITERAL.match(case.order.reference):
        return {}
    return {"extension": [{"url": BEFORE_ORDER, "valueReference": {"reference": case.order.reference}}]}


def performer_type(reader: Subspecialty) -> dict[str, Any]:
    """Who shall read: DICOM reader specialty first, nearest NUCC second, human words always."""
    coded: dict[str, Any] = {"coding": [_coding(c) for c in reader.performer]} if reader.performer else {}
    return {**coded, "text": reader.label[:1].upper() + reader.label[1:]}


def named(reference: str, kind: str, words: str) -> dict[str, Any]:
    """A reference; a resource that came without an id can only be named in words (FHIR R4 §2.3.0)."""
    return {"reference": reference} if _LITERAL.match(reference) else {"type": kind, "display": words}


def priority(case: Case, now: datetime) -> str:
    """Urgent where the treatment starts within a week."""
    start = case.order.start
    return "urgent" if start and start - now <= _SOON else "routine"


def diagnosis(case: Case) -> list[dict[str, Any]]:
    """The reason of the treatment order, as the question's background."""
    first = next((reason for reason in case.order.reasons if reason.codings or reason.text), None)
    return [_concept(first)] if first else []


def _concept(concept: Concept) -> dict[str, Any]:
    coded = [_coding(c) for c in concept.codings if c.system]
    return {**({"coding": coded} if coded else {}), **({"text": plain(concept.words)} if plain(concept.words) else {})}


def _coding(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code, **({"display": coding.display} if coding.display else {})}
