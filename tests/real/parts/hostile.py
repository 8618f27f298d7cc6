"""A FHIR server that misbehaves on command: slow, dripping, half a Bundle, errors, pages that lead elsewhere."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from parts.charts import bundle

Behaviour = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the server."""

    path: str
    authorization: str
    started: float
    ended: float


@dataclass
class Hostile:
    """What the server holds, how it behaves at the moment, and what it was asked."""

    base: str = ""
    resources: list[dict[str, Any]] = field(default_factory=list)
    behaviour: dict[str, Behaviour] = field(default_factory=dict)  # by resource type; "*" for all the others
    seen: list[Seen] = field(default_factory=list)

    def calm(self, resources: Iterable[dict[str, Any]] = ()) -> None:
        """Forget everything, hold these resources and behave."""
        self.resources, self.behaviour, self.seen = list(resources), {}, []

    def answer(self, path: str) -> bytes | None:
        """What a well-behaved server would say to a read or a search by patient."""
        parts = urlsplit(path)
        kind, _, id = parts.path.removeprefix("/fhir/").partition("/")
        of_kind = [each for each in self.resources if each["resourceType"] == kind]
        if id:
            found = next((each for each in of_kind if each["id"] == id), None)
            return json.dumps(found).encode() if found else None
        patient = parse_qs(parts.query).get("patient", [""])[0].removeprefix("Patient/")
        mine = [each for each in of_kind if each.get("subject", {}).get("reference") == f"Patient/{patient}"]
        return json.dumps(bundle(mine)).encode()


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, kind: str = "application/fhir+json") -> None:
    """A whole and honest answer."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def slow(seconds: float) -> Behaviour:
    """Think for that long, then answer well."""

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(seconds)
        reply(handler, body)

    return behave


def drip(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """One byte every tenth of a second: never idle for long, never done."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for position in range(min(len(body), 60)):
        handler.wfile.write(body[position : position + 1])
        handler.wfile.flush()
        time.sleep(0.1)


def half(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Promise a whole Bundle, send half of it and hang up."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.close_connection = True


def fail(status: int) -> Behaviour:
    """An error, with an OperationOutcome."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    return lambda handler, _body: reply(handler, json.dumps(outcome).encode(), status)


def busy(seconds: int, times: int = 1) -> Behaviour:
    """429 with Retry-After, so many times for each path; after that a good answer."""
    told: dict[str, int] = {}

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        told[handler.path] = told.get(handler.path, 0) + 1
        if told[handler.path] > times:
            reply(handler, body)
            return
        handler.send_response(429)
        handler.send_header("Retry-After", str(seconds))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def silent(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    """Take the request, and never say a word: a socket that is half open."""
    time.sleep(3)
    handler.close_connection = True


def drip_head(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    """Never get done with the headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(40):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer well, and close the connection without saying so: the next request finds it stale."""
    reply(handler, body)
    handler.close_connection = True


def expiring(reads: int) -> Behaviour:
    """The token is good for so many reads, then it has expired."""
    left = [reads]

    def behave(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        left[0] -= 1
        (reply if left[0] >= 0 else fail(401))(handler, body)

    return behave


def html(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    """The login page of a proxy, with status 200."""
    reply(handler, b"<!doctype html><title>Sign in</title>", kind="text/html")


def redirect(target: str) -> Behaviour:
    """Send the caller somewhere else."""

    def behave(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def paged_to(target: str) -> Behaviour:
    """An empty page whose next link leads to `target`."""
    return lambda handler, _body: reply(handler, json.dumps(bundle([], target)).encode())


@contextmanager
def hostile() -> Iterator[Hostile]:
    """Run the server in a thread of this process."""
    state = Hostile()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            started = time.monotonic()
            kind = urlsplit(self.path).path.removeprefix("/fhir/").split("/")[0]
            body = state.answer(self.path)
            behave = state.behaviour.get(kind) or state.behaviour.get("*")
            seen = state.seen  # a test may have moved on before a slow answer ends
            try:
                if behave:
                    behave(self, body or b"{}")
                elif body is None:
                    fail(404)(self, b"")
                else:
                    reply(self, body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                seen.append(Seen(self.path, self.headers.get("Authorization", ""), started, time.monotonic()))

        def log_message(self, *_args: object) -> None:
            """Be quiet: pytest shows what matters."""

    class Listening(ThreadingHTTPServer):
        request_queue_size = 64  # the reads of a call arrive together; with the usual 5 the kernel would delay some
        daemon_threads = True

    server = Listening(("127.0.0.1", 0), Answering)
    state.base = f"http://127.0.0.1:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
