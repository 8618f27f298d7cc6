"""The order of truths, on one small rule and hand-made cases: what beats what, and who is spared when a rule breaks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cds_service.model import (
    Case,
    Concept,
    Condition,
    Decision,
    Finding,
    Gap,
    Member,
    Order,
    Outcome,
    Patient,
    Reader,
    Reading,
    Report,
    Study,
    Subspecialty,
    Truth,
)
from cds_service.rules import Names, RuleSet, decide, load_rules, settle
from cds_service.rules.rule import Facts, ruleset

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
FUSION = Member("spine-surgery", "fusion", "50172003", "http://snomed.info/sct", "Lumbar spinal fusion", "spine")
DEFORMITY = Member("spine-disorders", "deformity", "111266001", "http://snomed.info/sct", "Acquired scoliosis")
TEXT = "Moderate canal stenosis at L4-L5"


class Routes:
    """Everything goes to neuroradiology, or musculoskeletal."""

    def route(
        self, order: Order, study: Study | None, fixed: str | None, *, region: str | None = None, child: bool = False
    ) -> Subspecialty | None:
        return Subspecialty("neuroradiology", "neuroradiology", (), (), ("musculoskeletal",))


ROUTES = Routes()


@pytest.fixture
def rules(cards: Path, names: Names) -> RuleSet:
    """One small rule and the exclusions of every rule."""
    return load_rules(cards / "rules", names)


def stenosis(severity: str | None = "moderate", **more: object) -> Finding:
    """A stenosis at L4-L5 in the impression."""
    found = Finding(
        "spinal-stenosis", "present", TEXT, 0, len(TEXT), (0, 8), "impression", severity=severity, levels=("L4-L5",)
    )  # type: ignore[arg-type]
    return replace(found, **more)  # type: ignore[arg-type]


def case(*findings: Finding, **more: object) -> Case:
    """A fusion at L4-L5 on an MR of twenty days ago whose report says these findings."""
    order = Order("ServiceRequest/o", "surgery", "draft", members=(FUSION,), region="spine", levels=("L4-L5",))
    study = Study("ImagingStudy/s", started=NOW - timedelta(days=20), modalities=("MR",), regions=("spine",))
    report = Report("DiagnosticReport/r", "radiology", "final", reading=Reading(TEXT, (), findings or (stenosis(),)))
    made = Case(order, NOW, Patient("p"), encounter_class="AMB", study=study, report=report)
    return replace(made, **more)  # type: ignore[arg-type]


def with_order(**more: object) -> Case:
    """The usual case with another order."""
    return replace(case(), order=replace(case().order, **more))  # type: ignore[arg-type]


def said(decision: Decision | None) -> str:
    """Outcome and reason of the one verdict."""
    assert decision is not None
    (verdict,) = decision.verdicts
    return f"{verdict.outcome} because {verdict.because}"


def test_a_rule_speaks_when_all_is_met(rules: RuleSet) -> None:
    """All criteria met and no exclusion met: indicated, and a warning where decision 2 allows."""
    (verdict,) = decide(case(), rules, ROUTES).indicated
    assert verdict.indicator == "warning"
    assert next(check for check in verdict.checks if check.id == "not-severe").finding == stenosis()
    assert {check.id for check in verdict.checks if check.role == "warning"} == {
        "not-severe", "reader-not-right", "priority-routine", "start-not-soon", "unexplained",
    }  # fmt: skip


def test_a_false_criterion_beats_an_unknown_one(rules: RuleSet) -> None:
    """A study of another region settles it, whatever else is not known."""
    known = case(study=replace(case().study, regions=("brain",)), gaps=(Gap("diagnosticReports", "fhir-timeout"),))
    assert said(decide(known, rules, ROUTES)) == "not-indicated because spine-study"


def test_an_unknown_criterion_is_never_taken_for_false(rules: RuleSet) -> None:
    """A study that could not be looked up leaves the rule undetermined."""
    lost = case(study=None, report=None, gaps=(Gap("imagingStudies", "fhir-timeout"),))
    assert said(decide(lost, rules, ROUTES)) == "undetermined because spine-study"


def test_an_early_exclusion_beats_everything(rules: RuleSet) -> None:
    """An emergency ends the case, even where a criterion is false or unknown."""
    order = replace(case().order, priority="stat")
    lost = case(order=order, study=None, report=None, gaps=(Gap("imagingStudies", "fhir-timeout"),))
    assert said(decide(lost, rules, ROUTES)) == "excluded because x1-emergency"


def test_an_unknown_exclusion_proceeds_or_withholds_as_its_file_says(rules: RuleSet) -> None:
    """Unknown conditions let the deformity exclusion pass; an unknown list of earlier orders withholds."""
    assert said(decide(case(gaps=(Gap("conditions", "fhir-timeout"),)), rules, ROUTES)).startswith("indicated")
    held = decide(case(gaps=(Gap("serviceRequests", "fhir-timeout"),)), rules, ROUTES)
    assert said(held) == "undetermined because x8-not-first-decision"


def test_settling_needs_no_report(rules: RuleSet) -> None:
    """What request and prefetch rule out is decided before the report is read; what they do not is left open."""
    unread = replace(case().report, reading=None)
    assert settle(case(report=unread), rules, ROUTES) is None
    active = Condition("Condition/c", Concept(), (DEFORMITY,), "active", "confirmed")
    assert said(settle(case(report=unread, conditions=(active,)), rules, ROUTES)) == "excluded because deformity"
    radiograph = replace(case().study, modalities=("CR",))
    assert said(settle(case(report=unread, study=radiograph), rules, ROUTES)) == "not-indicated because spine-study"


def test_settling_waits_for_studies_that_may_still_come(rules: RuleSet) -> None:
    """While imaging is not known to be complete, a study that does not fit settles nothing."""
    radiograph = replace(case().study, modalities=("CR",))
    waiting = case(study=radiograph, gaps=(Gap("imagingStudies", "prefetch-omitted"),))
    assert settle(waiting, rules, ROUTES) is None


def test_an_order_of_no_rule_is_settled_with_no_verdict(rules: RuleSet) -> None:
    """Nothing is asked of an order that wakes no rule."""
    decision = settle(with_order(members=()), rules, ROUTES)
    assert decision is not None
    assert decision.verdicts == ()


def test_one_rule_that_raises_leaves_the_others_speaking(rules: RuleSet, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that breaks gives an error verdict of its own, named in the log without patient data."""

    def broken(facts: Facts) -> tuple[Truth, str, None, None]:
        raise ZeroDivisionError(facts.case.patient.id)

    (rule,) = rules.rules
    bad = replace(rule, id="broken", rank=1, criteria=(replace(rule.criteria[0], ask=broken), *rule.criteria[1:]))
    both = ruleset((bad, rule), rules.digest)
    first, second = decide(case(), both, ROUTES).verdicts
    assert (first.outcome, first.because) == (Outcome.ERROR, "ZeroDivisionError")
    assert second.outcome is Outcome.INDICATED
    logged = capsys.readouterr().out
    assert "broken" in logged
    assert TEXT not in logged
    assert settle(case(), both, ROUTES) is None


