"""The reader of FHIR servers itself, opposite a server that dies: the circuit, the threads, the way of a Binary."""

import threading
import time
from collections.abc import Iterator

import pytest
from parts import hostile as misbehave
from parts.charts import fusion_chart
from parts.hostile import Hostile, reply

from cds_service.gather import Deadline, FhirReader
from cds_service.gather.fhir import FhirCall
from cds_service.model import FhirAccess
from cds_service.outbound import Allowlist

WELL = "Patient/p1"


class Hands:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    """The clock of the circuit breaker."""
    return Hands()


@pytest.fixture
def turns() -> list[str]:
    """The states that the circuit went through."""
    return []


@pytest.fixture
def reader(hostile_server: Hostile, hands: Hands, turns: list[str]) -> Iterator[FhirReader]:
    """A reader of the one server."""
    hostile_server.calm([{"resourceType": "Patient", "id": "p1"}])
    found = FhirReader(
        Allowlist([hostile_server.base]), clock=hands, on_circuit=lambda server, state: turns.append(state)
    )
    yield found
    found.close()


def call(reader: FhirReader, base: str, seconds: float = 0.2) -> FhirCall:
    """One call's reads."""
    made = reader.open(FhirAccess(base, "a-token"), Deadline(seconds), "")
    assert isinstance(made, FhirCall)
    return made


def test_a_dead_server_is_left_alone_for_a_while(
    reader: FhirReader, hostile_server: Hostile, hands: Hands, turns: list[str]
) -> None:
    """Five dead waves open the circuit: nothing is asked and nothing waited for, until one try finds it well again."""
    hostile_server.behaviour["*"] = misbehave.slow(0.5)
    for _ in range(5):
        assert call(reader, hostile_server.base).get([WELL])[WELL].why == "fhir-timeout"
    started = time.monotonic()
    assert call(reader, hostile_server.base).get([WELL])[WELL].why == "circuit-open"
    assert time.monotonic() - started < 0.05
    hands.now += 11
    hostile_server.calm([{"resourceType": "Patient", "id": "p1"}])
    assert call(reader, hostile_server.base).get([WELL])[WELL].body["id"] == "p1"
    assert turns == ["open", "half-open", "closed"]


def test_a_server_that_refuses_connections_opens_it_too(reader: FhirReader, dead_base: str, turns: list[str]) -> None:
    """Refused connections count, though they cost no time; another server's circuit stays closed."""
    own = FhirReader(
        Allowlist([dead_base]), on_circuit=lambda server, state: turns.append(f"{server == dead_base} {state}")
    )
    for _ in range(5):
        assert call(own, dead_base).get([WELL])[WELL].why == "fhir-failed"
    assert call(own, dead_base).get([WELL])[WELL].why == "circuit-open"
    assert turns == ["True open"]
    own.close()


def test_answers_that_are_errors_of_ours_keep_it_closed(reader: FhirReader, hostile_server: Hostile) -> None:
    """401, 403, 404, 429 and 400 are signs of life."""
    for status in (400, 401, 403, 404, 429) * 2:
        hostile_server.behaviour["*"] = misbehave.fail(status)
        assert call(reader, hostile_server.base).get([WELL])[WELL].why not in ("", "circuit-open")


@pytest.mark.parametrize("behaviour", [misbehave.drip_head, misbehave.silent, misbehave.drip])
def test_no_thread_outlives_its_call(
    behaviour: misbehave.Behaviour, reader: FhirReader, hostile_server: Hostile
) -> None:
    """A read that hangs, in the headers or in the body, has its socket shut when the call is over."""
    hostile_server.resources[0]["text"] = {"div": "x" * 200}
    hostile_server.behaviour["*"] = behaviour
    answers = call(reader, hostile_server.base).get([f"{WELL}?{number}" for number in range(8)])
    assert {answer.why for answer in answers.values()} == {"fhir-timeout"}
    wires = reader.wires(reader._servers[hostile_server.base])
    everybody = threading.Barrier(24 + 1)  # as many as there are threads: all of them must come free at once
    for _ in range(24):
        wires.threads.submit(everybody.wait, 3)
    everybody.wait(0.8)


REPORT = b"<html><body><p>IMPRESSION: Moderate stenosis.</p></body></html>"
SIGN_IN = b"<html><form action='/login'><input type='password'></form></html>"


@pytest.mark.parametrize(("content", "why"), [(REPORT, ""), (SIGN_IN, "unreadable"), (b"  ", "unreadable")])
def test_a_binary_may_come_as_what_it_is(content: bytes, why: str, reader: FhirReader, hostile_server: Hostile) -> None:
    """Native content where a Binary was asked for is taken; a page to sign in on is not a report."""
    hostile_server.behaviour["Binary"] = lambda handler, body: reply(handler, content, kind="text/html; charset=utf-8")
    asked = call(reader, hostile_server.base, 1)
    assert asked.get(["Binary/b"], {"Binary/b": "text/html"})["Binary/b"].why == why
    assert asked.get(["Binary/b"])["Binary/b"].why == "unreadable"  # where no Binary was meant, HTML is never taken


def test_a_binary_is_asked_for_by_its_own_type_where_json_is_refused(
    reader: FhirReader, hostile_server: Hostile
) -> None:
    """406 to FHIR JSON is followed by one request for the announced content type."""
    accepted: list[str] = []

    def picky(handler: misbehave.BaseHTTPRequestHandler, body: bytes) -> None:
        accepted.append(handler.headers["Accept"])
        if accepted[-1] == "application/pdf":
            reply(handler, b"%PDF-1.4", kind="application/pdf")
        else:
            misbehave.fail(406)(handler, body)

    hostile_server.behaviour["Binary"] = picky
    answer = call(reader, hostile_server.base, 1).get(["Binary/b"], {"Binary/b": "application/pdf"})["Binary/b"]
    assert answer.body == {"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0xLjQ="}
    assert accepted == ["application/fhir+json", "application/pdf"]


def test_a_redirect_is_no_answer(reader: FhirReader, hostile_server: Hostile, stranger: Hostile) -> None:
    """Nothing is followed, and the token stays here."""
    stranger.calm(fusion_chart().resources)
    hostile_server.behaviour["*"] = misbehave.redirect(f"{stranger.base}/{WELL}")
    assert call(reader, hostile_server.base).get([WELL])[WELL].why == "fhir-failed"
    assert stranger.seen == []
