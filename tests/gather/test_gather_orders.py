"""Triage: which orders are surgery or oncology treatment, and by what they are recognised."""

from collections.abc import Callable
from typing import Any

import builders as b
import pytest

from cds_service.content import Content
from cds_service.gather import Basket, orders
from cds_service.model import HookRequest

Make = Callable[..., HookRequest]


@pytest.fixture
def triage(content: Content, hook_request: Make) -> Callable[..., Basket]:
    """The basket of these draft orders."""

    def sort(*drafts: dict[str, Any], **more: Any) -> Basket:
        return orders(hook_request(*drafts, **more), content.value_sets)

    return sort


def test_a_coded_fusion_is_surgery_at_its_level(triage: Callable[..., Basket]) -> None:
    """A SNOMED CT code makes the order surgery; its text gives the planned level."""
    (order,) = triage(b.fusion()).relevant
    assert (order.kind, order.region, order.levels, order.segments) == ("surgery", "spine", ("L4-L5",), ("lumbar",))
    assert order.members[0].matched_by == "code"


def test_a_drug_is_recognised_by_its_ingredient(triage: Callable[..., Basket]) -> None:
    """RxNorm ingredient codes of the medication make the order systemic therapy."""
    (order,) = triage(b.drug()).relevant
    assert order.kind == "systemic-therapy"


def test_a_contained_medication_is_resolved(triage: Callable[..., Basket]) -> None:
    """medicationReference `#m` leads into `contained`, whose ingredient decides."""
    rx = "http://www.nlm.nih.gov/research/umls/rxnorm"
    inside = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemCodeableConcept": b.coding(rx, "32592")}]}
    draft = b.drug() | {"contained": [inside], "medicationReference": {"reference": "#m"}}
    del draft["medicationCodeableConcept"]
    (order,) = triage(draft).relevant
    assert order.members[0].matched_by == "ingredient"


def test_a_medication_beside_the_order_is_resolved(triage: Callable[..., Basket]) -> None:
    """medicationReference to a Medication in the same basket is followed without a read."""
    rx = "http://www.nlm.nih.gov/research/umls/rxnorm"
    beside = {"resourceType": "Medication", "id": "m", "code": b.coding(rx, "32592", "oxaliplatin")}
    draft = b.drug() | {"medicationReference": {"reference": "Medication/m"}}
    del draft["medicationCodeableConcept"]
    assert [order.kind for order in triage(draft, beside).relevant] == ["systemic-therapy"]


def test_a_drug_name_in_the_text_is_the_last_resort(triage: Callable[..., Basket]) -> None:
    """An uncoded order is recognised by the ingredient's name, and says that text was what held."""
    (order,) = triage(b.drug(medicationCodeableConcept={"text": "Oxaliplatin 130 mg in 500 mL D5W"})).relevant
    assert order.members[0].matched_by in ("text", "ingredient")


@pytest.mark.parametrize(
    "words",
    [
        "MRI lumbar spine after fusion",
        "Physical therapy after laminectomy",
        "CBC with differential",
        "Knee arthroscopy",
        "Follow-up visit, history of lobectomy",
    ],
)
def test_orders_that_only_mention_surgery_are_not_surgery(words: str, triage: Callable[..., Basket]) -> None:
    """An imaging, therapy or laboratory order is irrelevant whatever surgery its text mentions."""
    assert not triage(b.fusion(code={"text": words})).relevant


def test_an_imaging_category_keeps_an_order_out(triage: Callable[..., Basket]) -> None:
    """An order of category imaging is about looking, not treating."""
    draft = b.fusion(code={"text": "Lumbar fusion"}, category=[b.coding(b.SNOMED, "363679005")])
    assert not triage(draft).relevant


def test_a_second_read_order_is_known_as_such(triage: Callable[..., Basket]) -> None:
    """DICOM 111418 or plain words make an order a second read; a radiology consult alone is not one."""
    coded = b.fusion("a", code={"text": "Consult"}, reasonCode=[b.coding(b.DICOM, "111418")])
    worded = b.fusion("b", code={"text": "Second read - Neuroradiology"})
    consult = b.fusion("c", code=b.coding(b.SNOMED, "28191001", "Consultation and report by radiologist"))
    follow_up = b.fusion("d", code=b.coding(b.SNOMED, "281036007", "Follow-up consultation (procedure)"))
    assert [o.kind for o in triage(coded, worded, consult, follow_up).orders] == [
        "second-read",
        "second-read",
        "other",
        "other",
    ]


def test_several_orders_are_all_looked_at(triage: Callable[..., Basket]) -> None:
    """Not the first order alone: every relevant one of the basket is found, and other types are ignored."""
    basket = triage(
        b.fusion("a", code={"text": "CBC"}), {"resourceType": "NutritionOrder", "id": "n"}, b.fusion("b"), b.drug("c")
    )
    assert [o.reference for o in basket.relevant] == ["ServiceRequest/b", "MedicationRequest/c"]


def test_another_patients_order_is_dropped_and_named(triage: Callable[..., Basket]) -> None:
    """A draft order of another patient is never decided, and the gap says so."""
    basket = triage(b.fusion(subject={"reference": "Patient/someone-else"}))
    assert not basket.orders
    assert [gap.why for gap in basket.gaps] == ["wrong-patient"]


def test_an_unreadable_entry_costs_nothing_else(triage: Callable[..., Basket], hook_request: Make) -> None:
    """A basket entry that is no resource is a gap; the order beside it is read."""
    basket = triage(b.fusion(), {"no": "resource"})
    assert len(basket.relevant) == 1
    assert [(gap.what, gap.why) for gap in basket.gaps] == [("draftOrders[1]", "unreadable")]


def test_cycle_intent_and_start_are_read(triage: Callable[..., Basket]) -> None:
    """What tells a first course from a later one is taken from text and timing."""
    draft = b.drug(
        note=[{"text": "FOLFOX cycle 3, adjuvant"}],
        dosageInstruction=[{"timing": {"event": ["2026-12-01"]}}],
        priorPrescription={"reference": "MedicationRequest/before"},
    )
    (order,) = triage(draft).relevant
    assert (order.cycle, order.intents, order.renewal) == (3, ("adjuvant",), True)
    assert order.start is not None
    assert order.start.isoformat().startswith("2026-12-01")
