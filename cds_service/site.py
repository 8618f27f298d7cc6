"""What a site knows of itself: who its readers are, which second reads it offers, and how its orders are keyed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from cds_service.model import EVERY_RULE, RuleStatus


@dataclass(frozen=True, slots=True)
class Offer:
    """One second read that the site offers: who does it, how long it takes, who gets the answer."""

    by: str = ""
    turnaround_hours: int | None = None  # None: as the rule says
    recipient: str = "the ordering clinician"


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """The status of one rule, or all, where everything that is given fits: client, tenant, place, group of users."""

    rule: str  # id, or EVERY_RULE
    status: RuleStatus
    why: str
    client: str = ""  # an `iss`
    tenant: str = ""
    place: str = ""  # a reference: the organization or location of the encounter or order
    group: str = ""

    @property
    def narrowness(self) -> int:
        """How much it asks: what names the rule goes before all else."""
        return sum(map(bool, (self.client, self.tenant, self.place, self.group))) + 10 * (self.rule != EVERY_RULE)

    def fits(self, client: str, tenant: str | None, involved: frozenset[str], groups: frozenset[str]) -> bool:
        """Whether it is about this call."""
        return (
            self.client in ("", client)
            and self.tenant in ("", tenant or "")
            and (not self.place or self.place in involved)
            and (not self.group or self.group in groups)
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """An experiment: in a share of the encounters, or for a share of the clinicians, a rule stays silent."""

    name: str
    rule: str  # id, or EVERY_RULE
    silent_percent: int
    why: str
    by: Literal["encounter", "clinician"] = "encounter"
    until: date | None = None  # the last day


@dataclass(frozen=True, slots=True)
class Site:
    """Site facts (decision 11). `offers` None: every subspecialty is offered on the usual terms."""

    label: str
    url: str | None = None  # absolute; where the source line of a card leads
    roster: dict[str, tuple[str, ...]] = field(default_factory=dict)  # reference or NPI -> subspecialty ids
    offers: Mapping[str, Offer] | None = None
    exempt: Mapping[str, date | None] = field(default_factory=dict)  # reference -> the last day, or None: until undone
    statuses: tuple[SiteStatus, ...] = ()
    arms: tuple[Arm, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)  # name -> references of users and places
    report_link: str = ""  # address of a report in the site's viewer; {id} stands for the report's id
    order_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # client -> subspecialty -> key

    def offer(self, subspecialty: str) -> Offer | None:
        """The terms of that second read, or None where the site does not offer it: then no card is returned."""
        return Offer() if self.offers is None else self.offers.get(subspecialty)

    def groups_of(self, references: Iterable[str]) -> frozenset[str]:
        """The groups in which one of these references is."""
        if not self.groups:
            return frozenset()
        here = set(references)
        return frozenset(name for name, members in self.groups.items() if members & here)

    def opted_out(self, references: Iterable[str], on: date) -> str:
        """The first of these references that the site has opted out on that day (X12), or ""."""
        for reference in references if self.exempt else ():
            if reference in self.exempt and (self.exempt[reference] is None or on <= (self.exempt[reference] or on)):
                return reference
        return ""
