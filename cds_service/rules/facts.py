"""Plain accessors over a case, and the answers that need no words of their own."""

from collections.abc import Iterable
from datetime import timedelta

from cds_service.model import Case, Condition, Finding, Gap, Member, Truth
from cds_service.rules.rule import Answer

YES, NO, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
Pairs = frozenset[tuple[str, str]]

ACTIVE = ("active", "recurrence", "relapse", "")  # clinical status; one that is not stated counts as active
SUSPECTED = ("unconfirmed", "provisional", "differential")
REFUTED = ("refuted", "entered-in-error")


def yes(because: str = "", finding: Finding | None = None) -> Answer:
    """It is so."""
    return (YES, because, finding, None)


def no(because: str = "", finding: Finding | None = None) -> Answer:
    """It is not so."""
    return (NO, because, finding, None)


def unknown(because: str = "", gap: Gap | None = None) -> Answer:
    """We cannot tell, and why."""
    return (UNKNOWN, because, None, gap)


def absent(case: Case, because: str, *keys: str) -> Answer:
    """Nothing was found: false where the record is complete, unknown where a gap about one of the keys is open."""
    if case.gaps:
        for key in keys:
            gap = case.missing(key)
            if gap is not None:
                return (UNKNOWN, because, None, gap)
    return (NO, because, None, None)


def holds(members: Iterable[Member], pairs: Pairs) -> Member | None:
    """The first member of one of the (value set, group) pairs."""
    for member in members:
        if (member.value_set, member.group) in pairs:
            return member
    return None


def is_active(condition: Condition) -> bool:
    """On the problem list now, and neither refuted nor entered in error."""
    return condition.clinical in ACTIVE and condition.verification not in REFUTED


def days(length: timedelta) -> str:
    """`90 days`, `24 hours`: as a sentence of a rule says it."""
    hours = length.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours % 24 == 0 and hours > 72 else f"{hours:g} hours"
