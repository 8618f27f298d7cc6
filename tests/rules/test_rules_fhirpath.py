"""`fhirpath:` criteria: compiled at load, three-valued, asked last, and paid for only where a rule uses one."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import builders
import pytest

from cds_service import gather
from cds_service.content import Content
from cds_service.errors import Problem
from cds_service.model import Case, Gap, Order, Outcome, Patient, Truth
from cds_service.rules import Names, RuleSet, load_rules
from cds_service.rules.raw_criteria import BadExpression, compiled, fhirpath
from cds_service.rules.rule import Facts
from cds_service.service import decide_case

Break = Callable[..., list[Problem]]
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ORDER: dict[str, Any] = {"resourceType": "ServiceRequest", "id": "o", "priority": "routine",
                         "code": {"text": "Redo fusion"}, "occurrenceDateTime": "2026-12-01"}  # fmt: skip


def asked(expression: str, on: str = "order", gaps: tuple[Gap, ...] = (), **raw: Any) -> Truth:
    """What the criterion makes of a case with these resources."""
    case = Case(
        Order("ServiceRequest/o", "surgery", "draft"), NOW, Patient("p"), gaps=gaps, raw={"order": ORDER, **raw}
    )
    question = fhirpath({"on": on, "expression": expression})
    return question(Facts(case, None, frozenset()))[0]  # type: ignore[arg-type]  # this kind asks nothing of the rule


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        ("priority = 'routine'", Truth.TRUE),
        ("priority = 'stat'", Truth.FALSE),
        ("code.text.contains('Redo')", Truth.TRUE),
        ("occurrence.exists()", Truth.TRUE),  # a choice type, by the R4 model
        ("reasonCode.coding.where(code = 'x')", Truth.FALSE),
        ("priority", Truth.TRUE),
    ],
)
def test_what_the_expression_finds_is_true_unless_it_is_false(expression: str, truth: Truth) -> None:
    """A boolean is itself; nothing is false; anything else that is found is true."""
    assert asked(expression) is truth


def test_nothing_found_is_unknown_where_the_source_has_a_gap() -> None:
    """A study that could not be had is not a study without contrast."""
    gap = (Gap("imagingStudies", "fhir-timeout"),)
    assert asked("series.exists()", "study", gap) is Truth.UNKNOWN
    assert asked("series.where(number = 7)", "study", gap, study={"resourceType": "ImagingStudy"}) is Truth.UNKNOWN
    assert asked("series.where(number = 7)", "study", study={"resourceType": "ImagingStudy"}) is Truth.FALSE
    assert asked("series.exists()", "study", (Gap("conditions", "fhir-timeout"),)) is Truth.FALSE


@pytest.mark.parametrize(
    "expression", ["foo(", "a..b", "code.text.contians('x')", "a = ", "a b", "'open", "a.single()"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    """The library would mend some of these in silence; here they are mistakes."""
    with pytest.raises(BadExpression):
        compiled(expression)


def test_a_bad_expression_is_a_mistake_of_the_file(broken: Break) -> None:
    """With its line and column, beside all the other mistakes."""
    line = "  - {id: odd, says: Odd., fhirpath: {on: order, expression: 'code.text.contians(1)'}}\nexclusions:"
    (problem,) = [p for p in broken("exclusions:", line) if p.code == "bad-fhirpath"]
    assert problem.column > 1
    assert "contians" in problem.message


@pytest.fixture
def with_expression(cards: Path, names: Names, content: Content) -> Callable[[str], Content]:
    """The small rule with one more criterion, as the only rule of the content."""

    def made(expression: str) -> Content:
        path = cards / "rules" / "small-fusion.yaml"
        asks = f'fhirpath: {{on: order, expression: "{expression}"}}'
        line = f"criteria:\n  - {{id: raw, says: Asked of the order., {asks}}}"
        path.write_text(path.read_text(encoding="utf-8").replace("criteria:", line, 1), encoding="utf-8")
        rules: RuleSet = load_rules(cards / "rules", names)
        return replace(content, rules=rules)

    return made


def decided(content: Content, **order: Any) -> Any:
    """The verdict on a fusion, from request to rule."""
    request = builders.hook(builders.fusion(**order), prefetch=builders.prefetch(builders.mri(), builders.report()))
    from cds_service.web.order_sign import request_of

    hook = request_of(request)
    basket = gather.orders(hook, content.value_sets)
    (case,) = gather.cases(hook, basket, content=content, now=builders.NOW)
    return decide_case(case, content).verdicts[0]


def test_a_rule_asks_the_order_as_it_was_received(with_expression: Callable[[str], Content]) -> None:
    """From the hook request to the verdict; the line stands first in the file and is asked last."""
    content = with_expression("note.text.contains('clinic')")
    assert content.wants_raw
    assert content.rules.rules[0].criteria[-1].id == "raw"
    assert decided(content, note=[{"text": "Seen in clinic"}]).outcome is Outcome.INDICATED
    verdict = decided(content, note=[{"text": "Seen at home"}])
    assert (verdict.outcome, verdict.because) == (Outcome.NOT_INDICATED, "raw")


def test_an_expression_that_fails_costs_its_rule_alone(with_expression: Callable[[str], Content]) -> None:
    """The verdict is error, because of the exception's type, and nothing of the order is told."""
    verdict = decided(with_expression("note.text.contains('x')"), note=[{"text": "one"}, {"text": "two"}])
    assert verdict.outcome is Outcome.ERROR
    assert "one" not in verdict.because


def test_nobody_pays_for_what_no_rule_uses(content: Content) -> None:
    """The library is not even imported, and cases carry no raw resource, with the rules that ship."""
    assert not content.wants_raw
    code = (
        "import sys; from cds_service.content import load_content; load_content(); print('fhirpathpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
