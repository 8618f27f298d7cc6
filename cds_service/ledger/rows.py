"""From what was decided to the rows of the ledger: pure, and the one place that says what is kept and what is not.

Kept of a check: its id, truth and role, the id of the lexicon phrase that matched and its offsets, and the gap it met.
Not kept: quotes, report text, `Check.because`, names, tokens, orders' words, identifiers other than as keyed hashes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from cds_service.ledger.keys import Keyring, keyed_hash, normal_patient, normal_reference
from cds_service.model import (
    SESSION,
    AuthenticatedClient,
    Card,
    Check,
    Decision,
    Feedback,
    Gap,
    HookRequest,
    Outcome,
    PastCard,
    Verdict,
)

Row = dict[str, Any]
OUTCOMES = ("card", "error", "undetermined", "indicated", "excluded", "not-indicated", "none")  # the first that fits
LONGEST_SENTENCE = 300
LONGEST_CODE = 200
MOST_PLAIN_CHECKS = 10_000
_plain_checks: dict[str, str] = {}
USER_KIND = re.compile(r"Practitioner|PractitionerRole|Patient|RelatedPerson")
SLUG = re.compile(r"[a-z0-9][a-z0-9:._-]{0,63}")
ERROR_NAME = re.compile(r"[A-Z][A-Za-z]{0,60}(?:Error|Exception|Timeout)")


class CallOrder(NamedTuple):
    """What is kept of one decision between answering and writing: no case, no report, no prefetch."""

    order: str
    study: str | None
    kind: str
    code: str
    recognised_by: str
    linked_by: str
    verdicts: tuple[Verdict, ...]
    gaps: tuple[Gap, ...]
    digest: str


class CallCard(NamedTuple):
    """What is kept of one card: not its words."""

    uuid: str
    topic: str
    study: str | None
    order: str
    rules: tuple[str, ...]
    indicator: str
    repeated: bool
    at: datetime
    encounter: str | None = None


class Call(NamedTuple):
    """One relevant call on its way to the writer; small, so that a full queue is a few megabytes."""

    call: int
    hook_instance: str
    patient_id: str
    client: str
    at: datetime
    orders: tuple[CallOrder, ...]
    cards: tuple[CallCard, ...]
    millis: tuple[tuple[str, float], ...]
    encounter_id: str | None = None
    user: str = ""
    location: str | None = None


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: one width, so that text order is time order."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def client_name(client: AuthenticatedClient) -> str:
    """Who called, as the ledger writes it: two tenants behind one issuer are two clients."""
    return client.id if client.tenant is None else f"{client.id}#{client.tenant}"


def patient_hash(key: bytes, client: str, patient_id: str) -> str:
    """A patient is a patient of one client: the same id in two EHRs is two people."""
    return keyed_hash(key, "patient", client, normal_patient(patient_id))


def reference_hash(key: bytes, kind: str, client: str, reference: str) -> str:
    """An order or a study of one client, however it is spelled."""
    return keyed_hash(key, kind, client, normal_reference(reference))


def encounter_hash(key: bytes, client: str, encounter_id: str | None) -> str | None:
    """One encounter of one client; None where there is none."""
    return reference_hash(key, "encounter", client, f"Encounter/{encounter_id}") if encounter_id else None


def hook_hash(key: bytes, hook_instance: str) -> str:
    """One hook instance."""
    return keyed_hash(key, "hook", hook_instance)


def keep(
    call: int,
    request: HookRequest,
    client: str,
    at: datetime,
    decisions: Sequence[Decision],
    cards: Sequence[Card],
    millis: Mapping[str, float],
) -> Call:
    """Let go of everything large or confidential before the call waits in the queue."""
    orders = tuple(
        CallOrder(
            order=decision.case.order.reference,
            study=decision.case.study.reference if decision.case.study else None,
            kind=decision.case.order.kind,
            code=f"{member.system}|{member.code}" if (member := next(iter(decision.case.order.members), None)) else "",
            recognised_by=member.matched_by if member else "",
            linked_by=f"{link.rung} {link.report_rung}".strip() if (link := decision.case.link) else "",
            verdicts=decision.verdicts,
            gaps=decision.case.gaps,
            digest=decision.digest,
        )
        for decision in decisions
    )
    kept = tuple([keep_card(card, decisions, at, request.encounter_id) for card in cards])
    return Call(
        call,
        request.hook_instance,
        request.patient_id,
        client,
        at,
        orders,
        kept,
        tuple(millis.items()),
        encounter_id=request.encounter_id,
        user=request.user_id,
        location=decisions[0].case.location if decisions else None,
    )


def keep_card(card: Card, decisions: Sequence[Decision], at: datetime, encounter: str | None = None) -> CallCard:
    """What is kept of one card; `repeated` where it starts no cool-down: known to the case already, or passive."""
    known = decisions[0].case.history if decisions else ()
    repeated = card.passive or _repeats(card, known, at)
    return CallCard(card.uuid, card.topic, card.study, card.order, card.rules, card.indicator, repeated, at, encounter)


def _repeats(card: Card, known: Iterable[PastCard], at: datetime) -> bool:
    return any(
        past.topic == card.topic
        and past.order == card.order
        and past.study == card.study
        and past.rules == card.rules
        and at - past.returned < SESSION
        for past in known
    )


class Written(NamedTuple):
    """One call as rows of the tables."""

    call: Row
    verdicts: list[Row]
    cards: list[Row]


def written(keys: Keyring, call: Call) -> Written:
    """The rows of one call, its verdicts and its cards; done on the writer's thread."""
    key = keys.current
    day = call.at.astimezone(UTC).date().isoformat()
    hook = hook_hash(key, call.hook_instance)
    hashes: dict[tuple[str, str | None], str | None] = {("study", None): None}

    def hashed(kind: str, reference: str | None) -> str | None:
        if (kind, reference) not in hashes:
            hashes[kind, reference] = reference_hash(key, kind, call.client, reference or "")
        return hashes[kind, reference]

    verdicts = [
        {
            "call": call.call,
            "hook_hash": hook,
            "day": day,
            "position": position,
            "order_hash": hashed("order", order.order),
            "study_hash": hashed("study", order.study),
            "rule": verdict.rule,
            "version": verdict.version,
            "status": verdict.status,
            "outcome": verdict.outcome.value,
            "because": _because(verdict),
            "says": _says(verdict),
            "indicator": verdict.indicator,
            "recognised_by": order.recognised_by,
            "linked_by": order.linked_by,
            "checks": "[" + ",".join([_check(check) for check in verdict.checks]) + "]",
            "digest": order.digest,
            "kind": order.kind,
            "code": order.code or None,
            "silent_because": verdict.silent_because or None,
            "arm": verdict.arm or None,
        }
        for position, order in enumerate(call.orders)
        for verdict in order.verdicts
    ]
    patient = patient_hash(key, call.client, call.patient_id) if call.cards else None
    encounter = encounter_hash(key, call.client, call.encounter_id)
    user = hashed("user", call.user) if call.user else None
    cards = [
        {
            "uuid": card.uuid,
            "call": call.call,
            "client": call.client,
            "patient_hash": patient,
            "study_hash": hashed("study", card.study),
            "order_hash": hashed("order", card.order),
            "topic": card.topic,
            "rules": " ".join(card.rules),
            "indicator": card.indicator,
            "repeated": int(card.repeated),
            "returned_at": instant(call.at),
            "encounter_hash": encounter,
            "user_hash": user,
        }
        for card in call.cards
    ]
    gaps = Counter(f"{_gap_place(gap)} {gap.why}" for order in call.orders for gap in order.gaps)
    outcomes = {verdict["outcome"] for verdict in verdicts}
    row = {
        "call": call.call,
        "hook_hash": hook,
        "client": call.client,
        "day": day,
        "outcome": "card" if cards else next((outcome for outcome in OUTCOMES if outcome in outcomes), "none"),
        "orders": len(call.orders),
        "cards": len(cards),
        "gaps": orjson.dumps(gaps).decode() if gaps else "{}",
        "millis": orjson.dumps({stage: round(value, 3) for stage, value in call.millis}).decode(),
        "digest": call.orders[0].digest if call.orders else "",
        "encounter_hash": encounter,
        "user_kind": _user_kind(call.user),
        "user_hash": user,
        "user_sealed": keys.seal(call.user, "calls.user"),
        "location_sealed": keys.seal(call.location, "calls.location"),
    }
    return Written(row, verdicts, cards)


