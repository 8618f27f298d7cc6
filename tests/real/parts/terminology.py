"""A terminology server over one small hierarchy: `ValueSet/$expand` in pages, and misbehaviour on command."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SNOMED = "http://snomed.info/sct"
EDITION = f"{SNOMED}/900000000000207008/version/20261101"
Reply = tuple[int, bytes]
Fhir = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it arrived."""

    method: str
    code: str
    offset: int
    authorization: str


@dataclass
class Terminology:
    """What stands below what, how the server behaves, and what it was asked."""

    base: str = ""
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    displays: dict[str, str] = field(default_factory=dict)
    system: str = SNOMED
    page: int = 1_000  # the most codes it gives at once
    takes_value_sets: bool = True  # in a POST; else implicit value sets alone
    token: str = ""
    reply: Callable[[Asked, Fhir], Reply | Fhir] | None = None  # instead of the honest answer
    asked: list[Asked] = field(default_factory=list)

    def is_a(self, root: str) -> list[str]:
        """The code and all below it, each once, in order of the codes."""
        children: dict[str, list[str]] = {}
        for code, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(code)
        found: set[str] = set()
        waiting = [root] if root in self.parents else []
        while waiting:
            above = waiting.pop()
            if above not in found:
                found.add(above)
                waiting.extend(children.get(above, ()))
        return sorted(found)

    def expansion(self, question: Asked, count: int) -> Fhir:
        """One page of the honest answer."""
        codes = self.is_a(question.code)
        shown = codes[question.offset : question.offset + min(count, self.page)]
        contains = [
            {"system": self.system, "code": code, "display": self.displays.get(code, f"Invented {code}")}
            for code in shown
        ]
        return {
            "resourceType": "ValueSet", "status": "active",
            "expansion": {
                "timestamp": "2026-11-28T09:00:00Z", "total": len(codes), "offset": question.offset,
                "parameter": [{"name": "version", "valueUri": EDITION}], "contains": contains,
            },
        }  # fmt: skip

    def answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """What is said to one request."""
        parts = urlsplit(path)
        if parts.path != "/fhir/ValueSet/$expand":
            return 404, b""
        if method == "POST":
            told = {each["name"]: each for each in json.loads(body)["parameter"]}
            (include,) = told["valueSet"]["resource"]["compose"]["include"]
            (wanted,) = include["filter"]
            right = include["system"] == self.system and (wanted["property"], wanted["op"]) == ("concept", "is-a")
            code, offset, count = wanted["value"], told["offset"]["valueInteger"], told["count"]["valueInteger"]
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            before, _, code = query["url"].partition("?fhir_vs=isa/")
            right, offset, count = before == SNOMED == self.system, int(query["offset"]), int(query["count"])
        question = Asked(method, code, offset, headers.get("Authorization", ""))
        self.asked.append(question)
        if self.token and question.authorization != self.token:
            return 401, b""
        if not right or (method == "POST" and not self.takes_value_sets):
            return 422, b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported"}]}'
        honest = self.expansion(question, count)
        reply = self.reply(question, honest) if self.reply else honest
        return reply if isinstance(reply, tuple) else (200, json.dumps(reply).encode())


@contextmanager
def terminology(**how: Any) -> Iterator[Terminology]:
    """The server on a free port of loopback."""
    server = Terminology(**how)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, told = server.answer(self.command, self.path, body, self.headers)
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(told)))
            if status == 302:
                self.send_header("Location", told.decode())
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asks may have heard enough
                self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    server.base = f"http://127.0.0.1:{listener.server_address[1]}/fhir"
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(5)
