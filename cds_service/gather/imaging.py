"""Studies and reports from raw FHIR: metadata alone; what names and codes mean is worked out once for each of them.

Each function tolerates anything and never raises. Report text is not touched here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from cds_service.anatomy import regions, side, spine_segments
from cds_service.gather.accessors import (
    Raw,
    Signature,
    child,
    children,
    codings,
    concept,
    concept_of,
    first_instant,
    identifiers,
    instant,
    signature,
    text,
)
from cds_service.gather.references import based_on, references_to
from cds_service.model import (
    Coding,
    Concept,
    Reader,
    Report,
    ReportKind,
    Side,
    Study,
)
from cds_service.routing import Routing
from cds_service.terminology import ValueSets

# Radiology is recognised by any of v2-0074, LOINC LP29684-5 and SNOMED CT 394914008, by its code, or by its study.
_RADIOLOGY = frozenset(
    {"RAD", "LP29684-5", "394914008", "CUS", "NMR", "NMS", "RUS", "RX", "VUS", "CT", "18748-4", "68604-8", "11528-7"}
)
_PATHOLOGY = frozenset({"SP", "CP", "LP7839-6", "11526-1", "60568-3"})
_CATEGORY_SYSTEMS = ("v2-0074", "v2/0074", "loinc.org", "snomed.info/sct", "2.16.840.1.113883.12.74")
_OTHER_DEPARTMENT = re.compile(r"patholog|laborator|\blab\b|microbio|cardiolog|endoscop", re.I)
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


@dataclass(frozen=True, slots=True)
class Named:
    """What the names and codes of a study or report mean, worked out once for each set of them."""

    concept: Concept
    modalities: tuple[str, ...]
    regions: tuple[str, ...]
    segments: tuple[str, ...]
    side: Side | None
    codes: frozenset[str] = frozenset()


def study_of(name: str, resource: Raw, value_sets: ValueSets, base: str | None) -> Study:
    """An ImagingStudy; its region from body sites (R4 keeps them in the series), else procedure code, else words."""
    series = children(resource, "series")
    procedures = tuple([signature(item) for item in children(resource, "procedureCode")])
    stated = [signature(item) for item in children(resource, "modality")]
    stated += [signature(found) for item in series if (found := item.get("modality"))]
    sites = [signature(found) for item in series if (found := item.get("bodySite"))]
    sides = [signature(found) for item in series if (found := item.get("laterality"))]
    titles = [text(item, "description") for item in series]
    description = text(resource, "description")
    told = _named_study(
        value_sets,
        description,
        procedures,
        tuple(dict.fromkeys(stated)),
        tuple(dict.fromkeys(sites)),
        tuple(dict.fromkeys(sides)),
        tuple(dict.fromkeys(titles)),
    )
    return Study(
        reference=name,
        status=text(resource, "status") or "unknown",
        started=instant(resource.get("started")),
        modalities=told.modalities,
        regions=told.regions,
        segments=told.segments,
        side=told.side,
        description=description or told.concept.words,
        identifiers=identifiers(resource),
        based_on=based_on(resource, base),
        organization=_organization(resource, base),
    )


@lru_cache(maxsize=4096)
def _named_study(
    value_sets: ValueSets,
    description: str,
    procedures: tuple[Signature, ...],
    stated: tuple[Signature, ...],
    sites: tuple[Signature, ...],
    sides: tuple[Signature, ...],
    titles: tuple[str, ...],
) -> Named:
    concepts = [concept_of(item) for item in procedures]
    codes = tuple(c for item in concepts for c in item.codings)
    places = tuple(c for item in sites for c in concept_of(item).codings)
    words = [description, *(c.words for c in concepts), *(c.display or c.code for c in places), *titles]
    told = place(" ; ".join(filter(None, words)))
    modalities = tuple(dict.fromkeys(c.code for item in stated for c in concept_of(item).codings))
    laterality = " ; ".join(c.display for item in sides for c in concept_of(item).codings)
    return Named(
        concept=concepts[0] if concepts else Concept(),
        modalities=modalities or value_sets.modalities(codes) or told.modalities,
        regions=region_of(value_sets, (*places, *codes), told),
        segments=told.segments,
        side=told.side or place(laterality).side,
    )


def region_of(value_sets: ValueSets, codes: tuple[Coding, ...], told: Place) -> tuple[str, ...]:
    """Regions by code, else by name."""
    coded = tuple(r for r in value_sets.regions(codes) if r not in ("other", "unspecified")) if codes else ()
    return coded or told.regions


def _organization(resource: Raw, base: str | None) -> str | None:
    """Whose study or report it is, where the resource says: managing organisation, performing organisation, source."""
    for name in ("performer", "managingOrganization", "custodian"):
        for found in references_to(resource, name, base):
            if found.split("/")[-2:-1] == ["Organization"]:
                return found
    return text(child(resource, "meta"), "source") or None


@lru_cache(maxsize=4096)
def _named_report(value_sets: ValueSets, code: Signature) -> Named:
    named = concept_of(code)
    told = place(named.words)
    return Named(
        concept=named,
        modalities=value_sets.modalities(named.codings) or told.modalities,
        regions=region_of(value_sets, named.codings, told),
        segments=told.segments,
        side=told.side,
        codes=frozenset(c.code for c in named.codings),
    )


def report_of(name: str, resource: Raw, value_sets: ValueSets, base: str | None) -> Report:
    """A DiagnosticReport without its text. `name` is `Type/id`, or its place where it came without an id."""
    told = _named_report(value_sets, signature(child(resource, "code")))
    categories = _categories(resource)
    studies = references_to(resource, "imagingStudy", base)
    if "study" in resource:  # R5 renamed imagingStudy to study, and mixed feeds send either
        studies += references_to(resource, "study", base)
    return Report(
        reference=name,
        kind=_report_kind(told.codes, categories, radiology=bool(studies or (told.modalities and not categories))),
        status=text(resource, "status") or "unknown",
        concept=told.concept,
        regions=told.regions,
        segments=told.segments,
        modalities=told.modalities,
        side=told.side,
        effective=first_instant(resource, "effectiveDateTime", "effectivePeriod"),
        issued=instant(resource.get("issued")),
        studies=studies,
        based_on=based_on(resource, base),
        identifiers=identifiers(resource),
        reader=Reader(_interpreter(resource, base)),
        organization=_organization(resource, base),
        restricted=_is_restricted(resource),
    )


def _categories(resource: Raw) -> set[str]:
    """Category codes that mean something here; "unknown" and a site's own say nothing, unless in words they do."""
    found: set[str] = set()
    for item in children(resource, "category"):
        codes = codings(item)
        found |= {c.code for c in codes if not c.system or c.system.rstrip("/").endswith(_CATEGORY_SYSTEMS)}
        if not found and (other := _OTHER_DEPARTMENT.search(concept(item).words)):
            word = other.group().lower()
            found.add("SP" if word == "patholog" else word)
    return found


def _is_restricted(resource: Raw) -> bool:
    meta = resource.get("meta")
    if not isinstance(meta, dict) or "security" not in meta:
        return False
    return any(text(item, "code") in _RESTRICTED for item in children(meta, "security"))


def _report_kind(codes: frozenset[str], categories: set[str], *, radiology: bool) -> ReportKind:
    if codes & _SECOND_READ:
        return "second-read"
    if codes & _TUMOUR_BOARD:
        return "tumour-board"
    if (codes | categories) & _PATHOLOGY:
        return "pathology"
    if (codes | categories) & _RADIOLOGY or radiology:
        return "radiology"
    return "other"


def _interpreter(resource: Raw, base: str | None) -> str | None:
    """Who read it: resultsInterpreter, else a performer who is a person."""
    named = references_to(resource, "resultsInterpreter", base)
    named = named or tuple(r for r in references_to(resource, "performer", base) if "Organization/" not in r)
    return named[0] if named else None


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
