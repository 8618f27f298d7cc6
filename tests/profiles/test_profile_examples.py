"""The profile of the second-read order: every valid example passes, every invalid one is refused for its own reason."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.structuredefinition import StructureDefinition
from fhir.resources.R4B.valueset import ValueSet
from profiles.validity import CANONICAL, PROFILES, _members, assert_valid_second_read_order, by_ourselves, faults_of

VALID = sorted((PROFILES / "examples" / "valid").glob("*.json"))
INVALID = sorted((PROFILES / "examples" / "invalid").glob("*.json"))
REASONS = json.loads((PROFILES / "examples" / "reasons.json").read_text("utf-8"))
DEFINED = sorted(
    p for f in ("profiles", "extensions", "bindings", "codesystems") for p in (PROFILES / f).glob("*.json")
)
MODELS = {"StructureDefinition": StructureDefinition, "ValueSet": ValueSet, "CodeSystem": CodeSystem}


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_a_valid_example_passes(path: Path) -> None:
    """A valid example is valid to every validator and to our own asserts."""
    assert_valid_second_read_order(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_an_invalid_example_is_refused_for_its_reason(path: Path) -> None:
    """An invalid example is refused at the place its reason names."""
    faults = faults_of(json.loads(path.read_text("utf-8")))
    assert any(REASONS[path.stem]["at"] in fault for fault in faults), faults


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_an_invalid_example_differs_by_its_reason_alone(path: Path) -> None:
    """No fault of an invalid example stands elsewhere: it is refused for that reason and no other."""
    if path.stem == "another-type":
        return  # nothing of it is a ServiceRequest
    where = REASONS[path.stem]["at"].removeprefix("ServiceRequest.")
    allowed = {where, *REASONS[path.stem].get("also", ())}
    for fault in faults_of(json.loads(path.read_text("utf-8"))):
        assert any(word in fault for word in allowed), fault


def test_every_invalid_example_has_a_reason() -> None:
    """Examples and reasons are the same list."""
    assert {path.stem for path in INVALID} == set(REASONS)


@pytest.mark.parametrize("path", DEFINED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_our_definitions_are_fhir(path: Path) -> None:
    """Each definition is a valid R4 resource under our canonical, named as its file is."""
    resource = json.loads(path.read_text("utf-8"))
    MODELS[resource["resourceType"]].model_validate(resource)
    assert resource["url"] == f"{CANONICAL}/{resource['resourceType']}/{path.stem}"
    assert resource.get("fhirVersion", "4.0.1") == "4.0.1"


def test_what_is_compiled_is_what_is_written() -> None:
    """No FSH file was changed without compiling it, and no compiled file was edited."""
    script = PROFILES.parent / "scripts" / "build_profiles.py"
    spec = importlib.util.spec_from_file_location("build_profiles", script)
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    assert (PROFILES / "compiled.json").read_text("utf-8") == build.digests(PROFILES)


def test_compiling_gives_what_is_committed() -> None:
    """SUSHI makes of the FSH files exactly the JSON in the repository, without asking the network."""
    script = PROFILES.parent / "scripts" / "build_profiles.py"
    environment = {**os.environ, "https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_value_set_extensions_are_defined() -> None:
    """Every extension on our value sets has a StructureDefinition here, and every code in it is in its value set."""
    bound = {
        "member-region": "body-region",
        "member-match": "member-match",
        "member-needs-cancer": "member-needs-cancer",
    }
    codes = {}
    for name, system in bound.items():
        listed = json.loads((PROFILES / "codesystems" / f"{system}.json").read_text("utf-8"))["concept"]
        codes[name] = {concept["code"] for concept in listed}
    for path in (PROFILES / "valuesets").rglob("*.json"):
        for include in json.loads(path.read_text("utf-8"))["compose"]["include"]:
            for extension in include.get("extension", ()):
                name = extension["url"].rpartition("/")[2]
                assert (PROFILES / "extensions" / f"{name}.json").exists(), extension
                if name in codes:
                    assert extension["valueCode"] in codes[name]


@pytest.mark.parametrize("binding", ["second-read-order-code", "second-read-performer"])
def test_bindings_word_codes_as_the_value_sets_do(binding: str) -> None:
    """A code that an order may carry is worded as in the value set that rules use."""
    known = {}
    for path in (PROFILES / "valuesets").rglob("*.json"):
        for include in json.loads(path.read_text("utf-8"))["compose"]["include"]:
            for concept in include.get("concept", ()):
                known[include["system"], concept["code"]] = concept["display"]
    for key, display in _members(binding).items():
        assert known[key] == display


@pytest.mark.parametrize(
    ("reference", "right"),
    [
        ({"reference": "Patient/1"}, True),
        ({"reference": "https://ehr.example/fhir/Patient/1"}, True),
        ({"reference": "Patient/1/_history/2"}, True),
        ({"identifier": {"value": "1"}, "type": "Patient"}, True),
        ({"identifier": {"value": "1"}}, False),
        ({"reference": "Patient"}, False),
        ({"reference": "urn:uuid:0b1e3a52-7d0e-4f27-9f4b-3b2b5a0d9d3f"}, False),
        ({"display": "the patient"}, False),
    ],
)
def test_references_that_can_be_followed(reference: dict[str, object], right: bool) -> None:
    """A subject is a reference that names its type: relative, absolute, of a version, or logical with a type."""
    order = json.loads(VALID[0].read_text("utf-8"))
    assert (by_ourselves({**order, "subject": reference}) == []) is right


def test_a_foreign_extension_is_refused() -> None:
    """An order carries our extension and no other."""
    order = json.loads(VALID[0].read_text("utf-8"))
    order["extension"] = [{"url": "http://example.org/hold", "valueBoolean": True}]
    assert any("not ours" in fault for fault in by_ourselves(order))
