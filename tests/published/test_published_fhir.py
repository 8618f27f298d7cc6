"""The read-only FHIR endpoints: search, read, capabilities and errors, as FHIR R4 words them."""

import sys
from subprocess import run
from typing import Any
from urllib.parse import urlsplit

import fhirkit
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask.testing import FlaskClient
from profiles.rules import faults_of_definition
from published.conftest import Get

from cds_service.content import Content

TYPES = ("PlanDefinition", "ActivityDefinition", "ValueSet", "CodeSystem", "StructureDefinition")


def ids(bundle: dict[str, Any]) -> list[str]:
    """The ids of the matches of a Bundle."""
    return [e["resource"]["id"] for e in bundle.get("entry", ()) if e["search"]["mode"] == "match"]


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_a_valid_searchset(fhir: Get, kind: str) -> None:
    """A search without parameters is a valid Bundle with total, self link and absolute fullUrls that can be read."""
    bundle = fhir(kind)
    Bundle.model_validate(bundle)
    assert fhirkit.validate(bundle) == []
    assert bundle["total"] >= len(ids(bundle)) > 0
    assert bundle["link"][0] == {"relation": "self", "url": f"http://localhost/fhir/{kind}"}
    for entry in bundle["entry"]:
        path = urlsplit(entry["fullUrl"]).path.removeprefix("/fhir/")
        assert fhir(path) == entry["resource"]


def test_every_loaded_rule_is_served(fhir: Get, content: Content) -> None:
    """The rules of the service are the PlanDefinitions, each valid by its profile."""
    bundle = fhir("PlanDefinition?_count=200")
    assert ids(bundle) == sorted(rule.id for rule in content.rules.rules)
    served = fhir(f"PlanDefinition/{content.rules.rules[0].id}")
    assert faults_of_definition(served) == []


def test_a_definition_that_a_rule_names_is_found_by_its_url(fhir: Get) -> None:
    """The canonical of the action leads to one ActivityDefinition."""
    plan = fhir("PlanDefinition/spine-fusion")
    url = plan["action"][0]["definitionCanonical"]
    assert ids(fhir(f"ActivityDefinition?url={url}")) == ["second-read-neuroradiology"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("_id=spine-fusion", ["spine-fusion"]),
        ("_id=spine-fusion,spine-decompression", ["spine-decompression", "spine-fusion"]),
        ("_id=nothing", []),
        ("name=spinefus", ["spine-fusion"]),
        ("name=Fusion", []),
        ("name:contains=FUSION", ["spine-fusion"]),
        ("name:exact=SpineFusion", ["spine-fusion"]),
        ("name:exact=spinefusion", []),
        ("url=http://second-read.org/fhir/PlanDefinition/spine-fusion", ["spine-fusion"]),
        ("url=http://second-read.org/fhir/PlanDefinition/", []),
        ("status=retired&_id=spine-fusion", []),
        ("status=draft,active&_id=spine-fusion", ["spine-fusion"]),
        ("status=http://hl7.org/fhir/publication-status|active&_id=spine-fusion", ["spine-fusion"]),
        ("_id=spine-fusion&_id=spine-decompression", []),
        ("_id=", None),
    ],
)
def test_search_parameters(fhir: Get, content: Content, query: str, found: list[str] | None) -> None:
    """Alternatives are separated by commas, repeated parameters are all to hold, an empty one does not count."""
    every = sorted(rule.id for rule in content.rules.rules)
    bundle = fhir(f"PlanDefinition?{query}&_count=200")
    assert ids(bundle) == (every if found is None else found)
    assert bundle["total"] == len(ids(bundle))


