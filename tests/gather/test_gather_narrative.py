"""Report text wherever EHRs put it: result Observations, Compositions, notes, extensions, the narrative, data URLs."""

import base64
from collections.abc import Callable
from typing import Any

import builders as b
import pytest
from test_gather_cases import (
    SERVER,
    Server,
    gather,  # noqa: F401  the fixture
)

from cds_service.gather import attachments
from cds_service.model import Case, ReportPart

LOINC = "http://loinc.org"
FINDINGS, IMPRESSION = "FINDINGS", "IMPRESSION"


def observation(id: str, words: str, code: str = "", title: str = "", **more: Any) -> dict[str, Any]:
    """One result of a report, in words."""
    coded = b.coding(LOINC, code) if code else {"text": title}
    return {"resourceType": "Observation", "id": id, "status": "final", "code": coded,
            "subject": {"reference": f"Patient/{b.PATIENT}"}, "valueString": words} | more  # fmt: skip


def bare(**more: Any) -> dict[str, Any]:
    """A report without a conclusion."""
    made = b.report(**more)
    made.pop("conclusion", None)
    return made


def said(report: dict[str, Any], *known: dict[str, Any]) -> list[tuple[str, str, object]]:
    """(origin, heading, content) of each part."""
    by_name = {f"{one['resourceType']}/{one['id']}": one for one in known}
    parts, _, gaps = attachments.parts_of(report, by_name.get)
    assert not gaps
    return [(part.origin, part.heading, part.content) for part in parts]


def test_result_observations_stand_under_their_headings() -> None:
    """Prefetched or contained, by LOINC code or by the code's words, in the report's own order."""
    report = bare(
        result=[{"reference": "Observation/f"}, {"reference": "#i"}, {"reference": "Observation/elsewhere"}],
        contained=[observation("i", "Severe canal stenosis.", "19005-8")],
    )
    assert said(report, observation("f", "No fracture.", title="Narrative")) == [
        ("result", "Narrative", "No fracture."),
        ("result", IMPRESSION, "Severe canal stenosis."),
    ]


def test_values_of_every_kind_are_words() -> None:
    """A coded value, a quantity, notes and components of a result are words too; none is nothing."""
    coded = observation("a", "", "59776-5") | {
        "valueCodeableConcept": {"text": "Mass"},
        "note": [{"text": "Left breast."}],
        "component": [{"code": {"text": "Size"}, "valueQuantity": {"value": 12.0, "unit": "mm"}}, {"code": {}}],
    }
    empty = observation("b", "", "59776-5")
    report = bare(result=[{"reference": "Observation/a"}, {"reference": "Observation/b"}])
    assert said(report, coded, empty) == [("result", FINDINGS, "Mass\nLeft breast.\nSize: 12 mm")]


def test_the_sections_of_a_composition_are_read() -> None:
    """HL7 Europe: notes of a section go before its narrative, nested sections follow, an empty reason says nothing."""
    note = {"url": "http://hl7.org/fhir/StructureDefinition/note", "valueAnnotation": {"text": "Severe stenosis."}}
    composition = {
        "resourceType": "Composition", "id": "c", "section": [
            {"code": b.coding(LOINC, "18785-6"), "text": {"div": "<div>Rule out metastasis.</div>"}},
            {"code": b.coding(LOINC, "18834-2"), "emptyReason": {"text": "none"},
             "text": {"div": "<div>Unavailable</div>"}},
            {"title": "Body", "section": [{"code": b.coding(LOINC, "19005-8"), "extension": [note],
                                           "text": {"div": "<div>Note: Severe stenosis.</div>"}}]},
        ],
    }  # fmt: skip
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.composition"
    for named in ({"composition": {"reference": "Composition/c"}},
                  {"extension": [{"url": url, "valueReference": {"reference": "Composition/c"}}]}):  # fmt: skip
        assert said(bare(**named), composition) == [
            ("composition", "INDICATION", "<div>Rule out metastasis.</div>"),
            ("composition", IMPRESSION, "Severe stenosis."),
        ]


def test_notes_and_extensions_are_read() -> None:
    """R5 notes, and extensions whose address names a section."""
    report = bare(
        note=[{"text": "Severe canal stenosis."}],
        extension=[
            {"url": "https://example.org/report-recommendation", "valueString": "Biopsy."},
            {"url": "https://example.org/impression", "valueMarkdown": "Mass."},
            {"url": "https://example.org/colour", "valueString": "Blue"},
        ],
    )
    assert said(report) == [
        ("result", "RECOMMENDATION", "Biopsy."),
        ("result", IMPRESSION, "Mass."),
        ("note", "", "Severe canal stenosis."),
    ]


def test_the_narrative_is_read_where_no_form_came_inline() -> None:
    """text.div is a rendering of its own; beside an inline presentedForm, or declared empty, it is left."""
    narrative = {"status": "generated", "div": "<div>Severe stenosis.</div>"}
    form = {"data": base64.b64encode(b"Mass.").decode()}
    assert said(bare(text=narrative)) == [("text", "", "<div>Severe stenosis.</div>")]
    assert said(bare(text=narrative, presentedForm=[form])) == [("presentedForm", "", b"Mass.")]
    assert said(bare(text=narrative | {"status": "empty"})) == []


