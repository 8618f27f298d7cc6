"""The frozen types that pass between rooms, and their JSON round trip.

Nothing here knows FHIR's wire format, HTTP or a database. A tuple is never None; a scalar that we could not know is
None, and *why* we could not know it stands in `Case.gaps`. Identifiers are FHIR relative references (`Type/id`) unless
said otherwise. Sizes are millimetres, instants are timezone-aware.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar

T = TypeVar("T")

OrderKind = Literal["surgery", "systemic-therapy", "radiotherapy", "second-read", "other"]
ReportKind = Literal["radiology", "pathology", "second-read", "tumour-board", "other"]
Assertion = Literal["present", "absent", "uncertain", "historical", "hypothetical", "family", "indication"]
Severity = Literal["mild", "moderate", "severe"]
Side = Literal["left", "right", "bilateral"]
Suspicion = Literal["suspicious", "indeterminate", "benign"]
Indicator = Literal["info", "warning"]
SectionKind = Literal[
    "header", "indication", "history", "technique", "comparison", "findings", "impression", "recommendation",
    "addendum", "communication", "other",
]  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")


class Truth(StrEnum):
    """Three-valued truth: unknown is never coerced to false."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What one rule says of one case."""

    INDICATED = "indicated"
    NOT_INDICATED = "not-indicated"
    EXCLUDED = "excluded"
    UNDETERMINED = "undetermined"
    ERROR = "error"


# --- what a caller is and sends ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A caller that `auth` let in; only it makes one. `id` is the JWT `iss`, or `anonymous` when auth is off."""

    id: str
    tenant: str | None = None
    profile: str = "reference"  # which cards/clients/<name>.yaml renders for it


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """Where the EHR's FHIR server stands and the bearer token handed over; never stored, never logged."""

    base: str  # no trailing slash
    token: str | None = field(default=None, repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One order-sign call whose envelope is valid; `draft_orders` and `prefetch` hold raw FHIR JSON, unvalidated."""

    hook_instance: str
    user_id: str
    patient_id: str
    encounter_id: str | None
    draft_orders: tuple[dict[str, Any], ...]
    prefetch: dict[str, Any]
    fhir: FhirAccess | None = None


# --- what is known --------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class Gap:
    """Something we could not know, and why. `what` is a prefetch key or a reference; never patient data beyond ids.

    `why`: prefetch-omitted | prefetch-null | prefetch-failed | unreadable | no-fhir-server | server-not-allowed |
    fhir-refused | fhir-not-found | fhir-failed | fhir-timeout | fhir-too-large | page-missing | foreign-origin |
    wrong-patient | restricted | attachment-unsupported | attachment-unreadable | language-unsupported | no-narrative | reading-limit
    """

    what: str
    why: str
    detail: str = ""


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


@dataclass(frozen=True, slots=True)
class ReportPart:
    """One rendering of a report as it was sent; `content` is text, or bytes whose type is to be sniffed."""

    origin: str  # conclusion | conclusionCode | presentedForm | text | result
    content: str | bytes = field(repr=False)
    content_type: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a report under one heading; offsets into `Reading.text`."""

    kind: SectionKind
    heading: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a report says: `quote == text[start:end]`, always.

    `quote` is the clause that can stand on a card (at most 160 characters, cut at a word); `mention` are the offsets of
    the words that named the concept; `trigger` is the phrase that decided the assertion (None: nothing modified it).
    """

    concept: str  # id of a lexicon file, such as `spinal-stenosis`; or rads | tnm
    assertion: Assertion
    quote: str
    start: int
    end: int
    mention: tuple[int, int]
    section: SectionKind
    phrase: str = ""  # id of the lexicon phrase that matched, such as `spinal-stenosis/canal-stenosis`
    trigger: str | None = None
    hedged: bool = False
    severity: Severity | None = None
    levels: tuple[str, ...] = ()
    side: Side | None = None
    size_mm: float | None = None
    prior_size_mm: float | None = None
    trend: Literal["new", "larger", "stable", "smaller", "resolved"] | None = None
    suspicion: Suspicion | None = None  # of a lesion, by words
    system: str | None = None  # rads: `BI-RADS`, `Lung-RADS`, …; tnm: c | p
    value: str | None = None  # rads: `4B`; tnm: `cT2 N0 M1a`; spondylolisthesis: grade `2`
    flag: Literal["high", "intermediate", "limited", "benign"] | None = None  # of a RADS category
    regions: tuple[str, ...] = ()  # organ or region the clause names, where it names one


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one report's renderings."""

    text: str = field(repr=False)
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...] = ()
    digest: str = ""  # of the renderings and the lexicon: same input, same reading


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


@dataclass(frozen=True, slots=True)
class PastCard:
    """A card returned earlier for this patient, from the ledger; a field of the case, so that deciding stays pure."""

    topic: str
    study: str | None  # reference as this request spells it, or None: another study
    order: str | None
    rules: tuple[str, ...]
    returned: datetime
    outcome: Literal["returned", "accepted", "overridden"] = "returned"
    outcome_at: datetime | None = None
    reason: str | None = None  # override reason code