def test_an_overdue_review_silences_one_rule(rules: RuleSet) -> None:
    """The day after the review was due the rule still decides, and no longer speaks."""
    (rule,) = rules.rules
    late = ruleset((replace(rule, review_by=NOW.date() - timedelta(days=1)),), rules.digest)
    due = ruleset((replace(rule, review_by=NOW.date()),), rules.digest)
    assert decide(case(), due, ROUTES).indicated
    (verdict,) = decide(case(), late, ROUTES).verdicts
    assert (verdict.outcome, verdict.status) == (Outcome.INDICATED, "silent")
    assert not decide(case(), late, ROUTES).indicated


def test_silenced_rules_decide_and_say_nothing(rules: RuleSet) -> None:
    """A new installation starts with every rule silent; drafts and retired rules are not even decided."""
    (rule,) = rules.rules
    quiet = rules.silenced()
    assert decide(case(), quiet, ROUTES).verdicts[0].outcome is Outcome.INDICATED
    assert not decide(case(), quiet, ROUTES).indicated
    for status in ("draft", "retired"):
        assert not ruleset((replace(rule, status=status),), "").relevant(case().order)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"priority": "urgent"}, "priority-routine"),
        ({"start": NOW + timedelta(hours=71)}, "start-not-soon"),
    ],
)
def test_a_warning_needs_a_routine_order_with_time(rules: RuleSet, change: dict[str, object], check: str) -> None:
    """An urgent order, or one that starts within 72 hours, is at most informed about."""
    (verdict,) = decide(with_order(**change), rules, ROUTES).verdicts
    assert (verdict.outcome, verdict.indicator) == (Outcome.INDICATED, "info")
    assert [c.id for c in verdict.checks if c.role == "warning" and c.truth is Truth.FALSE] == [check]


def test_the_right_reader_is_silent_and_a_general_one_is_not_known(rules: RuleSet) -> None:
    """A reader proved to be of the subspecialty, or of one as right, keeps the rule quiet."""
    for specialty in ("neuroradiology", "musculoskeletal"):
        read = replace(case().report, reader=Reader("PractitionerRole/x", (specialty,), known=True))
        assert said(decide(case(report=read), rules, ROUTES)) == "excluded because x4-right-subspecialist"
    other = replace(case().report, reader=Reader("PractitionerRole/x", ("thoracic",), known=True))
    assert said(decide(case(report=other), rules, ROUTES)).startswith("indicated")


def test_the_words_of_a_check_have_their_parameters_filled_in(rules: RuleSet) -> None:
    """What the ledger and the demo show is a sentence, not a template."""
    check = decide(case(), rules, ROUTES).verdicts[0].check("fusion-ordered")
    assert check is not None
    assert check.says == "A spinal fusion is being signed, on a study no older than 365 days."
    assert check.line == 21


def test_the_same_case_is_decided_the_same(rules: RuleSet) -> None:
    """Deciding keeps nothing of a case: twice, and after another case, it says the same."""
    before = decide(case(), rules, ROUTES)

    decide(case(stenosis("severe")), rules, ROUTES)
    assert decide(case(), rules, ROUTES) == before
