"""What keeps a rule quiet beside its file: passed in as fields of a case, so that deciding stays pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

RuleStatus = Literal["draft", "silent", "active", "retired"]
Effect = Literal["quiet-for-study", "quiet-for-encounter", "quiet-for-30-days", "review"]
SESSION = timedelta(hours=12)  # one signing session: the same decision returns the same card (decision 8)
EVERY_RULE = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for one rule on this call. `status` None: nothing is changed, only the arm is told."""

    rule: str  # id, or EVERY_RULE
    status: RuleStatus | None
    because: str  # site-status | switched-off | rule-budget | opt-out | arm
    arm: str = ""  # `<experiment>:shown` or `<experiment>:silent`

    def of(self, rule: str) -> bool:
        """Whether it is about that rule."""
        return self.rule in (EVERY_RULE, rule)


@dataclass(frozen=True, slots=True)
class Switch:
    """One rule, or every rule, switched off by a person, or silent because it spoke more often than its budget."""

    rule: str  # id, or EVERY_RULE
    because: Literal["switched-off", "rule-budget"]
    by: str
    reason: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A user, a place or a group of the site's that is not shown one rule, or any, for a time."""

    id: str
    rule: str  # id, or EVERY_RULE
    owner: str
    reason: str
    since: datetime
    until: datetime
    group: str = ""  # a group of site.yaml; or
    reference: str = ""  # a user, an organization, a location


@dataclass(frozen=True, slots=True)
class State:
    """The operational state at one moment, as rows say (decision 12)."""

    switches: tuple[Switch, ...] = ()
    opt_outs: tuple[OptOut, ...] = ()

    def switched(self, now: datetime) -> tuple[Switch, ...]:
        """The switches in force."""
        return tuple(each for each in self.switches if each.until is None or now < each.until)

    def opted_out(self, now: datetime) -> tuple[OptOut, ...]:
        """The opt-outs in force."""
        return tuple(each for each in self.opt_outs if now < each.until)


@dataclass(frozen=True, slots=True)
class Spent:
    """How many cards one clinician was given in the last 24 hours, and how many one encounter has seen."""

    clinician: int = 0
    encounter: int = 0
