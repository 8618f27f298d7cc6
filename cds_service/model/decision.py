"""What rules say: truth, checks, verdicts, the decision, and how a rule speaks on a card."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from cds_service.model.call import Indicator
from cds_service.model.case import Case
from cds_service.model.facts import Coding
from cds_service.model.reading import Finding, Gap

CardOffer = Literal["second-read", "complete-study", "notice"]


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
    concern: str  # what the rule is about: spine | staging | lesion | …; an override sticks to it
    rank: int  # the strongest of several that fire has the lowest rank
    summary: str
    why: str  # the first bullet
    question: str  # the decision question put to the second reader
    reason: str  # one clause, used when another rule of the concern leads
    evidence: tuple[str, ...] = ()  # ids of cards/evidence.yaml, first fitting one is shown
    route: str | None = None  # subspecialty id, or None: by organ and region, or by the region of the verdict
    turnaround_hours: int = 24
    override_reasons: tuple[str, ...] = ()
    offer: CardOffer = "second-read"  # what one click orders; a notice orders nothing (decision 18)


SLOTS: dict[str, int] = {  # slot -> longest value in characters; the closed list of what a rule's texts may hold
    "order": 40,  # what is being signed: `Lumbar spinal fusion`
    "study": 40,  # `lumbar MRI of 3 Nov 2026`
    "quote": 120,  # literal words of the report
    "section": 14,
    "severity": 8,
    "level": 14,
    "category": 16,  # `Lung-RADS 4B`
    "subspecialty": 30,
    "turnaround": 16,
}


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
    region: str | None = None  # that of the lesion, where the rule is about one outside the organ under treatment
    silent_because: str = (
        ""  # rule-file | review-overdue | because of a `Standing` | clinician-budget | encounter-budget
    )
    arm: str = ""  # of an experiment of the site's: `<name>:shown` or `<name>:silent`

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
