"""No patient data leaves by the side: every chart's traffic, marked, through a real gunicorn with all loggers at DEBUG.

Names, numbers, tokens, comments and report phrases are marked; then logs, metrics, refusals and the ledger are searched
for the marks as they are, in any case, URL-encoded, and in base64 at each of its three offsets.
"""

import base64
import json
import sqlite3
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from parts.hostile import Hostile, fail, half, html, redirect
from parts.issuers import Issuer, clients_file, issuer
from parts.processes import Served, served

from cds_service.content import load_content
from cds_service.demo.charts import load_charts
from cds_service.demo.hook_request import hook_request

MARK = "zqxmark"  # no word of any report, code or log; ids allow it too
PATH = "/cds-services/second-read"
OPERATOR = "operator-token-of-the-phi-test-0123456789"


def spellings(mark: str) -> list[bytes]:
    """The mark as it might stand in a file: plain, and inside base64 that began at any byte."""
    found = [mark.lower().encode()]
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + mark.encode() + b"yyy").decode()
        found.append(encoded[4 if before else 0 : 4 * ((before + len(mark)) // 3)].lower().encode())
    return found


def marks_in(content: bytes) -> list[bytes]:
    """Where a mark stands in there, with what stands around it."""
    text = urllib.parse.unquote_to_bytes(content).lower() + content.lower()
    return [text[max(0, text.find(each) - 60) : text.find(each) + 60] for each in spellings(MARK) if each in text]


def marked(node: Any, name: str = "") -> Any:
    """The same JSON with a mark in everything that says who somebody is or what a report says."""
    if isinstance(node, dict):
        return {key: marked(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [marked(each, name) for each in node]
    if not isinstance(node, str):
        return node
    if name == "data":
        text = base64.b64decode(node)
        return base64.b64encode(text + f"\nTechnique: {MARK}.\n".encode()).decode()
    if name in (
        "family",
        "given",
        "conclusion",
        "comment",
        "div",
        "line",
        "city",
        "phone",
        "value",
        "description",
        "text",
    ):
        return f"{node} {MARK}"
    if name == "id":
        return f"{MARK}-{node}"[:64]
    if name == "patientId" or name == "encounterId":
        return f"{MARK}-{node}"[:64]
    if name in ("reference", "userId") and "/" in node and not node.startswith(("#", "http", "urn:")):
        kind, _, id = node.partition("/")
        return f"{kind}/" + f"{MARK}-{id}"[:64]
    return node


def calls() -> list[dict[str, Any]]:
    """The order-sign call of every demo chart, marked."""
    templates = load_content().prefetch
    return [marked(hook_request(chart, templates, str(uuid.uuid4()))) for chart in load_charts(datetime.now(UTC))]


@contextmanager
def running(folder: Path, caller: Issuer, server: Hostile) -> Iterator[Served]:
    """The service as a hospital runs it, but with every logger at DEBUG."""
    folder.mkdir(exist_ok=True)
    (folder / "operator").write_text(OPERATOR)
    with served(
        folder,
        AUTH="jwt",
        CLIENTS_FILE=str(clients_file(folder, [caller])),
        OPERATOR_TOKEN_FILE=str(folder / "operator"),
        FHIR_SERVERS=server.base,
        LOG_LEVEL="debug",
        WORKERS="2",
    ) as service:
        yield service


@pytest.fixture(scope="module")
def left(hostile_server: Hostile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the traffic left behind, by where; the service has ended."""
    folder, caller = tmp_path_factory.mktemp("phi"), issuer("ES384")
    refusals: list[bytes] = []
    statuses: dict[int, int] = {}
    cards = 0
    with running(folder, caller, hostile_server) as service:

        def send(path: str, body: Any, token: str | None = None, **more: Any) -> requests.Response:
            url = service.url + path
            bearer = {"Authorization": f"Bearer {token or caller.token(url, jti=f'{MARK}-{uuid.uuid4()}')}"}
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"Content-Type": "application/json"} | bearer | more.pop("headers", {})
            answer = requests.post(url, data=sent, headers=headers, timeout=20, **more)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            if answer.status_code != 200:
                refusals.append(answer.content + repr(dict(answer.headers)).encode())
            return answer

        for number, call in enumerate(calls()):
            answer = send(PATH, call)
            for card in answer.json().get("cards", []) if answer.status_code == 200 else []:
                cards += 1
                send(f"{PATH}/feedback", {"feedback": [{
                    "card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:00:00Z",
                    "overrideReason": {"reason": {"code": "own-7", "system": "urn:own"},
                                       "userComment": f"spoke to {MARK}"}}]})  # fmt: skip
            _read_from_server(call, number, hostile_server, send)
            _malformed(call, send)
        for unknown in (f"/{MARK}", f"{PATH}/{MARK}?name={MARK}", f"/rules/{MARK}", f"/fhir/Patient?name={MARK}"):
            answer = requests.get(service.url + unknown, headers={"User-Agent": MARK, "Referer": MARK}, timeout=10)
            refusals.append(answer.content)
        metrics = requests.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {OPERATOR}"}, timeout=10)
        assert metrics.status_code == 200
    assert cards >= 3, "the charts must reach the rules"
    assert {200, 400, 401, 412} <= set(statuses), statuses
    ledger = b"".join(each.read_bytes() for each in folder.glob("ledger*.db*") if "tokens" not in each.name)
    tokens = b"".join(each.read_bytes() for each in folder.glob("ledger-tokens.db*"))
    log = service.log.read_bytes()
    assert b'"level":"debug"' in log, "loggers are at DEBUG"
    return {
        "log": log,
        "metrics": metrics.content,
        "refusals": b"\n".join(refusals),
        "ledger": ledger,
        "tokens": tokens,
        "folder": str(folder).encode(),
    }


def _read_from_server(call: dict[str, Any], number: int, server: Hostile, send: Any) -> None:
    """The same without prefetch, read with a marked token from a server that fails in several ways."""
    server.calm([entry["resource"] for value in call["prefetch"].values() if value for entry in value.get("entry", [])])
    ways = (None, fail(500), half, html, redirect(f"http://127.0.0.1:9/{MARK}"), fail(403))
    if ways[number % len(ways)]:
        server.behaviour["DiagnosticReport"] = ways[number % len(ways)]  # type: ignore[assignment]
    access = {
        "access_token": f"{MARK}-access",
        "token_type": "Bearer",
        "expires_in": 60,
        "scope": "user/*.rs",
        "subject": "x",
    }
    send(PATH, call | {"prefetch": {}, "fhirServer": server.base, "fhirAuthorization": access})
    server.calm()


def _malformed(call: dict[str, Any], send: Any) -> None:
    """Calls that are refused: the refusal must not quote them."""
    send(PATH, call | {"hook": MARK})
    send(PATH, call | {"hookInstance": MARK, MARK: MARK})
    send(PATH, call | {"context": call["context"] | {"patientId": f"{MARK} {MARK}", "userId": None}})
    send(PATH, call | {"prefetch": {MARK: MARK}, "fhirServer": f"https://{MARK}.example/fhir"})
    send(PATH, call | {"fhirServer": f"ftp://{MARK}"})
    send(PATH, json.dumps(call).encode()[:-20])
    send(PATH, call, token=MARK)
    send(PATH, call, headers={"Content-Type": f"text/{MARK}"})
    send(f"{PATH}/feedback", {"feedback": [{"card": MARK, "outcome": MARK, "userComment": MARK}]})
    send(
        PATH,
        call | {"context": call["context"] | {"draftOrders": {"resourceType": MARK, "entry": [MARK, {MARK: MARK}]}}},
    )


@pytest.mark.parametrize("where", ["log", "metrics", "refusals", "tokens"])
def test_no_mark_is_left(where: str, left: dict[str, bytes]) -> None:
    """Logs of all libraries at DEBUG, metrics, refusals and the store of tokens hold none of it."""
    assert left[where]
    assert marks_in(left[where]) == []


def test_the_ledger_holds_marks_in_the_comments_alone(left: dict[str, bytes]) -> None:
    """Only what a user wrote may stand in the database; every other column, and the file's bytes, are free of marks."""
    folder = Path(left["folder"].decode())
    found: set[tuple[str, str]] = set()
    with sqlite3.connect(folder / "ledger.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            for row in rows:
                found |= {
                    (table, name) for name, value in zip(names, row, strict=True) if marks_in(str(value).encode())
                }
    database.close()
    assert found <= {("feedback", "comment")}
