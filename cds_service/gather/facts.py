"""Raw FHIR resources as the frozen facts of a case: studies, reports, conditions, procedures, stages, the patient.

Each function tolerates anything and never raises. Report text is not touched here: only the basis report's renderings
are ever taken out, by `attachments`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cds_service.anatomy import regions, side, spine_segments
from cds_service.gather.accessors import (
    Raw,
    calendar_date,
    child,
    children,
    codings,
    concept,
    first_code,
    first_instant,
    identifiers,
    instant,
    text,
)
from cds_service.gather.references import key_of, logical_identifiers, references_to
from cds_service.model import (
    Coding,
    Concept,
    Condition,
    Patient,
    Procedure,
    Reader,
    Report,
    ReportKind,
    Side,
    StageObservation,
    Study,
)
from cds_service.routing import Routing
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
# Radiology is recognised by any of v2-0074, LOINC LP29684-5 and SNOMED CT 394914008, by its code, or by its study.
_RADIOLOGY = frozenset(
    {"RAD", "LP29684-5", "394914008", "CUS", "NMR", "NMS", "RUS", "RX", "VUS", "CT", "18748-4", "68604-8", "11528-7"}
)
_PATHOLOGY = frozenset({"SP", "CP", "LP7839-6", "11526-1", "60568-3"})
_SECOND_READ, _TUMOUR_BOARD = frozenset({"73575-3"}), frozenset({"85232-7"})
_RESTRICTED = frozenset({"R", "V"})  # v3-Confidentiality: restricted, very restricted
_MODALITY_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("MR", re.compile(r"\bMR[IA]?\b|magnetic resonance", re.I)),
    ("PT", re.compile(r"\bPET\b|positron", re.I)),
    ("CT", re.compile(r"\bCTA?\b|computed tomograph|PET/?CT", re.I)),
    ("MG", re.compile(r"\bmammogra|\bMG\b|tomosynthesis", re.I)),
    ("US", re.compile(r"\bultraso|\bUS\b|sonograph", re.I)),
    ("CR", re.compile(r"\bx-?ray|\bradiograph|\bXR\b", re.I)),
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


@dataclass(frozen=True, slots=True)
class Place:
    """What the name of a study or report tells of it."""

    regions: tuple[str, ...]
    segments: tuple[str, ...]
    side: Side | None
    modalities: tuple[str, ...]


@lru_cache(maxsize=4096)
def place(words: str) -> Place:
    """Region, stretch of spine, side and modality that a name tells. A site uses a few hundred names, over and over."""
    return Place(regions(words), spine_segments(words), side(words), modalities_in(words))


def modalities_in(words: str) -> tuple[str, ...]:
    """DICOM modality codes that words name: `MRI lumbar spine` -> MR."""
    return tuple(code for code, pattern in _MODALITY_WORDS if pattern.search(words))


def study_of(name: str, resource: Raw, value_sets: ValueSets, base: str | None) -> Study:
    """An ImagingStudy; its region from body sites (R4 keeps them in the series), else procedure code, else words."""
    series = children(resource, "series")
    sites = tuple({c: None for item in series for c in codings(child(item, "bodySite"))})
    codes = tuple(c for item in children(resource, "procedureCode") for c in codings(item))
    words = " ; ".join(
        filter(
            None,
            [
                text(resource, "description"),
                *(concept(item).words for item in children(resource, "procedureCode")),
                *dict.fromkeys(c.display or c.code for c in sites),
                *dict.fromkeys(text(item, "description") for item in series),
            ],
        )
    )
    stated = [c.code for item in children(resource, "modality") for c in codings(item)]
    stated += [c.code for item in series for c in codings(child(item, "modality"))]
    sides = tuple(c for item in series for c in codings(child(item, "laterality")))
    told = place(words)
    return Study(
        reference=name,
        status=text(resource, "status") or "unknown",
        started=instant(resource.get("started")),
        modalities=tuple(dict.fromkeys(stated)) or value_sets.modalities(codes) or told.modalities,
        regions=_region_of(value_sets, (*sites, *codes), told),
        segments=told.segments,
        side=told.side or place(" ; ".join(c.display for c in sides)).side,
        description=text(resource, "description") or concept(next(iter(children(resource, "procedureCode")), {})).words,
        identifiers=identifiers(resource),
        based_on=references_to(resource, "basedOn", base) + logical_identifiers(resource, "basedOn"),
        organization=_organization(resource, base),
    )


def _region_of(value_sets: ValueSets, codes: tuple[Coding, ...], told: Place) -> tuple[str, ...]:
    coded = tuple(r for r in value_sets.regions(codes) if r not in ("other", "unspecified")) if codes else ()
    return coded or told.regions


def _organization(resource: Raw, base: str | None) -> str | None:
    """Whose study or report it is, where the resource says: managing organisation, performing organisation, source."""
    for name in ("performer", "managingOrganization", "custodian"):
        for found in references_to(resource, name, base):
            if found.split("/")[-2:-1] == ["Organization"]:
                return found
    return text(child(resource, "meta"), "source") or None


def report_of(name: str, resource: Raw, value_sets: ValueSets, base: str | None) -> Report:
    """A DiagnosticReport without its text. `name` is `Type/id`, or its place where it came without an id."""
    code = concept(child(resource, "code"))
    category_codes = {c.code for item in children(resource, "category") for c in codings(item)}
    # R5 renamed imagingStudy to study, and mixed feeds send either
    named = references_to(resource, "imagingStudy", base) + references_to(resource, "study", base)
    studies = tuple(dict.fromkeys(named))
    told = place(code.words)
    modalities = value_sets.modalities(code.codings) or told.modalities
    codes = {c.code for c in code.codings}
    return Report(
        reference=name,
        kind=_report_kind(codes, category_codes, radiology=bool(studies or (modalities and not category_codes))),
        status=text(resource, "status") or "unknown",
        concept=code,
        regions=_region_of(value_sets, code.codings, told),
        segments=told.segments,
        modalities=modalities,
        side=told.side,
        effective=first_instant(resource, "effectiveDateTime", "effectivePeriod"),
        issued=instant(resource.get("issued")),
        studies=studies,
        based_on=references_to(resource, "basedOn", base) + logical_identifiers(resource, "basedOn"),
        identifiers=identifiers(resource),
        reader=Reader(next(iter(_interpreters(resource, base)), None)),
        organization=_organization(resource, base),
        restricted=any(c.code in _RESTRICTED for c in _security(resource)),
    )


def _security(resource: Raw) -> tuple[Coding, ...]:
    return tuple(
        Coding(text(item, "system"), text(item, "code")) for item in children(child(resource, "meta"), "security")
    )


def _report_kind(codes: set[str], categories: set[str], *, radiology: bool) -> ReportKind:
    if codes & _SECOND_READ:
        return "second-read"
    if codes & _TUMOUR_BOARD:
        return "tumour-board"
    if (codes | categories) & _PATHOLOGY:
        return "pathology"
    if (codes | categories) & _RADIOLOGY or radiology:
        return "radiology"
    return "other"


def _interpreters(resource: Raw, base: str | None) -> tuple[str, ...]:
    """Who read it: resultsInterpreter, else a performer who is a person."""
    named = references_to(resource, "resultsInterpreter", base)
    return named or tuple(r for r in references_to(resource, "performer", base) if "Organization/" not in r)


def reader_of(report: Report, roles: tuple[Raw, ...], routing: Routing, roster: dict[str, tuple[str, ...]]) -> Reader:
    """What subspecialty the interpreter is known to have: the site's roster, else PractitionerRole or qualification.

    `roles` are the resources that the interpreter's reference led to. General radiology proves nothing (decision 1).
    """
    reference = report.reader.reference
    names = [reference or "", *(i for role in roles for i in _npi(role))]
    if rostered := next((roster[name] for name in names if name in roster), ()):
        return Reader(reference, rostered, known=True)
    held = [c for role in roles for item in children(role, "specialty") for c in codings(item)]
    held += [c for role in roles for item in children(role, "qualification") for c in codings(child(item, "code"))]
    proved = routing.specialties(held)
    return Reader(reference, proved, known=bool(proved))


def _npi(resource: Raw) -> list[str]:
    return [value for item in children(resource, "identifier") if (value := text(item, "value"))]


def condition_of(resource: Raw, value_sets: ValueSets) -> Condition:
    """A Condition; statuses as codes, "" where not stated."""
    named = concept(child(resource, "code"))
    return Condition(
        reference=key_of(resource),
        concept=named,
        members=value_sets.find_any(CONDITION_SETS, named.codings),
        clinical=_status(resource, "clinicalStatus"),
        verification=_status(resource, "verificationStatus"),
        onset=first_instant(resource, "onsetDateTime", "onsetPeriod", "recordedDate"),
    )


def _status(resource: Raw, name: str) -> str:
    return first_code(stated) if (stated := child(resource, name)) else text(resource, name)


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
        regions=own or _region_of(value_sets, sites, place(named.words)),
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
