"""A base case of cards/cases, changed as an inline test asks, as a hook request: nothing but FHIR goes in.

Dates in a base case are written relative to its `as_of` (`-20 d`, `+3 h`), so that a test never ages.
"""

import base64
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cds_service.errors import ContentError
from cds_service.model import HookRequest, PastCard
from cds_service.rules.fields import duration
from cds_service.workbench.resources import Codes, condition, imaging, observation, other_report, procedure, request
from cds_service.yaml_source import Sheet, read_yaml

_RELATIVE = re.compile(r"([+-])\s*(\d+(?:\.\d+)?\s*[dh])")
_LEDGER, _ROSTERED = "history", "PractitionerRole/rostered"
_KEYS = {
    "imagingStudies": "ImagingStudy",
    "diagnosticReports": "DiagnosticReport",
    "conditions": "Condition",
    "serviceRequests": "ServiceRequest",
    "medicationRequests": "MedicationRequest",
    "procedures": "Procedure",
    "stagingObservations": "Observation",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What one inline test signs: the request, the cards given before, and the moment."""

    request: HookRequest
    history: tuple[PastCard, ...] | None  # None: the ledger could not be asked
    as_of: datetime
    resources: tuple[dict[str, Any], ...]  # every resource of it, for validation
    roster: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # readers whom the site knows
    opted_out: tuple[str, ...] = ()  # references that the site has opted out (X12)


def read_plain(path: Path) -> Any:
    """A content file as plain values; raises ContentError with what is wrong with it."""
    sheet = Sheet(str(path))
    node = read_yaml(path, sheet)
    if node is None or sheet.problems:
        raise ContentError(tuple(sheet.problems))
    return node.plain()


def situation(base: Mapping[str, Any], changes: Mapping[str, Any], codes: Codes, rule: str) -> Situation:
    """The base case with the changes made. `rule` is the rule that the earlier cards of `history` spoke for."""
    as_of = datetime.fromisoformat(str(base["as_of"]).replace("Z", "+00:00"))
    parts = ("order", "study", "report", "encounter", "patient")
    found: dict[str, Any] = {name: deepcopy(base.get(name)) for name in parts}
    patient = found["patient"] or {"resourceType": "Patient", "id": "p1"}
    if "born" in changes:
        patient = {**patient, "birthDate": changes["born"]}
    on_file = [deepcopy(item) for item in base.get("resources", ())]
    _order(found["order"], changes.get("order", {}), codes)
    if "study" in changes:
        found["study"] = _study(found["study"], changes["study"], found["report"])
    if "report" in changes:
        found["report"] = _report(found["report"], changes["report"])
    roster: dict[str, tuple[str, ...]] = {}
    if "reader" in changes and found["report"] is not None:
        roster = _reader(found["report"], changes["reader"], codes)
    if "encounter" in changes:
        found["encounter"] = _encounter(found["encounter"], changes["encounter"])
    study = f"ImagingStudy/{found['study']['id']}" if found["study"] else None
    if "conditions" in changes:
        on_file = [item for item in on_file if item["resourceType"] != "Condition"]
        on_file += [condition(item, codes, place) for place, item in enumerate(changes["conditions"])]
    on_file += [procedure(item, codes, place) for place, item in enumerate(changes.get("procedures", ()))]
    on_file += [observation(item, codes, place) for place, item in enumerate(changes.get("staging", ()))]
    on_file += [other_report(item, codes, place, study) for place, item in enumerate(changes.get("reports", ()))]
    on_file += [imaging(item, place) for place, item in enumerate(changes.get("studies", ()))]
    earlier = changes.get("on_file", ())
    on_file += [request(item, codes, f"f{place}", study, "active") for place, item in enumerate(earlier)]
    basket = [request(item, codes, f"b{place}", study, "draft") for place, item in enumerate(changes.get("basket", ()))]
    resources = [item for item in (found["study"], found["report"], *on_file) if item]
    everything = _dated([found["order"], *basket, *resources, found["encounter"], patient], as_of)
    for item in everything:
        if item and item["resourceType"] not in ("Patient", "Encounter"):
            item.setdefault("subject", {"reference": f"Patient/{patient['id']}"})
    orders, rest = everything[: 1 + len(basket)], everything[1 + len(basket) : -2]
    prefetch: dict[str, Any] = {
        key: {"resourceType": "Bundle", "type": "searchset",
              "entry": [{"resource": item} for item in rest if item["resourceType"] == kind]}
        for key, kind in _KEYS.items()
    }  # fmt: skip
    prefetch["patient"] = everything[-1]
    if everything[-2]:
        prefetch["encounter"] = everything[-2]
    missing = [*changes.get("missing", ()), *(["diagnosticReports"] if changes.get("report", "") is None else [])]
    for key in missing:
        prefetch.pop(key, None)  # `history` is no key of it: the ledger is asked
    hook = HookRequest(
        hook_instance="00000000-0000-4000-8000-000000000000", user_id="Practitioner/u1", patient_id=patient["id"],
        encounter_id=everything[-2]["id"] if everything[-2] else None,
        draft_orders=tuple({"resource": item} for item in orders), prefetch=prefetch,
    )  # fmt: skip
    reference = f"{orders[0]['resourceType']}/{orders[0]['id']}"
    past = tuple(_past(item, study, reference, rule, as_of) for item in changes.get("history", ()))
    history = None if _LEDGER in missing else past
    every = tuple(item for item in everything if item)
    return Situation(hook, history, as_of, every, roster, tuple(changes.get("opted_out", ())))


def _order(order: dict[str, Any], changes: Mapping[str, Any], codes: Codes) -> None:
    drug = order["resourceType"] == "MedicationRequest"
    code = "medicationCodeableConcept" if drug else "code"
    for name, value in changes.items():
        if name == "code":
            order[code] = codes.concept(value)
        elif name == "text":
            order[code] = {**order[code], "text": value}
        elif name == "start":
            if drug:
                order["dosageInstruction"] = [{"timing": {"event": [value]}}]
            else:
                order["occurrenceDateTime"] = value
        elif name == "reasons":
            order["reasonCode"] = [codes.concept(item) for item in value]
        elif name == "note":
            order["note"] = [{"text": value}]
        elif name == "site":
            order["bodySite"] = [{"text": value}]
        elif name == "prior_prescription":
            order["priorPrescription"] = {"reference": value}
        elif value is None:
            order.pop(name, None)
        else:
            order[name] = value


def _study(study: Any, changes: Any, report: Any) -> Any:
    if changes == "none" or changes is None:
        if report is not None:
            report.pop("imagingStudy", None)
        return None
    for name, value in changes.items():
        if name == "age":
            study["started"] = f"-{value}"
            if report is not None:
                report["effectiveDateTime"] = report["issued"] = f"-{value}"
        elif name == "modality":
            coding = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": value}
            study["modality"] = [coding]
            for series in study.get("series", ()):
                series["modality"] = coding
        elif name == "region":
            study["description"] = value
            for series in study.get("series", ()):
                series.pop("bodySite", None)
        elif value is None:
            study.pop(name, None)
        else:
            study[name] = value
    return study


def _report(report: dict[str, Any], changes: Any) -> Any:
    """`null` stays as it is: its prefetch key is taken away instead."""
    if changes is None:
        return report
    if changes == "none":
        return None
    if isinstance(changes, str):
        changes = {"text": changes}
    text = changes.get("text")
    if text is not None:
        report.pop("conclusion", None)
        words = base64.b64encode(text.encode()).decode()
        report["presentedForm"] = [{"contentType": "text/plain", "data": words}]
    report.update({name: value for name, value in changes.items() if name != "text"})
    return report


def _reader(report: dict[str, Any], who: str | None, codes: Codes) -> dict[str, tuple[str, ...]]:
    """The first reader as a contained role: a subspecialty id, `general`, or nobody known.

    A subspecialty that no code proves has to stand on the site's roster, which is what is returned.
    """
    report.pop("resultsInterpreter", None)
    if who is None:
        return {}
    coding = codes.reader(who)
    if coding is None:
        report["resultsInterpreter"] = [{"reference": _ROSTERED}]
        return {_ROSTERED: (who,)}
    report["contained"] = [{"resourceType": "PractitionerRole", "id": "role", "specialty": [{"coding": [coding]}]}]
    report["resultsInterpreter"] = [{"reference": "#role"}]
    return {}


def _encounter(encounter: Any, code: str | None) -> Any:
    if code is None:
        return None
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {**(encounter or {"resourceType": "Encounter", "id": "e1", "status": "in-progress"}),
            "class": {"system": system, "code": code}}  # fmt: skip


def _past(item: Mapping[str, Any], study: str | None, order: str, rule: str, as_of: datetime) -> PastCard:
    answered = item.get("answered")
    return PastCard(
        topic="past", study="ImagingStudy/another" if item.get("study") == "other" else study,
        order="ServiceRequest/another" if item.get("order") == "other" else order, rules=(rule,),
        returned=_moment(item["returned"], as_of), outcome=item.get("outcome", "returned"),
        outcome_at=_moment(answered, as_of) if answered else None,
    )  # fmt: skip


def _moment(text: str, as_of: datetime) -> datetime:
    match = _RELATIVE.fullmatch(text.strip())
    length = duration(match[2]) if match else None
    if match is None or length is None:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    return as_of + (length if match[1] == "+" else -length)


def _dated(value: Any, as_of: datetime) -> Any:
    """Every relative date as an instant."""
    if isinstance(value, dict):
        return {key: _dated(item, as_of) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item, as_of) for item in value]
    if isinstance(value, str) and _RELATIVE.fullmatch(value.strip()):
        return _moment(value, as_of).isoformat()
    return value
