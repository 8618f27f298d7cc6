"""Calls and cards of the wire's common form, for tests to bend."""

from typing import Any

from cds_service.model import Card

PATH = "/cds-services/second-read"
CALL_UUID = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
CARD_UUID = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUGGESTION_UUID = "e56e1945-20b3-4393-8503-a1a20fd73152"


def order_sign(**members: Any) -> dict[str, Any]:
    """A valid order-sign call with one order; `members` replace those at the top."""
    order = {"resourceType": "ServiceRequest", "id": "r1", "status": "draft", "intent": "order",
             "subject": {"reference": "Patient/p1"}, "code": {"text": "Complete blood count"}}  # fmt: skip
    return {
        "hook": "order-sign",
        "hookInstance": CALL_UUID,
        "context": {
            "userId": "Practitioner/1",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]},
        },
    } | members


def context(**members: Any) -> dict[str, Any]:
    """The context of that call with some members replaced; those that are `...` are left out."""
    bent = order_sign()["context"] | members
    return {name: value for name, value in bent.items() if value is not ...}


def wire_card(**members: Any) -> dict[str, Any]:
    """A card with everything in it that CDS Hooks knows and this service sends."""
    return {
        "uuid": CARD_UUID,
        "summary": "Consider a neuroradiology second read of the lumbar MRI before this fusion",
        "detail": "**Why now** the report calls the stenosis mild.",
        "indicator": "info",
        "source": {"label": "Second Read", "topic": {"system": "urn:example:topic", "code": "spine"}},
        "suggestions": [
            {
                "label": "Request a neuroradiology second read",
                "uuid": SUGGESTION_UUID,
                "actions": [
                    {
                        "type": "create",
                        "description": "Order a second read of the lumbar MRI",
                        "resource": {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal"},
                    }
                ],
            }
        ],
        "selectionBehavior": "at-most-one",
        "overrideReasons": [{"system": "urn:example:reasons", "code": "done", "display": "Already done"}],
        "links": [{"label": "Evidence", "url": "https://example.org/evidence", "type": "absolute"}],
    } | members


def card(**members: Any) -> Card:
    """That card as the cards room hands it over."""
    return Card(CARD_UUID, "spine", ("spine-fusion",), "info", "ServiceRequest/r1", None, SUGGESTION_UUID,
                wire_card(**members))  # fmt: skip


def accepted(**members: Any) -> dict[str, Any]:
    """One entry of feedback: the suggestion was taken."""
    return {
        "card": CARD_UUID,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": SUGGESTION_UUID}],
        "outcomeTimestamp": "2026-11-21T10:00:00Z",
    } | members


def overridden(**members: Any) -> dict[str, Any]:
    """One entry of feedback: the card was overridden, with a reason and a comment."""
    reason = {"reason": {"code": "done", "system": "urn:example:reasons"}, "userComment": "read elsewhere"}
    return {
        "card": CARD_UUID,
        "outcome": "overridden",
        "overrideReason": reason,
        "outcomeTimestamp": "2026-11-21T10:00:00Z",
    } | members
