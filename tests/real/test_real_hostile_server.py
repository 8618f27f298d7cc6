"""A FHIR server that fails in every way a server fails: an answer in time, nothing invented, nothing leaked."""

import time
from typing import Any

import pytest
from parts import hostile as misbehave
from parts.charts import KEYS, everywhere, fusion_chart
from parts.hostile import Hostile
from parts.processes import DEADLINE_MS, Served

MARGIN = 0.35  # seconds for the way there and back on a busy machine
TOKEN = "a-token-of-this-call-alone"

FAILURES = {
    "slow": misbehave.slow(3),
    "dripping": misbehave.drip,
    "dripping headers": misbehave.drip_head,
    "half a bundle": misbehave.half,
    "500": misbehave.fail(500),
    "a login page": misbehave.html,
}


def timed(service: Served, request: dict[str, Any]) -> tuple[Any, float]:
    """The answer, and the seconds it took."""
    started = time.monotonic()
    answer = service.sign(request)
    return answer, time.monotonic() - started


@pytest.mark.parametrize("failure", FAILURES)
def test_every_read_fails(failure: str, hostile_server: Hostile, service: Served) -> None:
    """Nothing could be read: no card, no error, in time; the next call is answered, with prefetch and without."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["*"] = FAILURES[failure]
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert seconds < DEADLINE_MS / 1000 + MARGIN
    assert len(service.cards(chart.request(chart.prefetch(), fhir=hostile_server.base, token=TOKEN))) == 1
    well = fusion_chart()
    hostile_server.calm(well.resources)
    assert len(service.cards(well.request(fhir=hostile_server.base, token=TOKEN))) == 1


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_of_little_weight_fails(failure: str, hostile_server: Hostile, service: Served) -> None:
    """What is only good to know could not be read: the card comes all the same, in time."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["Procedure"] = FAILURES[failure]
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert len(answer.json()["cards"]) == 1
    assert seconds < DEADLINE_MS / 1000 + MARGIN


@pytest.mark.parametrize("failure", FAILURES)
def test_the_report_fails(failure: str, hostile_server: Hostile, service: Served) -> None:
    """The report itself could not be read: silence, never a card on what was not read."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["DiagnosticReport"] = FAILURES[failure]
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert seconds < DEADLINE_MS / 1000 + MARGIN


def test_a_server_that_is_down(dead_base: str, service: Served) -> None:
    """A refused connection is found out at once: no card, no error, no waiting."""
    answer, seconds = timed(service, fusion_chart().request(fhir=dead_base, token=TOKEN))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert seconds < DEADLINE_MS / 1000


def test_every_read_refused_is_a_412(hostile_server: Hostile, service: Served) -> None:
    """401 to every read and nothing prefetched: 412 with an OperationOutcome, and the token in no answer."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["*"] = misbehave.fail(401)
    answer = service.sign(chart.request(fhir=hostile_server.base, token=TOKEN))
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert TOKEN not in answer.text


def test_a_socket_that_is_half_open(hostile_server: Hostile, service: Served) -> None:
    """Ten requests are taken and never answered: the call ends at its deadline, and the next one is well."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["*"] = misbehave.silent
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert seconds < DEADLINE_MS / 1000 + MARGIN
    hostile_server.calm(chart.resources)
    assert len(service.cards(chart.request(fhir=hostile_server.base, token=TOKEN))) == 1


def test_a_token_that_expires_midway(hostile_server: Hostile, service: Served) -> None:
    """The second wave is refused: what the first brought stays known, no error, and the card says what was not read."""
    chart = everywhere(fusion_chart())
    for report in chart.of("DiagnosticReport"):
        del report["conclusion"], report["result"]
        report["presentedForm"] = [{"contentType": "text/html", "url": f"Binary/TR-{report['id']}"}]
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["Binary"] = misbehave.expiring(0)
    (card,) = service.cards(chart.request(fhir=hostile_server.base, token=TOKEN))
    assert card["indicator"] == "info"
    assert '"' not in card["detail"]
    assert "the report's text could not be read" in card["detail"]
    time.sleep(0.1)
    assert len([each for each in hostile_server.seen if "Binary/" in each.path]) == 1


def test_too_many_requests_with_a_moment_to_wait(hostile_server: Hostile, service: Served) -> None:
    """A Retry-After that fits into the deadline is waited for, once."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["*"] = misbehave.busy(0)
    assert len(service.cards(chart.request(fhir=hostile_server.base, token=TOKEN))) == 1
    assert len(hostile_server.seen) == 2 * (len(KEYS) + 1)