def test_embedded_and_contained_attachments_are_read() -> None:
    """A data URL, a contained Binary and url-safe base64 in lines are attachments like any other."""
    packed = base64.urlsafe_b64encode(b"Mass \xbf\xff\xfe.").decode()
    report = bare(
        contained=[{"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": packed}],
        presentedForm=[
            {"url": "data:text/plain;charset=utf-8;base64," + base64.b64encode(b"Node.").decode()},
            {"url": "#b"},
            {"data": packed[:4] + "\r\n " + packed[4:]},
        ],
    )
    assert [part[2] for part in said(report)] == [b"Node.", b"Mass \xbf\xff\xfe.", b"Mass \xbf\xff\xfe."]
    assert attachments.needed(report) == {}


@pytest.mark.parametrize("data", ["QUJ", "A===", "%%%%", "QUJD" * 4 * 1024 * 1024])
def test_bad_base64_is_a_named_gap(data: str) -> None:
    """Cut short, no base64 at all, or more than is read: each has its name."""
    parts, _, gaps = attachments.parts_of({"presentedForm": [{"data": data}]})
    assert not parts
    assert gaps[0].why == ("attachment-too-large" if len(data) > 100 else "attachment-unreadable")


def test_result_observations_are_read_side_by_side_within_the_deadline(gather: Callable[..., Case]) -> None:  # noqa: F811
    """Epic: what the report names and prefetch lacks is read in one wave; a failed read does not lose the report."""
    report = bare(
        result=[{"reference": f"Observation/{id}"} for id in ("f", "i", "gone")]
        + [{"reference": "https://elsewhere.example/Observation/x"}, {"reference": "Patient/1"}]
    )
    server = Server({
        "Observation/f": observation("f", "No fracture.", "59776-5"),
        "Observation/i": observation("i", "Severe canal stenosis.", "19005-8"),
    })  # fmt: skip
    case = gather(b.fusion(), b.prefetch(b.mri(), report), server, **SERVER)
    assert server.waves == [["Observation/f", "Observation/i", "Observation/gone"]]
    assert case.report is not None
    assert [(p.heading, p.content) for p in case.report.parts] == [
        (FINDINGS, "No fracture."),
        (IMPRESSION, "Severe canal stenosis."),
    ]
    assert ("Observation/gone", "fhir-not-found") in [(gap.what, gap.why) for gap in case.gaps]


def test_observations_of_another_patient_are_not_read(gather: Callable[..., Case]) -> None:  # noqa: F811
    """A result about somebody else is dropped and named."""
    stray = observation("f", "Mass.", "59776-5", subject={"reference": "Patient/someone-else"})
    report = bare(result=[{"reference": "Observation/f"}])
    case = gather(b.fusion(), b.prefetch(b.mri(), report), Server({"Observation/f": stray}), **SERVER)
    assert case.report is not None
    assert case.report.parts == ()
    assert "wrong-patient" in [gap.why for gap in case.gaps]


def test_a_report_that_is_told_inline_costs_no_read(gather: Callable[..., Case]) -> None:  # noqa: F811
    """With a conclusion or an inline form nothing more is asked for its words."""
    server = Server({})
    gather(b.fusion(), b.prefetch(b.mri(), b.report(result=[{"reference": "Observation/f"}])), server, **SERVER)
    assert server.waves == []


def test_one_binary_that_came_makes_up_for_those_that_did_not(gather: Callable[..., Case]) -> None:  # noqa: F811
    """Oracle: PDF, XML and HTML are one content; a failed PDF is no gap where the HTML came."""
    forms = [
        {"contentType": "application/pdf", "url": "Binary/XR-1"},
        {"contentType": "text/html", "url": "Binary/xml"},
    ]
    page = {"resourceType": "Binary", "data": base64.b64encode(b"<p>Mass.</p>").decode()}
    case = gather(b.fusion(), b.prefetch(b.mri(), bare(presentedForm=forms)), Server({"Binary/xml": page}), **SERVER)
    assert case.report is not None
    assert [part.content for part in case.report.parts] == [b"<p>Mass.</p>"]
    assert not case.gaps
    none = gather(b.fusion(), b.prefetch(b.mri(), bare(presentedForm=forms)), Server({}), **SERVER)
    assert [gap.why for gap in none.gaps if gap.what == "presentedForm"] == ["fhir-not-found"] * 2


def test_an_addendum_in_any_format_keeps_its_format(gather: Callable[..., Case]) -> None:  # noqa: F811
    """A later report on the same study is an addendum, its bytes untouched under a heading of ours."""
    later = bare(id="report-2", days=3, code=b.coding(LOINC, "55107-7"))
    later["presentedForm"] = [{"data": base64.b64encode(b"%PDF-1.7").decode()}]
    case = gather(b.fusion(), b.prefetch(b.mri(), b.report(), later))
    assert case.report is not None
    pdfs = [part for part in case.report.parts if part.content == b"%PDF-1.7"]
    assert pdfs == [ReportPart("presentedForm", b"%PDF-1.7", heading="ADDENDUM")]
