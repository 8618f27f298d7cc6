"""Raw FHIR resources as the frozen facts of a case: studies, reports, conditions, procedures, stages, the patient.

Each function tolerates anything and never raises. Report text is not touched here: only the basis report's renderings
are ever taken out, by `attachments`.
"""

from functools import lru_cache
from typing import Literal

from cds_service.gather.accessors import (
    Raw,
    Signature,
    calendar_date,
    child,
    children,
    codings,
    concept,
    concept_of,
    first_code,
    first_instant,
    signature,
    text,
)
from cds_service.gather.imaging import place, region_of
from cds_service.gather.references import key_of, reference_to
from cds_service.model import (
    Concept,
    Condition,
    Member,
    Patient,
    Procedure,
    StageObservation,
)
from cds_service.terminology import ValueSets

CONDITION_SETS = (
    "cancer-conditions",
    "spine-disorders",
    "neurovascular-and-diffuse-disease",
    "suspicious-lesion-findings",
    "order-context",
)
PROCEDURE_SETS = (
    "spine-surgery",
    "high-stakes-surgery",
    "radiotherapy",
    "oncology-systemic-therapy",
    "pathology-and-biopsy",
    "second-read-request",
    "order-context",
)
_CLINICAL_STAGE = "21908-9 21905-5 21906-3 21907-1 399537006 399504009 399534004 399387003"
_PATHOLOGIC_STAGE = "21902-2 21899-0 21900-6 21901-4 399588009 384625004 371494008 371497001"
_STAGE_BASIS: dict[str, Literal["c", "p"]] = {
    **dict.fromkeys(_CLINICAL_STAGE.split(), "c"),
    **dict.fromkeys(_PATHOLOGIC_STAGE.split(), "p"),
}


def patient_of(resource: Raw | None, patient_id: str) -> Patient:
    """Age and sex where they are known; the id is always the context's."""
    return Patient(patient_id, calendar_date((resource or {}).get("birthDate")), text(resource, "gender") or None)


def encounter_class(resource: Raw | None) -> str | None:
    """The encounter's class code (v3-ActCode): a Coding in R4, a list of concepts in R5."""
    return first_code(child(resource, "class")) or None


def setting_of(resource: Raw | None, base: str | None) -> tuple[str, ...]:
    """Who provides the encounter, and where: references, relative where they are of this server."""
    if resource is None:
        return ()
    places = [reference_to(item, "location", base) for item in children(resource, "location")]
    return tuple(reference for reference in (reference_to(resource, "serviceProvider", base), *places) if reference)


def location_of(resource: Raw | None, base: str | None) -> str | None:
    """Where the encounter is: its first location, else its provider; None where it says neither, or is not known."""
    if resource is None:
        return None
    places = (reference_to(item, "location", base) for item in children(resource, "location"))
    return next(filter(None, places), None) or reference_to(resource, "serviceProvider", base) or None


@lru_cache(maxsize=8192)
def _named_condition(value_sets: ValueSets, code: Signature) -> tuple[Concept, tuple[Member, ...]]:
    named = concept_of(code)
    return named, value_sets.find_any(CONDITION_SETS, named.codings)


def condition_of(name: str, resource: Raw, value_sets: ValueSets) -> Condition:
    """A Condition; statuses as codes, "" where not stated."""
    named, members = _named_condition(value_sets, signature(resource.get("code")))
    return Condition(
        reference=name,
        concept=named,
        members=members,
        clinical=_status(resource, "clinicalStatus"),
        verification=_status(resource, "verificationStatus"),
        onset=first_instant(resource, "onsetDateTime", "onsetPeriod", "recordedDate"),
    )


def _status(resource: Raw, name: str) -> str:
    stated = resource.get(name)
    return first_code(stated) if isinstance(stated, dict) else stated if isinstance(stated, str) else ""


def procedure_of(resource: Raw, value_sets: ValueSets) -> Procedure:
    """A Procedure, with the regions its site or words name."""
    named: Concept = concept(child(resource, "code"))
    sites = tuple(c for item in children(resource, "bodySite") for c in codings(item))
    members = value_sets.find_any(PROCEDURE_SETS, named.codings)
    own = tuple(m.region for m in members if m.region and m.region != "any")
    return Procedure(
        reference=key_of(resource),
        concept=named,
        members=members,
        status=text(resource, "status"),
        performed=first_instant(resource, "performedDateTime", "performedPeriod"),
        regions=own or region_of(value_sets, sites, place(named.words)),
    )


def stage_of(resource: Raw, value_sets: ValueSets) -> StageObservation | None:
    """A staging Observation, or None when its code is no staging code of ours."""
    code = child(resource, "code")
    found = codings(code)
    member = value_sets.find("staging-observations", found)
    if member is None or member.group in ("method", "disease-status"):
        return None
    basis = next((_STAGE_BASIS[c.code] for c in found if c.code in _STAGE_BASIS), None)
    value = concept(child(resource, "valueCodeableConcept")).words or text(resource, "valueString")
    if basis is None and value[:1] in ("c", "p"):
        basis = "c" if value[0] == "c" else "p"
    effective = first_instant(resource, "effectiveDateTime", "effectivePeriod", "issued")
    return StageObservation(key_of(resource), member.group, basis, value, effective)
