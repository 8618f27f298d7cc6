"""A card: one sentence, six bullets, one suggestion; every quote literal, every stranger's text escaped."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import builders as b
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards import Client, Evidence, OverrideReason, Words, build_cards, not_offered
from cds_service.cards.phrases import escaped, literal_cut
from cds_service.cards.slots import fill, summary_line
from cds_service.model import (
    Case,
    Check,
    Coding,
    Concept,
    Decision,
    Finding,
    Member,
    Order,
    Outcome,
    Patient,
    Reader,
    Report,
    Speech,
    Study,
    Truth,
    Verdict,
)
from cds_service.routing import load_routing
from cds_service.site import Offer, Site

SNOMED = "http://snomed.info/sct"
ROUTING = load_routing(Path(__file__).parents[2] / "cards" / "routing.yaml")
ORDER = Order(
    "ServiceRequest/order-1", "surgery", "draft", region="spine", segments=("lumbar",), levels=("L4-L5",),
    concept=Concept((Coding(SNOMED, "50172003", "Lumbar spinal fusion (procedure)"),), "Lumbar fusion L4-L5"),
    members=(Member("spine-surgery", "fusion", "50172003", SNOMED, "Lumbar spinal fusion"),),
    reasons=(Concept((Coding(SNOMED, "76107001", "Spinal stenosis (disorder)"),), "Spinal stenosis"),),
)  # fmt: skip
STUDY = Study(
    "ImagingStudy/study-1",
    started=b.NOW - timedelta(days=17),
    modalities=("MR",),
    regions=("spine",),
    segments=("lumbar",),
)
REPORT = Report("DiagnosticReport/report-1", "radiology", "final", reader=Reader())
FINDING = Finding(
    "spinal-stenosis", "present", "Moderate central canal stenosis at L4-L5", 0, 40, (0, 30), "impression",
    severity="moderate", levels=("L4-L5",),
)  # fmt: skip
SPEECH = Speech(
    "spine-fusion", "1.0.0", "Fusion", "spine", 10,
    summary='Consider {subspecialty} second read of {study} before fusion: report says "{quote}".',
    why='{order} is being signed; the report says "{quote}" ({section}).',
    question="At the level planned, is canal stenosis severe?", reason="The level is called less than severe",
    evidence=("L10",), route="neuroradiology", override_reasons=("doneReread", "wrong"),
)  # fmt: skip
WORDS = Words(
    Site("Imaging Quality Committee"),
    ROUTING,
    {"L10": Evidence("L10", "In 4,534 neuroradiology re-reads, 7.7 % differed in a way that mattered (2012).")},
    {c: OverrideReason(c, c, c) for c in ("doneReread", "wrong")},
    {"reference": Client("reference"), "epic": Client("epic", "any", order_code="site-key", associated_resource=False)},
)


def case(**more: Any) -> Case:
    """A fusion resting on a lumbar MRI."""
    return Case(ORDER, b.NOW, Patient("pat-1"), study=STUDY, report=REPORT, **more)


def decided(of: Case | None = None, finding: Finding | None = FINDING, **more: Any) -> Decision:
    """An indicated decision that rests on one finding."""
    check = Check("stenosis", "says", Truth.TRUE, "criterion", finding=finding)
    verdict = replace(Verdict("spine-fusion", "1.0.0", Outcome.INDICATED, "stenosis", (check,)), **more)
    return Decision(of or case(), (verdict,), "digest")


def built(
    *decisions: Decision, speech: tuple[Speech, ...] = (SPEECH,), words: Words = WORDS, client: str = "reference"
) -> Any:
    """The wire form of the cards."""
    numbers = count(1)
    cards = build_cards(
        decisions or (decided(),), {s.rule: s for s in speech}, words, client=words.clients[client],
        user="Practitioner/s", now=b.NOW, new_uuid=lambda: f"uuid-{next(numbers)}",
    )  # fmt: skip
    return [card.wire for card in cards]


def test_the_summary_stands_alone() -> None:
    """Action, study and reason in one sentence below 140 characters."""
    (card,) = built()
    assert card["summary"] == (
        "Consider neuroradiology second read of lumbar MRI of 3 Nov 2026 before fusion: "
        'report says "Moderate central canal stenosis at L4-L5".'
    )


def test_the_detail_says_why_on_what_and_what_was_not_checked() -> None:
    """At most six bullets in the design's order, at most 600 characters."""
    detail = built()[0]["detail"]
    names = re.findall(r"^\* \*\*([^:]+):\*\*", detail, re.M)
    assert names == ["Why now", "Based on", "Evidence", "Not checked", "If you accept"]
    assert len(detail) <= 600
    assert "Images were not analysed" in detail
    assert "first reader's subspecialty unknown" in detail


