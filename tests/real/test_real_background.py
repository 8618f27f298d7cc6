"""Records that nobody here wrote, served by a server that nobody here wrote: read page by page, and no card."""

import itertools
import time

import pytest
from parts.charts import surgery_order
from parts.cohort import Person, people
from parts.processes import DEADLINE_MS, Served
from parts.sekmet import Ehr

NEPHRECTOMY = ("http://snomed.info/sct", "175905003", "Total nephrectomy (procedure)")


@pytest.fixture(scope="module")
def patients(fhir_server: Ehr) -> list[Person]:
    """The six of the background cohort with the longest records and no cancer, loaded into the FHIR server."""
    healthy = [person for person in people() if not person.has_cancer]
    longest = sorted(healthy, key=lambda person: -len(person.record["ServiceRequest"]))[:6]
    for person in longest:
        fhir_server.load([person.patient, *itertools.chain.from_iterable(person.record.values())])
    return longest


def test_long_records_are_read_in_time_and_met_with_silence(
    patients: list[Person], fhir_server: Ehr, service: Served
) -> None:
    """Nothing prefetched, a nephrectomy without cancer: every search succeeds, in time, and no card comes."""
    for person in patients:
        subject = {"subject": {"reference": f"Patient/{person.id}"}}
        request = person.signs(surgery_order(f"-{person.id}", NEPHRECTOMY) | subject) | {
            "prefetch": {},
            "fhirServer": fhir_server.base,
            "fhirAuthorization": {
                "access_token": fhir_server.token(),
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "user/*.rs",
                "subject": "second-read",
            },
        }
        mark, started = fhir_server.mark(), time.monotonic()
        assert service.cards(request) == []
        assert time.monotonic() - started < DEADLINE_MS / 1000 + 0.35
        queries = fhir_server.queries(mark)
        assert any(query.path.startswith("DiagnosticReport?") for query in queries)
        assert {query.status for query in queries if "?" in query.path} == {200}
        assert len(queries) < 40, [query.path for query in queries]  # reads have a bound, however long the record