def _says(verdict: Verdict) -> str:
    decided = verdict.check(verdict.because)
    return decided.says[:LONGEST_SENTENCE] if decided else ""


def _because(verdict: Verdict) -> str:
    """An id, or the name of an error: an error's own words may hold what it choked on, and that may be anything."""
    if verdict.outcome is Outcome.ERROR:
        word = verdict.because
        return word if ERROR_NAME.fullmatch(word) or verdict.check(word) else "error"
    return verdict.because if SLUG.fullmatch(verdict.because) else ""


def _check(check: Check) -> str:
    """One check as JSON. Most are neither a finding nor a gap, and the same few come again and again."""
    if check.finding is None and check.gap is None:
        name = " ".join((check.role, check.truth, check.id))
        known = _plain_checks.get(name)
        if known is None:
            known = orjson.dumps({"id": check.id, "truth": check.truth, "role": check.role}).decode()
            if len(_plain_checks) < MOST_PLAIN_CHECKS:
                _plain_checks[name] = known
        return known
    kept: Row = {"id": check.id, "truth": check.truth, "role": check.role}
    if check.finding is not None:
        kept["phrase"] = check.finding.phrase or check.finding.concept
        kept["at"] = check.finding.mention
    if check.gap is not None:
        kept["gap"] = f"{_gap_place(check.gap)} {check.gap.why}"
    return orjson.dumps(kept).decode()


def _gap_place(gap: Gap) -> str:
    """A prefetch key as it is; of a reference only the resource type, because its id is the patient's."""
    place = normal_reference(gap.what).split("/", 1)[0]
    return place if len(place) <= LONGEST_SENTENCE and place.isalnum() else "other"


def _user_kind(user: str) -> str | None:
    """The resource type of a user, which says in what role somebody signs; nothing of who it is."""
    kind = normal_reference(user).split("/", 1)[0]
    return kind if USER_KIND.fullmatch(kind) else None


def feedback_row(keys: Keyring, client: str, item: Feedback, received: datetime) -> Row:
    """The row of one feedback item; its digest makes a repetition recognisable, `patient_hash` is added in writing."""
    at = instant(item.at)
    suggestions = orjson.dumps(item.suggestions).decode()
    reason = (item.reason_code or "")[:LONGEST_CODE]
    system = (item.reason_system or "")[:LONGEST_CODE]
    return {
        "digest": keyed_hash(
            keys.current, "feedback", client, item.card, item.outcome, at, suggestions, reason, system
        ),
        "card": item.card,
        "client": client,
        "patient_hash": None,
        "outcome": item.outcome,
        "at": at,
        "received_at": instant(received),
        "reason_code": reason or None,
        "reason_system": system or None,
        "suggestions": suggestions,
        "comment_sealed": keys.seal(item.comment, "feedback.comment"),
        "effect": item.effect or None,
    }
