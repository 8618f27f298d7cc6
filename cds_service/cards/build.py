"""Verdicts as cards: at most one card per response, one suggestion, every word linted at load and every quote literal.

CDS Hooks 2.0.1 §Card Attributes; wording limits from the design (summary at most 139 characters, detail at most 600 in
at most six bullets). What speaks on one study merges into the strongest rule's card, which names the other reasons.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_service.cards.client import rendered
from cds_service.cards.complete_study import complete_study_order
from cds_service.cards.order import second_read_order
from cds_service.cards.phrases import cut, day, escaped, literal_cut, plain, report_words
from cds_service.cards.slots import fill, slot_values, summary_line
from cds_service.cards.words import Client, Evidence, Words
from cds_service.model import SLOTS, Card, Case, Coding, Decision, Report, Speech, Subspecialty, Verdict
from cds_service.site import Offer

DETAIL_LONGEST = 600
_NOT_READ = frozenset({
    "prefetch-failed", "scope-missing", "token-refused", "fhir-refused", "fhir-rejected", "fhir-busy", "fhir-failed",
    "fhir-timeout", "fhir-too-large", "circuit-open", "page-missing",
})  # fmt: skip
_HEADING = re.compile(r"\A[^a-z\n]{3,40}:\s*")  # `IMPRESSION:`
_PLAIN_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
TOPIC_SYSTEM = "http://second-read.org/fhir/CodeSystem/card-topic"
REASON_SYSTEM = "http://second-read.org/fhir/CodeSystem/override-reason"


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to say: the strongest verdict on one case, and the verdicts that merge into it."""

    case: Case
    lead: Verdict
    speech: Speech
    reader: Subspecialty
    offer: Offer
    also: tuple[Speech, ...] = ()
    study: tuple[Coding, str] | None = None  # the complete study that is offered, where one is

    @property
    def hours(self) -> int:
        """How long the answer takes: as the site says, else as the rule does."""
        return self.offer.turnaround_hours or self.speech.turnaround_hours


def build_cards(
    decisions: tuple[Decision, ...],
    speech: Mapping[str, Speech],
    words: Words,
    *,
    client: Client | None = None,
    user: str = "",
    now: datetime,
    new_uuid: Callable[[], str],
    most: int = 1,
) -> tuple[Card, ...]:
    """At most `most` cards, the strongest first; () when no active rule speaks or its second read is not offered."""
    concerns = _merged([c for decision in decisions for c in _concerns(decision, speech, words)])
    profile = client or words.clients.get("reference") or Client("reference")
    return tuple(_card(concern, words, profile, user, now, new_uuid) for concern in concerns[:most])


def not_offered(decisions: tuple[Decision, ...], speech: Mapping[str, Speech], words: Words) -> tuple[str, ...]:
    """Subspecialties that rules asked for and the site does not offer: to be counted (decision 11)."""
    wanted = [
        _reader(d.case, v, speech[v.rule], words)
        for d in decisions for v in d.indicated
        if d.case.study and speech[v.rule].offer == "second-read"
    ]  # fmt: skip
    return tuple(r.id for r in wanted if r and words.site.offer(r.id) is None)


def _concerns(decision: Decision, speech: Mapping[str, Speech], words: Words) -> list[Concern]:
    found = []
    for verdict in decision.indicated:
        said = speech[verdict.rule]
        case, reader = decision.case, _reader(decision.case, verdict, said, words)
        if said.offer == "second-read":
            offer = words.site.offer(reader.id) if reader else None
            if reader and offer and case.study:
                found.append(Concern(case, verdict, said, reader, offer))
        elif said.offer == "complete-study":
            study = words.complete_studies.study(case, verdict.region)
            if reader and study:
                found.append(Concern(case, verdict, said, reader, Offer(), study=study))
        elif reader and case.second_read:
            found.append(Concern(case, verdict, said, reader, Offer()))
    return found


def _reader(case: Case, verdict: Verdict, said: Speech, words: Words) -> Subspecialty | None:
    child = case.patient.is_child(case.as_of.date())
    return words.routing.route(case.order, case.study, said.route, region=verdict.region, child=child)


def _strength(concern: Concern) -> tuple[bool, int]:
    return (concern.lead.indicator != "warning", concern.speech.rank)


