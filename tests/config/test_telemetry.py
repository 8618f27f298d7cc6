"""Logs and metrics: nothing of a patient gets in, whatever is passed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from cds_service import telemetry
from cds_service.model import Gap

SENTINEL = "Jane Doe, MRN 4711"


@pytest.fixture
def logs(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Logging as in production (to the captured standard error), and as before afterwards."""
    before = structlog.get_config()
    telemetry.configure_logs("info")
    yield
    structlog.configure(**before)


@given(st.dictionaries(st.text(min_size=1), st.just(SENTINEL) | st.just([SENTINEL]) | st.just({"x": SENTINEL})))
def test_a_field_outside_the_list_is_dropped(fields: dict[str, Any]) -> None:
    """Whatever a careless call adds to a line, only fields of the closed list are kept."""
    unknown = {name: value for name, value in fields.items() if name not in telemetry.FIELDS}
    assert telemetry.keep_known_fields(None, "info", dict(unknown)) == {}


@pytest.mark.parametrize("value", [{"a": SENTINEL}, object(), ValueError(SENTINEL), [{"a": SENTINEL}], b"x"])
def test_what_is_not_a_short_scalar_is_dropped(value: object) -> None:
    """A known field does not carry a structure in which something could hide."""
    assert telemetry.keep_known_fields(None, "info", {"reason": value}) == {}


def test_a_line_is_json(logs: None, capfd: pytest.CaptureFixture[str]) -> None:
    """Each line is one JSON object on standard error with level and time."""
    telemetry.log.warning("something happened", status=400, patient=SENTINEL, reason="x" * 999)
    telemetry.log.debug("too quiet")
    (line,) = capfd.readouterr().err.splitlines()
    found = json.loads(line)
    assert found["event"] == "something happened"
    assert found["level"] == "warning"
    assert len(found["reason"]) == telemetry.LONGEST_VALUE
    assert "patient" not in found


def sample(name: str, **labels: str) -> float:
    """The present value of one metric."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_gaps_are_counted_by_key_and_why() -> None:
    """A gap about a prefetch key is counted under it, one about a reference as `reference`; a mix-up alarms."""
    before = sample("second_read_wrong_patient_total")
    telemetry.count_gaps([Gap("patient", "prefetch-null"), Gap("Observation/secret", "wrong-patient")])
    assert sample("second_read_gaps_total", what="patient", why="prefetch-null") >= 1
    assert sample("second_read_gaps_total", what="reference", why="wrong-patient") >= 1
    assert sample("second_read_wrong_patient_total") == before + 1
    assert b"secret" not in telemetry.metrics_page()


def test_stages_calls_and_the_rest_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of event has its metric."""
    telemetry.observe_stages({"gather": 12.0})
    telemetry.count_order_sign("card", 0.004)
    telemetry.count_irrelevant()
    telemetry.count_ledger_loss(2)
    telemetry.count_feedback("accepted")
    monkeypatch.setattr(telemetry, "_failing", {})
    telemetry.count_rule_error("r", "ValueError")
    page = telemetry.metrics_page().decode()
    for name in ("stage_seconds", "calls", "irrelevant_calls", "ledger_losses", "feedback", "rule_errors"):
        assert f"second_read_{name}" in page
    assert SENTINEL not in page
