"""Keys that an issuer publishes at its `jku`: fetched aside, remembered, and kept when the key server is down.

The address is the one of the clients file; a token's own `jku` is compared with it and never followed. A kid that is
not known asks anew, at most once a minute, so that forged kids cannot make this service hammer a key server. A call
waits for keys only while a fetch is under way, and no longer than its share of the deadline.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from cds_service.auth.keys import Verify, listed, verifiers
from cds_service.telemetry import log

BETWEEN_SECONDS = 60.0
STALE_SECONDS = 3600.0  # a key that its owner withdrew is trusted no longer than this
FETCH_SECONDS = 4.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 100


class KeyServer:
    """The key set at one `jku`; `find` is what a token asks. One per process; threads start with the first question."""

    def __init__(
        self,
        jku: str,
        algorithms: tuple[str, ...],
        *,
        session: Callable[[], requests.Session],
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jku = jku
        self._algorithms = algorithms
        self._new_session = session
        self._wait = wait_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[tuple[str, str], Verify] = {}
        self._fetched = self._asked = float("-inf")
        self._under_way: threading.Event | None = None

    def find(self, kid: str, algorithm: str) -> Verify | None:
        """How to verify with that key; None where the issuer does not publish it, as far as could be learnt in time."""
        found = self._keys.get((kid, algorithm))
        if found is not None and self._clock() - self._fetched < STALE_SECONDS:
            return found
        arriving = self._ask()
        if found is None and arriving is not None:
            arriving.wait(self._wait)
            found = self._keys.get((kid, algorithm))
        return found

    def _ask(self) -> threading.Event | None:
        """The fetch that is under way, begun now unless the last one is less than a minute old."""
        with self._lock:
            if self._under_way is None and self._clock() - self._asked >= BETWEEN_SECONDS:
                self._asked = self._clock()
                self._under_way = threading.Event()
                threading.Thread(target=self._fetch, args=(self._under_way,), name="key-fetch", daemon=True).start()
            return self._under_way

    def _fetch(self, arrived: threading.Event) -> None:
        try:
            keys = self._usable(self._document())
            if keys:
                self._keys, self._fetched = keys, self._clock()
                log.info("keys fetched", count=len(keys))
            else:
                log.warning("keys not fetched", reason="no usable key", server=self.jku)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            log.warning("keys not fetched", reason=type(error).__name__, server=self.jku)
        finally:
            with self._lock:
                self._under_way = None
            arrived.set()

    def _document(self) -> Any:
        deadline = time.monotonic() + FETCH_SECONDS
        taken = bytearray()
        with (
            self._new_session() as session,
            session.get(
                self.jku,
                headers={"Accept": "application/json"},
                timeout=FETCH_SECONDS / 2,
                stream=True,
                allow_redirects=False,
            ) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            while chunk := answer.raw.read1(16 * 1024, decode_content=True):
                taken += chunk
                if len(taken) > MOST_BYTES or time.monotonic() > deadline:
                    raise ValueError("too large or too slow")
        return orjson.loads(taken)

    def _usable(self, document: Any) -> dict[tuple[str, str], Verify]:
        """Every key that can be used; one that cannot never costs the others."""
        keys: dict[tuple[str, str], Verify] = {}
        for key in listed(document)[:MOST_KEYS]:
            try:
                found = verifiers(key, self._algorithms)
            except ValueError:
                continue
            for name, verify in found.items():
                keys.setdefault((key["kid"], name), verify)
        return keys
