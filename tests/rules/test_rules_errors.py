"""What the loader says of a broken rule: every problem at once, at its line and column, with the nearest right word."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from cds_service.errors import ContentError, Problem
from cds_service.rules import Names, check_rules, load_rules

Break = Callable[..., list[Problem]]

HARD = "Notwithstanding previously communicated considerations, reconsideration necessitates documentation"
BREAKS = [
    ("title: Spinal", "titel: Spinal", "unknown-key", "did you mean 'title'"),
    ("title: Spinal", "# title: Spinal", "missing-field", "'title'"),
    ("status: active\nservice", "status: actve\nservice", "bad-value", "did you mean 'active'"),
    ("version: 1.0.0", "version: 1.0", "type", "major.minor.patch"),
    ("irreversible: true", "irreversible: yes", "type", "true or false"),
    ("rank: 10", "rank: ten", "type", "number"),
    ("concern: spine", "concern: spine\nconcern: lesion", "duplicate-key", "first on line"),
    ("id: spine-study", "id: fusion-ordered", "duplicate-id", "used twice"),
    ("id: spine-study", "id: x5-study-window", "duplicate-id", "global exclusion"),
    ("id: small-fusion", "id: small-fusions", "file-name", "named 'small-fusion'"),
    ("window: $study_max_age", "window: $study_max_ages", "unknown-parameter", "did you mean 'study_max_age'"),
    ("window: $study_max_age", "window: 365 d", "unused-parameter", "$study_max_age"),
    ("of the {study} for", "of the {studdy} for", "unknown-slot", "did you mean 'study'"),
    ("of the {study} for", "of the {study for", "unknown-slot", "brace"),
    ("    if_unknown: proceed\n    early: true", "    early: true", "unknown-undecided", "proceed or withhold"),
    ("Before fusion, consider", "Before the fusion of {order}, do consider", "summary-too-long", "140"),
    ("Before fusion, consider", "Before this spinal fusion, do consider", "summary-long", "110"),
    ("why: \"Fusion cannot", "why: \"You must know that fusion cannot", "forbidden-word", "'must'"),
    ("why: \"Fusion cannot", "why: \"Studies show that fusion cannot", "forbidden-word", "Studies show"),
    ("evidence: [S04", "evidence: [S99", "unknown-evidence", "S99"),
    ("evidence: [S04", "evidence: [L31", "evidence-not-safe", "card_safe"),
    ("evidence: [S04", "evidence: [S17", "evidence-not-safe", "S17"),
    ("[fusion, disc replacement]", "[fusoin, disc replacement]", "unknown-group", "did you mean 'fusion'"),
    ("{spine-surgery: [fusion", "{spine-surgry: [fusion", "unknown-value-set", "did you mean 'spine-surgery'"),
    ("about: [spinal-stenosis]", "about: [spinal-stenosys]", "unknown-concept", "did you mean 'spinal-stenosis'"),
    ("subspecialty: neuroradiology", "subspecialty: neuroradiolgy", "unknown-subspecialtie", "neuroradiology"),
    ("doneReread", "doneRead", "unknown-override-reason", "doneReread"),
    ("modality: [MR, CT]", "modality: [MRI, CT]", "bad-value", "did you mean 'MR'"),
    ("consider a second read of the {study}", "consider a second read", "basis-not-shown", "{study}"),
    ("why: \"Fusion cannot", "why: \"The images were analysed. Fusion cannot", "claims-pixels", "never pixels"),
    ("why: \"Fusion cannot", "why: \"An 18 % chance. Fusion cannot", "patient-probability", "this patient"),
    ("why: \"Fusion cannot", "why: \"Do it immediately. Fusion cannot", "time-critical", "immediately"),
    ("[doneReread, noChange]", "[doneReread]", "no-way-to-decline", "two reasons"),
    ("card:\n", "card:\n  indicator: critical\n", "critical-indicator", "critical"),
    ("why: \"Fusion cannot", f"why: \"{HARD}. Fusion cannot", "reading-grade", "10"),
    ("changes: {1.0.0", "changes: {0.9.0", "no-change-note", "1.0.0"),
    ("    study: {modality", "    studdy: {modality", "unknown-key", "did you mean 'study'"),
    ("    any_of:\n", "    any_of:\n      - any_of: []\n", "bad-value", "one level deep"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "says"), BREAKS, ids=[f"{code}-{i}" for i, (_, _, code, _) in enumerate(BREAKS)]
)
def test_a_mistake_is_named_where_it_stands(broken: Break, old: str, new: str, code: str, says: str) -> None:
    """Each mistake has its code, a place in the file and a message that helps."""
    found = [problem for problem in broken(old, new) if problem.code == code]
    assert found, f"no {code}"
    assert any(says in problem.message for problem in found), found
    assert all(problem.line >= 1 and problem.column >= 1 for problem in found)


def test_the_place_is_exact(broken: Break, cards: Path) -> None:
    """Line and column are those of the wrong word."""
    (problem,) = [p for p in broken("modality: [MR, CT]", "modality: [MRI, CT]") if p.code == "bad-value"]
    line = (cards / "rules/small-fusion.yaml").read_text().splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("MRI")


def test_every_problem_is_told_at_once(broken: Break, cards: Path, names: Names) -> None:
    """A rule with three mistakes costs one run, not three."""
    broken("title: Spinal", "titel: Spinal")
    broken("rank: 10", "rank: ten")
    codes = {problem.code for problem in broken("modality: [MR, CT]", "modality: [MRI, CT]")}
    assert {"unknown-key", "missing-field", "type", "bad-value"} <= codes
    with pytest.raises(ContentError) as raised:
        load_rules(cards / "rules", names)
    assert len(raised.value.problems) >= 4


@pytest.mark.parametrize("line", ["deformity", "spine-study"])
def test_a_line_without_a_test_is_untested(broken: Break, cards: Path, line: str) -> None:
    """Every criterion and exclusion of a rule keeps some test quiet, or the rule is refused."""
    path = cards / "rules/small-fusion.yaml"
    path.write_text(path.read_text().replace(f"because: {line}", "because: fusion-ordered"))
    problems = broken("title: Spinal", "title: Spinal")
    assert [p.message for p in problems if p.code == "untested"] == [f"no test stays quiet because of '{line}'"]


def test_a_rule_that_no_test_makes_speak_is_untested(broken: Break, cards: Path) -> None:
    """A rule whose tests are all about silence is refused."""
    path = cards / "rules/small-fusion.yaml"
    path.write_text(path.read_text().replace("outcome: indicated", "outcome: undetermined"))
    assert any(p.message == "no test speaks" for p in broken("title: Spinal", "title: Spinal"))


def test_a_word_of_yaml_one_one_stays_a_word(broken: Break) -> None:
    """`no` and `yes` are no booleans: YAML 1.2 only."""
    assert any("got 'no'" in p.message for p in broken("irreversible: true", "irreversible: no"))


def test_an_exclusion_of_all_rules_says_what_unknown_means(broken: Break) -> None:
    """The global exclusions are held to the same rules."""
    line = "    window: {}\n"
    problems = broken(line + "    if_unknown: withhold\n", line, "exclusions.yaml")
    assert [p.code for p in problems] == ["unknown-undecided"]


def test_what_needs_the_report_cannot_be_early(broken: Break) -> None:
    """An exclusion that reads the report is refused among those that are tried before it is read."""
    problems = broken("    images: {}", "    lesion: {call: benign}", "exclusions.yaml")
    assert any("cannot be early" in p.message for p in problems)


def test_a_rule_may_be_exempt_with_a_reason(broken: Break) -> None:
    """A global exclusion is set aside by id and reason; an unknown id is refused."""
    assert not broken("warns_when:", "except_global:\n  - {id: x9-lead-time, why: Tried.}\nwarns_when:")
    assert any(p.code == "unknown-global-exclusion" for p in broken("id: x9-lead-time", "id: x9-leadtime"))


def test_overdue_reviews_warn(cards: Path, names: Names) -> None:
    """A review that is due soon or overdue is a warning, and the rule is still read."""
    rules, none = check_rules(cards / "rules", names, as_of=date(2026, 11, 21))
    _, soon = check_rules(cards / "rules", names, as_of=date(2027, 10, 1))
    _, late = check_rules(cards / "rules", names, as_of=date(2027, 11, 22))
    assert len(rules) == 1
    assert not none
    assert {p.code for p in soon} == {"review-due"}
    assert {(p.code, p.severity) for p in late} == {("review-overdue", "warning")}


def test_two_files_of_one_name_are_refused(cards: Path, names: Names) -> None:
    """A rule id stands once in the whole set."""
    text = (cards / "rules/small-fusion.yaml").read_text()
    (cards / "rules/staging").mkdir()
    (cards / "rules/staging/small-fusion.yaml").write_text(text)
    assert any(p.code == "duplicate-id" for p in check_rules(cards / "rules", names)[1])


@pytest.mark.parametrize("text", ["", "id: [", "- a\n- b\n", "\x00", "id: !!python/object:os.system x\n"])
def test_what_is_no_rule_is_said_to_be_none(cards: Path, names: Names, text: str) -> None:
    """Broken YAML, an empty file or a list end in problems, never in an exception."""
    (cards / "rules/other.yaml").write_text(text)
    assert [p for p in check_rules(cards / "rules", names)[1] if p.file.endswith("other.yaml")]


UNSATISFIABLE = [
    ("disc replacement]}}\n", "disc replacement]}, status: [completed]}\n", "draft or active"),
    ("disc replacement]}}\n", "disc replacement]}, priority: [stat]}\n", "x1-emergency"),
    ("disc replacement]}}\n", "disc replacement]}, start_within: 24 h}\n", "x9-lead-time"),
]


@pytest.mark.parametrize(("old", "new", "says"), UNSATISFIABLE)
def test_a_rule_that_can_never_speak_is_refused(broken: Break, old: str, new: str, says: str) -> None:
    """What it asks for, every rule excludes, or no order at signing has: said at its line, without trying a case."""
    (problem,) = [p for p in broken(old, new) if p.code == "unsatisfiable"]
    assert says in problem.message
    assert problem.line > 1


def test_an_exclusion_that_takes_back_a_criterion_is_unsatisfiable(broken: Break) -> None:
    """A line that excludes exactly what a criterion asks for, or every code of the rule, leaves nothing to speak on."""
    study = "study: {modality: [MR, CT], region: same-as-order}"
    line = "exclusions:\n  - {id: twice, says: As the criterion., if_unknown: proceed, " + study + "}\n"
    assert "unsatisfiable" in {p.code for p in broken("exclusions:\n", line)}
    codes = "{in: {spine-surgery: [fusion, disc replacement, decompression]}}"
    line = "exclusions:\n  - {id: all, says: Every code., if_unknown: proceed, order: " + codes + "}\n"
    assert "it excludes every code that the rule is about" in {p.message for p in broken("exclusions:\n", line)}


def test_a_rule_about_the_order_alone_is_over_broad(broken: Break, cards: Path, names: Names) -> None:
    """A lint, for every such order would bring a card; a file silences it with a reason in words, and only then."""
    path = cards / "rules/small-fusion.yaml"
    text = path.read_text()
    start, end = text.index("  - id: spine-study"), text.index("exclusions:")
    path.write_text(text[:start] + text[end:])
    assert "over-broad" in {p.code for p in check_rules(cards / "rules", names)[1]}
    assert "over-broad" not in {p.code for p in broken("changes:", SILENCED + "Tried on every order.}\nchanges:")}
    weak = {p.code for p in broken("Tried on every order.", "ok")}
    assert {"over-broad", "silencing-without-reason"} <= weak


SILENCED = "silence:\n  - {lint: over-broad, why: "


def test_an_error_cannot_be_silenced(broken: Break) -> None:
    """Only lints can be set aside."""
    problems = broken("changes:", "silence:\n  - {lint: unknown-slot, why: I would like to.}\nchanges:")
    assert any(p.code == "bad-value" and "unknown-slot" in p.message for p in problems)


def test_the_scaffolds_words_are_no_reason(broken: Break) -> None:
    """A rule that is decided may not stand on words that are still to be written, nor without known false positives."""
    assert "placeholder" in {p.code for p in broken("rationale: ", "rationale: TODO ")}
    assert "no-known-false-positives" in {p.code for p in broken(FALSE_POSITIVES, "known_false_positives: []")}


FALSE_POSITIVES = "known_false_positives: [All of them.]"
