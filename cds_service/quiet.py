"""When a rule that is met stays silent: the site's statuses, switches, opt-outs, arms, and budgets. Pure.

What holds for a call is put together before anything is decided, as `Standing`s of the case; what a clinician or an
encounter has been given already is held against the limits afterwards. Either way the verdict says why it is silent.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from cds_service.model import (
    SESSION,
    AuthenticatedClient,
    Case,
    Decision,
    HookRequest,
    Outcome,
    Spent,
    Standing,
    State,
    Verdict,
)
from cds_service.site import Arm, Site, SiteStatus

Standings = Callable[[tuple[str, ...]], tuple[Standing, ...]]  # references of who signs, and where -> what holds


@dataclass(frozen=True, slots=True)
class Limits:
    """How many cards at most; 0: no limit. A repetition within a signing session counts against none of them."""

    per_response: int = 1
    per_clinician: int = 1  # in 24 hours
    per_encounter: int = 1


def standings_for(
    site: Site, state: State, request: HookRequest, client: AuthenticatedClient, now: datetime
) -> Standings | None:
    """What holds for an order of this call, once it is known who signs it and where; None where nothing can."""
    switched, opted = state.switched(now), state.opted_out(now)
    arms = [_arm(arm, request, client) for arm in site.arms if arm.until is None or now.date() <= arm.until]
    if not (switched or opted or arms or site.statuses):
        return None
    always = (*(Standing(each.rule, "silent", each.because) for each in switched), *arms)

    def standings(involved: tuple[str, ...]) -> tuple[Standing, ...]:
        groups = site.groups_of(involved)
        out = tuple(
            Standing(each.rule, "silent", "opt-out")
            for each in opted
            if (each.group and each.group in groups) or (each.reference and each.reference in involved)
        )
        return (*always, *out, *_site_statuses(site.statuses, client, frozenset(involved), groups))

    return standings


def _site_statuses(
    statuses: Iterable[SiteStatus], client: AuthenticatedClient, involved: frozenset[str], groups: frozenset[str]
) -> tuple[Standing, ...]:
    """For each rule named, the status that is told most narrowly; of equals the later line holds."""
    chosen: dict[str, tuple[int, SiteStatus]] = {}
    for each in statuses:
        if each.fits(client.id, client.tenant, involved, groups):
            known = chosen.get(each.rule)
            if known is None or each.narrowness >= known[0]:
                chosen[each.rule] = (each.narrowness, each)
    told = sorted(chosen.values(), key=lambda each: each[0])  # the narrowest last
    return tuple(Standing(each.rule, each.status, "site-status") for _, each in told)


def _arm(arm: Arm, request: HookRequest, client: AuthenticatedClient) -> Standing:
    """The arm by a hash, so that every machine and every call of one encounter finds the same."""
    unit = request.user_id if arm.by == "clinician" else request.encounter_id or request.patient_id
    seed = "\n".join((arm.name, client.id, client.tenant or "", unit))
    place = int.from_bytes(sha256(seed.encode()).digest()[:8]) % 10_000
    silent = place < arm.silent_percent * 100
    return Standing(arm.rule, "silent" if silent else None, "arm", f"{arm.name}:{'silent' if silent else 'shown'}")


def speaks_anew(decisions: Iterable[Decision]) -> bool:
    """Whether anything would be shown that is no repetition: only then budgets are asked for."""
    return any(not _repeats(decision.case, verdict) for decision in decisions for verdict in decision.indicated)


def within_limits(decisions: tuple[Decision, ...], spent: Spent, limits: Limits) -> tuple[Decision, ...]:
    """The decisions, with what goes beyond a budget silent and saying so."""
    if limits.per_encounter and spent.encounter >= limits.per_encounter:
        return tuple(_withheld(decision, "encounter-budget") for decision in decisions)
    if limits.per_clinician and spent.clinician >= limits.per_clinician:
        return tuple(_withheld(decision, "clinician-budget") for decision in decisions)
    return decisions


def most_cards(spent: Spent, limits: Limits) -> int:
    """How many cards this response may hold; at least one, for a repetition is always let through."""
    room = [limits.per_response]
    room += [limits.per_encounter - spent.encounter] if limits.per_encounter else []
    room += [limits.per_clinician - spent.clinician] if limits.per_clinician else []
    return max(1, min(room))


def _withheld(decision: Decision, because: str) -> Decision:
    def kept(verdict: Verdict) -> Verdict:
        speaks = verdict.outcome is Outcome.INDICATED and verdict.status == "active"
        if not speaks or _repeats(decision.case, verdict):
            return verdict
        return replace(verdict, status="silent", silent_because=because)

    return replace(decision, verdicts=tuple(kept(verdict) for verdict in decision.verdicts))


def _repeats(case: Case, verdict: Verdict) -> bool:
    """The same rule spoke on this study and order within the signing session (decision 8)."""
    study = case.study.reference if case.study else None
    return any(
        past.study == study
        and past.order == case.order.reference
        and verdict.rule in past.rules
        and case.as_of - past.returned < SESSION
        for past in case.history
    )