def test_paging_walks_through_everything_once(fhir: Get) -> None:
    """Following `next` from the first page gives every resource once; the last page has no next."""
    whole, address, pages = ids(fhir("ValueSet?_count=200")), "ValueSet?_count=7&status=draft,active", 0
    walked: list[str] = []
    while address:
        bundle = fhir(address)
        walked += ids(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert {"self", "first", "last"} <= set(links)
        assert ("previous" in links) is (pages > 0)
        address, pages = links.get("next", "").removeprefix("http://localhost/fhir/"), pages + 1
    assert walked == whole
    assert pages == -(-len(whole) // 7)


def test_summaries_are_marked_as_parts(fhir: Get) -> None:
    """_summary=true and _elements leave elements out and say so; count gives the total alone."""
    short = fhir("PlanDefinition?_id=spine-fusion&_summary=true")["entry"][0]["resource"]
    assert "action" not in short
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    chosen = fhir("PlanDefinition?_id=spine-fusion&_elements=title")["entry"][0]["resource"]
    assert set(chosen) == {"resourceType", "id", "meta", "status", "title"}
    for query in ("_summary=count", "_count=0"):
        counted = fhir(f"PlanDefinition?{query}")
        assert "entry" not in counted
        assert counted["total"] > 0


def test_an_unknown_parameter_is_ignored_and_named(fhir: Get) -> None:
    """By default it is left out of the self link and named in an OperationOutcome beside the matches."""
    bundle = fhir("PlanDefinition?_id=spine-fusion&colour=blue")
    assert bundle["total"] == 1
    assert "colour" not in bundle["link"][0]["url"]
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert "colour" in outcome["resource"]["issue"][0]["diagnostics"]
    assert fhirkit.validate(bundle) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [("colour=blue", "colour"), ("_count=many", "_count"), ("_count=-1", "_count"), ("_summary=some", "_summary"),
     ("status:not=active", "status:not"), ("name:below=x", "name:below"), ("_offset=x", "_offset")],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(fhir: Get, query: str, named: str) -> None:
    """Strict handling refuses unknown parameters; wrong values and modifiers are always refused."""
    outcome = fhir(f"PlanDefinition?{query}", 400, Prefer="handling=strict")
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["diagnostics"].startswith(named)


def test_search_by_form(client: FlaskClient, fhir: Get) -> None:
    """POST to _search is the same search; another content type is refused."""
    posted = client.post("/fhir/PlanDefinition/_search", data={"_id": "spine-fusion"})
    assert posted.json == fhir("PlanDefinition?_id=spine-fusion")
    assert client.post("/fhir/PlanDefinition/_search", json={"_id": "x"}).status_code == 415
    assert client.post("/fhir/PlanDefinition/_search", data={"_id": "x" * 20_000}).status_code in (413, 415)


@pytest.mark.parametrize("path", ["PlanDefinition/nobody", "Patient", "Patient/1", "PlanDefinition/../ValueSet"])
def test_what_is_not_there_is_not_found(fhir: Get, path: str) -> None:
    """404 with an OperationOutcome for an unknown id, and for a type that is not served."""
    assert fhir(path, 404)["issue"][0]["severity"] == "error"


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_written(client: FlaskClient, method: str) -> None:
    """Every writing method is refused with what is allowed."""
    response = getattr(client, method)("/fhir/PlanDefinition/spine-fusion", json={})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert response.json["resourceType"] == "OperationOutcome"


def test_only_json_is_spoken(fhir: Get) -> None:
    """XML is not acceptable, whether by header or by parameter; `_format` goes before the header."""
    fhir("metadata", 406, Accept="application/fhir+xml")
    fhir("PlanDefinition?_format=xml", 406)
    fhir("PlanDefinition/spine-fusion?_format=json", 200, Accept="application/fhir+xml")
    fhir("metadata", 200, Accept="application/fhir+json; fhirVersion=4.0")


def test_a_client_that_has_it_is_not_sent_it_again(client: FlaskClient) -> None:
    """The ETag of an earlier answer is answered with 304."""
    first = client.get("/fhir/PlanDefinition/spine-fusion")
    again = client.get("/fhir/PlanDefinition/spine-fusion", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_capability_statement_says_what_is_there(fhir: Get) -> None:
    """/fhir/metadata is valid, names each type that can be searched, and claims no writing."""
    statement = fhir("metadata")
    CapabilityStatement.model_validate(statement)
    assert fhirkit.validate(statement) == []
    resources = statement["rest"][0]["resource"]
    assert [resource["type"] for resource in resources] == list(TYPES)
    for resource in resources:
        assert {interaction["code"] for interaction in resource["interaction"]} == {"read", "search-type"}
        fhir(
            f"{resource['type']}?" + "&".join(f"{p['name']}=" for p in resource["searchParam"]),
            Prefer="handling=strict",
        )


def test_the_service_does_without_model_classes() -> None:
    """Serving imports no FHIR model library: its memory is for calls."""
    lines = (
        "import sys, cds_service.web, cds_service.published.resources as r, cds_service.content as c;"
        "p = r.published(c.load_content()); [x.read() for of in p.values() for x in of.values()];"
        "sys.exit(any(m.startswith(('fhir.', 'pydantic', 'markdown_it')) for m in sys.modules))"
    )
    assert run([sys.executable, "-c", lines], check=False).returncode == 0
