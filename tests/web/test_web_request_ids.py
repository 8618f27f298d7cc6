"""Each answer names its call, by the caller's id where that is harmless."""

import json

import builders as b
import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from cds_service import telemetry

UUID = "6f0d0a5c-9d7c-4c3b-8a44-0a7f6b1f7a01"
PATH = "/cds-services/second-read"


@pytest.mark.parametrize("given", [UUID, "4bf92f3577b34da6a3ce929d0e0e4736", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_harmless_id_is_echoed(given: str, client: FlaskClient) -> None:
    """On the answer to an order-sign call, and on that of any other page."""
    for answer in (
        client.post(PATH, json=b.hook(b.fusion(code={"text": "CBC"})), headers={"X-Request-Id": given}),
        client.get("/readyz", headers={"X-Request-Id": given}),
        client.post(PATH, data="{", headers={"X-Request-Id": given}),
    ):
        assert answer.headers.getlist("X-Request-Id") == [given]


@pytest.mark.parametrize("given", ["", "Jane Doe", "4711", "a" * 65, "<b>x</b>", "mrn=0123456789abcdef"])
def test_any_other_id_is_replaced(given: str, client: FlaskClient) -> None:
    """What could hold a name, or is too short or too long, is not repeated; two calls never share an id of ours."""
    ids = [client.get("/readyz", headers={"X-Request-Id": given}).headers["X-Request-Id"] for _ in range(2)]
    assert given not in ids
    assert len(set(ids)) == 2


def test_log_lines_of_a_call_carry_its_id(app: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    """An EHR's log and ours can be laid side by side."""
    before = structlog.get_config()
    telemetry.configure_logs("info")
    try:
        app.test_client().post(PATH, data="{", headers={"X-Request-Id": UUID})
    finally:
        structlog.configure(**before)
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert line["request_id"] == UUID
