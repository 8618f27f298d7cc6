"""CDS Hooks 2.0.1, requirement by requirement, at the whole service with its shipped content.

`cds-hooks_2.0@NN` are the numbers of the public requirement list of Inferno's CRD test kit (actor: Service);
`cds-resp-N` and `cds-fb-N` are the invariants of HL7's logical models.
"""

import re
from typing import Any

import builders
import pytest
from flask import Flask
from flask.testing import FlaskClient
from web.calls import accepted, overridden
from web.validity import check_response

PATH = "/cds-services/second-read"
SIMPLE_QUERY = re.compile(
    r"(?P<read>[A-Z][A-Za-z]+/\{\{context\.(?:patientId|encounterId)\}\})"
    r"|(?P<search>[A-Z][A-Za-z]+\?patient=\{\{context\.patientId\}\}(?:&(?:code|_sort|_count)=[A-Za-z0-9,.|:/-]+)*)"
)


@pytest.fixture
def service(client: FlaskClient) -> dict[str, Any]:
    """The one service that discovery lists."""
    (found,) = client.get("/cds-services").get_json()["services"]
    return dict(found)


@pytest.fixture
def card(ehr: Any) -> dict[str, Any]:
    """A card, returned for a lumbar fusion that rests on a moderate stenosis."""
    (found,) = ehr.sign(builders.fusion(), prefetch=builders.prefetch(builders.mri(), builders.report()))
    return dict(found)


# --- discovery ----------------------------------------------------------------------------------------------------


def test_discovery(client: FlaskClient) -> None:
    """cds-hooks_2.0@13: discovery answers 200 with an object that holds the array `services`."""
    answer = client.get("/cds-services")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert isinstance(answer.get_json()["services"], list)


def test_discovery_describes_the_service(service: dict[str, Any]) -> None:
    """cds-hooks_2.0@12, @16: hook, id, title, description, usageRequirements; the id is the URL's last segment."""
    assert service["hook"] == "order-sign"
    assert PATH.endswith("/" + service["id"])
    for name in ("title", "description", "usageRequirements"):
        assert service[name].strip()


def test_discovery_says_which_versions(service: dict[str, Any]) -> None:
    """CDS Hooks 3.0, Discovery: `version` of the specification, `hookVersion` of the published hook."""
    assert (service["version"], service["hookVersion"]) == ("2.0.1", "1.0")


def test_prefetch_templates_stay_simple(service: dict[str, Any]) -> None:
    """cds-hooks_2.0@29, @36, @55 to @59: keyed templates of the simpler query subset, with root-level tokens alone."""
    assert set(service["prefetch"]) == {
        "patient", "encounter", "imagingStudies", "diagnosticReports", "conditions", "serviceRequests",
        "medicationRequests", "procedures", "stagingObservations",
    }  # fmt: skip
    for template in service["prefetch"].values():
        assert SIMPLE_QUERY.fullmatch(template), template
        names = [pair.partition("=")[0] for pair in template.partition("?")[2].split("&") if pair]
        assert len(names) == len(set(names)), "a repeated parameter is joined with a comma by one client"


def test_draft_orders_are_no_prefetch_token(service: dict[str, Any]) -> None:
    """cds-hooks-library_1.0.1@16: draftOrders is not used in prefetch tokens."""
    assert all("draftOrders" not in template for template in service["prefetch"].values())


# --- response -----------------------------------------------------------------------------------------------------


def test_no_advice(ehr: Any) -> None:
    """cds-hooks_2.0@74, @77: no decision support is 200 with an empty array of cards, and nothing beside it."""
    order = builders.fusion(code=builders.coding("http://loinc.org", "58410-2"), reasonCode=[])
    answer = ehr.post(builders.hook(order))
    assert (answer.status_code, answer.get_json()) == (200, {"cards": []})


def test_the_card_has_what_is_required(card: dict[str, Any]) -> None:
    """cds-hooks_2.0@80, @83, @87, @88, @90, @105, @115: uuid, short summary, indicator, source with label and topic."""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] in ("info", "warning")
    assert card["source"]["label"].strip()
    assert card["source"]["topic"]["code"]
    assert card["source"]["topic"]["system"]


def test_the_suggestion_creates_one_resource(card: dict[str, Any]) -> None:
    """cds-hooks_2.0@93, @95, @117, @119, @127, @128, @131: one labelled suggestion that creates one whole resource."""
    assert card["selectionBehavior"] in ("at-most-one", "any")
    (suggestion,) = card["suggestions"]
    assert suggestion["label"].strip()
    assert suggestion["uuid"] != card["uuid"]
    (action,) = suggestion["actions"]
    assert action["type"] == "create"
    assert action["description"].strip()
    assert action["resource"]["resourceType"] == "ServiceRequest"
    assert not suggestion.get("isRecommended"), "nothing is pre-ticked"


def test_override_reasons_can_be_shown(card: dict[str, Any]) -> None:
    """cds-hooks_2.0@98, @100, @136, cds-resp-4: each override reason is a Coding with code, system and display."""
    assert 0 < len(card["overrideReasons"]) <= 6
    for reason in card["overrideReasons"]:
        assert all(reason[name] for name in ("code", "system", "display"))


