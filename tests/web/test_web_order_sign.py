"""POST /cds-services/second-read: what is accepted, and what a refusal says."""

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from web.calls import CALL_UUID, PATH, card, context, order_sign

from cds_service.errors import PrefetchRequired
from cds_service.model import FhirAccess


def issues_of(response: Any) -> list[str]:
    """The diagnostics of an OperationOutcome."""
    return [issue["diagnostics"] for issue in response.get_json()["issue"]]


def test_silence_is_an_empty_array(web: FlaskClient) -> None:
    """No advice is 200 with `cards: []`."""
    response = web.post(PATH, json=order_sign())
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


def test_a_card_is_sent_as_it_was_built(web: FlaskClient, stage: Any) -> None:
    """The wire form of each card goes out unchanged."""
    stage.cards = (card(),)
    response = web.post(PATH, json=order_sign())
    assert response.get_json()["cards"] == [card().wire]


def test_the_call_arrives_whole(web: FlaskClient, stage: Any) -> None:
    """Identifiers, orders, prefetch and FHIR access reach the service as sent, spelt in one way."""
    entries = [{"resource": {"resourceType": "ServiceRequest"}}, "garbage", None]
    bundle = {"resourceType": "Bundle", "entry": entries}
    web.post(
        PATH,
        json=order_sign(
            hookInstance=f"urn:uuid:{CALL_UUID.upper()}",
            context=context(patientId="Patient/p1", encounterId="e1", draftOrders=bundle),
            prefetch={"patient": None, "extra": 1},
            fhirServer="https://ehr.example.org/r4/",
            fhirAuthorization={"access_token": "secret", "token_type": "Bearer", "scope": "user/*.rs", "expires_in": 1},
        ),
    )
    (call,) = stage.calls
    assert call.hook_instance == CALL_UUID.upper()
    assert (call.patient_id, call.encounter_id, call.user_id) == ("p1", "e1", "Practitioner/1")
    assert call.draft_orders == tuple(entries)
    assert call.prefetch == {"patient": None, "extra": 1}
    assert call.fhir == FhirAccess("https://ehr.example.org/r4", "secret", "user/*.rs")


