"""A service that asks who calls: tokens signed as CDS Hooks recommends open it, and nothing else does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests
from parts.charts import fusion_chart
from parts.issuers import Issuer, clients_file, issuer
from parts.processes import Served, served, settings

ALGORITHMS = ("RS384", "ES384")
PATH = "/cds-services/second-read"


@pytest.fixture(scope="module")
def callers() -> dict[str, Issuer]:
    """One EHR for each algorithm."""
    return {algorithm: issuer(algorithm) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def guarded(callers: dict[str, Issuer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`second-read serve` that lets in those two."""
    folder = tmp_path_factory.mktemp("guarded")
    with served(folder, AUTH="jwt", CLIENTS_FILE=str(clients_file(folder, callers.values()))) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_discovery_order_sign_and_feedback(algorithm: str, callers: dict[str, Issuer], guarded: Served) -> None:
    """From discovery to feedback, each call with a token of its own for its own URL."""
    caller, chart = callers[algorithm], fusion_chart()
    found = requests.get(
        f"{guarded.url}/cds-services", headers=bearer(caller.token(f"{guarded.url}/cds-services")), timeout=5
    )
    assert [each["id"] for each in found.json()["services"]] == ["second-read"]
    (card,) = guarded.cards(chart.request(chart.prefetch()), headers=bearer(caller.token(guarded.url + PATH)))
    done = {
        "card": card["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
        "outcomeTimestamp": "2026-11-21T10:00:00Z",
    }
    url = f"{guarded.url}{PATH}/feedback"
    answer = requests.post(url, json={"feedback": [done]}, headers=bearer(caller.token(url)), timeout=5)
    assert answer.status_code == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "wrong", ["no token", "expired", "another audience", "unknown issuer", "another's key", "alg none"]
)
def test_everything_else_is_a_bare_401(wrong: str, algorithm: str, callers: dict[str, Issuer], guarded: Served) -> None:
    """Whatever is wrong with a token, the answer is a 401 that does not say what."""
    caller, url = callers[algorithm], guarded.url + PATH
    other = issuer(algorithm)
    tokens = {
        "no token": None,
        "expired": caller.token(url, seconds=-120),
        "another audience": caller.token("https://elsewhere.example.org" + PATH),
        "unknown issuer": caller.token(url, iss="https://nobody.example.org"),
        "another's key": Issuer(caller.iss, algorithm, caller.kid, other.key).token(url),
        "alg none": unsigned(caller, url),
    }
    chart, token = fusion_chart(), tokens[wrong]
    answer = guarded.sign(chart.request(chart.prefetch()), headers=bearer(token) if token else {})
    assert answer.status_code == 401
    for word in ("expired", "audience", "aud", "issuer", "signature", "kid"):
        assert word not in answer.text.lower()


def unsigned(caller: Issuer, url: str) -> str:
    """A token that claims to need no signature."""
    payload = jwt.decode(caller.token(url), options={"verify_signature": False})
    return jwt.encode(payload, None, algorithm="none", headers={"kid": caller.kid})


def test_no_start_without_keys(guarded: Served) -> None:
    """With `SECOND_READ_AUTH=jwt` and no callers listed, the service refuses to start and names the setting."""
    (guarded.folder / "keyless").mkdir()
    line = [str(Path(sys.executable).with_name("second-read")), "serve", "--host", "127.0.0.1", "--port", "0"]
    env = settings(guarded.folder / "keyless", AUTH="jwt")
    ran = subprocess.run(line, env=env, cwd=guarded.folder, capture_output=True, text=True, timeout=30)
    assert ran.returncode != 0
    assert "SECOND_READ_CLIENTS_FILE" in ran.stdout + ran.stderr
