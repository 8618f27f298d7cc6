"""A chart as the demo EHR shows it: plain words out of FHIR, for the page and for the terminal."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from cds_service.demo.charts import Chart


def listed(chart: Chart, now: datetime) -> dict[str, Any]:
    """One line of the list of patients."""
    return {
        "id": chart.id,
        "title": chart.title,
        "setting": chart.setting,
        "expect": "card" if "card" in chart.expect else "silent",
        "patient": _patient(chart, now),
        "orders": [title(order) for order in chart.orders],
    }


def shown(chart: Chart, now: datetime) -> dict[str, Any]:
    """The whole chart: who, problems, imaging and other reports, what is on file, what is to be signed."""
    return listed(chart, now) | {
        "story": chart.story,
        "orders": [_order(order) for order in chart.orders],
        "problems": [_words(each["code"]) for each in _of(chart, "Condition")],
        "imaging": _imaging(chart),
        "pathology": [
            {"title": _words(each["code"]), "date": each["effectiveDateTime"][:10], "text": each.get("conclusion", "")}
            for each in _of(chart, "DiagnosticReport")
            if _is_pathology(each)
        ],
        "on_file": [
            f"{title(each)} ({each['status']}, {each.get('authoredOn', '')[:10]})"
            for each in (*_of(chart, "ServiceRequest"), *_of(chart, "MedicationRequest"))
        ]
        + [
            f"{_words(each['code'])} ({each['status']}, {each.get('performedDateTime', '')[:10]})"
            for each in _of(chart, "Procedure")
        ]
        + [f"{_words(each['code'])}: {_words(each['valueCodeableConcept'])}" for each in _of(chart, "Observation")],
        "signer": _person(chart, chart.user),
        "names": _names(chart),
    }


def title(order: Mapping[str, Any]) -> str:
    """What is ordered, in words."""
    for name in ("code", "medicationCodeableConcept"):
        if name in order:
            return _words(order[name])
    return str(order.get("medicationReference", {}).get("display", order["resourceType"]))


def _order(order: Mapping[str, Any]) -> dict[str, Any]:
    dosage = order.get("dosageInstruction") or [{}]
    start = order.get("occurrenceDateTime") or (
        dosage[0].get("timing", {}).get("repeat", {}).get("boundsPeriod", {}).get("start")
    )
    return {
        "id": order["id"],
        "title": title(order),
        "priority": order.get("priority", "routine"),
        "start": start,
        "dosage": dosage[0].get("text"),
        "reason": "; ".join(_words(each) for each in order.get("reasonCode", [])),
        "site": "; ".join(_words(each) for each in order.get("bodySite", [])),
    }


def _imaging(chart: Chart) -> list[dict[str, Any]]:
    studies = _of(chart, "ImagingStudy")
    reports = [each for each in _of(chart, "DiagnosticReport") if not _is_pathology(each)]
    shown_reports = [
        {
            "title": _words(each["code"]),
            "date": each["effectiveDateTime"][:10],
            "status": each["status"],
            "reader": _reader(chart, each),
            "text": chart.texts["second" if each["id"] == "dr-second" else "report"],
        }
        for each in reports
    ]
    if reports or not studies:
        return shown_reports
    return [{"title": each["description"], "date": each["started"][:10], "status": "no report"} for each in studies]


def _names(chart: Chart) -> dict[str, str]:
    """Studies and reports by reference, in words: an order that points at them can then be read by a person."""
    studies = {
        f"ImagingStudy/{each['id']}": f"images of {_day(each['started'])}" for each in _of(chart, "ImagingStudy")
    }
    reports = {
        f"DiagnosticReport/{each['id']}": f"report of {_day(each['issued'])}: {_words(each['code'])}"
        for each in _of(chart, "DiagnosticReport")
    }
    return studies | reports


def _reader(chart: Chart, report: Mapping[str, Any]) -> str:
    for contained in report.get("contained", []):
        name = _person(chart, contained["practitioner"]["reference"])
        return f"{name}, {contained['specialty'][0]['text'].lower()}"
    for reference in report.get("resultsInterpreter", []):
        return _person(chart, reference["reference"])
    return "not recorded"


def _patient(chart: Chart, now: datetime) -> dict[str, Any]:
    patient = _of(chart, "Patient")[0]
    born, today = date.fromisoformat(patient["birthDate"]), now.date()
    name = patient["name"][0]
    return {
        "name": f"{name['given'][0]} {name['family']}",
        "age": today.year - born.year - ((today.month, today.day) < (born.month, born.day)),
        "sex": patient["gender"],
        "born": patient["birthDate"],
        "mrn": patient["identifier"][0]["value"],
    }


def _person(chart: Chart, reference: str) -> str:
    id = reference.rpartition("/")[2]
    found = next((each for each in _of(chart, "Practitioner") if each["id"] == id), None)
    return f"Dr. {found['name'][0]['given'][0]} {found['name'][0]['family']}" if found else id


def _day(instant: str) -> str:
    day = date.fromisoformat(instant[:10])
    return f"{day.day} {day:%b %Y}"


def _is_pathology(report: Mapping[str, Any]) -> bool:
    return any(coding["code"] == "SP" for category in report["category"] for coding in category["coding"])


def _of(chart: Chart, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in chart.resources if resource["resourceType"] == kind]


def _words(concept: Mapping[str, Any]) -> str:
    coding: list[dict[str, str]] = concept.get("coding", [])
    return str(concept.get("text") or next((each["display"] for each in coding if "display" in each), ""))
