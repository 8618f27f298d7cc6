"""The synthetic charts: valid FHIR, never ageing, and covering what the service has to say and to keep quiet about."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.demo.charts import Chart, load_charts
from cds_service.demo.hook_request import hook_request

NOW = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
CHARTS = load_charts(NOW)
RULES = {  # what a chart shows: spine, lesion, staging, and each kind of card
    "spine-fusion", "spine-decompression", "spine-augmentation", "staging-systemic-therapy", "staging-cancer-surgery",
    "liver-pancreas-resection", "head-neck-cancer-treatment", "lesion-without-tissue", "recurrence-or-treatment-effect",
    "incidental-lesion", "complete-study-spine", "second-read-back",
}  # fmt: skip
EXCLUSIONS = {
    "x1-emergency", "x2-second-read-done", "x3-second-read-ordered", "x4-right-subspecialist", "x5-study-window",
    "x6-tissue-known", "x7-goals-of-care", "x8-not-first-decision", "x9-lead-time", "x11-no-images",
    "dual-use-drug-without-cancer",
}  # fmt: skip
by_id = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)


@by_id
def test_every_resource_is_valid_fhir_r4(chart: Chart) -> None:
    """Each resource and each draft order of a chart is valid FHIR R4."""
    for resource in (*chart.resources, *chart.orders):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@by_id
def test_no_placeholder_is_left(chart: Chart) -> None:
    """Opening a chart leaves no placeholder behind, neither in FHIR nor in a report's text."""
    assert not re.search(r"\{\{", repr((chart.resources, chart.orders, chart.texts)))


@by_id
def test_references_resolve_within_the_chart(chart: Chart) -> None:
    """What a chart points at stands in the chart, so that nothing dangles by accident."""
    here = {f"{resource['resourceType']}/{resource['id']}" for resource in (*chart.resources, *chart.orders)}
    for resource in (*chart.resources, *chart.orders):
        contained = {f"#{each['id']}" for each in resource.get("contained", [])}
        for reference in _references(resource):
            assert reference in contained or "/".join(reference.split("/")[-2:]) in here, reference
    assert {chart.patient, chart.user, f"Encounter/{chart.encounter}"} <= here


@by_id
def test_everything_belongs_to_the_patient_of_the_chart(chart: Chart) -> None:
    """Every clinical resource and every draft order names the chart's patient as its subject."""
    for resource in (*chart.resources, *chart.orders):
        if "subject" in resource:
            assert resource["subject"]["reference"].endswith(chart.patient)


@by_id
def test_reports_read_like_reports(chart: Chart) -> None:
    """A radiology report has between 40 and 400 words, wrapped lines and an impression."""
    report = chart.texts.get("report")
    if report is None:
        return
    assert 40 <= len(report.split()) <= 400
    assert max(map(len, report.splitlines())) <= 80
    assert "IMPRESSION" in report.upper()


@by_id
def test_an_expected_quote_stands_in_the_report(chart: Chart) -> None:
    """What a chart expects to be quoted is literally in its report."""
    quote = chart.expect.get("card", {}).get("quote", "")
    assert quote in " ".join(chart.texts.get("report", "").split())


def test_charts_are_many_and_distinct() -> None:
    """There are at least eighteen charts, each with its own id, title, patient and name."""
    assert len(CHARTS) >= 18
    for values in (
        [chart.id for chart in CHARTS],
        [chart.title for chart in CHARTS],
        [chart.patient for chart in CHARTS],
        [
            (resource["name"][0]["given"][0], resource["name"][0]["family"])
            for chart in CHARTS
            for resource in chart.resources
            if resource["resourceType"] == "Patient"
        ],
    ):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_each_area_speaks_with_both_indicators() -> None:
    """Spine, stage and lesion each have a chart with an information card and one with a warning."""
    areas = {"liver-pancreas-resection": "staging", "head-neck-cancer-treatment": "staging"}
    spoken = {(areas.get(card["rule"], card["rule"].split("-")[0]), card["indicator"])
              for chart in CHARTS if (card := chart.expect.get("card"))}  # fmt: skip
    assert spoken >= {(area, how) for area in ("spine", "staging", "lesion") for how in ("info", "warning")}