def test_detail_is_markdown_without_html(card: dict[str, Any]) -> None:
    """cds-hooks_2.0@85: detail is GitHub Flavored Markdown; no HTML, which one client would render."""
    assert "<" not in re.sub(r"\\<", "", card["detail"])


def test_uuids_are_new_for_each_card(ehr: Any) -> None:
    """cds-hooks_2.0@80: the uuid is unique to the card returned, also when the same order is signed again."""
    prefetch = builders.prefetch(builders.mri(), builders.report())
    (first,) = ehr.sign(builders.fusion(), prefetch=prefetch)
    (second,) = ehr.sign(builders.fusion(), prefetch=prefetch)
    assert first["uuid"] != second["uuid"]
    assert first["source"]["topic"] == second["source"]["topic"]


def test_required_prefetch_that_is_missing(ehr: Any) -> None:
    """cds-hooks_2.0@54: 412 where required data was not prefetched and no FHIR server can be read."""
    answer = ehr.post(builders.hook(builders.fusion()))
    assert answer.status_code == 412
    assert answer.get_json()["issue"][0]["diagnostics"].startswith("$.prefetch.")


def test_operation_outcomes_in_prefetch_are_seen(ehr: Any) -> None:
    """cds-hooks_2.0@52: an OperationOutcome as prefetch value is data that the client could not get, not data."""
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    prefetch = builders.prefetch(builders.mri(), builders.report()) | {"diagnosticReports": failed}
    answer = ehr.post(builders.hook(builders.fusion(), prefetch=prefetch))
    assert answer.status_code in (200, 412)
    assert not answer.get_json().get("cards")


# --- feedback -----------------------------------------------------------------------------------------------------


def test_feedback_on_a_card(ehr: Any, card: dict[str, Any]) -> None:
    """cds-hooks_2.0@148, @152, cds-fb-1 to cds-fb-3: feedback on a returned card is accepted, again and again."""
    took = accepted(card=card["uuid"], acceptedSuggestions=[{"id": card["suggestions"][0]["uuid"]}])
    left = overridden(card=card["uuid"], overrideReason={"reason": card["overrideReasons"][0]})
    for entry in (took, left, left):
        assert ehr.tell(**entry).status_code == 200


def test_feedback_on_an_unknown_card(ehr: Any) -> None:
    """CDS Hooks 2.0.1, Feedback: a card this service does not remember is no fault of the caller."""
    assert ehr.tell(**accepted()).status_code == 200


# --- extensions and CORS --------------------------------------------------------------------------------------------


def test_extensions_are_ignored(ehr: Any) -> None:
    """CDS Hooks 2.0.1, Extensions: an extension anywhere in the request changes nothing."""
    body = builders.hook(builders.fusion(), prefetch=builders.prefetch(builders.mri(), builders.report()))
    body["extension"] = {"com.example.ehr": {"deep": [None]}}
    body["context"]["extension"] = {"com.example.ehr": 1}
    assert len(ehr.post(body).get_json()["cards"]) == 1


def test_no_cors_by_default(client: FlaskClient) -> None:
    """cds-hooks_2.0@208: without configured origins, no other origin is let in; a preflight does no harm."""
    answer = client.options(PATH, headers={"Origin": "https://ehr.example.org"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/cds-services", PATH, PATH + "/feedback"])
def test_cors_where_configured(path: str, settings: Any, content: Any) -> None:
    """cds-hooks_2.0@208: a configured origin, and no other, passes the preflight on all three paths."""
    from dataclasses import replace

    from cds_service.app import close_app, create_app

    app: Flask = create_app(replace(settings, cors_origins=("https://ehr.example.org",)), content=content)
    try:
        ours = app.test_client().options(path, headers={"Origin": "https://ehr.example.org"})
        assert ours.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
        assert "Authorization" in ours.headers["Access-Control-Allow-Headers"]
        theirs = app.test_client().get(path, headers={"Origin": "https://evil.example.org"})
        assert "Access-Control-Allow-Origin" not in theirs.headers
        assert "Origin" in theirs.headers["Vary"]
    finally:
        close_app(app)


# --- operations -----------------------------------------------------------------------------------------------------


def test_health(client: FlaskClient) -> None:
    """`/healthz`, `/readyz` and `/metrics` answer without authentication and without patient data."""
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json()["ready"] is True
    assert b"second_read_calls_total" in client.get("/metrics").data


def test_an_unknown_path(client: FlaskClient) -> None:
    """A path that does not exist is answered with 404 and an OperationOutcome."""
    answer = client.get("/cds-services/second-read/nothing")
    check_response(answer)
    assert answer.status_code == 404


@pytest.mark.parametrize("nothing", [None, "", 7])
def test_a_report_without_id_is_not_named_by_nothing(nothing: Any, ehr: Any) -> None:
    """cds-hooks_2.0@131, Use of JSON: what cannot be named is left out, never an empty reference."""
    prefetch = builders.prefetch(builders.mri(), builders.report(id=nothing))
    for card in ehr.sign(builders.fusion(), prefetch=prefetch):
        resource = card["suggestions"][0]["actions"][0]["resource"]
        assert all(each.get("reference") or each["display"] for each in resource["supportingInfo"])
