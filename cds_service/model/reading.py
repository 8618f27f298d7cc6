"""What a report is made of and what was read in it. A `Finding` points into the text, always literally."""

from dataclasses import dataclass, field
from typing import Literal

Assertion = Literal["present", "absent", "uncertain", "historical", "hypothetical", "family", "indication"]
Severity = Literal["mild", "moderate", "severe"]
Side = Literal["left", "right", "bilateral"]
Suspicion = Literal["suspicious", "indeterminate", "benign"]
SectionKind = Literal[
    "header", "indication", "history", "technique", "comparison", "findings", "impression", "recommendation",
    "addendum", "communication", "other",
]  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")


@dataclass(frozen=True, slots=True)
class Gap:
    """Something we could not know, and why. `what` is a prefetch key or a reference; never patient data beyond ids.

    `why`: prefetch-omitted | prefetch-null | prefetch-failed | unreadable | no-fhir-server | server-not-allowed |
    fhir-refused | fhir-not-found | fhir-failed | fhir-timeout | fhir-too-large | page-missing | foreign-origin |
    wrong-patient | restricted | attachment-unsupported | attachment-unreadable | language-unsupported | no-narrative |
    reading-limit
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