def test_too_many_requests_with_a_long_wait(hostile_server: Hostile, service: Served) -> None:
    """A Retry-After beyond the deadline is a gap at once: nothing is asked twice, nothing is waited for."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["DiagnosticReport"] = misbehave.busy(30, times=9)
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})
    assert seconds < DEADLINE_MS / 1000
    assert len([each for each in hostile_server.seen if "DiagnosticReport" in each.path]) == 1


def test_connections_that_were_closed_behind_our_back(hostile_server: Hostile, service: Served) -> None:
    """A kept connection found dead is replaced: call after call brings its card."""
    for _ in range(3):
        chart = fusion_chart()
        hostile_server.calm(chart.resources)
        hostile_server.behaviour["*"] = misbehave.hang_up
        assert len(service.cards(chart.request(fhir=hostile_server.base, token=TOKEN))) == 1


def test_reads_run_side_by_side(hostile_server: Hostile, service: Served) -> None:
    """Ten reads of 250 ms each fit into a deadline of 800 ms, because they overlap; each bears the token."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    hostile_server.behaviour["*"] = misbehave.slow(0.25)
    answer, seconds = timed(service, chart.request(fhir=hostile_server.base, token=TOKEN))
    assert len(answer.json()["cards"]) == 1
    assert seconds < DEADLINE_MS / 1000 + MARGIN
    time.sleep(0.1)
    seen = hostile_server.seen
    assert len(seen) == len(KEYS) + 1  # and the study that the order itself names
    assert max(each.started for each in seen) < min(each.ended for each in seen)
    assert {each.authorization for each in seen} == {f"Bearer {TOKEN}"}


def test_next_link_to_another_origin_is_not_followed(
    hostile_server: Hostile, stranger: Hostile, service: Served
) -> None:
    """A page that leads to another origin ends there: no request, no token, no card on half a record."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    stranger.calm(chart.resources)
    elsewhere = f"{stranger.base}/DiagnosticReport?patient={chart.patient_id}"
    hostile_server.behaviour["DiagnosticReport"] = misbehave.paged_to(elsewhere)
    assert service.cards(chart.request(fhir=hostile_server.base, token=TOKEN)) == []
    assert stranger.seen == []


def test_prefetched_next_link_to_another_origin_is_not_followed(
    stranger: Hostile, hostile_server: Hostile, service: Served
) -> None:
    """The same when the page came with the request."""
    chart = fusion_chart()
    hostile_server.calm(())
    stranger.calm(chart.resources)
    prefetch = chart.prefetch()
    prefetch["diagnosticReports"] = prefetch["diagnosticReports"] | {
        "entry": [],
        "link": [{"relation": "next", "url": f"{stranger.base}/DiagnosticReport?patient={chart.patient_id}"}],
    }
    assert service.cards(chart.request(prefetch, fhir=hostile_server.base, token=TOKEN)) == []
    assert stranger.seen == []


def test_redirect_is_not_followed(hostile_server: Hostile, stranger: Hostile, service: Served) -> None:
    """A server that redirects elsewhere does not carry the token there."""
    chart = fusion_chart()
    hostile_server.calm(chart.resources)
    stranger.calm(chart.resources)
    hostile_server.behaviour["*"] = misbehave.redirect(f"{stranger.base}/Patient/{chart.patient_id}")
    assert service.cards(chart.request(fhir=hostile_server.base, token=TOKEN)) == []
    assert stranger.seen == []


def test_a_server_that_is_not_allow_listed_is_never_asked(stranger: Hostile, service: Served) -> None:
    """A `fhirServer` nobody allowed gets no request; with nothing prefetched the answer is a 412."""
    chart = fusion_chart()
    stranger.calm(chart.resources)
    answer = service.sign(chart.request(fhir=stranger.base, token=TOKEN))
    assert answer.status_code == 412
    assert stranger.seen == []
    assert len(service.cards(chart.request(chart.prefetch(), fhir=stranger.base, token=TOKEN))) == 1
    assert stranger.seen == []


def test_the_token_is_written_nowhere(service: Served) -> None:
    """After all that: the bearer token stands neither in the log nor in the ledger."""
    for path in sorted(service.folder.iterdir()):
        assert TOKEN.encode() not in path.read_bytes(), path.name
