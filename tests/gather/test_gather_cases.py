"""Gathering a case: six prefetch states, reads in waves, other patients' resources, pages and Binaries."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, cast

import builders as b
import pytest

from cds_service.content import Content
from cds_service.gather import Deadline, FhirReader, cases, orders
from cds_service.gather.fhir import Answer
from cds_service.model import Case, HookRequest

SERVER = {"fhirServer": "https://ehr.example/fhir"}


class Server:
    """Stands where FhirReader does: answers places from a dict, and remembers what it was asked, wave by wave."""

    def __init__(self, places: dict[str, Any]) -> None:
        self.places = places
        self.waves: list[list[str]] = []
        self.answered = self.refused = 0

    def open(self, access: object, deadline: object, issuer: str) -> "Server | str":
        """Open to whoever names a server."""
        return self if access else "no-fhir-server"

    def get(self, places: Iterable[str], natives: object = None) -> dict[str, Answer]:
        """Each place by its type or whole address; what is not held is not found."""
        wanted = list(places)
        self.waves.append(wanted)
        return {place: self._one(place) for place in wanted}

    def _one(self, place: str) -> Answer:
        found = self.places.get(place, self.places.get(place.partition("?")[0]))
        if isinstance(found, str):
            self.refused += found == "fhir-refused"
            return Answer(why=found)
        self.answered += found is not None
        return Answer(body=found) if found is not None else Answer(why="fhir-not-found")


Gather = Callable[..., Case]


@pytest.fixture
def gather(content: Content, hook_request: Callable[..., HookRequest]) -> Gather:
    """The one case of one order."""

    def make(
        order: dict[str, Any],
        prefetch: dict[str, Any] | None = None,
        server: Server | None = None,
        settled: Callable[[Case], bool] | None = None,
        **more: Any,
    ) -> Case:
        request = hook_request(order, prefetch=prefetch, **more)
        basket = orders(request, content.value_sets)
        (case,) = cases(
            request,
            basket,
            content=content,
            fhir=cast(FhirReader, server),
            deadline=Deadline(1),
            now=b.NOW,
            settled=settled,
        )
        return case

    return make


def test_full_prefetch_needs_no_read(gather: Gather) -> None:
    """With every key satisfied nothing is asked, though a server stands by."""
    server = Server({})
    case = gather(b.fusion(), b.prefetch(b.mri(), b.report()), server, **SERVER)
    assert server.waves == []
    assert case.report is not None
    assert case.report.parts[0].content == b.MODERATE
    assert (case.encounter_class, case.gaps) == ("AMB", ())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "prefetch-null"),
        ({"resourceType": "OperationOutcome", "issue": []}, "prefetch-failed"),
        ("<html>502 Bad Gateway</html>", "unreadable"),
        ({"no": "type"}, "unreadable"),
        ([], "unreadable"),
    ],
)
def test_a_key_that_brings_nothing_is_a_named_gap(value: Any, why: str, gather: Gather) -> None:
    """Without a server, an unsatisfied key stays a gap that says how it was unsatisfied."""
    case = gather(b.fusion(), b.prefetch(b.mri(), b.report()) | {"diagnosticReports": value})
    assert case.report is None
    gap = case.missing("diagnosticReports")
    assert gap is not None
    assert gap.why == why


def test_an_omitted_key_is_read_and_nothing_else(gather: Gather) -> None:
    """A key that is absent is asked for in one search by its own template; satisfied keys are not."""
    brought = b.prefetch(b.mri(), b.report())
    del brought["diagnosticReports"]
    server = Server({"DiagnosticReport": b.bundle(b.report())})
    case = gather(b.fusion(), brought, server, **SERVER)
    assert server.waves == [[f"DiagnosticReport?patient={b.PATIENT}&_sort=-date&_count=50"]]
    assert case.report is not None
    assert case.missing("diagnosticReports") is None


def test_everything_missing_is_read_in_one_wave(gather: Gather) -> None:
    """Without prefetch, all nine keys are asked for side by side, once."""
    server = Server({"ImagingStudy": b.bundle(b.mri()), "DiagnosticReport": b.bundle(b.report())})
    case = gather(b.fusion(), None, server, **SERVER)
    assert [len(wave) for wave in server.waves] == [9]
    assert case.study is not None
    gap = case.missing("conditions")
    assert gap is not None
    assert gap.why == "fhir-not-found"


def test_a_settled_case_reads_nothing(gather: Gather) -> None:
    """When the request and prefetch already end the case, the server is left alone."""
    server = Server({})
    gather(b.fusion(), None, server, settled=lambda case: True, **SERVER)
    assert server.waves == []


def test_without_a_server_the_gap_says_so(gather: Gather) -> None:
    """A gap about `fhirServer` tells that nothing could be read at all."""
    case = gather(b.fusion(), None, Server({}))
    gap = case.missing("fhirServer")
    assert gap is not None
    assert gap.why == "no-fhir-server"


def test_a_server_that_refuses_everything_is_named(gather: Gather) -> None:
    """403 on all reads is a refusal, not an empty record."""
    refused = dict.fromkeys(
        "Patient Encounter ImagingStudy DiagnosticReport Condition ServiceRequest MedicationRequest Procedure "
        f"Observation Patient/{b.PATIENT} Encounter/enc-1".split(),
        "fhir-refused",
    )
    case = gather(b.fusion(), None, Server(refused), **SERVER)
    gap = case.missing("fhirServer")
    assert gap is not None
    assert gap.why == "fhir-refused"


def test_a_full_page_without_the_study_is_followed(gather: Gather) -> None:
    """Decision 9: a page is not the record; `next` is read before absence is believed."""
    page = f"{SERVER['fhirServer']}/next-page"
    brought = b.prefetch(b.mri()) | {"diagnosticReports": b.bundle(next_url=page)}
    case = gather(b.fusion(), brought, Server({page: b.bundle(b.report())}), **SERVER)
    assert case.report is not None
    alone = gather(b.fusion(), brought)
    gap = alone.missing("diagnosticReports")
    assert gap is not None
    assert gap.why == "page-missing"


def test_a_binary_is_read_only_when_no_text_came_inline(gather: Gather) -> None:
    """A report whose words stand in a Binary costs one more read; one with a conclusion costs none."""
    words = b.report(presentedForm=[{"contentType": "text/plain", "url": "Binary/b1"}])
    server = Server({"Binary/b1": {"resourceType": "Binary", "data": base64.b64encode(b.MODERATE.encode()).decode()}})
    gather(b.fusion(), b.prefetch(b.mri(), words), server, **SERVER)
    assert server.waves == []
    del words["conclusion"]
    case = gather(b.fusion(), b.prefetch(b.mri(), words), server, **SERVER)
    assert server.waves == [["Binary/b1"]]
    assert case.report is not None
    assert case.report.parts[0].content == b.MODERATE.encode()


def test_the_reader_is_looked_up(gather: Gather) -> None:
    """resultsInterpreter leads to a PractitionerRole whose specialty proves something; a general one does not."""
    nucc = "http://nucc.org/provider-taxonomy"
    read = b.report(resultsInterpreter=[{"reference": "PractitionerRole/r1"}])
    for code, known in (("2085N0700X", True), ("2085R0202X", False)):
        role = {"resourceType": "PractitionerRole", "id": "r1", "specialty": [b.coding(nucc, code)]}
        case = gather(b.fusion(), b.prefetch(b.mri(), read), Server({"PractitionerRole/r1": role}), **SERVER)
        assert case.report is not None
        assert case.report.reader.known is known


def test_another_patients_resources_are_dropped(gather: Gather) -> None:
    """A report of someone else in prefetch is not used, and the gap raises the alarm."""
    stray = b.report(subject={"reference": "Patient/someone-else"})
    case = gather(b.fusion(), b.prefetch(b.mri(), stray))
    assert case.report is None
    assert "wrong-patient" in {gap.why for gap in case.gaps}


def test_one_unreadable_entry_costs_nothing_else(gather: Gather) -> None:
    """A broken entry in a Bundle becomes a gap by its place; its neighbours are read."""
    brought = b.prefetch(b.mri(), b.report())
    brought["diagnosticReports"]["entry"].insert(0, {"resource": "<html>"})
    case = gather(b.fusion(), brought)
    assert case.report is not None
    assert [(gap.what, gap.why) for gap in case.gaps] == [("diagnosticReports[0]", "unreadable")]


def test_a_restricted_report_is_never_opened(gather: Gather) -> None:
    """Decision 16: a restricted security label keeps a report's words out of the case."""
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    case = gather(b.fusion(), b.prefetch(b.mri(), b.report(meta={"security": [label]})))
    assert case.report is not None
    assert case.report.parts == ()
    assert "restricted" in {gap.why for gap in case.gaps}


