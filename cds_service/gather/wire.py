"""One GET on the wire, capped in size and time: the answer, or in a word why there is none.

Each server has threads and connections of its own, so that one that hangs takes nothing from the others. A read that is
still running when its call is over has its socket shut, whatever it was waiting for.
"""

import base64
import re
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from cds_service.gather.deadline import Deadline

FHIR_JSON = "application/fhir+json"
SHORTEST_READ = 0.005  # seconds; less than this left is not worth a socket
_CHUNK = 64 * 1024
_SIGN_IN_PAGE = re.compile(rb"<form\b|type\s*=\s*[\"']?password", re.I)
_BY_STATUS = {
    400: "fhir-rejected",
    401: "token-refused",
    403: "fhir-refused",
    404: "fhir-not-found",
    406: "fhir-rejected",
    410: "fhir-not-found",
    415: "fhir-rejected",
    422: "fhir-rejected",
    429: "fhir-busy",
}
_SIGNS_OF_DEATH = frozenset({"fhir-timeout", "fhir-failed"})
# A peer that vanished without a word is found out in about a minute, and not by the next surgeon's call.
_KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
]


@dataclass(frozen=True, slots=True)
class Answer:
    """One read: the JSON that came, or why none did (a `Gap.why`)."""

    body: Any = None
    why: str = ""

    @property
    def dead(self) -> bool:
        """Whether the server gave no sign of being well."""
        return self.why in _SIGNS_OF_DEATH


class Job:
    """A read under way, and the socket it waits at."""

    __slots__ = ("sock",)

    def __init__(self) -> None:
        self.sock: socket.socket | None = None

    def abort(self) -> None:
        """End it, whatever it is waiting for."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


_here = threading.local()  # .job: what this thread is reading


class _Watched:
    """A connection that says which socket the read of this thread waits at."""

    def getresponse(self, *given: Any, **more: Any) -> Any:
        _here.job.sock = self.sock  # type: ignore[attr-defined]  # of the connection that this is mixed into
        return super().getresponse(*given, **more)  # type: ignore[misc]


def watched(session: requests.Session) -> requests.Session:
    """The same session, whose connections can be shut from outside and notice a peer that vanished."""
    for adapter in {id(each): each for each in session.adapters.values()}.values():
        manager = adapter.poolmanager  # type: ignore[attr-defined]  # of requests' own adapter, which all here are
        manager.pool_classes_by_scheme = {
            scheme: type("WatchedPool", (pool,), {"ConnectionCls": type("Watched", (_Watched, pool.ConnectionCls), {})})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }
        manager.connection_pool_kw["socket_options"] = [*HTTPConnection.default_socket_options, *_KEEP_ALIVE]
    return session


class Wires:
    """Threads and pooled connections for one server, in one process."""

    __slots__ = ("session", "threads")

    def __init__(self, session: requests.Session, parallel: int) -> None:
        self.threads = ThreadPoolExecutor(parallel, thread_name_prefix="fhir-read")
        self.session = watched(session)

    def close(self) -> None:
        """Let go of all of them; reads under way are not waited for."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.session.close()


def read(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    deadline: Deadline,
    *,
    max_bytes: int,
    native: str | None = None,
    job: Job | None = None,
) -> Answer:
    """GET `url` as FHIR JSON before the deadline; redirects are not followed.

    `native` is the content type that a Binary was announced with: content that comes as such is wrapped into a Binary,
    and asked for as such where the server refuses FHIR JSON. A kept connection that the server had closed, and a 429 or
    503 whose Retry-After fits into the deadline, are tried once more.
    """
    _here.job = job or Job()
    asked = {"Accept": FHIR_JSON, **headers}
    answer, pause = _exchange(session, url, asked, deadline, max_bytes, native)
    if answer.why == "fhir-rejected" and native:
        answer, pause = _exchange(session, url, asked | {"Accept": native}, deadline, max_bytes, native)
    if pause is not None and pause < deadline.remaining - SHORTEST_READ:
        time.sleep(pause)
        answer, _ = _exchange(session, url, asked, deadline, max_bytes, native)
    return answer


def _exchange(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    deadline: Deadline,
    max_bytes: int,
    native: str | None,
) -> tuple[Answer, float | None]:
    """One request and its answer, and after how many seconds the server wants to be asked again."""
    for stale in (True, False):
        left = deadline.remaining
        if left < SHORTEST_READ:
            break
        try:
            with session.get(url, headers=headers, timeout=left, stream=True, allow_redirects=False) as response:
                if response.status_code == 204:  # how QIDO says that nothing was found
                    return Answer(body=[]), None
                if response.status_code != 200:
                    return Answer(why=_BY_STATUS.get(response.status_code, "fhir-failed")), _pause(response)
                return _body(response, deadline, max_bytes, native), None
        except (requests.Timeout, ReadTimeoutError):
            break
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if not (stale and _closed_before_an_answer(error)):
                return Answer(why="fhir-timeout" if deadline.passed else "fhir-failed"), None
    return Answer(why="fhir-timeout"), None


def _closed_before_an_answer(error: Exception) -> bool:
    """Whether a kept connection had been closed at the other end: the server has not seen the request."""
    return isinstance(error, requests.ConnectionError) and any(isinstance(e, ProtocolError) for e in error.args)


def _pause(response: requests.Response) -> float | None:
    told = response.headers.get("Retry-After", "")
    return float(told) if response.status_code in (429, 503) and told.isdecimal() else None


def _body(response: requests.Response, deadline: Deadline, max_bytes: int, native: str | None) -> Answer:
    """Take the body as it drips in: neither a slow nor an endless one holds this thread past the deadline."""
    taken = bytearray()
    while True:
        if deadline.passed:
            return Answer(why="fhir-timeout")
        chunk = response.raw.read1(_CHUNK, decode_content=True)
        if not chunk:
            break
        taken += chunk
        if len(taken) > max_bytes:
            return Answer(why="fhir-too-large")
    expected = response.headers.get("Content-Length")
    encoded = response.headers.get("Content-Encoding")
    if expected and expected.isdigit() and not encoded and len(taken) < int(expected):
        return Answer(why="fhir-failed")
    try:
        return Answer(body=orjson.loads(taken))
    except orjson.JSONDecodeError:
        return _native(bytes(taken), response.headers.get("Content-Type", ""), native)


def _native(content: bytes, kind: str, native: str | None) -> Answer:
    """Content that is no JSON, where a Binary was asked for; a page to sign in on is not a report."""
    if native is None or not content.strip() or _SIGN_IN_PAGE.search(content[:20_000]):
        return Answer(why="unreadable")
    data = base64.b64encode(content).decode("ascii")
    return Answer(
        body={"resourceType": "Binary", "contentType": kind.partition(";")[0].strip() or native, "data": data}
    )
