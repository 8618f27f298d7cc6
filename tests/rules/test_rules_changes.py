"""A layer of content changes a rule by a small file: what it says holds, what is wrong with it is named there."""

import shutil
from pathlib import Path

import pytest

from cds_service.content import Content, load_content
from cds_service.errors import ContentError
from cds_service.published.pages import inline_tests, rule_markdown

SHIPPED = Path(__file__).parents[2]
HEAD = "rule: spine-fusion\nof_version: {version}\nwhy: Our committee decided so.\n"


@pytest.fixture
def version(content: Content) -> str:
    """The version that the shipped rule is at."""
    rule = content.rules.rule("spine-fusion")
    assert rule is not None
    return rule.version


def layer(folder: Path, text: str, name: str = "spine-fusion") -> Path:
    """A layer of content that changes one rule."""
    (folder / "cards" / "changes").mkdir(parents=True, exist_ok=True)
    (folder / "cards" / "changes" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_number_and_a_status_are_changed(content: Content, tmp_path: Path, version: str) -> None:
    """A layer's number and status hold for that rule and for no other; the digests tell the two sets apart."""
    text = HEAD.format(version=version) + (
        "status: silent\nparameters:\n  study_max_age: {value: 180, unit: d, why: Local policy.}\n"
    )
    ours = load_content([SHIPPED, layer(tmp_path / "site", text)])
    rule, before = ours.rules.rule("spine-fusion"), content.rules.rule("spine-fusion")
    assert rule is not None
    assert before is not None
    assert (rule.status, before.status) == ("silent", "active")
    assert rule.window is not None
    assert (rule.window.days, before.window and before.window.days) == (180, 365)
    others = [(a.id, a.status, a.window) for a in ours.rules.rules if a.id != "spine-fusion"]
    assert others == [(a.id, a.status, a.window) for a in content.rules.rules if a.id != "spine-fusion"]
    assert ours.rules.digest != content.rules.digest
    assert ours.digest != content.digest
    page = rule_markdown(rule, ours)
    assert "180 d | Local policy." in page
    assert "Changed here (site): Our committee decided so." in page


def test_the_department_changes_what_the_site_changed(tmp_path: Path, version: str) -> None:
    """Of two layers the later one decides, and what it leaves alone stays as the earlier one has it."""
    number = "parameters:\n  study_max_age: {{value: {0}, unit: d, why: Ours.}}\n"
    site = layer(tmp_path / "site", HEAD.format(version=version) + "status: silent\n" + number.format(180))
    department = layer(tmp_path / "department", HEAD.format(version=version) + number.format(90))
    rule = load_content([SHIPPED, site, department]).rules.rule("spine-fusion")
    assert rule is not None
    assert rule.window is not None
    assert (rule.window.days, rule.status) == (90, "silent")


def test_an_exclusion_is_added_with_its_tests(content: Content, tmp_path: Path, version: str) -> None:
    """A further exclusion is compiled like the rule's own; a test of the same name takes the place of the rule's."""
    before = content.rules.rule("spine-fusion")
    assert before is not None
    name = inline_tests(before)[0][0]
    text = HEAD.format(version=version) + (
        "exclusions:\n  - id: on-trial\n    says: The patient takes part in our trial.\n"
        "    reason: {words: [trial]}\n    if_unknown: proceed\n"
        f"tests:\n  - {{name: {name}, base: lumbar-fusion, expect: {{outcome: not-indicated, because: on-trial}}}}\n"
    )
    ours = load_content([SHIPPED, layer(tmp_path, text)])
    rule = ours.rules.rule("spine-fusion")
    assert rule is not None
    assert "on-trial" in [line.id for line in rule.late]
    tests = inline_tests(rule)
    assert len(tests) == len(inline_tests(before))
    assert {n: e for n, e, _ in tests}[name] == "not-indicated because `on-trial`"


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "near"),
    [
        ("staus: silent\n", 4, 1, "unknown-key", "status"),
        ("status: silnt\n", 4, 9, "bad-value", "silent"),
        ("parameters:\n  study_max_aeg: {value: 1, unit: d, why: x}\n", 5, 3, "unknown-parameter", "study_max_age"),
        ("parameters:\n  study_max_age: {value: 1, unit: w, why: x}\n", 5, 35, "bad-value", "d, h"),
        ("exclusions:\n  - id: x\n    says: y.\n    resaon: {words: [z]}\n    if_unknown: proceed\n", 7, 5,
         "unknown-key", "reason"),
    ],
)  # fmt: skip
def test_mistakes_are_named_in_the_file_that_makes_them(
    tmp_path: Path, version: str, text: str, line: int, column: int, code: str, near: str
) -> None:
    """Every mistake of a change stands in the change's file, with line, column and the nearest right word."""
    site = layer(tmp_path, HEAD.format(version=version) + text)
    with pytest.raises(ContentError) as caught:
        load_content([SHIPPED, site])
    problem = next(p for p in caught.value.problems if p.code == code)
    assert problem.file == str(site / "cards" / "changes" / "spine-fusion.yaml")
    assert (problem.line, problem.column) == (line, column)
    assert near in problem.message


def test_a_change_of_another_version_is_warned_of(tmp_path: Path) -> None:
    """When the rule below has moved on, the change still holds and somebody is told to read it again."""
    ours = load_content([SHIPPED, layer(tmp_path, HEAD.format(version="0.0.1") + "status: silent\n")])
    assert [problem.code for problem in ours.rules.warnings] == ["change-of-other-version"]


def test_a_change_of_no_rule_is_refused(tmp_path: Path, version: str) -> None:
    """A change whose rule is gone, or whose file is called otherwise, would hold for nothing."""
    text = HEAD.format(version=version).replace("spine-fusion", "spine-fusio")
    with pytest.raises(ContentError, match=r"no rule 'spine-fusio'; did you mean 'spine-fusion'"):
        load_content([SHIPPED, layer(tmp_path / "a", text, "spine-fusio")])
    with pytest.raises(ContentError, match="the file is named 'other'"):
        load_content([SHIPPED, layer(tmp_path / "b", HEAD.format(version=version), "other")])


def test_a_file_of_a_layer_takes_the_place_of_the_one_below(content: Content, tmp_path: Path) -> None:
    """Site facts, a lexicon concept and a client profile of a layer hold; every other file is the base's."""
    (tmp_path / "cards" / "lexicon").mkdir(parents=True)
    (tmp_path / "cards" / "site.yaml").write_text("label: Our committee\n", encoding="utf-8")
    ours = load_content([SHIPPED, tmp_path])
    assert ours.site.label == "Our committee"
    assert ours.lexicon.concepts == content.lexicon.concepts
    assert len(ours.rules.rules) == len(content.rules.rules)
    assert ours.digest != content.digest


def test_a_layer_without_content_is_refused(tmp_path: Path) -> None:
    """A path that was mistyped must not be a layer of nothing."""
    with pytest.raises(ContentError, match="this has neither"):
        load_content([SHIPPED, tmp_path])
    shutil.rmtree(tmp_path)
    with pytest.raises(ContentError, match="this has neither"):
        load_content([SHIPPED, tmp_path])
