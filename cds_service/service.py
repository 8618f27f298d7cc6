"""The story of one call: triage, gather, read, decide, word, record; and `decide_case`, which replays share."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from cds_service import gather, quiet, reading, rules, telemetry
from cds_service.cards import build_cards, not_offered, profile_of
from cds_service.content import Content
from cds_service.errors import LedgerUnavailable, PrefetchRequired
from cds_service.gather import Deadline, FhirReader, Pacs
from cds_service.gather.prefetch import REQUIRED
from cds_service.ledger import Ledger
from cds_service.model import AuthenticatedClient, Card, Case, Decision, HookRequest, Outcome, PastCard, Spent

_ENDED_EARLY = (Outcome.EXCLUDED, Outcome.NOT_INDICATED)


def answer(
    request: HookRequest,
    client: AuthenticatedClient,
    *,
    content: Content,
    fhir: FhirReader | None,
    ledger: Ledger,
    deadline: Deadline,
    now: datetime,
    new_uuid: Callable[[], str],
    count_missed: Callable[[gather.Missed], None] | None = None,
    pacs: Pacs | None = None,
    limits: quiet.Limits = quiet.Limits(),  # noqa: B008  a frozen value
) -> tuple[Card, ...]:
    """Answer one order-sign call: at most one card, always a ledger entry.

    Raises `PrefetchRequired` when no relevant order could be decided for lack of prefetch and nothing could be read.
    """
    basket = gather.orders(request, content.value_sets)  # triage: most calls end here
    if count_missed:
        count_missed(gather.missed_orders(basket))
    if not basket.relevant:
        telemetry.count_gaps(basket.gaps)
        ledger.count_irrelevant(client)
        telemetry.count_irrelevant()
        return ()
    watch = Stopwatch()
    settled: dict[int, tuple[Case, Settled]] = {}  # by identity: a case that gathering changes is another one

    def is_settled(case: Case) -> bool:
        found = settle(case, content)
        settled[id(case)] = case, found
        return found.decision is not None

    cases = gather.cases(
        request,
        basket,
        content=content,
        fhir=fhir,
        issuer=client.id,
        deadline=deadline,
        now=now,
        history=lambda studies, orders: _history(ledger, client, request, studies, orders),
        pacs=pacs,
        standings=quiet.standings_for(content.site, ledger.state, request, client, now),
        settled=is_settled,
    )
    watch.lap("gather")
    decisions = tuple(
        decide_case(case, content, settled[id(case)][1] if id(case) in settled else None) for case in cases
    )
    decisions, most = _limited(decisions, ledger, client, request, limits)
    watch.lap("decide")
    cards = build_cards(
        decisions,
        content.rules.speech,
        content.words,
        client=profile_of(content.words.clients, client, request),
        user=request.user_id,
        now=now,
        new_uuid=new_uuid,
        most=most,
    )
    if request.selections is not None:
        cards = tuple(replace(card, passive=True) for card in cards)
    watch.lap("word")
    ledger.record(request, client, decisions, cards, watch.millis)
    _measure(decisions, content, watch.millis)
    if not cards and request.selections is None:  # while ordering, nobody waits for advice: silence
        _demand_prefetch(decisions)
    return cards


def _history(
    ledger: Ledger,
    client: AuthenticatedClient,
    request: HookRequest,
    studies: tuple[str, ...],
    orders: tuple[str, ...],
) -> tuple[PastCard, ...] | None:
    """Earlier cards for this patient, or None where the ledger is lost: that is counted and is a gap of the case, since
    a card that nobody can look up is not a card that was never given; it never costs the surgeon the answer."""
    try:
        return ledger.history(client, request.patient_id, studies, orders, request.encounter_id)
    except LedgerUnavailable:
        telemetry.count_ledger_loss()
        return None


def _limited(
    decisions: tuple[Decision, ...],
    ledger: Ledger,
    client: AuthenticatedClient,
    request: HookRequest,
    limits: quiet.Limits,
) -> tuple[tuple[Decision, ...], int]:
    """The decisions within the budgets of clinician and encounter, and how many cards may be returned."""
    if not (limits.per_clinician or limits.per_encounter) or not quiet.speaks_anew(decisions):
        return decisions, limits.per_response
    try:
        spent = ledger.spent(client, request.user_id, request.encounter_id)
    except LedgerUnavailable:
        telemetry.count_ledger_loss()
        spent = Spent()
    return quiet.within_limits(decisions, spent, limits), quiet.most_cards(spent, limits)


def _measure(decisions: tuple[Decision, ...], content: Content, millis: dict[str, float]) -> None:
    telemetry.count_gaps(gap for gap in dict.fromkeys(g for d in decisions for g in d.case.gaps))
    telemetry.observe_stages(millis)
    for verdict in (v for d in decisions for v in d.verdicts if v.outcome is Outcome.ERROR):
        telemetry.count_rule_error(verdict.rule, verdict.because)
    for silent in (v for d in decisions for v in d.verdicts if v.outcome is Outcome.INDICATED and v.silent_because):
        telemetry.count_silent(silent.rule, silent.silent_because)
    for subspecialty in not_offered(decisions, content.rules.speech, content.words):
        telemetry.count_not_offered(subspecialty)


class Settled(NamedTuple):
    """What request and prefetch say of a case: the decision where they suffice, and every check made for it."""

    decision: Decision | None
    known: rules.Known


def settle(case: Case, content: Content) -> Settled:
    """Exclusions and criteria that need no report, tried before anything is read."""
    known: rules.Known = {}
    return Settled(rules.settle(case, content.rules, content.routing, known), known)


def decide_case(case: Case, content: Content, settled: Settled | None = None) -> Decision:
    """Every relevant rule on one case. Exclusions that need no report come first; only then is the report read.

    `settled`: what `settle` found on this very case before.
    """
    decision, known = settled or settle(case, content)
    return decision or rules.decide(read_case(case, content), content.rules, content.routing, known)


def read_case(case: Case, content: Content) -> Case:
    """The case with its basis report read, and the second read of it; reading the same words again is a look-up."""
    if case.report is None or case.report.reading is not None:
        return case
    found = reading.read(case.report.parts, content.lexicon)
    case = replace(case, report=replace(case.report, reading=found), gaps=case.gaps + found.gaps)
    if case.second_read is None:
        return case
    again = reading.read(case.second_read.parts, content.lexicon)
    return replace(case, second_read=replace(case.second_read, reading=again))


def _demand_prefetch(decisions: tuple[Decision, ...]) -> None:
    """412 only if no relevant order could be decided and nothing could be read (decision 7)."""
    outcomes = {v.outcome for d in decisions for v in d.verdicts}
    if not outcomes or outcomes - {Outcome.UNDETERMINED}:
        return
    gaps = tuple(gap for decision in decisions for gap in decision.case.gaps)
    unreadable = next((gap.why for gap in gaps if gap.what == "fhirServer"), None)
    keys = tuple(key for key in REQUIRED if any(gap.what == key for gap in gaps))
    if unreadable and keys:
        raise PrefetchRequired(keys, unreadable)


class Stopwatch:
    """Milliseconds by stage."""

    __slots__ = ("_last", "millis")

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.millis: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """End one stage."""
        now = time.perf_counter()
        self.millis[stage] = (now - self._last) * 1000
        self._last = now
