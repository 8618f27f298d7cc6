"""The JSON Schemas of the wire: what HL7's invariants forbid is refused, and the short cut accepts nothing more."""

from importlib.resources import files
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web.calls import context, order_sign, wire_card

from cds_service.web.order_sign import certainly_fits, request_of
from cds_service.web.shapes import Shape, issues, validator

SHAPES: tuple[Shape, ...] = ("discovery", "order-sign-request", "response", "feedback", "operation-outcome")


@pytest.mark.parametrize("shape", SHAPES)
def test_each_schema_is_valid_and_shipped(shape: Shape) -> None:
    """Every schema is Draft 2020-12 and stands in the package as data."""
    raw = orjson.loads(files("cds_service.web").joinpath("schemas", f"{shape}.schema.json").read_bytes())
    assert raw["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert validator(shape) is validator(shape), "compiled once"


def test_a_whole_card_is_valid() -> None:
    """The card that uses all we send fits."""
    assert issues("response", {"cards": [wire_card()]}) == ()


def suggestion(**members: Any) -> dict[str, Any]:
    """The suggestion of that card, bent."""
    return wire_card()["suggestions"][0] | members


def action(**members: Any) -> dict[str, Any]:
    """A card whose one action is bent; members that are `...` are left out."""
    bent = wire_card()["suggestions"][0]["actions"][0] | members
    return wire_card(suggestions=[suggestion(actions=[{k: v for k, v in bent.items() if v is not ...}])])


def without(name: str) -> dict[str, Any]:
    """The card without one member."""
    return {key: value for key, value in wire_card().items() if key != name}


FORBIDDEN: dict[str, dict[str, Any]] = {
    "cds-resp-1: two recommended under at-most-one": wire_card(
        suggestions=[suggestion(isRecommended=True), suggestion(isRecommended=True)]
    ),
    "cds-resp-2: a deletion with a resource": action(type="delete", resourceId="ServiceRequest/1"),
    "cds-resp-2: a deletion of nothing": action(type="delete", resource=...),
    "a creation of nothing": action(resource=...),
    "a resource without type": action(resource={"status": "draft"}),
    "a resource with null": action(resource={"resourceType": "ServiceRequest", "note": None}),
    "a resource with an empty array": action(resource={"resourceType": "ServiceRequest", "note": []}),
    "a resource with an empty string deep inside": action(
        resource={"resourceType": "ServiceRequest", "code": {"coding": [{"code": ""}]}}
    ),
    "an unknown action": action(type="CREATE"),
    "cds-resp-3: appContext with an absolute link": wire_card(
        links=[{"label": "a", "url": "https://e.org", "type": "absolute", "appContext": "x"}]
    ),
    "a relative link": wire_card(links=[{"label": "a", "url": "/e", "type": "absolute"}]),
    "a link without type": wire_card(links=[{"label": "a", "url": "https://e.org"}]),
    "cds-resp-4: a reason without display": wire_card(overrideReasons=[{"system": "s", "code": "c"}]),
    "a reason twice": wire_card(overrideReasons=wire_card()["overrideReasons"] * 2),
    "cds-resp-5: an action without description": action(description=...),
    "cds-resp-6: suggestions without selectionBehavior": without("selectionBehavior"),
    "selectionBehavior without suggestions": without("suggestions"),
    "another selectionBehavior": wire_card(selectionBehavior="all"),
    "cds-resp-7: another actionSelectionBehavior": wire_card(suggestions=[suggestion(actionSelectionBehavior="one")]),
    "no summary": without("summary"),
    "no indicator": without("indicator"),
    "no source": without("source"),
    "the indicator of 1.0": wire_card(indicator="hard-stop"),
    "a source without label": wire_card(source={"url": "https://e.org"}),
    "a topic without system": wire_card(source={"label": "l", "topic": {"code": "c"}}),
    "a relative icon": wire_card(source={"label": "l", "icon": "/icon.png"}),
    "a prefixed uuid": wire_card(uuid="urn:uuid:4e0a3a1e-3283-4575-ab82-028d55fe2719"),
    "an upper-case uuid": wire_card(uuid="4E0A3A1E-3283-4575-AB82-028D55FE2719"),
    "an empty detail": wire_card(detail=""),
    "empty suggestions": wire_card(suggestions=[]),
    "an unknown member": wire_card(sumary="x"),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_a_response_must_not_be(case: str) -> None:
    """Each invariant of HL7, and each emptiness, is refused by the response schema."""
    assert issues("response", {"cards": [FORBIDDEN[case]]})


@pytest.mark.parametrize(("length", "fits"), [(139, True), (140, False), (141, False)])
@pytest.mark.parametrize("character", ["a", "é", "癌", "🩻"])
def test_a_summary_is_measured_in_code_points(length: int, fits: bool, character: str) -> None:
    """Fewer than 140 Unicode code points, whatever their size in bytes."""
    assert (issues("response", {"cards": [wire_card(summary=character * length)]}) == ()) is fits


@pytest.mark.parametrize(
    "body", [{}, {"cards": None}, {"cards": {}}, {"cards": [], "systemActions": []}, {"cards": [None]}, []]
)
def test_what_is_no_response(body: Any) -> None:
    """`cards` is an array, and `systemActions` is absent rather than empty."""
    assert issues("response", body)


@pytest.mark.parametrize(
    "template",
    [
        "ServiceRequest?_id={{context.draftOrders.ServiceRequest.id}}",  # not a root-level primitive
        "Patient/{{patientId}}",  # not the qualified path
        "Patient/{{context.patientId}",
        "Patient/{{ context.patientId }}",
        "",
        None,
    ],
)
def test_what_no_prefetch_template_may_be(template: Any) -> None:
    """Tokens are delimited by {{ }} and name root-level primitive context fields or user identifiers."""
    service = {"hook": "order-sign", "id": "x", "description": "d", "prefetch": {"p": template}}
    assert issues("discovery", {"services": [service]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
URLS = st.sampled_from(["https://e.org/r4", "http://e.org:80/", "e.org", "https://e.org/a?b", "https://e.org/a b", ""])
IDS = st.sampled_from(["p1", "Patient/p1", "a b", "", "a/b", "x" * 128, "x" * 129, "p1\n"])
UUIDS = st.sampled_from([order_sign()["hookInstance"], "urn:uuid:" + order_sign()["hookInstance"], "1", "\n"])


def either(*likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Something likely, or any JSON."""
    return st.one_of(*likely, JSON)


CALLS = st.fixed_dictionaries(
    {
        "hook": either(st.just("order-sign"), st.just("order-sign")),
        "hookInstance": either(UUIDS, UUIDS),
        "context": st.fixed_dictionaries(
            {
                "userId": either(st.just("Practitioner/1")),
                "patientId": either(IDS, IDS),
                "draftOrders": either(
                    st.just({"resourceType": "Bundle", "entry": [1]}),
                    st.fixed_dictionaries({}, optional={"resourceType": JSON, "entry": JSON}),
                ),
            },
            optional={"encounterId": either(IDS)},
        ),
    },
    optional={
        "fhirServer": either(URLS, URLS),
        "fhirAuthorization": either(
            st.fixed_dictionaries(
                {"access_token": either(st.just("t"))},
                optional={"token_type": either(st.just("Bearer")), "scope": JSON},
            )
        ),
        "prefetch": JSON,
        "other": JSON,
    },
)


@given(CALLS)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_short_cut_accepts_nothing_that_the_schema_refuses(call: Any) -> None:
    """Whatever the hand-written check is certain of, the schema accepts; and what the schema accepts can be read."""
    found = issues("order-sign-request", call)
    if certainly_fits(call):
        assert found == ()
    if not found:
        request_of(call)


def test_the_common_form_takes_the_short_cut() -> None:
    """A plain call never costs a run of the schema."""
    assert certainly_fits(order_sign())
    assert certainly_fits(
        order_sign(
            context=context(encounterId="e1"),
            prefetch={},
            fhirServer="https://ehr.example.org/api/FHIR/R4",
            fhirAuthorization={
                "access_token": "t",
                "token_type": "Bearer",
                "scope": "",
                "expires_in": 1,
                "subject": "s",
            },
        )
    )