def test_an_addendums_words_come_under_their_heading(gather: Gather) -> None:
    """A later addendum is read with its report, as an addendum."""
    later = b.report("report-2", days=3, code=b.coding("http://loinc.org", "55107-7"), conclusion="Severe at L4-L5.")
    case = gather(b.fusion(), b.prefetch(b.mri(), b.report(), later))
    assert case.report is not None
    assert [(part.heading, part.content) for part in case.report.parts] == [
        ("", b.MODERATE),
        ("ADDENDUM", "Severe at L4-L5."),
    ]


def test_an_order_already_active_and_unchanged_is_a_re_sign(gather: Gather) -> None:
    """The same id, active on file with the same code, is a status change of an old order."""
    again = b.fusion(status="active")
    case = gather(again, b.prefetch(b.mri(), b.report(), b.fusion(status="active")))
    assert case.order.renewal
    changed = gather(
        again, b.prefetch(b.mri(), b.report(), b.fusion(status="active", code={"text": "Laminectomy L4-L5"}))
    )
    assert changed.order.first_seen_active
    assert not changed.order.renewal


def test_a_report_in_result_observations_is_read(gather: Gather) -> None:
    """Epic keeps the words of a report in Observations: read in one wave, findings before impression, none repeated."""
    wordless = b.report(result=[{"reference": "Observation/imp"}, {"reference": "Observation/find"}])
    del wordless["conclusion"]
    loinc, mine = "http://loinc.org", {"subject": {"reference": f"Patient/{b.PATIENT}"}, "resourceType": "Observation"}
    server = Server(
        {
            "Observation/imp": mine | {"id": "imp", "code": b.coding(loinc, "19005-8"), "valueString": "Moderate."},
            "Observation/find": mine
            | {"id": "find", "code": b.coding(loinc, "59776-5"), "valueString": "L4-L5: wide."},
        }
    )
    case = gather(b.fusion(), b.prefetch(b.mri(), wordless), server, **SERVER)
    assert server.waves == [["Observation/imp", "Observation/find"]]
    assert case.report is not None
    told = [(part.heading, part.content) for part in case.report.parts]
    assert told == [("IMPRESSION", "Moderate."), ("FINDINGS", "L4-L5: wide.")]


