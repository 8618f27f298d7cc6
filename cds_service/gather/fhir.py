"""Reads from the EHR's FHIR server: allow-listed, side by side, capped, and never past the call's deadline.

The bearer token goes to the caller's own allow-listed base and nowhere else; it is not kept, and no redirect is
followed. What could not be read comes back as a reason, never as an exception.
"""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from cds_service.gather.deadline import Deadline
from cds_service.model import FhirAccess
from cds_service.outbound import Allowlist, within
from cds_service.outbound.connections import guarded_session

MAX_BYTES = 8 * 1024 * 1024
_SHORTEST_READ = 0.005  # seconds; less than this left is not worth a socket
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """One read: the JSON that came, or why none did (a `Gap.why`)."""

    body: Any = None
    why: str = ""


class FhirReader:
    """Knows which servers may be read, and keeps one connection pool for each. One per process, made after fork."""

    def __init__(
        self,
        allowed: Allowlist,
        *,
        session: Callable[[], requests.Session] = guarded_session,
        parallel: int = 24,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.allowed = allowed
        self._new_session = session
        self.max_bytes = max_bytes
        self._parallel = parallel
        self._lock = threading.Lock()
        self._pid = 0
        self._threads: ThreadPoolExecutor | None = None
        self._session: requests.Session | None = None

    def open(self, access: FhirAccess | None, deadline: Deadline, issuer: str) -> "FhirCall | str":
        """What a call of this issuer may read with; or, in a word, why nothing may be read."""
        if access is None:
            return "no-fhir-server"
        if self.allowed.base(access.base, issuer) is None:
            return "server-not-allowed"
        return FhirCall(self, access, deadline)

    def wires(self) -> tuple[ThreadPoolExecutor, requests.Session]:
        """The threads and connections of this process, made on first use."""
        with self._lock:
            if self._threads is None or self._session is None or self._pid != os.getpid():
                self._threads = ThreadPoolExecutor(self._parallel, thread_name_prefix="fhir-read")
                self._session = self._new_session()
                self._pid = os.getpid()
            return self._threads, self._session

    def close(self) -> None:
        """Let go of threads and connections; reads under way are not waited for."""
        with self._lock:
            if self._threads and self._pid == os.getpid():
                self._threads.shutdown(wait=False, cancel_futures=True)
            if self._session:
                self._session.close()
            self._threads = self._session = None


class FhirCall:
    """Reads for one hook call, under its deadline."""

    __slots__ = ("_access", "_deadline", "_reader", "answered", "refused")

    def __init__(self, reader: FhirReader, access: FhirAccess, deadline: Deadline) -> None:
        self._reader = reader
        self._access = access
        self._deadline = deadline
        self.answered = 0  # reads that brought JSON
        self.refused = 0  # reads answered 401 or 403

    @property
    def base(self) -> str:
        """The server being read."""
        return self._access.base.rstrip("/")

    def get(self, places: Iterable[str]) -> dict[str, Answer]:
        """Read every place (a path below the base, or an absolute URL under it), side by side.

        A place elsewhere answers `foreign-origin`; what has not arrived when the deadline passes, `fhir-timeout`.
        """
        wanted = list(dict.fromkeys(places))
        if not wanted:
            return {}
        if self._deadline.remaining < _SHORTEST_READ:
            return dict.fromkeys(wanted, Answer(why="fhir-timeout"))
        threads, session = self._reader.wires()
        running: dict[Future[Answer], str] = {}
        answers: dict[str, Answer] = {}
        for place in wanted:
            url = self._url(place)
            if url is None:
                answers[place] = Answer(why="foreign-origin")
            else:
                running[threads.submit(self._read, session, url)] = place
        done, late = wait(running, timeout=self._deadline.remaining)
        for future in done:
            answers[running[future]] = future.result()
        for future in late:
            future.cancel()
            answers[running[future]] = Answer(why="fhir-timeout")
        self.answered += sum(1 for answer in answers.values() if answer.body is not None)
        self.refused += sum(1 for answer in answers.values() if answer.why == "fhir-refused")
        return answers

    def _url(self, place: str) -> str | None:
        """Where that place is asked for: only inside the base of this call, because its token goes along."""
        return within(place if "://" in place else f"{self.base}/{place.lstrip('/')}", self.base)

    def _read(self, session: requests.Session, url: str) -> Answer:
        left = self._deadline.remaining
        if left < _SHORTEST_READ:
            return Answer(why="fhir-timeout")
        headers = {"Accept": "application/fhir+json"}
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        try:
            with session.get(url, headers=headers, timeout=left, stream=True, allow_redirects=False) as response:
                if response.status_code in (401, 403):
                    return Answer(why="fhir-refused")
                if response.status_code in (404, 410):
                    return Answer(why="fhir-not-found")
                if response.status_code != 200:
                    return Answer(why="fhir-failed")
                return self._body(response)
        except (requests.Timeout, ReadTimeoutError):
            return Answer(why="fhir-timeout")
        except (requests.RequestException, HTTPError, OSError, ValueError):
            return Answer(why="fhir-failed")

    def _body(self, response: requests.Response) -> Answer:
        """Take the body as it drips in: neither a slow nor an endless one holds this thread past the deadline."""
        taken = bytearray()
        while True:
            if self._deadline.passed:
                return Answer(why="fhir-timeout")
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                break
            taken += chunk
            if len(taken) > self._reader.max_bytes:
                return Answer(why="fhir-too-large")
        expected = response.headers.get("Content-Length")
        encoded = response.headers.get("Content-Encoding")
        if expected and expected.isdigit() and not encoded and len(taken) < int(expected):
            return Answer(why="fhir-failed")
        try:
            return Answer(body=orjson.loads(taken))
        except orjson.JSONDecodeError:
            return Answer(why="unreadable")
