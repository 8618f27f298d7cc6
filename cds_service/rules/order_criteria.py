"""Criteria about the order, its encounter, its timing and what was ordered before."""

import re
from datetime import timedelta
from typing import Any

from cds_service.model import Order, PastCard, Truth
from cds_service.rules.facts import absent, holds, no, unknown, yes
from cds_service.rules.rule import Answer, Facts, Question

_INPATIENT = ("ICD10PCS", "icd-10-pcs", "icd10PCS", "http://www.cms.gov/Medicare/Coding/ICD10")
_REVISION = re.compile(r"\b(?:revis|redo\b)", re.IGNORECASE)

_ALSO_SPELT = {"palliative": ("palliation",), "neoadjuvant": ("neo-adjuvant",)}


def order(fields: dict[str, Any]) -> Question:
    """The order is of these codes, status, priority, intent and timing: all that are given."""
    pairs, cancer = fields.get("in"), fields.get("needs_cancer")
    kinds, statuses, priorities = fields.get("kind"), fields.get("status"), fields.get("priority")
    intents = {spelling for word in fields.get("intents", ()) for spelling in (word, *_ALSO_SPELT.get(word, ()))}
    soon, late = fields.get("start_within"), fields.get("start_after")
    inpatient, words = fields.get("inpatient_code"), word_pattern(fields.get("words"))
    cycle, renewal, regions = fields.get("min_cycle"), fields.get("renewal"), fields.get("region")

    def ask(facts: Facts) -> Answer:
        order = facts.case.order
        if kinds and order.kind not in kinds:
            return no("another kind of order")
        if pairs is not None and not any(
            (m.value_set, m.group) in pairs and (cancer is None or m.needs_cancer is cancer) for m in order.members
        ):
            return no("another code")
        if statuses and order.status not in statuses:
            return no("another status")
        if priorities and (order.priority or "routine") not in priorities:
            return no("another priority")
        if inpatient is not None and inpatient is not any(m.system.endswith(_INPATIENT) for m in order.members):
            return no("another coding system")
        if words and not words.search(_words_of(facts)):
            return no("the order does not say so")
        if regions and order.region not in regions:
            return no("another region") if order.region else unknown("the order names no region")
        if cycle is not None and (order.cycle is None or order.cycle < cycle):
            return no("an earlier cycle, or none stated")
        if renewal is not None and renewal is not order.renewal:
            return no("a new order" if renewal else "a renewal")
        if intents and not intents & set(order.intents):
            return no("another intent") if order.intents else unknown("no intent is stated")
        if soon is not None or late is not None:
            if order.start is None:
                return unknown("no planned start is stated")
            ahead = order.start - facts.case.as_of
            if (soon is not None and ahead >= soon) or (late is not None and ahead < late):
                return no("another planned start")
        # Which of code, local map, ingredient and text recognised the order belongs to the explanation.
        return yes(f"recognised by {order.members[0].matched_by}") if pairs is not None and order.members else yes()

    return ask


def encounter(fields: dict[str, Any]) -> Question:
    """The encounter is of one of these classes."""
    classes = frozenset(fields["class"])

    def ask(facts: Facts) -> Answer:
        given = facts.case.encounter_class
        if given is None:
            return unknown("the class of the encounter is not known", facts.case.missing("encounter"))
        return yes("class of the encounter") if given in classes else no("another class of encounter")

    return ask


def rule(fields: dict[str, Any]) -> Question:
    """The rule that asks is of this concern: for exclusions that mean something else to another."""
    concerns = frozenset(fields["concern"])

    def ask(facts: Facts) -> Answer:
        return yes() if facts.rule.concern in concerns else no("a rule of another concern")

    return ask


def lead_time(fields: dict[str, Any]) -> Question:
    """The treatment starts before a second read could be back."""
    under: timedelta | None = fields.get("under")

    def ask(facts: Facts) -> Answer:
        start = facts.case.order.start
        if start is None:
            return unknown("no planned start is stated")
        soon = start - facts.case.as_of < (under or facts.rule.turnaround)
        return yes("the start is nearer than that") if soon else no("there is time")

    return ask


def repeat(fields: dict[str, Any]) -> Question:
    """Not a first decision: a renewal, a later cycle, a revision, an unchanged re-sign, or the same already active."""
    within: timedelta = fields["within"]
    session: timedelta = fields["session"]
    same_code = fields.get("same_code", False)

    def ask(facts: Facts) -> Answer:
        case, order = facts.case, facts.case.order
        if any(past.order == order.reference and case.as_of - past.returned < session for past in case.history):
            return no("the same signing session")
        if order.renewal:
            return yes("already active, signed again unchanged")
        if order.cycle is not None and order.cycle >= 2:
            return yes("cycle two or later")
        if any(m.group == "revision" for m in order.members) or _REVISION.search(_words_of(facts)):
            return yes("a revision")
        since = case.as_of - within
        for earlier in case.orders_on_file:
            if earlier.reference != order.reference and _same_course(order, earlier, since, same_code):
                return yes("the same treatment is already on file")
        if order.kind == "systemic-therapy":
            return absent(case, "nothing of the kind on file", "medicationRequests", "serviceRequests")
        return absent(case, "nothing of the kind on file", "serviceRequests")

    return ask


