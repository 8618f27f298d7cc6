"""What a site knows of itself: who its readers are, which second reads it offers, and how its orders are keyed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Offer:
    """One second read that the site offers: who does it, how long it takes, who gets the answer."""

    by: str = ""
    turnaround_hours: int | None = None  # None: as the rule says
    recipient: str = "the ordering clinician"


@dataclass(frozen=True, slots=True)
class Site:
    """Site facts (decision 11). `offers` None: every subspecialty is offered on the usual terms."""

    label: str
    url: str | None = None  # absolute; where the source line of a card leads
    roster: dict[str, tuple[str, ...]] = field(default_factory=dict)  # reference or NPI -> subspecialty ids
    offers: Mapping[str, Offer] | None = None
    exempt: Mapping[str, date | None] = field(default_factory=dict)  # reference -> the last day, or None: until undone
    report_link: str = ""  # address of a report in the site's viewer; {id} stands for the report's id
    order_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # client -> subspecialty -> key

    def offer(self, subspecialty: str) -> Offer | None:
        """The terms of that second read, or None where the site does not offer it: then no card is returned."""
        return Offer() if self.offers is None else self.offers.get(subspecialty)

    def opted_out(self, references: Iterable[str], on: date) -> str:
        """The first of these references that the site has opted out on that day (X12), or ""."""
        for reference in references if self.exempt else ():
            if reference in self.exempt and (self.exempt[reference] is None or on <= (self.exempt[reference] or on)):
                return reference
        return ""
