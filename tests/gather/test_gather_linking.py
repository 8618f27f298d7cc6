"""Order -> study -> report: each rung holds where it should, and a study of another region is never the basis."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import builders as b
import pytest

from cds_service.gather.linking import Basis, link
from cds_service.model import Order, Report, Study

ORDER = Order("ServiceRequest/1", "surgery", "draft", region="spine", segments=("lumbar",))
STUDY = Study(
    "ImagingStudy/1", started=b.NOW - timedelta(days=9), modalities=("MR",), regions=("spine",), segments=("lumbar",)
)
REPORT = Report(
    "DiagnosticReport/1", "radiology", "final", regions=("spine",), segments=("lumbar",), modalities=("MR",),
    effective=b.NOW - timedelta(days=9), issued=b.NOW - timedelta(days=8),
)  # fmt: skip
TIED = {"studies": ("ImagingStudy/1",)}
SHARED = {"based_on": ("ServiceRequest/9",)}


def basis(
    order: Order = ORDER, studies: tuple[Study, ...] = (STUDY,), reports: tuple[Report, ...] = (REPORT,)
) -> Basis:
    """The basis of a lumbar order among these."""
    return link(order, ("spine",), studies, reports, b.NOW)


def rungs(found: Basis) -> tuple[str, str]:
    """Which rungs held."""
    assert found.link is not None
    return found.link.rung, found.link.report_rung


@pytest.mark.parametrize(
    ("order", "study", "report", "expected"),
    [
        ({"supporting": ("ImagingStudy/1",)}, {}, TIED, ("order-reference", "report-imaging-study")),
        ({"supporting": ("DiagnosticReport/1",)}, {}, TIED, ("order-reference", "report-imaging-study")),
        ({"supporting": ("ServiceRequest/9",)}, SHARED, SHARED, ("shared-based-on", "shared-based-on")),
        ({}, {"identifiers": ("urn:acsn|77",)}, {"identifiers": ("urn:acsn|77",)}, ("region-and-recency", "accession")),
        ({}, {"identifiers": ("|77",)}, {"based_on": ("urn:acsn|77",)}, ("region-and-recency", "accession")),
        ({}, {}, {}, ("region-and-recency", "region-and-recency")),
    ],
)  # fmt: skip
def test_each_rung_holds(order: Any, study: Any, report: Any, expected: tuple[str, str]) -> None:
    """The strongest tie that exists is taken, and recorded."""
    found = basis(replace(ORDER, **order), (replace(STUDY, **study),), (replace(REPORT, **report),))
    assert rungs(found) == expected
    assert found.report is not None


@pytest.mark.parametrize(
    "other",
    [
        {"regions": ("chest",), "segments": ()},
        {"segments": ("cervical",)},
        {"started": b.NOW + timedelta(days=1)},
        {"status": "entered-in-error"},
        {"modalities": ("CR",)},
    ],
)
def test_a_study_that_does_not_fit_is_not_taken(other: Any) -> None:
    """Another region, another stretch of spine, the future, an error, a plain film: none can be the basis."""
    assert basis(studies=(replace(STUDY, **other),), reports=()).study is None


def test_a_reference_to_another_region_is_not_followed() -> None:
    """Even when the order itself points at a chest CT, a spine order does not rest on it."""
    chest = replace(STUDY, reference="ImagingStudy/2", regions=("chest",), segments=())
    found = basis(replace(ORDER, supporting=("ImagingStudy/2",)), (chest, STUDY))
    assert found.study is not None
    assert found.study.reference == "ImagingStudy/1"


def test_the_most_recent_study_of_the_region_is_taken() -> None:
    """Without a reference the newest fitting study counts."""
    newer = replace(STUDY, reference="ImagingStudy/2", started=b.NOW - timedelta(days=2))
    found = basis(studies=(STUDY, newer), reports=())
    assert found.study == newer


def test_a_report_without_a_study_resource_stands_for_its_study() -> None:
    """Some EHRs have no ImagingStudy at all: the report alone tells of the study."""
    found = basis(studies=())
    assert found.study is not None
    assert found.study.from_report
    assert found.report == REPORT


def test_an_addendum_is_folded_into_its_report() -> None:
    """A later report that calls itself an addendum belongs to the first one."""
    from cds_service.model import Coding, Concept

    later = replace(
        REPORT, reference="DiagnosticReport/2", concept=Concept((Coding("http://loinc.org", "55107-7"),)),
        studies=("ImagingStudy/1",), issued=b.NOW,
    )  # fmt: skip
    found = basis(reports=(replace(REPORT, studies=("ImagingStudy/1",)), later))
    assert found.report is not None
    assert (found.report.reference, found.report.addenda) == ("DiagnosticReport/1", ("DiagnosticReport/2",))


def test_a_final_report_outranks_a_preliminary_one() -> None:
    """The preliminary version is superseded; alone, it is what there is."""
    early = replace(REPORT, reference="DiagnosticReport/0", status="preliminary", issued=b.NOW)
    found = basis(reports=(early, REPORT))
    assert found.report is not None
    assert found.report.reference == "DiagnosticReport/1"
    assert [r.superseded_by for r in found.others] == ["DiagnosticReport/1"]
    alone = basis(reports=(early,))
    assert alone.report is not None
    assert alone.report.status == "preliminary"


def test_a_later_read_by_another_organisation_is_a_second_read() -> None:
    """A second report on the same study from elsewhere does not replace the first: it is the second read."""
    first = replace(REPORT, organization="Organization/a", studies=("ImagingStudy/1",))
    second = replace(first, reference="DiagnosticReport/2", organization="Organization/b", issued=b.NOW)
    found = basis(reports=(first, second))
    assert found.report is not None
    assert found.report.reference == "DiagnosticReport/1"
    assert [(r.reference, r.kind) for r in found.others] == [("DiagnosticReport/2", "second-read")]


def test_a_report_entered_in_error_is_not_there() -> None:
    """A withdrawn report is never the basis and never among the others."""
    found = basis(reports=(replace(REPORT, status="entered-in-error"),))
    assert found.report is None
    assert not found.others
