"""The verbs of `second-read rules` take content in layers, by option or by the environment the service has."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.content import Content
from cds_service.workbench import rules

RULE = "spine-fusion"


@pytest.fixture
def site(content: Content, tmp_path: Path) -> Path:
    """A layer that moves one number of the fusion rule and has its test for it."""
    rule = content.rules.rule(RULE)
    assert rule is not None
    changes = tmp_path / "site" / "cards" / "changes"
    changes.mkdir(parents=True)
    (changes / f"{RULE}.yaml").write_text(
        f"rule: {RULE}\nof_version: {rule.version}\nwhy: Our committee decided so.\nstatus: silent\nparameters:\n"
        "  study_max_age: {value: 180, unit: d, why: Decided by the committee.}\n",
        encoding="utf-8",
    )
    return tmp_path / "site"


def run(*arguments: str, layers: str = "") -> tuple[int, str]:
    """Exit code and output of one verb, with that in the environment."""
    env = {"COLUMNS": "100", "SECOND_READ_CONTENT_DIR": layers}
    ended = CliRunner(env=env).invoke(rules, list(arguments))
    return ended.exit_code, ended.output


def status(*arguments: str, layers: str = "") -> dict[str, str]:
    """Of each rule, by `list`."""
    code, output = run("list", "--json", *arguments, layers=layers)
    assert code == 0, output
    return {each["id"]: each["status"] for each in json.loads(output)["rules"]}


def test_layers_by_option_and_by_environment_are_the_same(site: Path) -> None:
    """Twice --content, or the variable of the service: the layer's status holds; the option goes first."""
    before = status()
    by_option = status("--content", "shipped", "--content", str(site))
    assert (before[RULE], by_option[RULE]) == ("active", "silent")
    assert {id: of for id, of in by_option.items() if id != RULE} == {id: of for id, of in before.items() if id != RULE}
    assert status(layers=f"shipped,{site}") == by_option
    assert status("--content", "shipped", layers=f"shipped,{site}") == before


def test_showing_and_explaining_speak_of_the_changed_rule(site: Path) -> None:
    """`show` has the layer's number; `explain` decides by it, on a base case of the layer below."""
    layers = ("--content", "shipped", "--content", str(site))
    _, shown = run("show", RULE, *layers)
    assert "study_max_age = 180 d" in shown
    assert "study_max_age = 365 d" in run("show", RULE)[1]
    told: dict[str, Any] = json.loads(run("explain", "lumbar-fusion", "--rule", RULE, "--json", *layers)[1])
    (rule,) = told["orders"][0]["rules"]
    assert (rule["rule"], rule["status"]) == (RULE, "silent")


def test_validating_names_the_layer_that_is_wrong(site: Path) -> None:
    """All layers are judged as one; a mistake is named in the file that makes it, with its line."""
    layers = ("--content", "shipped", "--content", str(site))
    code, output = run("validate", "--as-of", "2026-11-28", *layers)
    assert code == 0, output
    path = site / "cards" / "changes" / f"{RULE}.yaml"
    path.write_text(path.read_text().replace("study_max_age", "study_max_aeg"))
    for given, environment in ((layers, ""), ((), f"shipped,{site}")):
        code, output = run("validate", "--as-of", "2026-11-28", "--json", *given, layers=environment)
        errors = [each for each in json.loads(output)["problems"] if each["severity"] == "error"]
        assert (code, {each["file"] for each in errors}) == (1, {str(path)})
        assert errors[0]["line"] == 6


def test_the_layers_tests_are_tried(site: Path) -> None:
    """A layer's own test of a rule is tried with the rule's; one that does not hold fails in the layer's file."""
    path = site / "cards" / "changes" / f"{RULE}.yaml"
    path.write_text(
        path.read_text() + "tests:\n  - {name: our own day, base: lumbar-fusion, study: {age: 300 d},\n"
        '     report: "IMPRESSION: Moderate central canal stenosis at L4-5.", expect: {outcome: indicated}}\n'
    )
    layers = ("--content", "shipped", "--content", str(site))
    code, output = run("test", RULE, "-k", "our own day", "--json", *layers)
    (test,) = json.loads(output)["tests"]
    assert (code, bool(test["wrong"])) == (1, True)  # 300 days are too old here


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """With the name, and the variable where it comes from there."""
    missing = str(tmp_path / "nowhere")
    assert missing in run("list", "--content", missing)[1]
    code, output = run("list", layers=f"shipped,{missing}")
    assert code == 2
    assert "SECOND_READ_CONTENT_DIR" in output
