"""Everything known about one draft order at one moment, and what could not be known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from cds_service.model.facts import Condition, Order, Patient, Procedure, Report, StageObservation, Study
from cds_service.model.quiet import Standing
from cds_service.model.reading import Gap


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
    effect: str = ""  # of that reason, when it was given (override-reasons.yaml)
    same_encounter: bool | None = None  # None: not known


@dataclass(frozen=True, slots=True)
class Link:
    """Which rungs tied the order to its study, and the study to its report.

    Each is one of order-reference | report-imaging-study | shared-based-on | accession | region-and-recency, or ""
    where there is no study, or no report.
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
    location: str | None = None  # where the encounter is, else who provides it: a reference
    study: Study | None = None
    report: Report | None = None
    second_read: Report | None = None  # the newest second read of the study, where it is younger than `report`
    link: Link | None = None
    studies: tuple[Study, ...] = ()
    reports: tuple[Report, ...] = ()  # all the others on file
    conditions: tuple[Condition, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    orders_on_file: tuple[Order, ...] = ()
    staging: tuple[StageObservation, ...] = ()
    history: tuple[PastCard, ...] = ()
    standings: tuple[Standing, ...] = ()  # what holds for a rule beside its file: the site's word, switches, arms
    exempt: str = ""  # what of the call the site has opted out: a user, an encounter's provider, a performer
    gaps: tuple[Gap, ...] = ()
    # order | study | report | patient -> the resource as received; empty unless a rule asks of it, and never archived
    raw: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def missing(self, what: str) -> Gap | None:
        """The first gap about `what` (a prefetch key or reference), or None: absence of data is then really absence."""
        return next((gap for gap in self.gaps if gap.what == what), None)
