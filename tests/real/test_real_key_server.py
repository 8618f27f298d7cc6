"""Keys that an EHR publishes: fetched when they are needed, seldom, and kept when the key server is down."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from parts.hostile import reply
from parts.issuers import Issuer, issuer

from cds_service.auth.key_server import BETWEEN_SECONDS, STALE_SECONDS, KeyServer
from cds_service.outbound.connections import guarded_session


@dataclass
class Published:
    """A key server, and what it does at the moment."""

    url: str = ""
    body: bytes = b"{}"
    status: int = 200
    delay: float = 0.0
    asked: int = 0
    elsewhere: int = 0
    headers: list[Any] = field(default_factory=list)

    def publish(self, *owners: Issuer, **more: Any) -> None:
        """Offer the public keys of these."""
        keys = [key for owner in owners for key in owner.entry()["jwks"]["keys"]]
        self.body = json.dumps({"keys": keys} | more).encode()


@contextmanager
def listening(state: Published) -> Iterator[None]:
    """Serve it in a thread."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/jwks.json":
                state.elsewhere += 1
            state.asked += 1
            state.headers.append(dict(self.headers))
            time.sleep(state.delay)
            if state.status == 302:
                self.send_response(302)
                self.send_header("Location", "/elsewhere.json")
                self.end_headers()
                return
            try:
                reply(self, state.body, state.status, "application/json")
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def published() -> Iterator[Published]:
    """A key server that offers nothing yet."""
    state = Published()
    with listening(state):
        yield state


class Clock:
    """Monotonic seconds, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the key store under test."""
    return Clock()


@pytest.fixture
def keys(published: Published, clock: Clock) -> KeyServer:
    """The service's view of that key server."""
    return KeyServer(published.url, ("RS384", "ES384"), session=guarded_session, wait_seconds=2.0, clock=clock)


def idle() -> None:
    """Wait until no fetch is under way."""
    for thread in [each for each in threading.enumerate() if each.name == "key-fetch"]:
        thread.join(10)


OLD, NEW = issuer("ES384"), issuer("RS384")


def verifies(keys: KeyServer, owner: Issuer) -> bool:
    """Whether a token of this owner can be verified now."""
    verify = keys.find(owner.kid, owner.algorithm)
    head, body, mark = owner.token("https://x.example").split(".")
    from jwt.utils import base64url_decode

    return verify is not None and verify(f"{head}.{body}".encode(), base64url_decode(mark))


def test_keys_come_with_the_first_question(published: Published, keys: KeyServer) -> None:
    """One fetch, then from memory; nothing of ours goes along."""
    published.publish(OLD)
    assert all(verifies(keys, OLD) for _ in range(5))
    assert published.asked == 1
    assert not {"Authorization", "Cookie"} & set(published.headers[0])


def test_a_new_kid_asks_anew_at_most_once_a_minute(published: Published, keys: KeyServer, clock: Clock) -> None:
    """A rotated key is found within a minute; unknown kids in between ask nobody."""
    published.publish(OLD)
    assert verifies(keys, OLD)
    published.publish(NEW)
    assert not verifies(keys, NEW)
    for number in range(50):
        assert keys.find(f"forged-{number}", "RS384") is None
    assert published.asked == 1
    clock.now += BETWEEN_SECONDS
    assert verifies(keys, NEW)
    assert published.asked == 2
    assert not verifies(keys, OLD), "a key that its owner took away is trusted no longer"


@pytest.mark.parametrize("broken", ["down", "error", "garbage", "no keys", "redirect", "huge", "private key"])
def test_the_old_set_stays_when_the_key_server_fails(
    broken: str, published: Published, keys: KeyServer, clock: Clock
) -> None:
    """Whatever it answers instead of keys, what was known stays known; a redirect is not followed."""
    published.publish(OLD)
    assert verifies(keys, OLD)
    clock.now += STALE_SECONDS
    if broken == "down":
        keys.jku = "http://127.0.0.1:9/jwks.json"
    published.status = {"error": 503, "redirect": 302}.get(broken, 200)
    published.body = {
        "garbage": b"<html>",
        "no keys": b'{"keys": []}',
        "huge": b'{"keys": [' + b" " * 400_000 + b"]}",
        "private key": json.dumps({"keys": [{"kty": "RSA", "kid": "x", "n": "AA", "e": "AQAB", "d": "AA"}]}).encode(),
    }.get(broken, published.body)
    assert verifies(keys, OLD)
    idle()
    assert verifies(keys, OLD)
    assert published.elsewhere == 0


def test_a_slow_key_server_costs_no_more_than_its_share(published: Published, clock: Clock) -> None:
    """A call waits for keys at most as long as it was told; the keys are there for a later one."""
    published.publish(OLD)
    published.delay = 0.8
    keys = KeyServer(published.url, ("ES384",), session=guarded_session, wait_seconds=0.1, clock=clock)
    started = time.monotonic()
    assert not verifies(keys, OLD)
    assert time.monotonic() - started < 0.6
    idle()
    assert verifies(keys, OLD)


def test_a_stale_set_is_renewed_without_a_wait(published: Published, keys: KeyServer, clock: Clock) -> None:
    """After an hour the set is fetched again beside the call that noticed."""
    published.publish(OLD)
    assert verifies(keys, OLD)
    published.delay = 1.0
    clock.now += STALE_SECONDS
    started = time.monotonic()
    assert verifies(keys, OLD)
    assert time.monotonic() - started < 0.5
    idle()
    assert published.asked == 2


def test_one_unusable_key_costs_no_other(published: Published, keys: KeyServer) -> None:
    """Keys of other kinds beside ours are passed over."""
    published.publish(OLD)
    odd = [{"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": "AA"}, 7, {"kty": "EC", "kid": "b", "crv": "P-384"}]
    published.body = json.dumps({"keys": [*odd, *json.loads(published.body)["keys"]]}).encode()
    assert verifies(keys, OLD)