def test_each_kind_of_card_has_a_chart() -> None:
    """A second read, a complete study and a notice are each offered in some chart."""
    offers = {chart.expect["card"].get("offer", "second-read") for chart in CHARTS if "card" in chart.expect}
    assert offers == {"second-read", "complete-study", "notice"}


def test_every_rule_and_every_exclusion_has_a_chart() -> None:
    """Each rule that the demo shows speaks in a chart, and each global exclusion but the cool-down keeps one silent."""
    assert {chart.expect["card"]["rule"] for chart in CHARTS if "card" in chart.expect} == RULES
    silences = {chart.expect["silent"] for chart in CHARTS if "silent" in chart.expect}
    assert silences >= EXCLUSIONS | {"irrelevant"}


def test_orders_find_their_images_in_every_way() -> None:
    """Across the charts an order, its study and its report are tied in each way that EHRs tie them, or in none."""
    assert {_tie(chart) for chart in CHARTS if "card" in chart.expect} == {
        "order names them",
        "report names study",
        "shared order",
        "accession number",
        "nothing but region and time",
    }


def test_charts_never_age() -> None:
    """The same chart opened four years later differs in its dates alone."""
    later = load_charts(NOW.replace(year=2030))
    strip = re.compile(r"\d{4}-\d\d-\d\d|\d\d/\d\d/\d{4}|\d{1,2} [A-Z][a-z]{2} \d{4}")
    for today, then in zip(CHARTS, later, strict=True):
        assert strip.sub("·", repr(today.orders)) == strip.sub("·", repr(then.orders))
        assert repr(today.orders) != repr(then.orders)


def test_a_leap_day_opens_every_chart() -> None:
    """Charts open on 29 February too, whatever year a birthday then falls in."""
    assert len(load_charts(datetime(2028, 2, 29, tzinfo=UTC))) == len(CHARTS)


def test_a_request_fills_the_templates_as_an_ehr_would() -> None:
    """Reads give the resource, searches a searchset, newest first and cut at `_count`; drafts are a collection."""
    chart = next(chart for chart in CHARTS if chart.id == "lung-second-read-done")
    request = hook_request(
        chart,
        {
            "patient": "Patient/{{context.patientId}}",
            "missing": "Location/{{context.encounterId}}",
            "reports": "DiagnosticReport?patient={{context.patientId}}&_sort=-date&_count=1",
            "staging": "Observation?patient={{context.patientId}}&code=21905-5&_sort=-date&_count=50",
        },
        "11111111-2222-3333-4444-555555555555",
    )
    assert request["prefetch"]["patient"]["id"] == chart.patient.split("/")[1]
    assert request["prefetch"]["missing"] is None
    assert [entry["resource"]["id"] for entry in request["prefetch"]["reports"]["entry"]] == ["dr-second"]
    assert request["prefetch"]["staging"] == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    drafts = request["context"]["draftOrders"]
    assert drafts["type"] == "collection"
    assert [entry["resource"]["id"] for entry in drafts["entry"]] == [order["id"] for order in chart.orders]


def test_a_request_can_sign_one_order_of_several() -> None:
    """An order picked from a basket is signed alone."""
    chart = next(chart for chart in CHARTS if len(chart.orders) > 1)
    request = hook_request(chart, {}, "11111111-2222-3333-4444-555555555555", [chart.orders[1]["id"]])
    assert [entry["resource"]["id"] for entry in request["context"]["draftOrders"]["entry"]] == [chart.orders[1]["id"]]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [reference for each in value.values() for reference in _references(each)]
    if isinstance(value, list):
        return [reference for each in value for reference in _references(each)]
    return []


def _tie(chart: Chart) -> str:
    study = next(each for each in chart.resources if each["resourceType"] == "ImagingStudy")
    report = next(each for each in chart.resources if each["resourceType"] == "DiagnosticReport")
    named = {reference.split("/")[-1] for order in chart.orders for reference in _references(order)}
    if {study["id"], report["id"]} & named:
        return "order names them"
    if "imagingStudy" in report:
        return "report names study"
    if "basedOn" in report:
        return "shared order"
    numbers = {each["value"] for each in study.get("identifier", [])}
    shared = numbers & {each["value"] for each in report.get("identifier", [])}
    return "accession number" if shared else "nothing but region and time"