def _same_course(order: Order, earlier: Order, since: Any, same_code: bool) -> bool:
    if order.kind != earlier.kind:
        return False
    if order.kind == "surgery":
        mine = {(m.value_set, m.group) for m in order.members}
        return (
            earlier.status == "active"
            and any((m.value_set, m.group) in mine for m in earlier.members)
            and _agree(order.region, earlier.region)
            and _agree(order.side, earlier.side)
            and (not order.levels or not earlier.levels or bool(set(order.levels) & set(earlier.levels)))
        )
    if earlier.status not in ("active", "completed") or (earlier.authored is not None and earlier.authored < since):
        return False
    if order.kind == "systemic-therapy" and same_code:
        return bool({m.code for m in order.members} & {m.code for m in earlier.members})
    if order.kind == "systemic-therapy":
        return any(member.group != "endocrine" for member in earlier.members)
    return _agree(order.region, earlier.region)


def history(fields: dict[str, Any]) -> Question:
    """A card on this study was given not long ago (decision 8); the same order in one session gets it again."""
    session, answered, returned = fields["session"], fields["answered"], fields["returned"]

    def ask(facts: Facts) -> Answer:
        case = facts.case
        study = case.study.reference if case.study else None
        for past in case.history:
            if because := _beyond_its_study(past, facts):
                return yes(because)
            # Where there is no study, a card of this rule that was about none is what the study's card would be.
            if past.study != study or (study is None and facts.rule.id not in past.rules):
                continue
            age = case.as_of - past.returned
            if age < session and past.order in (case.order.reference, None):
                continue
            if past.outcome == "returned":
                if age < returned:
                    return yes("a card on this study was returned not long ago")
            elif case.as_of - (past.outcome_at or past.returned) < answered:
                return yes("a card on this study was answered not long ago")
        return absent(case, "no card on this study", "history")

    return ask


DECLINED = timedelta(days=30)  # `quiet-for-30-days`


def _beyond_its_study(past: PastCard, facts: Facts) -> str:
    """Why an override reason keeps this rule quiet whatever the study is, or "".

    `quiet-for-encounter`: who has no time today has none for the next order either. `quiet-for-30-days`: what is not
    available, not covered or declined is so for every study. What is due to the study alone follows decision 8.
    """
    case = facts.case
    if past.effect == "quiet-for-encounter" and past.same_encounter:
        return "an earlier card of this encounter came at the wrong time"
    since = past.outcome_at or past.returned
    if past.effect == "quiet-for-30-days" and facts.rule.id in past.rules and case.as_of - since < DECLINED:
        return "not available or declined not long ago"
    return ""


def acknowledged(fields: dict[str, Any]) -> Question:
    """A notice of this second read was answered, or was given not long ago (R16)."""
    answered, returned, session = fields.get("answered"), fields.get("returned"), fields.get("session")
    none = fields.get("none", False)

    def counts(facts: Facts, past: PastCard) -> str:
        case = facts.case
        if past.outcome != "returned":
            recent = answered is None or case.as_of - (past.outcome_at or past.returned) < answered
            return "the notice was answered" if recent else ""
        age = case.as_of - past.returned
        if returned is None or age >= returned:
            return ""
        again = session is not None and age < session and past.order in (case.order.reference, None)
        return "" if again else "the notice was given not long ago"

    def ask(facts: Facts) -> Answer:
        case, second = facts.case, facts.case.second_read
        issued = (second.issued or second.effective) if second is not None else None
        for past in case.history:
            if facts.rule.id not in past.rules or case.study is None or past.study != case.study.reference:
                continue
            if issued is not None and past.returned < issued:
                continue  # that notice was of an earlier second read
            if because := counts(facts, past):
                return (no if none else yes)(because)
        answer = absent(case, "no notice of this second read", "history")
        return answer if answer[0] is Truth.UNKNOWN or not none else yes(answer[1])

    return ask


def opted_out(fields: dict[str, Any]) -> Question:
    """The site has opted out who signs or carries out the order, or where (X12)."""
    del fields

    def ask(facts: Facts) -> Answer:
        if facts.case.exempt:
            return yes("the site has opted out")
        return absent(facts.case, "nothing of it is opted out", "encounter")

    return ask


def on_file(fields: dict[str, Any]) -> Question:
    """An order of these codes stands in the basket or on file."""
    statuses = fields.get("status", ("draft", "active", "on-hold", "completed"))
    pairs, words = fields.get("in", frozenset()), word_pattern(fields.get("words"))

    def fits(order: Order) -> bool:
        if order.members:  # a treatment that we recognise is none of the orders that words are to find
            return holds(order.members, pairs) is not None
        return bool(words and words.search(order_words(order)))

    def ask(facts: Facts) -> Answer:
        case = facts.case
        if fits(case.order) or any(fits(order) for order in case.basket):
            return yes("in the same basket")
        if any(order.status in statuses and fits(order) for order in case.orders_on_file):
            return yes("on file")
        return absent(case, "no such order", "serviceRequests")

    return ask


def order_words(order: Order) -> str:
    """The words of the order's code: its text, the sender's displays, and ours."""
    displays = " ".join(coding.display for coding in order.concept.codings)
    return f"{order.concept.text} {displays} {' '.join(member.display for member in order.members)}"


def _words_of(facts: Facts) -> str:
    """The words of the order being signed, put together once for all rules."""
    words = facts.memo.get("order words")
    if words is None:
        words = facts.memo["order words"] = order_words(facts.case.order)
    return str(words)


def _agree(one: object, other: object) -> bool:
    """The same, or one of them not stated."""
    return one is None or other is None or one == other


def word_pattern(words: tuple[str, ...] | None) -> re.Pattern[str] | None:
    """One pattern for words that start with any of these, or None without words."""
    return re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + ")", re.IGNORECASE) if words else None
