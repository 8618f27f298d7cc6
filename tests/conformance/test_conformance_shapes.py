"""Calls in the shapes that clients in the field send: odd, incomplete, and to be answered all the same.

Written by us after what the CDS Hooks sandbox, the CRD request generator and generic HTTP libraries were seen to send.
"""

import copy
from typing import Any

import builders
import pytest
from flask.testing import FlaskClient

PATH = "/cds-services/second-read"
Body = dict[str, Any]


def call(**more: Any) -> Body:
    """A call that earns a card, to be bent."""
    body = builders.hook(builders.fusion(), prefetch=builders.prefetch(builders.mri(), builders.report()))
    return copy.deepcopy(body) | more


def basket(body: Body) -> list[Body]:
    """The entries of its draft orders."""
    entries: list[Body] = body["context"]["draftOrders"]["entry"]
    return entries


def post(client: FlaskClient, body: Body, **headers: str) -> Any:
    """Send it as it is."""
    return client.post(PATH, json=body, headers=headers)


def cards(client: FlaskClient, body: Body, **headers: str) -> list[Body]:
    """The cards of a call that is to succeed."""
    answer = post(client, body, **headers)
    assert answer.status_code == 200, answer.data
    found: list[Body] = answer.get_json()["cards"]
    return found


def test_a_bundle_without_type(client: FlaskClient) -> None:
    """Both browser clients leave Bundle.type out; the card still comes."""
    body = call()
    body["context"]["draftOrders"].pop("type", None)
    assert len(cards(client, body)) == 1


def test_the_sandboxs_first_imaging_call(client: FlaskClient) -> None:
    """Before anything is chosen it sends an empty coding and no reasons, and selections: silence."""
    body = call(fhirServer="https://sandbox.example/fhir")
    body["context"] |= {"selections": ["ServiceRequest/request-123"]}
    order = {
        "resourceType": "ServiceRequest",
        "id": "request-123",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [{}]},
        "subject": {"reference": f"Patient/{body['context']['patientId']}"},
        "reasonCode": [],
    }
    body["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
    body.pop("prefetch")
    assert cards(client, body) == []


def test_the_sandboxs_medication_order(client: FlaskClient) -> None:
    """`category` as an object instead of a list and no `intent`: the order beside it is still judged."""
    body = call()
    order = {
        "resourceType": "MedicationRequest",
        "id": "order-7",
        "status": "draft",
        "category": {"coding": [{"system": "http://example.org", "code": "outpatient"}]},
        "subject": {"reference": f"Patient/{body['context']['patientId']}"},
        "medicationCodeableConcept": {"text": "Nothing chosen"},
    }
    basket(body).insert(0, {"resource": order})
    assert len(cards(client, body)) == 1


def test_no_draft_orders_at_all_is_named(client: FlaskClient) -> None:
    """A call without draftOrders is refused by its place: silence would hide a missing scope for years."""
    body = call()
    del body["context"]["draftOrders"]
    answer = post(client, body)
    assert answer.status_code == 400
    assert "draftOrders" in answer.get_json()["issue"][0]["diagnostics"]


def test_the_request_generators_shape(client: FlaskClient) -> None:
    """Prefetch keys nobody asked for, an empty access token, `Authorization: null`, an extension: judged as sent.

    Nothing it prefetches helps and its server may not be read: 412 says which keys are missing.
    """
    body = call(
        fhirServer="https://generator.example/fhir",
        fhirAuthorization={
            "access_token": "",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "cds-service",
        },
        extension={"davinci-crd.configuration": {"coverage-info": True}},
        prefetch={"serviceRequestBundle": {"resourceType": "Bundle", "type": "collection", "entry": []}},
    )
    body["context"]["draftOrders"].pop("type", None)
    answer = post(client, body, Authorization="null")
    assert answer.status_code == 412
    assert "$.prefetch.imagingStudies" in answer.get_json()["issue"][0]["diagnostics"]


def test_the_request_generators_shape_with_our_keys(client: FlaskClient) -> None:
    """The same with our keys prefetched beside its own: a card."""
    body = call(extension={"davinci-crd.configuration": {}})
    body["prefetch"]["serviceRequestBundle"] = {"resourceType": "Bundle", "entry": [None]}
    body["fhirServer"], body["fhirAuthorization"] = "https://generator.example/fhir", {"access_token": ""}
    assert len(cards(client, body, Authorization="null")) == 1


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/fhir+json, */*; q=0.1", "text/html", "x", ""]
)
def test_any_accept_header(accept: str, client: FlaskClient) -> None:
    """The specification names no Accept: whatever is sent, JSON comes."""
    answer = post(client, call(), Accept=accept)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")


def test_unknown_members_change_nothing(client: FlaskClient) -> None:
    """Members of a later version, anywhere in the envelope, are ignored."""
    body = call(hookVersion="3.0", actionSelectionBehavior="any", fhirVersion="4.0.1")
    body["context"] |= {"selections": [], "recommendedOrders": {}, "com.example": 1}
    assert len(cards(client, body)) == 1


@pytest.mark.parametrize("hook", ["order-select", "patient-view", "ORDER-SIGN", "", None])
def test_another_hook_is_refused(hook: Any, client: FlaskClient) -> None:
    """The service answers the hook it lists, and says so of any other."""
    answer = post(client, call(hook=hook))
    assert answer.status_code == 400
    assert "$.hook" in answer.get_json()["issue"][0]["diagnostics"]


def test_a_repeated_hook_instance_is_answered_again(client: FlaskClient) -> None:
    """One constant hookInstance for every call, in upper case or as a urn: each is answered by what it holds."""
    body = call(hookInstance="D1577C69-DFBE-44AD-BA6D-3E05E953B2EA")
    assert len(cards(client, body)) == 1
    assert len(cards(client, body)) == 1
    quiet = copy.deepcopy(body) | {"hookInstance": "urn:uuid:d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"}
    basket(quiet)[0]["resource"]["code"] = builders.coding("http://loinc.org", "58410-2")
    assert cards(client, quiet) == []


@pytest.mark.parametrize("status", ["active", "draft", "on-hold"])
def test_orders_that_are_signed_again(status: str, client: FlaskClient) -> None:
    """order-sign 1.1 also fires on re-signing: an active order is judged like a draft."""
    body = call()
    basket(body)[0]["resource"]["status"] = status
    assert post(client, body).status_code == 200


def test_null_for_something_optional(client: FlaskClient) -> None:
    """`null` instead of absence is what many serialisers write."""
    body = call(fhirServer=None, fhirAuthorization=None, extension=None)
    body["context"]["encounterId"] = None
    body["prefetch"] |= {"conditions": None, "encounter": None}
    assert len(cards(client, body)) == 1
