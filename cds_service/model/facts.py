"""What is known of a patient's orders, imaging and disease: one frozen type each, free of FHIR's wire format."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cds_service.model.reading import Reading, ReportPart, Side

OrderKind = Literal["surgery", "systemic-therapy", "radiotherapy", "second-read", "other"]
ReportKind = Literal["radiology", "pathology", "second-read", "tumour-board", "other"]


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of one system; `display` is what the sender wrote."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: its codings and its free text."""

    codings: tuple[Coding, ...] = ()
    text: str = ""

    @property
    def words(self) -> str:
        """The best human words: text, else the first display."""
        return self.text or next((c.display for c in self.codings if c.display), "")


@dataclass(frozen=True, slots=True)
class Member:
    """A code found in a value set of ours, with what the value set says of it."""

    value_set: str  # ValueSet id, such as `spine-surgery`
    group: str  # such as `fusion`; "" where the set has no groups
    code: str
    system: str
    display: str
    region: str | None = None
    needs_cancer: bool = False  # usually benign or dual-use: speaks only with cancer or a suspicious lesion
    matched_by: Literal["code", "local-map", "ingredient", "text"] = "code"
    ancestor: str = ""  # the listed code that stands above this one, where a terminology server said so


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact came from."""

    how: Literal["request", "prefetch", "fhir", "contained"]
    key: str = ""  # prefetch key or URL path


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient of the context; no name, no MRN."""

    id: str
    birth_date: date | None = None
    sex: str | None = None

    def is_child(self, on: date) -> bool:
        """Under 18 on that day; False where the birth date is not known."""
        born = self.birth_date
        if born is None:
            return False
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) < 18


@dataclass(frozen=True, slots=True)
class Order:
    """One request resource: a draft of the basket, or an order already on file."""

    reference: str  # `ServiceRequest/x` or `MedicationRequest/x`
    kind: OrderKind
    status: str
    intent: str = ""
    priority: str | None = None  # as sent; FHIR's default is routine
    concept: Concept = Concept()  # code, or medication
    members: tuple[Member, ...] = ()  # what our value sets recognise in it, best match first
    region: str | None = None
    levels: tuple[str, ...] = ()  # spine levels planned, such as `L4-L5`
    segments: tuple[str, ...] = ()  # of the spine: cervical | thoracic | lumbar | sacral
    side: Side | None = None
    reasons: tuple[Concept, ...] = ()  # reasonCode, and the codes of resolved reasonReferences
    reason_members: tuple[Member, ...] = ()
    intents: tuple[str, ...] = ()  # treatment intent words found: curative | palliative | adjuvant | prophylactic | …
    supporting: tuple[str, ...] = ()  # references in supportingInfo, reasonReference, basedOn
    start: datetime | None = None  # planned start
    authored: datetime | None = None
    cycle: int | None = None
    renewal: bool = False  # priorPrescription, or a re-sign of an order already active and unchanged
    status_reason: str = ""
    first_seen_active: bool = False  # the same id is already active on file


@dataclass(frozen=True, slots=True)
class Reader:
    """Who interpreted a report. `specialties` hold our subspecialty ids (`neuroradiology`, …); empty = not known."""

    reference: str | None = None
    specialties: tuple[str, ...] = ()
    known: bool = False  # True only when a specialty that proves something was read


@dataclass(frozen=True, slots=True)
class Quality:
    """How a study was made, from image headers alone; None or empty where they do not say. No pixel is ever read."""

    field_strength: float | None = None  # tesla
    slice_thickness: float | None = None  # mm, the thinnest series
    thickest: float | None = None  # mm
    sequences: tuple[str, ...] = ()  # t1 | t2 | stir | flair | diffusion | perfusion | gradient-echo | post-contrast
    series: int = 0  # without localizers


@dataclass(frozen=True, slots=True)
class Study:
    """One imaging study; metadata only, pixels are never opened."""

    reference: str
    status: str = "available"
    started: datetime | None = None
    modalities: tuple[str, ...] = ()  # DICOM codes: CT, MR, PT, MG, US, …
    regions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    side: Side | None = None
    description: str = ""
    identifiers: tuple[str, ...] = ()  # accession numbers and study uids, as `system|value`
    based_on: tuple[str, ...] = ()
    organization: str | None = None
    from_report: bool = False  # no ImagingStudy resource: described by its report alone
    quality: Quality | None = None  # only where the site lets an image archive be asked


@dataclass(frozen=True, slots=True)
class Report:
    """One DiagnosticReport; `reading` is None until it has been read, and only the basis report is."""

    reference: str
    kind: ReportKind
    status: str  # registered | partial | preliminary | final | amended | corrected | appended | entered-in-error | …
    concept: Concept = Concept()
    regions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    side: Side | None = None
    effective: datetime | None = None
    issued: datetime | None = None
    studies: tuple[str, ...] = ()
    based_on: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    reader: Reader = Reader()
    organization: str | None = None
    parts: tuple[ReportPart, ...] = ()
    addenda: tuple[str, ...] = ()  # references of later reports folded into this one
    superseded_by: str | None = None
    restricted: bool = False  # carries a restricted security label: never quoted, never archived
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One problem-list entry or diagnosis."""

    reference: str
    concept: Concept
    members: tuple[Member, ...] = ()
    clinical: str = ""  # active | recurrence | relapse | inactive | remission | resolved | "" (not stated)
    verification: str = ""  # confirmed | provisional | differential | unconfirmed | refuted | entered-in-error | ""
    onset: datetime | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure done or under way."""

    reference: str
    concept: Concept
    members: tuple[Member, ...] = ()
    status: str = ""
    performed: datetime | None = None
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageObservation:
    """One staging Observation: `basis` c (clinical) or p (pathologic), None where the code does not say."""

    reference: str
    group: str  # stage-group | T | N | M | other-stage
    basis: Literal["c", "p"] | None
    value: str
    effective: datetime | None = None
