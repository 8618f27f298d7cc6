"""The whole path over HTTP: an order is signed, and the surgeon sees one card, or nothing, for a known reason."""

from typing import Any

import builders as b
import pytest
from actors import Clock, Ehr
from flask import Flask

from cds_service import telemetry

INSTANCE = "6f0d0a5c-9d7c-4c3b-8a44-0a7f6b1f7a01"


def why(app: Flask, hook_instance: str) -> set[str]:
    """What decided the rule about fusions, by the ledger."""
    ledger = app.extensions["second-read"]["ledger"]
    ledger.flush()
    return {told["because"] for told in ledger.verdicts(hook_instance) if told["rule"] == "spine-fusion"}


def test_a_fusion_on_moderate_stenosis_warns(ehr: Ehr) -> None:
    """The report stops short of severe at the planned level: one card, a warning, with the report's own words."""
    (card,) = ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    assert card["indicator"] == "warning"
    assert "Moderate central canal stenosis at L4-L5" in card["detail"]
    assert len(card["suggestions"]) == 1


def test_the_ledger_says_how_the_order_was_recognised_and_linked(ehr: Ehr, app: Flask) -> None:
    """By code, and tied to study and report by region and by imagingStudy: both stand in the record of the decision."""
    ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()), hookInstance=INSTANCE)
    told = app.extensions["second-read"]["ledger"].verdicts(INSTANCE)
    verdict = next(each for each in told if each["rule"] == "spine-fusion")
    assert verdict["recognised_by"] == "code"
    assert verdict["linked_by"] == "region-and-recency report-imaging-study"


def test_an_irrelevant_order_is_silent(ehr: Ehr, app: Flask) -> None:
    """A blood count is answered with no card, and counted by the minute."""
    assert ehr.sign(b.fusion(code={"text": "CBC"}), prefetch=b.prefetch(b.mri(), b.report())) == []


@pytest.mark.parametrize("priority", ["stat", "asap"])
def test_an_emergency_is_never_delayed(priority: str, ehr: Ehr, app: Flask) -> None:
    """Delay is the harm: an urgent order is let through, and the ledger says why."""
    assert ehr.sign(b.fusion(priority=priority), prefetch=b.prefetch(b.mri(), b.report()), hookInstance=INSTANCE) == []
    assert why(app, INSTANCE) == {"x1-emergency"}


def test_two_orders_on_one_study_make_one_card(ehr: Ehr) -> None:
    """A basket of fusion and decompression is one concern and one card."""
    decompression = b.fusion("order-2", code=b.coding(b.SNOMED, "283165009", "Decompression laminectomy (procedure)"))
    assert len(ehr.sign(b.fusion(), decompression, prefetch=b.prefetch(b.mri(), b.report()))) == 1


def test_a_second_read_in_the_same_basket_silences(ehr: Ehr, app: Flask) -> None:
    """Once the second read stands in the basket, the service goes quiet."""
    (card,) = ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    accepted = card["suggestions"][0]["actions"][0]["resource"] | {"id": "second-read-1"}
    again = ehr.sign(b.fusion(), accepted, prefetch=b.prefetch(b.mri(), b.report()), hookInstance=INSTANCE)
    assert again == []
    assert why(app, INSTANCE) == {"x3-second-read-ordered"}


def test_a_re_sign_shows_the_same_card(ehr: Ehr, clock: Clock) -> None:
    """Decision 8: within the signing session the same decision gives the same topic, with a new uuid."""
    (first,) = ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    clock.now += b.timedelta(hours=2)
    (second,) = ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    assert first["source"]["topic"] == second["source"]["topic"]
    assert first["uuid"] != second["uuid"]


def test_an_overridden_card_stays_away(ehr: Ehr, clock: Clock, app: Flask) -> None:
    """After an override the same study is quiet for 90 days, and speaks again after them."""
    (card,) = ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))
    told = ehr.tell(
        card=card["uuid"],
        outcome="overridden",
        outcomeTimestamp=clock.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        overrideReason={"reason": {"code": "noChange", "system": "urn:x"}},
    )
    assert told.status_code == 200
    clock.now += b.timedelta(days=89)
    assert ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()), hookInstance=INSTANCE) == []
    assert why(app, INSTANCE) == {"x10-cooled-down"}
    clock.now += b.timedelta(days=3)
    assert len(ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()))) == 1


@pytest.mark.parametrize(
    ("prefetch", "more", "status"),
    [
        (None, {}, 412),
        (None, {"fhirServer": "https://not.allowed.example/fhir"}, 412),
        ({"patient": None, "imagingStudies": None, "diagnosticReports": None}, {}, 412),
        ({"imagingStudies": b.bundle(), "diagnosticReports": b.bundle()}, {}, 200),
    ],
)
def test_412_only_when_nothing_could_be_known(prefetch: Any, more: Any, status: int, ehr: Ehr) -> None:
    """Without prefetch and without a server that may be read: 412. An empty record is an answer, and silent."""
    answer = ehr.post(b.hook(b.fusion(), prefetch=prefetch, **more))
    assert answer.status_code == status
    if status == 412:
        assert answer.get_json()["resourceType"] == "OperationOutcome"
        assert "imagingStudies" in answer.get_data(as_text=True)


def test_a_mixed_basket_is_never_412(ehr: Ehr) -> None:
    """An emergency decided from the request alone makes the call answerable, whatever else is missing."""
    answer = ehr.post(b.hook(b.fusion("a", priority="stat"), b.fusion("b"), prefetch=None))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "value", ["<html>502</html>", 7, [], {"resourceType": 3}, {"resourceType": "Bundle", "entry": 1}]
)
@pytest.mark.parametrize("key", ["patient", "encounter", "conditions", "procedures", "medicationRequests"])
def test_one_bad_key_never_costs_the_rest(key: str, value: Any, ehr: Ehr) -> None:
    """An HTML page or a wrong type under one key is a gap; the card still comes."""
    assert len(ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()) | {key: value})) == 1


def test_unknown_earlier_orders_withhold_the_card(ehr: Ehr, app: Flask) -> None:
    """Whether this is the first decision cannot be told without the orders on file: undetermined, not indicated."""
    brought = b.prefetch(b.mri(), b.report()) | {"serviceRequests": {"resourceType": "OperationOutcome"}}
    assert ehr.sign(b.fusion(), prefetch=brought, hookInstance=INSTANCE) == []
    assert why(app, INSTANCE) == {"x8-not-first-decision"}


def test_a_rule_that_breaks_leaves_the_others_speaking(
    ehr: Ehr, app: Flask, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    """One rule raising is an error verdict of its own, in the ledger; the answer is 200, and the health check fails."""
    monkeypatch.setattr(telemetry, "_failing", {})
    assert ehr.client.get("/healthz").status_code == 200
    from cds_service.rules import deciding

    def broken(*_: object) -> None:
        raise RuntimeError("no detail may leak")

    monkeypatch.setattr(deciding, "_judged", broken)
    assert ehr.sign(b.fusion(), prefetch=b.prefetch(b.mri(), b.report()), hookInstance=INSTANCE) == []
    assert why(app, INSTANCE) == {"RuntimeError"}
    assert ehr.client.get("/healthz").status_code == 503
    assert b'second_read_rule_errors_total{rule="spine-fusion"}' in ehr.client.get("/metrics").data