@dataclass(frozen=True, slots=True)
class Link:
    """Which rungs tied the order to its study, and the study to its report.

    Each is one of order-reference | report-imaging-study | shared-based-on | accession | region-and-recency, or "" where
    there is no study, or no report.
    """

    rung: str
    report_rung: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known about one draft order at one moment, frozen and replayable."""

    order: Order
    as_of: datetime
    patient: Patient
    basket: tuple[Order, ...] = ()  # the other draft orders of the same call
    encounter_class: str | None = None
    study: Study | None = None
    report: Report | None = None
    link: Link | None = None
    studies: tuple[Study, ...] = ()
    reports: tuple[Report, ...] = ()  # all the others on file
    conditions: tuple[Condition, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    orders_on_file: tuple[Order, ...] = ()
    staging: tuple[StageObservation, ...] = ()
    history: tuple[PastCard, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def missing(self, what: str) -> Gap | None:
        """The first gap about `what` (a prefetch key or reference), or None: absence of data is then really absence."""
        return next((gap for gap in self.gaps if gap.what == what), None)


# --- how a rule speaks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subspecialty:
    """Who reads: our id (`neuroradiology`), human words, and the codes that name it (DICOM CID 7449, NUCC)."""

    id: str
    label: str  # as in "Request a <label> second read": `neuroradiology`
    performer: tuple[Coding, ...]  # first DICOM, then the nearest NUCC; empty where no code exists
    proves: tuple[Coding, ...] = ()  # codes on a reader that prove this subspecialty; nearest-NUCC never does
    or_: tuple[str, ...] = ()  # other ids that are as right for the same study


@dataclass(frozen=True, slots=True)
class Speech:
    """What one rule puts on a card; texts hold `{slots}` of `SLOTS`, filled and escaped by the cards room."""

    rule: str
    version: str
    title: str
    concern: str  # rules of one concern merge into one card: spine | staging | lesion
    rank: int  # the strongest of several that fire has the lowest rank
    summary: str
    why: str  # the first bullet
    question: str  # the decision question put to the second reader
    reason: str  # one clause, used when another rule of the concern leads
    evidence: tuple[str, ...] = ()  # ids of cards/evidence.yaml, first fitting one is shown
    route: str | None = None  # subspecialty id, or None: by organ and region
    turnaround_hours: int = 24
    override_reasons: tuple[str, ...] = ()


SLOTS: dict[str, int] = {  # slot -> longest value in characters; the closed list of what a rule's texts may hold
    "order": 40,  # what is being signed: `Lumbar spinal fusion`
    "study": 36,  # `lumbar MRI of 3 Nov 2026`
    "quote": 120,  # literal words of the report
    "section": 14,
    "severity": 8,
    "level": 14,
    "category": 16,  # `Lung-RADS 4B`
    "subspecialty": 24,
    "turnaround": 16,
}

# --- what is decided ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """The truth of one criterion or exclusion on one case, with its evidence."""

    id: str
    says: str  # the plain sentence of the rule file, parameters filled in
    truth: Truth
    role: Literal["criterion", "exclusion", "warning"]
    because: str = ""  # one phrase: what decided it (never report text; see `finding`)
    finding: Finding | None = None
    gap: Gap | None = None
    line: int = 0  # of the rule file
    if_unknown: Literal["proceed", "withhold"] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one case. `because` is the id of the check that decided (or the last word of an error)."""

    rule: str
    version: str
    outcome: Outcome
    because: str
    checks: tuple[Check, ...] = ()
    indicator: Indicator = "info"
    status: Literal["silent", "active"] = "active"

    def check(self, id: str) -> Check | None:
        """The check of that id, if the rule got as far as making it."""
        return next((check for check in self.checks if check.id == id), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """All verdicts on one case, under one ruleset digest."""

    case: Case
    verdicts: tuple[Verdict, ...]
    digest: str

    @property
    def indicated(self) -> tuple[Verdict, ...]:
        """Verdicts of active rules that speak."""
        return tuple(v for v in self.verdicts if v.outcome is Outcome.INDICATED and v.status == "active")


@dataclass(frozen=True, slots=True)
class Card:
    """A card as returned, with what the ledger must know of it. `wire` is the CDS Hooks JSON object."""

    uuid: str
    topic: str
    rules: tuple[str, ...]  # the strongest first
    indicator: Indicator
    order: str
    study: str | None
    suggestion: str | None  # uuid
    wire: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the user did with one card. `comment` is PHI: it goes to the ledger alone."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_code: str | None = None
    reason_system: str | None = None
    comment: str | None = field(default=None, repr=False)


# --- JSON round trip ------------------------------------------------------------------------------------------------


@cache
def _converter() -> Any:
    """One cattrs converter, made on first use: the hot path never needs it."""
    from cattrs.preconf.orjson import make_converter

    return make_converter(omit_if_default=True)


def to_json(value: Any) -> bytes:
    """Any type of this module as canonical JSON (members sorted, defaults omitted)."""
    import orjson

    return orjson.dumps(_converter().unstructure(value), option=orjson.OPT_SORT_KEYS)


def from_json(cls: type[T], raw: bytes | str) -> T:
    """The inverse of `to_json`; raises `cattrs.BaseValidationError` when the JSON is not a `cls`."""
    import orjson

    result: T = _converter().structure(orjson.loads(raw), cls)
    return result