def _merged(concerns: list[Concern]) -> list[Concern]:
    """One concern per study, led by its strongest; a basket's several orders on one study are one concern too."""
    by_study: dict[str, list[Concern]] = {}
    for concern in concerns:
        by_study.setdefault(concern.case.study.reference if concern.case.study else "", []).append(concern)
    merged = []
    for group in by_study.values():
        group.sort(key=_strength)
        lead = group[0]
        # A general rule of the same concern yields to the organ's rule on the same order: it has nothing to add.
        others = {
            c.speech.rule: c.speech
            for c in group[1:]
            if c.speech.rule != lead.speech.rule
            and not (c.speech.concern == lead.speech.concern and c.case.order.reference == lead.case.order.reference)
        }
        merged.append(replace(lead, also=tuple(others.values())))
    return sorted(merged, key=_strength)


def topic_of(concern: Concern) -> str:
    """Letters and digits only, constant for one study under one rule content: an override sticks to it."""
    study = concern.case.study.reference if concern.case.study else concern.case.order.region or ""
    major = concern.speech.version.partition(".")[0]
    seed = "\n".join((concern.speech.concern, major, concern.case.patient.id, study))
    return "sr" + hashlib.sha256(seed.encode()).hexdigest()[:30]


def _card(
    concern: Concern, words: Words, profile: Client, user: str, now: datetime, new_uuid: Callable[[], str]
) -> Card:
    case, said = concern.case, concern.speech
    values = slot_values(case, concern.lead, concern.reader, concern.hours)
    uuid, topic = new_uuid(), topic_of(concern)
    wire: dict[str, Any] = {
        "uuid": uuid,
        "summary": summary_line(said, values),
        "indicator": concern.lead.indicator,
        "detail": detail(concern, values, words),
        "source": {
            "label": words.site.label,
            **({"url": words.site.url.replace("{rule}", said.rule)} if words.site.url else {}),
            "topic": {"system": TOPIC_SYSTEM, "code": topic, "display": said.title},
        },
    }
    suggestion = None
    if said.offer == "notice":
        if link := _report_link(case, words):
            wire["links"] = [link]
    else:
        suggestion = new_uuid()
        wire["suggestions"] = [_suggestion(concern, user, now, suggestion, values)]
        wire["selectionBehavior"] = "at-most-one"
    reasons = [words.override_reasons[code] for code in said.override_reasons if code in words.override_reasons]
    if reasons:
        wire["overrideReasons"] = [{"system": REASON_SYSTEM, "code": r.code, "display": r.display} for r in reasons[:6]]
    wire["extension"] = {"davinci-crd.associated-resource": [{"reference": case.order.reference}]}
    wire = rendered(wire, profile, _order_key(concern, words, profile), values.get("study", ""))
    if "suggestions" not in wire:
        suggestion = None
    study = case.study.reference if case.study else None
    rules = (said.rule, *(other.rule for other in concern.also))
    return Card(uuid, topic, rules, concern.lead.indicator, case.order.reference, study, suggestion, wire)


def _order_key(concern: Concern, words: Words, profile: Client) -> str | None:
    """The site's own key of the order that the card offers, where its client makes orders by key."""
    if concern.study is not None or concern.speech.offer != "second-read":
        return None
    return words.site.order_keys.get(profile.name, {}).get(concern.reader.id)


def _suggestion(concern: Concern, user: str, now: datetime, uuid: str, values: Mapping[str, str]) -> dict[str, Any]:
    """One create action; its text says exactly what is ordered, for clients that show nothing else."""
    question = fill(concern.speech.question, values) or concern.speech.question
    if concern.study is not None:
        name = f"Order: {concern.study[1]}"
        resource = complete_study_order(concern.case, concern.study, question, user=user, now=now)
        action = {"type": "create", "description": name, "resource": resource}
        return {"label": name, "uuid": uuid, "isRecommended": False, "actions": [action]}
    label = concern.reader.label[:1].upper() + concern.reader.label[1:]
    name = f"Order: Second read – {label} ({values['study']})"
    resource = second_read_order(concern.case, concern.reader, question, user=user, now=now)
    action = {"type": "create", "description": name, "resource": resource}
    return {"label": name, "uuid": uuid, "isRecommended": False, "actions": [action]}


