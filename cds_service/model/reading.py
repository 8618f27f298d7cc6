"""What a report is made of and what was read in it. A `Finding` points into the text, always literally."""

from dataclasses import dataclass, field
from typing import Literal

Assertion = Literal["present", "absent", "uncertain", "historical", "hypothetical", "family", "indication"]
Severity = Literal["mild", "moderate", "severe"]
Side = Literal["left", "right", "bilateral"]
Suspicion = Literal["suspicious", "indeterminate", "benign"]
Trend = Literal["new", "larger", "stable", "smaller", "resolved"]
SectionKind = Literal[
    "header", "indication", "history", "technique", "comparison", "findings", "impression", "recommendation",
    "addendum", "communication", "other",
]  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")


@dataclass(frozen=True, slots=True)
class Gap:
    """Something we could not know, and why. `what` is a prefetch key or a reference; never patient data beyond ids.

    `why`: prefetch-omitted | prefetch-null | prefetch-failed | unreadable | no-fhir-server | server-not-allowed |
    scope-missing | token-refused | fhir-refused | fhir-not-found | fhir-rejected | fhir-busy | fhir-failed |
    fhir-timeout | fhir-too-large | circuit-open | page-missing | foreign-origin | wrong-patient | restricted |
    ledger-unavailable | language-unsupported | no-narrative, and of an attachment or a text (docs/reading.md):
    attachment-unsupported | attachment-unreadable | attachment-encrypted | attachment-scanned | attachment-too-large |
    attachment-too-long | text-too-long | sentence-too-long | too-many-mentions | reading-too-slow
    """

    what: str
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReportPart:
    """One rendering of a report as it was sent; `content` is text, or bytes whose type is to be sniffed."""

    origin: str  # conclusion | conclusionCode | presentedForm | text | result
    content: str | bytes = field(repr=False)
    content_type: str = ""
    language: str = ""
    heading: str = ""  # under which the sender's structure puts it: `IMPRESSION`, `ADDENDUM`


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a report under one heading; offsets into `Reading.text`."""

    kind: SectionKind
    heading: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class StatedStage:
    """The parts of one stated stage as written, without its prefix: `cT2 N0 M1a` is T2, N0, M1a; AJCC or FIGO."""

    t: str | None = None
    n: str | None = None
    m: str | None = None
    group: str | None = None  # `IIIA`
    scheme: Literal["AJCC", "FIGO"] | None = None


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
    size_mm: float | None = None  # largest axis
    prior_size_mm: float | None = None
    trend: Trend | None = None
    suspicion: Suspicion | None = None  # of a lesion, by words
    system: str | None = None  # rads: `BI-RADS`, `Lung-RADS`, …; tnm: c | p
    value: str | None = None  # rads: `4B`; tnm: `cT2 N0 M1a`; others: what the phrase or number says, such as grade `2`
    flag: Literal["high", "intermediate", "limited", "benign"] | None = None  # of a RADS category
    regions: tuple[str, ...] = ()  # body regions that the clause names, where it names one
    axes_mm: tuple[float, ...] = ()  # every axis of the size, as written
    organs: tuple[str, ...] = ()  # organs that the sentence or the head of its line names, such as `adrenal`
    vertebrae: tuple[str, ...] = ()  # single vertebrae that the sentence names, such as `L3` of a fracture
    incidental: bool = False  # the sentence calls it incidental
    site: str | None = None  # what a category is of: NI-RADS `primary` | `neck`, C-RADS `colonic` | `extracolonic`
    modifiers: tuple[str, ...] = ()  # of a category: CAD-RADS `P3`, `S`; Lung-RADS `S`
    stage: StatedStage | None = None  # parts of a tnm finding
    versus: tuple[str, ...] = ()  # concepts that the sentence holds against this one: `recurrence versus necrosis`
    date: str | None = None  # of a comparison, as YYYY-MM-DD, YYYY-MM or YYYY
    overridden: bool = False  # rads, tnm: a stronger section, or a higher value of the same section, speaks for it


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two asserted findings of one report that cannot both be right; the places are indexes of `Reading.findings`."""

    kind: Literal["side", "presence", "severity", "category"]
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one report's renderings."""

    text: str = field(repr=False)
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    examined: tuple[str, ...] = ()  # regions that the title of the report names, where it names one
    digest: str = ""  # of the renderings and the lexicon: same input, same reading