def test_a_refused_search_is_put_plainly_once(gather: Gather) -> None:
    """A server that will not sort is asked again without `_sort`, once; what it refuses then is a gap."""
    brought = b.prefetch(b.mri(), b.report())
    del brought["serviceRequests"]
    sorted_search = f"ServiceRequest?patient={b.PATIENT}&_sort=-authored&_count=50"
    plain = f"ServiceRequest?patient={b.PATIENT}&_count=50"
    for second, gaps in ((b.bundle(), 0), ("fhir-rejected", 1)):
        server = Server({sorted_search: "fhir-rejected", plain: second})
        case = gather(b.fusion(), brought, server, **SERVER)
        assert server.waves == [[sorted_search], [plain]]
        assert len([gap for gap in case.gaps if gap.what == "serviceRequests"]) == gaps


def test_a_page_in_no_order_of_time_is_followed(gather: Gather) -> None:
    """Where a server ignored `_sort`, a newer report may stand on the next page: it is read, and becomes the basis."""
    page = f"{SERVER['fhirServer']}/next-page"
    older = [b.report("r-a", days=90), b.report("r-b", days=80)]
    brought = b.prefetch(b.mri()) | {"diagnosticReports": b.bundle(*older, next_url=page)}
    case = gather(b.fusion(), brought, Server({page: b.bundle(b.report("r-c", days=20))}), **SERVER)
    assert case.report is not None
    assert case.report.reference == "DiagnosticReport/r-c"


@pytest.mark.parametrize(
    "category",
    [
        b.coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown") | {"text": "Unknown"},
        b.coding("https://fhir.example/codeSet/6000", "3081", "Patient Care"),
    ],
)
def test_an_unknown_category_hides_no_radiology(category: dict[str, Any], gather: Gather) -> None:
    """A category that says nothing leaves it to the report's own name, and no ImagingStudy is needed."""
    told = b.report(study=None, category=[category], code={"text": "MRI Lumbar Spine w/o contrast"})
    case = gather(b.fusion(), b.prefetch(told))
    assert case.report is not None
    assert case.study is not None
    assert case.study.from_report
    blood = b.report(study=None, category=[{"text": "Laboratory"}], code={"text": "MRI Lumbar Spine tissue culture"})
    assert gather(b.fusion(), b.prefetch(blood)).study is None


ACCESSION = {"system": "urn:site:acsn", "value": "A-77"}


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "ImagingStudy/study-1"},
        {"reference": "https://ehr.example/fhir/ImagingStudy/study-1"},
        {"type": "ImagingStudy", "identifier": ACCESSION},
        {"reference": "#inside"},
    ],
)
def test_every_way_to_name_a_study_finds_it(reference: dict[str, Any], gather: Gather) -> None:
    """Relative, absolute, logical and contained references lead to the study on the server, not to a newer one."""
    own = b.mri(identifier=[ACCESSION])
    order = b.fusion(
        supportingInfo=[reference], contained=[{k: v for k, v in own.items() if k != "subject"} | {"id": "inside"}]
    )
    case = gather(order, b.prefetch(own, b.mri("newer", days=3), b.report()), **SERVER)
    assert case.study is not None
    assert (case.study.reference, case.link and case.link.rung) == ("ImagingStudy/study-1", "order-reference")
    assert case.report is not None


def test_a_study_that_came_inside_the_order_alone_is_used(gather: Gather) -> None:
    """A contained ImagingStudy that no server holds is the basis, tied to its report by the accession."""
    own = b.mri("inside", identifier=[ACCESSION])
    order = b.fusion(supportingInfo=[{"reference": "#inside"}], contained=[own])
    case = gather(order, b.prefetch(b.report(study=None, identifier=[ACCESSION])))
    assert case.study is not None
    assert case.study.reference == "ServiceRequest/order-1#inside"
    assert case.report is not None


def test_a_contained_study_is_never_another_patients(gather: Gather) -> None:
    """What is inside an order and names another patient is dropped like everything else of theirs."""
    own = b.mri("inside", subject={"reference": "Patient/someone-else"})
    case = gather(b.fusion(supportingInfo=[{"reference": "#inside"}], contained=[own]), b.prefetch())
    assert case.study is None
    assert "wrong-patient" in {gap.why for gap in case.gaps}