def detail(concern: Concern, values: Mapping[str, str], words: Words, longest: int = DETAIL_LONGEST) -> str:
    """At most six bullets in the design's order; when they do not fit, the least needed words go first."""
    case, said = concern.case, concern.speech
    why = fill(said.why, values, escaped)
    if case.basket:  # a card about one of several orders names it in words (Da Vinci CRD, dev-24)
        why = f"{escaped(values['order'])}. {why}"
    based = _based_on(concern, values, why)
    evidence = next((words.evidence[id].says for id in said.evidence if _fits(words.evidence.get(id), concern)), "")
    also = " ".join(plain(other.reason).rstrip(".") + "." for other in concern.also)
    bullets = {
        "Why now": why,
        "Based on": based,
        "Second read": _second_read_line(concern) if said.offer == "notice" else "",
        "Evidence": plain(evidence),
        "Also": also,
        "Not checked": _not_checked(case),
        "If you accept": _if_accepted(concern),
    }
    if said.offer == "notice":
        del bullets["Also"], bullets["If you accept"]
    for dropped in ("", "Evidence", "Also"):
        bullets.pop(dropped, None)
        text = "\n".join(f"* **{name}:** {said}" for name, said in bullets.items() if said)
        if len(text) <= longest:
            return text
    spare = longest - (len(text) - len(bullets["Based on"]))
    bullets["Based on"] = cut(bullets["Based on"], max(spare, 20))
    return "\n".join(f"* **{name}:** {said}" for name, said in bullets.items() if said)[:longest]


def _if_accepted(concern: Concern) -> str:
    """What one click does, and what it leaves alone."""
    if concern.study is not None:
        return f"a draft order for {escaped(concern.study[1])} opens for you to sign. Your order stays as it is."
    return (
        f"a draft {escaped(concern.reader.label)} second-read order opens for you to sign; answer to "
        f"{escaped(concern.offer.recipient)} in about {concern.hours} h. Your order stays as it is."
    )


def _second_read_line(concern: Concern) -> str:
    """The second read's date and, beside the first report's words, its own."""
    report = concern.case.second_read
    if report is None:
        return ""
    when, quote = day(report.issued or report.effective), _own_words(concern.lead, report)
    return f"{when or 'date not stated'}, {report_words(report)}{f': {quote}' if quote else ''}."


def _own_words(verdict: Verdict, report: Report) -> str:
    """What the second read says otherwise, else the first words of its impression: literal, or nothing."""
    reading = report.reading
    if reading is None or report.restricted:
        return ""
    told = next((c.finding for c in verdict.checks if c.finding and c.finding in reading.findings), None)
    words = told.quote if told is not None else ""
    if not words:
        part = next((s for s in reading.sections if s.kind == "impression"), None)
        words = reading.text[part.start : part.end] if part else ""
    words = literal_cut(plain(_HEADING.sub("", words)), SLOTS["quote"])
    return f'"{escaped(words)}"' if words else ""


def _report_link(case: Case, words: Words) -> dict[str, str] | None:
    """Where the second read can be read, if the site says where reports are."""
    report = case.second_read
    id = report.reference.rpartition("/")[2] if report else ""
    if not words.site.report_link or not _PLAIN_ID.fullmatch(id):
        return None
    return {"label": "Open the second read", "url": words.site.report_link.replace("{id}", id), "type": "absolute"}


def _fits(evidence: Evidence | None, concern: Concern) -> bool:
    """Whether a study is about what this card is about: a re-read of livers says nothing on a rectum."""
    if evidence is None:
        return False
    order = concern.case.order
    group = order.members[0].group if order.members else ""
    return not evidence.fits or bool({concern.speech.concern, group or order.region or ""} & set(evidence.fits))


def _based_on(concern: Concern, values: Mapping[str, str], why: str) -> str:
    """Study, report and, where the first bullet does not quote it already, the finding in the report's own words."""
    case = concern.case
    if case.study is None:
        return "no such study on file."
    told = (
        f"{escaped(values['study'])} ({report_words(case.report) + ' report' if case.report else 'no report on file'})"
    )
    if concern.speech.offer == "notice":  # the two reports side by side, each in its own words
        words = _own_words(concern.lead, case.report) if case.report else ""
        return f"{told}{f': {words}' if words else ''}."
    cited = f'"{escaped(values["quote"])}"' if "quote" in values else ""
    if cited and cited not in why:
        told += f", {values['section']}: {cited}"
    return told + "."


def _not_checked(case: Case) -> str:
    """What the reader of the card must not assume."""
    said = ["images were not analysed"]
    if case.report and not case.report.reader.known:
        said.append("first reader's subspecialty unknown")
    if case.order.start is None:
        said.append("planned date not stated")
    if case.report and not case.report.parts and not case.report.restricted:
        said.append("the report's text could not be read")
    if any(gap.why in _NOT_READ for gap in case.gaps):
        said.append("part of the record could not be read")
    elif any(gap.why == "prefetch-null" for gap in case.gaps):
        said.append("some of the record was not sent")
    words = "; ".join(said)
    return words[:1].upper() + words[1:] + "."
