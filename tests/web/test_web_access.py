"""Who may ask for what: closed by default, slowed down when wild, and opened to other origins by setting alone."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from flask import Flask
from flask.testing import FlaskClient
from web.calls import accepted

from cds_service.app import close_app, create_app
from cds_service.config import Settings
from cds_service.content import Content
from cds_service.errors import TooManyCalls
from cds_service.web import Buckets

PATH = "/cds-services/second-read"
OPERATOR = "o" * 40
OPEN = {"/healthz", "/readyz"}  # and the rule pages that cards link to
ORIGIN = "https://ehr.example.org"
Make = Callable[..., FlaskClient]


@pytest.fixture
def make(settings: Settings, content: Content, tmp_path: Path) -> Iterator[Make]:
    """The service with other settings."""
    made: list[Flask] = []

    def service(**more: Any) -> FlaskClient:
        made.append(create_app(replace(settings, **more), content=content))
        return made[-1].test_client()

    yield service
    for app in made:
        close_app(app)


@pytest.fixture
def guarded(make: Make, tmp_path: Path) -> Callable[..., FlaskClient]:
    """The service that asks who calls, and has an operator."""

    def service(**more: Any) -> FlaskClient:
        (tmp_path / "operator").write_text(OPERATOR)
        (tmp_path / "secret").write_text("s" * 40)
        (tmp_path / "clients.toml").write_text('[[clients]]\niss = "x"\ncertificates = ["dns:a.example"]\n')
        return make(
            auth="mtls",
            clients_file=tmp_path / "clients.toml",
            proxy_secret_file=tmp_path / "secret",
            operator_token_file=tmp_path / "operator",
            **more,
        )

    return service


def test_nothing_is_open_by_oversight(guarded: Callable[..., FlaskClient]) -> None:
    """Every route there is, asked without sign-in, is a bare 401, but for the health checks and public rule pages."""
    client = guarded()
    rules = list(client.application.url_map.iter_rules())
    assert len(rules) >= 6
    for rule in rules:
        path = re.sub("<[^>]+>", "x", rule.rule)
        if rule.rule in OPEN or rule.rule.startswith("/rules"):
            continue
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(path, method=method)
            assert (answer.status_code, answer.data) == (401, b""), f"{method} {path}"


def test_metrics_are_the_operators(guarded: Callable[..., FlaskClient]) -> None:
    """`/metrics` opens with the operator's token, and with no other."""
    client = guarded()
    for sent in (None, "Bearer", "Bearer " + "o" * 39, "Bearer " + OPERATOR + "o", "Basic " + OPERATOR, "Bearer é"):
        headers = {"Authorization": sent} if sent else {}
        assert client.get("/metrics", headers=headers).status_code == 401
    assert b"second_read_calls" in client.get("/metrics", headers={"Authorization": f"Bearer {OPERATOR}"}).data


def test_without_an_operator_nobody_is_one(make: Make, tmp_path: Path) -> None:
    """No token configured: an empty one opens nothing."""
    (tmp_path / "secret").write_text("s" * 40)
    (tmp_path / "clients.toml").write_text('[[clients]]\niss = "x"\ncertificates = ["dns:a.example"]\n')
    client = make(auth="mtls", clients_file=tmp_path / "clients.toml", proxy_secret_file=tmp_path / "secret")
    for sent in ("Bearer ", "Bearer", ""):
        assert client.get("/metrics", headers={"Authorization": sent}).status_code == 401


def test_the_operator_is_no_caller(guarded: Callable[..., FlaskClient]) -> None:
    """The operator's token opens no CDS Hooks endpoint."""
    client, bearer = guarded(), {"Authorization": f"Bearer {OPERATOR}"}
    assert client.get("/cds-services", headers=bearer).status_code == 401
    assert client.post(PATH, json=builders.hook(), headers=bearer).status_code == 401


def test_discovery_is_open_by_setting(guarded: Callable[..., FlaskClient]) -> None:
    """With `open_discovery` the list of services and their description need no sign-in; calls still do."""
    client = guarded(open_discovery=True)
    assert client.get("/cds-services").status_code == 200
    assert client.get("/openapi.json").status_code == 200
    assert client.post(PATH, json=builders.hook()).status_code == 401
    assert client.post("/cds-services").status_code == 405


def test_off_refuses_what_a_proxy_forwarded(make: Make) -> None:
    """With authentication off, not even metrics are given to a forwarded call."""
    client = make()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 400


def test_a_caller_that_runs_wild_is_slowed_down(make: Make) -> None:
    """Above its rate a caller reads 429 with `Retry-After`; its feedback is still taken."""
    client = make(calls_per_second=1)
    call = builders.hook(builders.fusion(code=builders.coding("http://loinc.org", "58410-2"), reasonCode=[]))
    answers = [client.post(PATH, json=call) for _ in range(6)]
    assert answers[0].status_code == 200
    wild = answers[-1]
    assert wild.status_code == 429
    assert int(wild.headers["Retry-After"]) >= 1
    assert wild.get_json()["issue"][0]["code"] == "throttled"
    assert client.post(f"{PATH}/feedback", json={"feedback": [accepted()]}).status_code == 200


def test_a_bucket_fills_again_and_is_ones_own() -> None:
    """Twice the rate at once, then the rate; another caller has a bucket of its own."""
    now = [0.0]
    buckets = Buckets(5, clock=lambda: now[0])
    for _ in range(10):
        buckets.take("a")
    with pytest.raises(TooManyCalls) as refusal:
        buckets.take("a")
    assert refusal.value.seconds == 1
    buckets.take("b")
    now[0] = 0.25
    buckets.take("a")
    with pytest.raises(TooManyCalls):
        buckets.take("a")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/feedback"])
def test_a_body_beyond_the_setting_is_refused(path: str, chunked: bool, make: Make) -> None:
    """413 with an OperationOutcome, whether the length was announced or shows on the way."""
    client = make(max_body_bytes=2048)
    body = b'{"x":"' + b"a" * 4000 + b'"}'
    how: dict[str, Any] = {"content_type": "application/json", "data": body}
    if chunked:
        how["environ_overrides"] = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = client.post(path, **how)
    assert answer.status_code == 413
    assert answer.get_json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(("path", "method"), [("/cds-services", "GET"), (PATH, "POST"), (f"{PATH}/feedback", "POST")])
def test_a_listed_origin_may_call_and_read(path: str, method: str, guarded: Callable[..., FlaskClient]) -> None:
    """The preflight needs no sign-in; the answer itself, a refusal too, may be read by the page that asked."""
    client = guarded(cors_origins=(ORIGIN,))
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = client.options(path, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    refused = client.open(path, method=method, headers={"Origin": ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    foreign = client.options(path, headers=asked | {"Origin": "https://evil.example.org"})
    assert "Access-Control-Allow-Origin" not in foreign.headers
    assert "Origin" in foreign.headers["Vary"]


def test_other_paths_are_opened_to_no_origin(make: Make) -> None:
    """CORS is for the three CDS Hooks paths."""
    answer = make(cors_origins=(ORIGIN,)).get("/metrics", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in answer.headers
