"""What the service asks a real FHIR server, and what it makes of the answers."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from parts.charts import KEYS, Chart, bundle, fusion_chart, imaging_order
from parts.processes import Served
from parts.sekmet import Ehr


def asked_for(service: Served, chart: Chart) -> dict[str, str]:
    """The discovery answer's prefetch templates, filled for this chart as an EHR would fill them."""
    templates = requests.get(f"{service.url}/cds-services", timeout=5).json()["services"][0]["prefetch"]
    encounter = chart.of("Encounter")[0]["id"]
    return {
        key: unquote(template)
        .replace("{{context.patientId}}", chart.patient_id)
        .replace("{{context.encounterId}}", encounter)
        for key, template in templates.items()
    }


def test_full_prefetch_is_answered_without_a_query(fhir_server: Ehr, service: Served) -> None:
    """Where the EHR sent everything, the card comes and the FHIR server is left alone."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    mark = fhir_server.mark()
    cards = service.cards(chart.request(chart.prefetch(), fhir=fhir_server.base, token=fhir_server.token()))
    assert len(cards) == 1
    assert fhir_server.queries(mark) == []


def test_without_prefetch_exactly_the_templates_are_read(fhir_server: Ehr, service: Served) -> None:
    """Where the EHR sent nothing, a card comes; each template and the order's own reference are read once."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    mark = fhir_server.mark()
    cards = service.cards(chart.request(fhir=fhir_server.base, token=fhir_server.token()))
    assert len(cards) == 1
    queries = fhir_server.queries(mark)
    expected = [*asked_for(service, chart).values(), chart.order["supportingInfo"][0]["reference"]]
    assert sorted(query.path for query in queries) == sorted(expected)
    assert {(query.method, query.status) for query in queries} == {("GET", 200)}


def test_prefetch_and_reads_give_the_same_card(fhir_server: Ehr, service: Served) -> None:
    """How the facts came makes no difference to what the surgeon reads."""
    texts = []
    for prefetched in (True, False):
        chart = fusion_chart()
        fhir_server.load(chart.resources)
        prefetch = chart.prefetch() if prefetched else None
        (card,) = service.cards(chart.request(prefetch, fhir=fhir_server.base, token=fhir_server.token()))
        texts.append((card["summary"], card["detail"], card["indicator"], card["suggestions"][0]["label"]))
    assert texts[0] == texts[1]


def test_irrelevant_order_costs_no_query(fhir_server: Ehr, service: Served) -> None:
    """An order that is neither surgery nor cancer treatment is answered before anything is read."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    mark = fhir_server.mark()
    request = chart.request(orders=[imaging_order(chart)], fhir=fhir_server.base, token=fhir_server.token())
    assert service.cards(request) == []
    assert fhir_server.queries(mark) == []


STATES: dict[str, tuple[Callable[[Chart, str], Any], int]] = {
    # state of the diagnosticReports key -> what was sent, and how many reads it may cost
    "null": (lambda chart, base: None, 1),
    "outcome": (
        lambda chart, base: {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
        1,
    ),
    "resource": (lambda chart, base: chart.of("DiagnosticReport")[0], 0),
    "bundle": (lambda chart, base: bundle(chart.of("DiagnosticReport")), 0),
    "page": (lambda chart, base: bundle([], f"{base}/DiagnosticReport?patient={chart.patient_id}&_count=50"), 1),
    "html": (lambda chart, base: "<html>Sign in</html>", 1),
}


@pytest.mark.parametrize("state", ["absent", *STATES])
def test_each_state_of_a_prefetch_key(state: str, fhir_server: Ehr, service: Served) -> None:
    """Absent, null, failed, one resource, a Bundle, one page of it, nonsense: the card comes, with no needless read."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    prefetch, reads = chart.prefetch(), 1
    del prefetch["diagnosticReports"]
    if state != "absent":
        make, reads = STATES[state]
        prefetch["diagnosticReports"] = make(chart, fhir_server.base)
    mark = fhir_server.mark()
    assert len(service.cards(chart.request(prefetch, fhir=fhir_server.base, token=fhir_server.token()))) == 1
    queries = fhir_server.queries(mark)
    assert len(queries) == reads
    assert all(query.path.startswith("DiagnosticReport?") for query in queries)


def test_expired_token_is_a_412(brief_fhir_server: Ehr, service: Served) -> None:
    """Nothing was prefetched and every read is refused: the EHR is told which prefetch would have been needed."""
    chart = fusion_chart()
    brief_fhir_server.load(chart.resources)
    token = brief_fhir_server.token()
    time.sleep(2.1)
    mark = brief_fhir_server.mark()
    answer = service.sign(chart.request(fhir=brief_fhir_server.base, token=token))
    assert answer.status_code == 412
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "imagingStudies" in answer.text
    assert "diagnosticReports" in answer.text
    assert token not in answer.text
    assert {query.status for query in brief_fhir_server.queries(mark)} == {401}


def test_expired_token_matters_not_when_prefetch_sufficed(brief_fhir_server: Ehr, service: Served) -> None:
    """A token that is no longer good costs nothing when nothing has to be read."""
    chart = fusion_chart()
    assert len(service.cards(chart.request(chart.prefetch(), fhir=brief_fhir_server.base, token="expired"))) == 1


def test_narrow_token_reads_what_it_may(fhir_server: Ehr, service: Served) -> None:
    """A token for Patient alone: no card on what could not be read; a 412 says so where nothing was."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    request = chart.request(fhir=fhir_server.base, token=fhir_server.token("narrow"), scope="patient/Patient.rs")
    answer = service.sign(request)
    assert (answer.status_code, answer.json().get("cards")) in [(412, None), (200, [])]


def test_narrow_token_with_the_needed_prefetch(fhir_server: Ehr, service: Served) -> None:
    """What a second read hangs on was prefetched and the rest may not be read: the card comes, on what is known."""
    chart = fusion_chart()
    fhir_server.load(chart.resources)
    prefetch = chart.prefetch("encounter", "imagingStudies", "diagnosticReports", "conditions", "serviceRequests")
    request = chart.request(
        prefetch, fhir=fhir_server.base, token=fhir_server.token("narrow"), scope="patient/Patient.rs"
    )
    assert len(service.cards(request)) == 1


def test_report_behind_a_full_page_is_found(fhir_server: Ehr, service: Served) -> None:
    """Fifty newer reports fill the first page; the one that matters stands on the next and is still found."""
    chart = fusion_chart()
    report = chart.of("DiagnosticReport")[0]
    kept = {name: report[name] for name in ("resourceType", "status", "subject", "issued")}
    newer = [
        kept
        | {"id": f"x{number}{chart.patient_id}", "code": {"text": "Complete blood count"}, "conclusion": "Normal."}
        | {"effectiveDateTime": report["issued"]}
        for number in range(50)
    ]
    fhir_server.load((*chart.resources, *newer))
    mark = fhir_server.mark()
    prefetch = chart.prefetch(*set(KEYS) - {"diagnosticReports"})
    request = chart.request(prefetch, fhir=fhir_server.base, token=fhir_server.token())
    assert len(service.cards(request)) == 1
    assert len(fhir_server.queries(mark)) >= 2
