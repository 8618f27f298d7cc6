"""Mutation testing: what a change of one line is, that tests notice it, and that survivors are listed with reasons."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds_service.workbench.mutants import mutants_of
from cds_service.yaml_source import Sheet, parse_yaml, read_yaml

Told = Callable[..., tuple[int, Any]]
LINE = """\
exclusions:
  - id: one
    says: A line of every kind.
    any_of:
      - condition: {in: {spine-disorders: [deformity, emergency], cancer-conditions: any}, reasons: true}
      - reason: {words: [scoliosis, kyphosis]}
      - lead_time: {under: 24 h}
        rule: {concern: [lesion]}
    withhold_when: {order: {priority: [urgent, asap]}}
    if_unknown: proceed
"""


def test_each_operator_makes_its_mutants() -> None:
    """Drop, negate, drop an alternative, a kind, a word, a group or a set, turn a flag, move a number, flip unknown."""
    node = parse_yaml(LINE, Sheet("x"))
    assert node is not None
    made = {mutant.id.removeprefix("exclusions.one: ") for mutant in mutants_of(node)}
    assert made == {
        "dropped", "negated", "if_unknown: withhold", "withhold_when dropped",
        "withhold_when order.priority without 'urgent'", "withhold_when order.priority without 'asap'",
        "any_of[0] dropped", "any_of[1] dropped", "any_of[2] dropped",
        "any_of[0] condition.in without spine-disorders", "any_of[0] condition.in without cancer-conditions",
        "any_of[0] condition.in.spine-disorders without 'deformity'",
        "any_of[0] condition.in.spine-disorders without 'emergency'", "any_of[0] condition.reasons: false",
        "any_of[1] reason.words without 'scoliosis'", "any_of[1] reason.words without 'kyphosis'",
        "any_of[2] lead_time dropped", "any_of[2] rule dropped",
        "any_of[2] lead_time.under: 24 h -> 23 h", "any_of[2] lead_time.under: 24 h -> 25 h",
    }  # fmt: skip


def test_a_mutant_changes_one_place_and_leaves_the_rest(rule_file: Path) -> None:
    """Its tree differs from the original's in one value; the original stays as it was."""
    root = read_yaml(rule_file, Sheet(str(rule_file)))
    assert root is not None
    before = root.plain()
    for mutant in mutants_of(root):
        assert root.plain() == before
        if mutant.tree is not None:
            changed = mutant.tree.plain()
            assert changed != before
            assert sum(changed.get(key) != value for key, value in before.items()) == 1


def test_survivors_are_told_and_can_be_listed_with_a_reason(told: Told, site: Path) -> None:
    """An unlisted survivor is a lint, a listed one is none, a listed one that is noticed is an error."""
    code, answer = told("test", "small-fusion", "--mutate", "--jobs", "1")
    survivors = answer["mutants"]["survivors"]
    assert answer["mutants"]["held"] + len(survivors) == answer["mutants"]["mutants"]
    assert any("turnaround" in one["mutant"] for one in survivors)  # the small rule does not test its lead time
    assert code == 1  # fewer than 95 % of so small a rule's mutants are noticed
    assert {problem["code"] for problem in answer["problems"]} == {"survived-mutant"}
    listed = "".join(f'  "{one["mutant"]}": Not worth a test of the tests.\n' for one in survivors)
    (site / "cards" / "survivors.yaml").write_text(f"small-fusion:\n{listed}", encoding="utf-8")
    _, answer = told("test", "small-fusion", "--mutate", "--jobs", "1")
    assert answer["problems"] == []
    assert all(one["why"] for one in answer["mutants"]["survivors"])
    with (site / "cards" / "survivors.yaml").open("a", encoding="utf-8") as file:
        file.write('  "criteria.spine-study: dropped": Not true.\n')
    code, answer = told("test", "small-fusion", "--mutate", "--jobs", "1")
    assert (code, [problem["code"] for problem in answer["problems"]]) == (1, ["stale-survivor"])


def test_a_survivor_without_a_reason_is_an_error(told: Told, site: Path) -> None:
    """Listing is saying why."""
    (site / "cards" / "survivors.yaml").write_text('small-fusion: {"turnaround: 24 h -> 23 h": ""}\n')
    code, answer = told("test", "small-fusion", "--mutate", "--jobs", "1")
    assert code == 1
    assert "missing-field" in {problem["code"] for problem in answer["problems"]}


def test_without_its_boundary_test_a_threshold_can_move_unnoticed(told: Told, rule_file: Path) -> None:
    """The run is no formality: a test at the boundary holds the threshold, and taking it away lets the mutant live."""
    moved = "$study_max_age: 365 -> 364"
    last_day = "  - {name: last day, base: lumbar-fusion, study: {age: 365 d}, expect: {outcome: indicated}}\n"
    text = rule_file.read_text(encoding="utf-8")
    rule_file.write_text(text.replace("tests:\n", "tests:\n" + last_day), encoding="utf-8")
    words = ("test", "small-fusion", "--mutate", "--jobs", "1")
    held = {one["mutant"] for one in told(*words)[1]["mutants"]["survivors"]}
    rule_file.write_text(text, encoding="utf-8")
    assert moved not in held
    assert moved in {one["mutant"] for one in told(*words)[1]["mutants"]["survivors"]}


def test_processes_and_one_process_find_the_same(told: Told) -> None:
    """Sharing the work out changes no result."""
    one = told("test", "small-fusion", "--mutate", "--jobs", "1")[1]["mutants"]
    assert told("test", "small-fusion", "--mutate", "--jobs", "2")[1]["mutants"] == one


@pytest.mark.parametrize("every", ["2", "3"])
def test_a_sample_is_the_same_every_time(told: Told, every: str) -> None:
    """Each n-th mutant, and no stale survivor is claimed from a sample."""
    words = ("test", "small-fusion", "--mutate", "--jobs", "1", "--every", every)
    assert told(*words)[1]["mutants"] == told(*words)[1]["mutants"]