TOLERATED: dict[str, dict[str, Any]] = {
    "unknown members": order_sign(zz=1, context=context(selections=["ServiceRequest/r1"])),
    "extensions": order_sign(extension={"com.example": {"a": None}}),
    "a basket without type": order_sign(context=context(draftOrders={"resourceType": "Bundle", "entry": []})),
    "a basket without resourceType": order_sign(context=context(draftOrders={"entry": [{"resource": {}}]})),
    "a basket without entries": order_sign(context=context(draftOrders={"resourceType": "Bundle"})),
    "entries that are no orders": order_sign(context=context(draftOrders={"entry": [1, [], "x", None]})),
    "null for absent": order_sign(fhirServer=None, fhirAuthorization=None, prefetch=None, extension=None),
    "an empty token": order_sign(fhirServer="http://ehr/r4", fhirAuthorization={"access_token": ""}),
    "a lower-case token type": order_sign(
        fhirServer="http://ehr/r4", fhirAuthorization={"access_token": "t", "token_type": "bearer"}
    ),
    "an empty encounter": order_sign(context=context(encounterId="")),
    "prefetch values of the wrong type": order_sign(prefetch={"patient": "<html>", "conditions": [1], "x": {"y": 1}}),
    "a long opaque order id": order_sign(
        context=context(draftOrders={"entry": [{"resource": {"resourceType": "ServiceRequest", "id": "e" * 200}}]})
    ),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_what_real_clients_send_is_tolerated(case: str, web: FlaskClient) -> None:
    """Departures seen in real clients, and whatever a later version may add, are no reason to refuse."""
    assert web.post(PATH, json=TOLERATED[case]).status_code == 200


REFUSED: dict[str, tuple[Any, str]] = {
    "a list": ([1], "$: expected a JSON object"),
    "a null": (None, "$: expected a JSON object"),
    "another hook": (order_sign(hook="patient-view"), "$.hook: expected `order-sign`"),
    "no hookInstance": ({**order_sign(), "hookInstance": None}, "$.hookInstance: expected a UUID"),
    "a hookInstance that is no UUID": (order_sign(hookInstance="1"), "$.hookInstance: expected a UUID"),
    "no context": ({"hook": "order-sign", "hookInstance": CALL_UUID}, "$.context: expected required: an object"),
    "no patient": (order_sign(context=context(patientId=...)), "$.context.patientId: expected required: a string"),
    "an empty patient": (order_sign(context=context(patientId="")), "$.context.patientId: expected a string"),
    "a patient id with a newline": (
        order_sign(context=context(patientId="p1\n")),
        "$.context.patientId: expected a string",
    ),
    "a number as patient": (order_sign(context=context(patientId=7)), "$.context.patientId: expected a string"),
    "a patient id with a query": (order_sign(context=context(patientId="1&x=2")), "$.context.patientId: expected"),
    "no user": (order_sign(context=context(userId=...)), "$.context.userId: expected required: a string"),
    "no basket": (order_sign(context=context(draftOrders=...)), "$.context.draftOrders: expected required: a FHIR"),
    "a basket that is a list": (order_sign(context=context(draftOrders=[])), "$.context.draftOrders: expected a FHIR"),
    "entries that are no list": (
        order_sign(context=context(draftOrders={"entry": {}})),
        "$.context.draftOrders.entry: expected an array",
    ),
    "a basket that is a Patient": (
        order_sign(context=context(draftOrders={"resourceType": "Patient"})),
        "$.context.draftOrders.resourceType: expected `Bundle`",
    ),
    "a token without server": (
        order_sign(fhirAuthorization={"access_token": "t", "token_type": "Bearer"}),
        "$.fhirServer: expected required: the base",
    ),
    "a server that is no URL": (order_sign(fhirServer="ehr"), "$.fhirServer: expected an absolute http(s) URL"),
    "an authorization without token": (
        order_sign(fhirServer="https://e.org", fhirAuthorization={}),
        "$.fhirAuthorization.access_token: expected required: a string",
    ),
    "prefetch as a list": (order_sign(prefetch=[1]), "$.prefetch: expected an object"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_place_and_expectation(case: str, web: FlaskClient, stage: Any) -> None:
    """What breaks CDS Hooks is answered with 400 and an OperationOutcome that says where and what was expected."""
    body, words = REFUSED[case]
    response = web.post(PATH, data=orjson.dumps(body), content_type="application/json")
    assert response.status_code == 400
    assert any(text.startswith(words) for text in issues_of(response)), issues_of(response)
    assert stage.calls == []


def test_a_refusal_never_quotes_the_request(web: FlaskClient) -> None:
    """Values of the request are not echoed: they may be patient data."""
    body = order_sign(
        hook="Doe-Jane", hookInstance="Doe-Jane", context=context(patientId="Doe Jane", draftOrders="Doe")
    )
    response = web.post(PATH, json=body)
    assert response.status_code == 400
    assert "Doe" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a JSON document in UTF-8 (the body is empty)"),
        (b"<html></html>", "a JSON document in UTF-8 (line 1, column 1)"),
        (b'{"hook": ', "a JSON document in UTF-8"),
        (b'{"hook": NaN}', "a JSON document in UTF-8"),
        (b'{"hook": "\xff"}', "a JSON document in UTF-8"),
        (b'{"hook": "\\ud800"}', "a JSON document in UTF-8"),
        (b"[" * 90_000, "nesting of at most 1024 levels"),
    ],
    ids=["empty", "html", "cut off", "NaN", "not UTF-8", "lone surrogate", "deep nesting"],
)
def test_what_is_not_json(body: bytes, words: str, web: FlaskClient) -> None:
    """A body that is not JSON is answered with 400 and the place where reading stopped."""
    response = web.post(PATH, data=body, content_type="application/json")
    assert response.status_code == 400
    assert words in issues_of(response)[0]


def test_a_byte_order_mark_is_skipped(web: FlaskClient) -> None:
    """A UTF-8 byte order mark, which some clients write, does not make a call unreadable."""
    body = b"\xef\xbb\xbf" + orjson.dumps(order_sign())
    assert web.post(PATH, data=body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/fhir+json", None])
def test_media_types_of_json(kind: str | None, web: FlaskClient) -> None:
    """JSON under any of its names, or under none, is read."""
    assert web.post(PATH, data=orjson.dumps(order_sign()), content_type=kind).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_media_types(headers: dict[str, str], web: FlaskClient) -> None:
    """What says of itself that it is something else, or compressed, is answered with 415."""
    assert web.post(PATH, data=b"{}", headers=headers).status_code == 415


def test_a_body_that_is_too_large(web: FlaskClient, stage: Any) -> None:
    """A body beyond the limit is answered with 413, naming the limit."""
    response = web.post(PATH, data=b" " * 100_001, content_type="application/json")
    assert response.status_code == 413
    assert "100000 bytes" in issues_of(response)[0]
    assert stage.calls == []


def test_an_unknown_service(web: FlaskClient) -> None:
    """A service id that discovery does not list is answered with 404."""
    assert web.post("/cds-services/third-read", json=order_sign()).status_code == 404


@pytest.mark.parametrize(("path", "allowed"), [(PATH, "POST"), (PATH + "/feedback", "POST"), ("/cds-services", "GET")])
def test_a_wrong_method(path: str, allowed: str, web: FlaskClient) -> None:
    """A method that an endpoint does not know is answered with 405 and the ones it knows."""
    response = web.delete(path)
    assert response.status_code == 405
    assert allowed in response.headers["Allow"]


def test_prefetch_that_is_needed(web: FlaskClient, stage: Any) -> None:
    """412 names each prefetch key that would have helped."""
    stage.raises = PrefetchRequired(("imagingStudies", "diagnosticReports"), "no FHIR server was named")
    response = web.post(PATH, json=order_sign())
    assert response.status_code == 412
    assert [text.partition(":")[0] for text in issues_of(response)] == [
        "$.prefetch.imagingStudies",
        "$.prefetch.diagnosticReports",
    ]


def test_an_unexpected_failure_tells_nothing(web: FlaskClient, stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """500 says neither what happened nor of whom; the log has type and place alone."""
    stage.raises = ValueError("Jane Doe has stenosis")
    response = web.post(PATH, json=order_sign())
    assert response.status_code == 500
    said = "".join(capsys.readouterr())
    assert "Doe" not in response.get_data(as_text=True) + said
    assert "ValueError" in said


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_forwarded_calls_are_refused_without_authentication(header: str, web: FlaskClient) -> None:
    """With authentication off, a call that passed a proxy is answered with 400 naming the header."""
    response = web.post(PATH, json=order_sign(), headers={header: "for=192.0.2.1"})
    assert response.status_code == 400
    assert issues_of(response)[0].startswith(header)
