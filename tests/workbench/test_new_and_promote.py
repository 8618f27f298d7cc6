"""`new` writes what validates and passes; `promote` climbs one rung at a time, and touches nothing else in the file."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str]]
Told = Callable[..., tuple[int, Any]]
TODAY = "2026-11-28"
SIGNED = ("--signed-by", "A. Surgeon, chair of spine surgery", "--signed-by", "B. Reader, lead of neuroradiology")


@pytest.mark.parametrize("concern", ["spine", "staging", "lesion"])
def test_a_new_rule_validates_and_its_tests_pass(run: Run, told: Told, site: Path, concern: str) -> None:
    """From the first minute there is a rule whose tests, in both directions, are green."""
    assert run("new", "first-try", "--concern", concern)[0] == 0
    path = site / "cards" / "rules" / concern / "first-try.yaml"
    assert "status: draft" in path.read_text(encoding="utf-8")
    code, answer = told("test", "first-try")
    assert (code, answer["failed"]) == (0, 0)
    assert answer["tried"] == 3


def test_new_never_overwrites(run: Run, rule_file: Path) -> None:
    """A file of that name, wherever it stands, stays as it is."""
    before = rule_file.read_bytes()
    code, output = run("new", "small-fusion", "--concern", "lesion")
    assert (code, "nothing was written" in output) == (1, True)
    assert rule_file.read_bytes() == before
    assert run("new", "Not An Id")[0] == 1


def test_a_drafts_first_tests_notice_wrong_changes(run: Run, told: Told) -> None:
    """Dropping either criterion of the scaffold turns one of its tests red."""
    run("new", "first-try")
    _, answer = told("test", "first-try", "--mutate", "--jobs", "1")
    alive = {one["mutant"] for one in answer["mutants"]["survivors"]}
    assert answer["mutants"]["mutants"] > 5
    assert not any(mutant.endswith(("dropped", "negated")) for mutant in alive)


def test_the_ladder_is_climbed_one_rung_at_a_time(run: Run, told: Told, site: Path, tmp_path: Path) -> None:
    """Draft, then silent for two weeks, then active with a back-test and two people; the file records each step."""
    run("new", "first-try")
    path = site / "cards" / "rules" / "spine" / "first-try.yaml"
    before = path.read_text(encoding="utf-8")
    assert told("promote", "first-try", "--change", "Goes silent.", "--on", "2026-11-01")[1]["version"] == "0.2.0"
    comments = [line[line.index("#") :] for line in before.splitlines() if "#" in line]
    silent = path.read_text(encoding="utf-8")
    assert all(comment in silent for comment in comments)
    assert "status: silent " in silent
    result = tmp_path / "back-test.json"
    result.write_text('{"cases": 2000, "cards": 31}', encoding="utf-8")
    words = ("--change", "Speaks.", "--back-test", str(result), *SIGNED)
    code, answer = told("promote", "first-try", *words, "--on", "2026-11-14")
    assert (code, answer["reasons"]) == (1, ["silent since 2026-11-01: 14 days are asked, 13 have passed"])
    assert path.read_text(encoding="utf-8") == silent
    code, answer = told("promote", "first-try", *words, "--on", "2026-11-15")
    assert (code, answer["status"], answer["version"]) == (0, "active", "1.0.0")
    text = path.read_text(encoding="utf-8")
    assert "A. Surgeon, chair of spine surgery" in text
    assert f'back_test: "{result}"' in text
    assert told("list")[1]["rules"][-1]["status"] == "active"
    assert told("promote", "first-try", "--change", "Again.")[0] == 1


@pytest.mark.parametrize(
    ("signers", "says"),
    [
        (SIGNED[:2], "two people"),
        ((*SIGNED[:2], "--signed-by", "A. Surgeon, another role"), "two people"),
        ((*SIGNED[:2], "--signed-by", "unassigned, clinical"), "names no person"),
        ((*SIGNED[:2], "--signed-by", "B. Reader"), "names no person with a role"),
    ],
)
def test_nobody_is_invented(run: Run, told: Told, signers: tuple[str, ...], says: str) -> None:
    """Two different people with their roles sign, or the rule stays silent."""
    run("new", "first-try")
    run("promote", "first-try", "--change", "Goes silent.", "--on", "2026-11-01")
    _, answer = told("promote", "first-try", "--change", "Speaks.", *signers, "--on", TODAY)
    assert any(says in reason for reason in answer["reasons"])
    assert any("back-test" in reason for reason in answer["reasons"])


def test_a_silent_period_counts_only_for_the_rule_as_it_is(run: Run, told: Told, site: Path) -> None:
    """A threshold moved in between begins the period anew; a comment or a test does not."""
    run("new", "first-try")
    run("promote", "first-try", "--change", "Goes silent.", "--on", "2026-11-01")
    path = site / "cards" / "rules" / "spine" / "first-try.yaml"
    path.write_text(path.read_text().replace("value: 90", "value: 91") + "# a comment\n", encoding="utf-8")
    reasons = told("promote", "first-try", "--change", "Speaks.", *SIGNED, "--on", TODAY)[1]["reasons"]
    assert any("no silent period of the rule as it is now" in reason for reason in reasons)
    path.write_text(path.read_text().replace("value: 91", "value: 90"), encoding="utf-8")
    reasons = told("promote", "first-try", "--change", "Speaks.", *SIGNED, "--on", TODAY)[1]["reasons"]
    assert all("silent period" not in reason for reason in reasons)


def test_a_rule_whose_tests_fail_is_not_promoted(run: Run, told: Told, site: Path) -> None:
    """Whatever else is in order."""
    run("new", "first-try")
    path = site / "cards" / "rules" / "spine" / "first-try.yaml"
    path.write_text(path.read_text().replace("Moderate central canal", "Severe central canal"))
    code, answer = told("promote", "first-try", "--change", "Goes silent.")
    assert code == 1
    assert "fails" in answer["reasons"][0]
    assert "status: draft" in path.read_text(encoding="utf-8")


def test_a_change_without_a_version_is_seen(run: Run, site: Path, rule_file: Path, tmp_path: Path) -> None:
    """Against a git commit and against a folder: what decides differs, the version does not; and no rule jumps."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(site), "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                       check=True, capture_output=True)  # fmt: skip

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "before")
    day = ("--as-of", TODAY)
    assert validate(site, *day, "--against", "HEAD")[0] == 0
    text = rule_file.read_text(encoding="utf-8")
    rule_file.write_text(text.replace("value: 365", "value: 180"), encoding="utf-8")
    code, output = validate(site, *day, "--against", "HEAD")
    assert (code, "version-not-bumped" in output, "parameters differ" in output) == (1, True, True)
    higher = text.replace("value: 365", "value: 180").replace("version: 1.0.0", "version: 1.1.0")
    rule_file.write_text(higher.replace("{1.0.0: First.}", "{1.1.0: Shorter., 1.0.0: First.}"), encoding="utf-8")
    assert validate(site, *day, "--against", "HEAD")[0] == 0
    rule_file.write_text(text.replace("rationale: To be broken.", "rationale: Otherwise."), encoding="utf-8")
    assert validate(site, *day, "--against", "HEAD")[0] == 0
    assert validate(site, *day, "--against", "no-such-commit")[0] == 1
    (tmp_path / "elsewhere" / "cards" / "rules").mkdir(parents=True)
    old = tmp_path / "elsewhere" / "cards" / "rules" / "small-fusion.yaml"
    old.write_text(text.replace("status: active", "status: draft"), encoding="utf-8")
    assert "status-jump" in validate(site, *day, "--against", str(tmp_path / "elsewhere"))[1]


def validate(site: Path, *words: str) -> tuple[int, str]:
    """`validate` takes the folder as its argument."""
    from click.testing import CliRunner

    from cds_service.workbench import rules

    result = CliRunner().invoke(rules, ["validate", str(site), *words])
    return result.exit_code, result.output


def test_list_and_show_tell_what_a_person_asks(run: Run, told: Told) -> None:
    """The catalogue at a glance, and one rule in plain words: when, when not, numbers, evidence, owner."""
    assert told("list")[1]["rules"][0]["id"] == "small-fusion"
    code, output = run("show", "small-fusion")
    assert code == 0
    for words in ("A spinal fusion is being signed", "A deformity is recorded", "study_max_age = 365 d",
                  "clinical: unassigned", "not clinically approved", "x5-study-window"):  # fmt: skip
        assert words in " ".join(output.split())
    assert told("show", "small-fusion")[1]["criteria"][0]["id"] == "fusion-ordered"
    code, output = run("show", "small-fusio")
    assert (code, "did you mean 'small-fusion'" in output) == (1, True)
