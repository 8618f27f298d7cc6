"""`explain`: every line with its truth, what decided it, and where it stands; also for a rule that stayed away."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builders
import pytest

from cds_service.content import Content
from cds_service.demo.charts import load_charts
from cds_service.workbench.situations import explained

Told = Callable[..., tuple[int, Any]]


def checks(answer: Any, rule: str = "small-fusion") -> dict[str, Any]:
    """The checks of one rule by id."""
    (order,) = answer["orders"]
    (one,) = [one for one in order["rules"] if one["rule"] == rule]
    return {check["id"]: check for check in one["checks"]}


def test_every_line_of_the_rule_is_told_with_its_truth(told: Told, rule_file: Path) -> None:
    """Criteria, exclusions and warning conditions, also those behind the one that decided, with file line and quote."""
    code, answer = told("explain", "lumbar-fusion", "--report", "IMPRESSION: Mild canal stenosis at L4-5.")
    found = checks(answer)
    assert code == 0
    assert {"fusion-ordered", "spine-study", "deformity", "x5-study-window", "not-severe", "instability"} <= set(found)
    assert found["not-severe"]["quote"].endswith("Mild canal stenosis at L4-5")
    assert found["not-severe"]["section"] == "impression"
    line = rule_file.read_text().splitlines()[found["not-severe"]["line"] - 1]
    assert line.endswith("id: not-severe")
    assert found["x4-right-subspecialist"]["truth"] == "unknown"
    assert found["x4-right-subspecialist"]["if_unknown"] == "proceed"


def test_the_order_the_link_and_what_did_not_decide_are_told(told: Told) -> None:
    """By which code it was recognised and by which means, how study and report were tied to it, and a line behind the
    one that decides."""
    _, answer = told("explain", "lumbar-fusion", "--report", "IMPRESSION: Severe canal stenosis at L4-5.")
    (order,) = answer["orders"]
    (member, *_) = order["order"]["members"]
    assert (member["value_set"], member["group"], member["matched_by"]) == ("spine-surgery", "fusion", "code")
    assert order["link"]["report"] == "report-imaging-study"
    assert order["gaps"] == []
    assert checks(answer)["not-severe"]["truth"] == "false"


def test_why_not_names_the_codes_that_would_wake_the_rule(run: Callable[..., tuple[int, str]]) -> None:
    """A rule that the order does not wake says so, and what it is about."""
    code, output = run("explain", "lumbar-discectomy", "--why-not", "small-fusion")
    assert code == 0
    assert "=> NOT-INDICATED because fusion-ordered" in output
    assert "does not wake this rule" in output
    assert "spine-surgery/fusion" in output


def test_every_chart_of_the_demo_can_be_explained(content: Content) -> None:
    """By the name under which the demo shows it; each of its orders has its case."""
    for chart in load_charts(builders.NOW):
        found = explained(chart.id, content, builders.NOW)
        assert len(found.cases) + len(found.unrecognised) == len(chart.orders), chart.id


def test_a_recorded_call_is_explained_with_what_was_not_sent(told: Told, tmp_path: Path) -> None:
    """A file with an order-sign request; what its prefetch lacks is a gap, for nothing is read from a network."""
    call = builders.hook(builders.fusion(), prefetch={})
    path = tmp_path / "call.json"
    path.write_text(json.dumps(call), encoding="utf-8")
    code, answer = told("explain", str(path), "--as-of", builders.NOW.isoformat())
    assert code == 0
    assert {"imagingStudies", "diagnosticReports"} <= {gap["what"] for gap in answer["orders"][0]["gaps"]}


def test_an_order_that_no_value_set_knows_is_named(told: Told, tmp_path: Path) -> None:
    """So that a site sees what it misses."""
    order = builders.fusion() | {"code": {"text": "Something of our own"}}
    path = tmp_path / "call.json"
    path.write_text(json.dumps(builders.hook(order)), encoding="utf-8")
    assert told("explain", str(path))[1]["unrecognised"] == ["Something of our own"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lumbar-fusio",), "did you mean 'lumbar-fusion'"),
        (("lumbar-fusion", "--why-not", "small-fusio"), "did you mean 'small-fusion'"),
        (("lumbar-fusion", "--as-of", "yesterday"), "yesterday"),
    ],
)
def test_a_wrong_name_gets_the_nearest_right_one(
    run: Callable[..., tuple[int, str]], words: tuple[str, ...], says: str
) -> None:
    """Exit code 1 and one line, not an explanation of nothing."""
    code, output = run("explain", *words)
    assert code == 1
    assert says in output


def test_a_file_that_is_no_call_is_said_to_be_none(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """With the place that breaks the specification."""
    path = tmp_path / "call.json"
    path.write_text('{"hook": "order-sign"}', encoding="utf-8")
    code, output = run("explain", str(path))
    assert (code, "is no order-sign request" in output) == (1, True)


def test_an_explanation_fits_a_terminal(run: Callable[..., tuple[int, str]]) -> None:
    """No line of a rule's explanation is wider than 80 columns."""
    _, output = run("explain", "lumbar-fusion")
    assert "=> INDICATED, warning" in output
    assert not [line for line in output.splitlines() if len(line.rstrip()) > 80
                and "small-fusion.yaml" not in line]  # fmt: skip
