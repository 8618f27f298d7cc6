"""Rules are found by the codes of the order: what is not relevant costs nothing."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from cds_service.content import Content


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """benchmarks/rules.py, which prints the whole curve."""
    spec = importlib.util.spec_from_file_location("rules_benchmark", Path(__file__).parents[2] / "benchmarks/rules.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_thousand_rules_cost_at_most_twice_what_the_relevant_twenty_cost(
    benchmark: ModuleType, content: Content
) -> None:
    """CPU time of one decision, with the same 20 rules relevant."""
    (_, _, few), (_, _, many) = benchmark.curve(content, [(20, 0), (20, 980)])
    assert many <= benchmark.LIMIT * few


def test_the_benchmark_does_decide_every_relevant_rule(benchmark: ModuleType, content: Content) -> None:
    """So that the curve is of work done: a fusion wakes twenty rules of the set, and each of them speaks."""
    from dataclasses import replace

    from cds_service.service import decide_case

    sized = replace(content, rules=benchmark.rules_of(content, 20, 980))
    assert len(sized.rules.rules) == 1000
    verdicts = decide_case(benchmark.fusion(content), sized).verdicts
    assert [verdict.outcome.value for verdict in verdicts] == ["indicated"] * 20
