"""The profiles of rules and of what cards order: what we export is valid, and each invalid example is refused."""

import json
from pathlib import Path

import pytest
from profiles.rules import faults_of_definition
from profiles.validity import PROFILES

EXAMPLES = PROFILES / "examples" / "rules"
VALID = sorted((EXAMPLES / "valid").glob("*.json"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))
REASONS = json.loads((EXAMPLES / "reasons.json").read_text("utf-8"))
EXPORTED = sorted((PROFILES / "plandefinitions").glob("*.json"))


@pytest.mark.parametrize("path", [*VALID, *EXPORTED], ids=lambda path: path.stem)
def test_what_is_exported_is_valid(path: Path) -> None:
    """Every exported rule and definition is valid by our profile, by the R4B models and by an independent validator."""
    assert faults_of_definition(json.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_for_its_reason(path: Path) -> None:
    """An invalid rule is refused at the place, or by the invariant, that its reason names."""
    faults = faults_of_definition(json.loads(path.read_text("utf-8")))
    assert any(REASONS[path.stem]["at"] in fault for fault in faults), faults


def test_every_invalid_example_has_a_reason() -> None:
    """Examples and reasons are the same list."""
    assert {path.stem for path in INVALID} == set(REASONS)


def test_rules_and_definitions_belong_together() -> None:
    """Every definition that a rule names is exported too."""
    resources = [json.loads(path.read_text("utf-8")) for path in EXPORTED]
    known = {resource["url"] for resource in resources if resource["resourceType"] == "ActivityDefinition"}
    named = {action["definitionCanonical"] for plan in resources for action in plan.get("action", ())}
    assert named
    assert named <= known
