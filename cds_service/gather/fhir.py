"""Reads from the EHR's FHIR server: allow-listed, side by side, capped, and never past the call's deadline.

The bearer token goes to the caller's own allow-listed base and nowhere else; it is not kept, and no redirect is
followed. What could not be read comes back as a reason, never as an exception.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial

import requests

from cds_service.gather.breaker import Breaker, State
from cds_service.gather.deadline import Deadline
from cds_service.gather.scopes import permits
from cds_service.gather.wire import SHORTEST_READ, Answer, Job, Wires, read
from cds_service.model import FhirAccess
from cds_service.outbound import Allowlist, within
from cds_service.outbound.connections import guarded_session

__all__ = ["Answer", "FhirCall", "FhirReader"]

MAX_BYTES = 8 * 1024 * 1024
_FAIR_CHANCE = 0.1  # seconds: a server that had less than this is not blamed for silence
_REFUSALS = frozenset({"fhir-refused", "token-refused", "scope-missing"})
OnCircuit = Callable[[str, State], None]  # (server, its new state)


@dataclass(slots=True)
class _Server:
    """What this process keeps for one allow-listed base."""

    breaker: Breaker
    pid: int = 0
    wires: Wires | None = None


class FhirReader:
    """Knows which servers may be read; keeps threads, connections and a circuit breaker for each, made after fork."""

    def __init__(
        self,
        allowed: Allowlist,
        *,
        session: Callable[[], requests.Session] = guarded_session,
        parallel: int = 24,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        on_circuit: OnCircuit | None = None,
    ) -> None:
        self.allowed = allowed
        self.max_bytes = max_bytes
        self._new_session = session
        self._parallel = parallel
        self._clock, self._on_circuit = clock, on_circuit
        self._lock = threading.Lock()
        self._servers: dict[str, _Server] = {}  # by listed base

    def open(self, access: FhirAccess | None, deadline: Deadline, issuer: str) -> "FhirCall | str":
        """What a call of this issuer may read with; or, in a word, why nothing may be read."""
        if access is None:
            return "no-fhir-server"
        listed = self.allowed.base(access.base, issuer)
        base = within(access.base, listed) if listed else None
        if listed is None or base is None:
            return "server-not-allowed"
        with self._lock:
            server = self._servers.get(listed) or _Server(self._breaker(listed))
            self._servers[listed] = server
        return FhirCall(self, server, base.rstrip("/"), access.token, access.scope, deadline)

    def _breaker(self, base: str) -> Breaker:
        return Breaker(clock=self._clock, on_change=partial(self._on_circuit, base) if self._on_circuit else None)

    def wires(self, server: _Server) -> Wires:
        """The threads and connections for that server in this process, made on first use."""
        with self._lock:
            if server.wires is None or server.pid != os.getpid():
                server.wires, server.pid = Wires(self._new_session(), self._parallel), os.getpid()
            return server.wires

    def close(self) -> None:
        """Let go of threads and connections; reads under way are not waited for."""
        with self._lock:
            for server in self._servers.values():
                if server.wires and server.pid == os.getpid():
                    server.wires.close()
                server.wires = None


class FhirCall:
    """Reads for one hook call, under its deadline."""

    __slots__ = ("_deadline", "_reader", "_scope", "_server", "_token", "answered", "base", "refused")

    def __init__(
        self, reader: FhirReader, server: _Server, base: str, token: str | None, scope: str, deadline: Deadline
    ) -> None:
        self.base = base  # of the server being read, in canonical form
        self._reader = reader
        self._server = server
        self._token = token
        self._scope = scope
        self._deadline = deadline
        self.answered = 0  # reads that brought JSON
        self.refused = 0  # reads answered 401 or 403, or not made because the token's scopes leave them out

    def get(self, places: Iterable[str], natives: Mapping[str, str] | None = None) -> dict[str, Answer]:
        """Read every place (a path below the base, or an absolute URL under it), side by side.

        `natives` names the places of Binaries with their announced content types. A place elsewhere answers
        `foreign-origin`, one that the token's scopes leave out `scope-missing`, all of a server that is down
        `circuit-open`; what has not arrived when the deadline passes, `fhir-timeout`.
        """
        answers: dict[str, Answer] = {}
        urls: dict[str, str] = {}
        for place in dict.fromkeys(places):
            url = self._url(place)
            if url is None:
                answers[place] = Answer(why="foreign-origin")
            elif not self._within_scope(url):
                answers[place] = Answer(why="scope-missing")
            else:
                urls[place] = url
        if urls:
            answers |= self._side_by_side(urls, natives or {})
        self.answered += sum(1 for answer in answers.values() if answer.body is not None)
        self.refused += sum(1 for answer in answers.values() if answer.why in _REFUSALS)
        return answers

    def _side_by_side(self, urls: Mapping[str, str], natives: Mapping[str, str]) -> dict[str, Answer]:
        left = self._deadline.remaining
        if left < SHORTEST_READ:
            return dict.fromkeys(urls, Answer(why="fhir-timeout"))
        breaker = self._server.breaker
        if not breaker.admits():
            return dict.fromkeys(urls, Answer(why="circuit-open"))
        wires = self._reader.wires(self._server)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        jobs: dict[Future[Answer], tuple[str, Job]] = {}
        for place, url in urls.items():
            job = Job()
            future = wires.threads.submit(
                read, wires.session, url, headers, self._deadline,
                max_bytes=self._reader.max_bytes, native=natives.get(place), job=job,
            )  # fmt: skip
            jobs[future] = (place, job)
        done, late = wait(jobs, timeout=self._deadline.remaining)
        answers = {jobs[future][0]: future.result() for future in done}
        for future in late:
            place, job = jobs[future]
            if not future.cancel():
                job.abort()
            answers[place] = Answer(why="fhir-timeout")
        if not all(answer.dead for answer in answers.values()):
            breaker.answered()
        elif left >= _FAIR_CHANCE:
            breaker.failed()
        return answers

    def _within_scope(self, url: str) -> bool:
        """Whether the token's scopes cover this; a page of a search has no type in its address, and is let be."""
        path, _, query = url.removeprefix(self.base).lstrip("/").partition("?")
        kind, _, id = path.partition("/")
        if not kind.isalpha():
            return True
        return permits(self._scope, kind, "r" if id and not query else "s")

    def _url(self, place: str) -> str | None:
        """Where that place is asked for: only inside the base of this call, because its token goes along."""
        return within(place if "://" in place else f"{self.base}/{place.lstrip('/')}", self.base)
