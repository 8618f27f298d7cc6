"""No patient data leaves by the side: every chart's traffic, marked, through a real gunicorn with all loggers at DEBUG.

Names, numbers, tokens, comments and report phrases are marked; then logs, metrics, every page and refusal, the
database's files byte by byte (SQLite), its dump and its rows (PostgreSQL) are searched for the marks as they are, in
any case, URL-encoded, and in base64 at each of its three offsets.
"""

import base64
import json
import sqlite3
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from parts.hostile import Hostile, fail, half, html, redirect
from parts.issuers import Issuer, clients_file, issuer
from parts.postgresql import Server
from parts.processes import Served, served

from cds_service.content import load_content
from cds_service.demo.charts import load_charts
from cds_service.demo.hook_request import hook_request

MARK = "zqxmarkqxz"  # no word of any report, code or log; ids allow it; long enough that ciphertext never spells it
PATH = "/cds-services/second-read"
PAGES = ("/cds-services", "/openapi.json", "/rules/", "/rules/spine-fusion", "/fhir/metadata", "/fhir/PlanDefinition")
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
def running(folder: Path, caller: Issuer, server: Hostile, **more: str) -> Iterator[Served]:
    """The service as a hospital runs it, but with every logger at DEBUG, ready to capture calls if somebody asks."""
    folder.mkdir(exist_ok=True)
    (folder / "operator").write_text(OPERATOR)
    with served(
        folder,
        AUTH="jwt",
        CLIENTS_FILE=str(clients_file(folder, [caller])),
        OPERATOR_TOKEN_FILE=str(folder / "operator"),
        OPEN_DISCOVERY="true",
        CAPTURE_DIR=str(folder / "captures"),
        FHIR_SERVERS=server.base,
        LOG_LEVEL="debug",
        WORKERS="2",
        **more,
    ) as service:
        yield service


@dataclass
class Left:
    """What the traffic left behind, by where, and where the service's files stand."""

    folder: Path
    told: dict[str, bytes] = field(default_factory=dict)


def _traffic(service: Served, caller: Issuer, server: Hostile, sent: list[dict[str, Any]]) -> dict[str, bytes]:
    """Every call and its feedback, reads that fail, refusals and pages; what the service answered, by kind."""
    refusals: list[bytes] = []
    statuses: dict[int, int] = {}
    cards = 0

    def send(path: str, body: Any, token: str | None = None, **more: Any) -> requests.Response:
        url = service.url + path
        bearer = {"Authorization": f"Bearer {token or caller.token(url, jti=f'{MARK}-{uuid.uuid4()}')}"}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | bearer | more.pop("headers", {})
        answer = requests.post(url, data=raw, headers=headers, timeout=20, **more)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if answer.status_code != 200:
            refusals.append(answer.content + repr(dict(answer.headers)).encode())
        return answer

    for number, call in enumerate(sent):
        answer = send(PATH, call)
        for card in answer.json().get("cards", []) if answer.status_code == 200 else []:
            cards += 1
            send(f"{PATH}/feedback", {"feedback": [{
                "card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:00:00Z",
                "overrideReason": {"reason": {"code": "own-7", "system": "urn:own"},
                                   "userComment": f"spoke to {MARK}"}}]})  # fmt: skip
        _read_from_server(call, number, server, send)
        _malformed(call, send)
    for unknown in (f"/{MARK}", f"{PATH}/{MARK}?name={MARK}", f"/rules/{MARK}", f"/fhir/Patient?name={MARK}"):
        answer = requests.get(service.url + unknown, headers={"User-Agent": MARK, "Referer": MARK}, timeout=10)
        assert answer.status_code >= 400
        refusals.append(answer.content)
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    pages = [requests.get(service.url + each, headers=operator, timeout=10) for each in PAGES]
    assert [each.status_code for each in pages] == [200] * len(PAGES)
    metrics = requests.get(f"{service.url}/metrics", headers=operator, timeout=10)
    assert metrics.status_code == 200
    assert cards >= 3, "the charts must reach the rules"
    assert {200, 400, 401, 412} <= set(statuses), statuses
    return {"metrics": metrics.content, "refusals": b"\n".join(refusals), "pages": b"".join(p.content for p in pages)}


def _files(folder: Path, start: str) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(folder.glob(f"{start}*")))


@pytest.fixture(scope="module")
def left(hostile_server: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What all traffic left on SQLite, whose files are read while the service runs, and once it has ended."""
    caller, found = issuer("ES384"), Left(tmp_path_factory.mktemp("phi"))
    with running(found.folder, caller, hostile_server) as service:
        found.told = _traffic(service, caller, hostile_server, calls())
        time.sleep(0.5)  # the ledger's writer gathers 100 ms of calls
        wal = _files(found.folder, "ledger.db-wal")
        assert len(wal) > 10_000, "the write-ahead log is there, and is searched"
        meanwhile = _files(found.folder, "ledger.db"), _files(found.folder, "ledger-tokens.db")
    found.told["log"] = service.log.read_bytes()
    assert b'"level":"debug"' in found.told["log"], "loggers are at DEBUG"
    found.told["ledger"] = meanwhile[0] + _files(found.folder, "ledger.db")
    found.told["tokens"] = meanwhile[1] + _files(found.folder, "ledger-tokens.db")
    return found


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


@pytest.mark.parametrize("where", ["log", "metrics", "refusals", "pages", "ledger", "tokens"])
def test_no_mark_is_left(where: str, left: Left) -> None:
    """Logs of all libraries at DEBUG, metrics, refusals, pages, and the bytes of the ledger and the store of tokens
    hold none of it."""
    assert left.told[where]
    assert marks_in(left.told[where]) == []


def test_what_users_wrote_is_kept_sealed(left: Left) -> None:
    """The search of the ledger searched something: comments, users and locations are there, encrypted."""
    with sqlite3.connect(left.folder / "ledger.db") as database:
        comments = database.execute("SELECT comment_sealed FROM feedback WHERE comment_sealed IS NOT NULL").fetchall()
        users = database.execute("SELECT user_sealed FROM calls WHERE user_sealed IS NOT NULL").fetchall()
    database.close()
    assert len(comments) >= 3
    assert len(users) >= 3


def test_nothing_is_captured_unasked(left: Left) -> None:
    """Where nobody has opened a window, the folder of captures stays empty."""
    assert list((left.folder / "captures").glob("**/*")) == []


def test_nothing_else_is_written(left: Left) -> None:
    """Beside what is searched above, the service leaves its key and no file."""
    known = {"clients.json", "operator", "ledger.key", "serve.log"}
    names = {each.name for each in left.folder.iterdir()}
    assert {name for name in names - known if not name.startswith("ledger")} == set()


def test_no_mark_is_left_in_postgresql(
    hostile_server: Hostile, postgresql: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On PostgreSQL neither the rows of any table nor a dump of the database hold any of it."""
    folder, caller, url = tmp_path_factory.mktemp("phi-postgresql"), issuer("ES384"), postgresql.new_database()
    with running(folder, caller, hostile_server, DATABASE_URL=url) as service:
        told = _traffic(service, caller, hostile_server, calls()[::4])
    told["log"] = service.log.read_bytes()
    told["dump"] = postgresql.dump(url)
    with psycopg.connect(postgresql.plain(url)) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rows = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}  # type: ignore[call-overload]
    assert all(rows[name] for name in ("calls", "cards", "feedback", "seen_tokens"))
    told["rows"] = repr(rows).encode()
    assert {where: marks_in(content) for where, content in told.items() if marks_in(content)} == {}
    assert b"own-7" in told["dump"], "what is not secret can be read there, so the search would find a mark"
