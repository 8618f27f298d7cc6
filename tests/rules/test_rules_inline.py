"""The inline tests of the shipped rules, and the cases they stand on."""

from datetime import date
from functools import cache

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.content import Content, content_folder, load_content
from cds_service.rules.rule import InlineTest, Rule
from cds_service.rules.rule_file import ATTRIBUTES
from cds_service.workbench.base_cases import read_plain
from cds_service.workbench.checking import check_content
from cds_service.workbench.resources import Codes
from cds_service.workbench.trying import build, try_rules


@cache
def _shipped() -> tuple[Content, tuple[Rule, ...]]:
    content = load_content()
    found, problems = check_content(content.folder / "cards" / "rules", date(2026, 11, 28))
    assert not problems, "\n".join(map(str, problems))
    return content, found


def _tests() -> list[tuple[Rule, InlineTest]]:
    return [(rule, test) for rule in _shipped()[1] for test in rule.tests]


def test_the_whole_catalogue_ships_and_each_rule_has_tests() -> None:
    """Every number of the catalogue has its rule, read without a problem and tested many times over."""
    _, rules = _shipped()
    assert {rule.about["catalogue"] for rule in rules} == {f"R{number:02d}" for number in range(1, 23)}
    assert all(len(rule.tests) >= 15 for rule in rules)


def test_what_ships_switched_off_is_not_evaluated_and_everything_else_speaks() -> None:
    """The rules about diffuse disease and about joints are drafts; every other one is active."""
    content, rules = _shipped()
    assert {rule.id for rule in rules if rule.status != "active"} == {"diffuse-lung-disease", "joint-surgery"}
    assert all(rule.status == "draft" for rule in rules if rule.status != "active")
    woken = {rule.id for found in content.rules.triggers.values() for rule in found}
    assert woken == {rule.id for rule in rules if rule.status == "active"}


def test_every_rule_states_all_its_source_attributes() -> None:
    """No attribute of a decision support intervention is left out; what is not used says so."""
    for rule in _shipped()[1]:
        told = rule.about["attributes"]
        assert set(told) == set(ATTRIBUTES)
        assert all(told[name] == "not used" for name in ("race", "ethnicity", "social_determinants"))


@pytest.mark.parametrize("id", sorted(path.stem for path in (content_folder() / "cards" / "rules").rglob("*.yaml")))
def test_every_inline_test_holds(id: str) -> None:
    """From report text to verdict, each inline test of the rule comes out as written."""
    content, rules = _shipped()
    (rule,) = [rule for rule in rules if rule.id == id]
    failed = [
        f"{trial.test.line}: {trial.test.name}: {trial.wrong}" for trial in try_rules([rule], content) if trial.wrong
    ]
    assert not failed, "\n".join(failed)


def test_every_resource_of_every_case_is_valid_fhir() -> None:
    """What an inline test signs is FHIR R4 that an EHR could have sent."""
    content, _ = _shipped()
    cases = content.folder / "cards" / "cases"
    codes = Codes(read_plain(cases / "codes.yaml"), content.routing)
    seen: set[str] = set()
    for rule, test in _tests():
        for resource in build(test, cases / f"{test.base}.yaml", codes, rule.id).resources:
            if str(resource) not in seen:
                seen.add(str(resource))
                get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert len(seen) > 200


def test_no_rule_claims_a_clinical_approval_that_nobody_gave() -> None:
    """A rule that nobody has signed says so."""
    for rule in _shipped()[1]:
        assert rule.about["signed"] == "not clinically approved"
        assert rule.about["owner"]["clinical"] == "unassigned"