def test_one_suggestion_creates_one_complete_draft_order() -> None:
    """Accepting adds a draft ServiceRequest with question, reader and basis, and touches nothing else."""
    (card,) = built()
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    order = action["resource"]
    assert (action["type"], order["status"], order["intent"]) == ("create", "draft", "proposal")
    assert [c["code"] for c in order["performerType"]["coding"]] == ["128011", "2085N0700X"]
    assert [s["reference"] for s in order["supportingInfo"]] == ["ImagingStudy/study-1", "DiagnosticReport/report-1"]
    assert [c["code"] for c in order["reasonCode"][0]["coding"]] == ["111418", "S"]
    assert order["note"] == [{"text": SPEECH.question}]
    assert suggestion["isRecommended"] is False
    assert "basedOn" not in order


def test_treatment_within_a_week_asks_for_an_urgent_read() -> None:
    """The second read's own priority follows the planned start."""
    soon = replace(case(), order=replace(ORDER, start=b.NOW + timedelta(days=5)))
    (card,) = built(decided(soon))
    assert card["suggestions"][0]["actions"][0]["resource"]["priority"] == "urgent"


def test_one_card_for_several_rules_on_one_study() -> None:
    """Rules that fire on the same study merge into the strongest, which lists the other's reason."""
    second = replace(SPEECH, rule="lesion", concern="lesion", rank=1, reason="The report leaves a lesion open")
    warned = decided(rule="lesion", indicator="warning")
    (card,) = built(decided(), warned, speech=(SPEECH, second))
    assert card["indicator"] == "warning"
    assert "The level is called less than severe." in card["detail"]


def test_a_card_about_one_of_several_orders_names_it() -> None:
    """With other orders in the basket, the first bullet says which order the card is about, in words."""
    other = replace(ORDER, reference="ServiceRequest/order-2", kind="other")
    plain = replace(SPEECH, why="The level decides.")
    assert (
        "**Why now:** Lumbar fusion L4-L5. The level decides."
        in built(decided(case(basket=(other,))), speech=(plain,))[0]["detail"]
    )


def test_a_silent_rule_says_nothing() -> None:
    """Silent rules are decided and recorded, never shown."""
    assert built(decided(status="silent")) == []


def test_a_second_read_that_is_not_offered_gives_no_card() -> None:
    """A site that does not offer the subspecialty gets silence, and a count."""
    words = replace(WORDS, site=Site("s", offers={"thoracic": Offer()}))
    assert built(words=words) == []
    assert not_offered((decided(),), {"spine-fusion": SPEECH}, words) == ("neuroradiology",)


def test_the_topic_sticks_to_the_study() -> None:
    """The same study under the same rule has the same topic, letters and digits only; another study another."""
    topics = [built()[0]["source"]["topic"]["code"] for _ in range(2)]
    other = replace(case(), study=replace(STUDY, reference="ImagingStudy/2"))
    assert topics[0] == topics[1] != built(decided(other))[0]["source"]["topic"]["code"]
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", topics[0])


def test_epic_gets_its_own_key_and_behaviour() -> None:
    """Epic knows only `any`, and makes the order from the site's preference-list key."""
    words = replace(WORDS, site=Site("s", order_keys={"epic": {"neuroradiology": "urn:list|SECREADNEURO"}}))
    (card,) = built(words=words, client="epic")
    code = card["suggestions"][0]["actions"][0]["resource"]["code"]
    assert card["selectionBehavior"] == "any"
    assert code["coding"] == [{"system": "urn:list", "code": "SECREADNEURO"}]


def test_a_sentence_with_an_empty_slot_is_left_out() -> None:
    """No card shows a hole: without a finding, the sentence that quotes one goes."""
    assert fill('First {order}. Then "{quote}".', {"order": "a"}) == "First a."
    assert summary_line(SPEECH, {"subspecialty": "breast", "study": "MRI"}) == (
        "Consider breast second read of MRI before fusion."
    )


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "[x](javascript:1) | a | _b_ `c`", "**bold** # head"])
def test_report_text_is_inert_on_the_card(hostile: str) -> None:
    """What a report holds is shown as itself, never as markup."""
    detail = built(decided(finding=replace(FINDING, quote=hostile)))[0]["detail"]
    assert escaped(hostile) in detail
    assert not re.search(r"(?<!\\)[<\[`|]", detail)


@given(st.text(max_size=400), st.sampled_from(["mild", "moderate", "severe"]))
def test_no_report_breaks_the_limits(words: str, severity: Any) -> None:
    """Whatever the report says, summary and detail stay within their limits and the quote is literal."""
    finding = replace(FINDING, quote=words, severity=severity)
    (card,) = built(decided(finding=finding))
    assert 0 < len(card["summary"]) < 140
    assert len(card["detail"]) <= 600


@given(st.text(max_size=200), st.integers(1, 120))
def test_a_cut_quote_is_a_prefix(words: str, longest: int) -> None:
    """Cutting a quote never changes a letter of what is kept."""
    assert words.startswith(literal_cut(words, longest))


def test_every_created_order_is_valid(assert_valid_second_read_order: Callable[[dict[str, Any]], None]) -> None:
    """The draft order is valid by R4, by our profile and by our own asserts."""
    (card,) = built()
    assert_valid_second_read_order(card["suggestions"][0]["actions"][0]["resource"])
