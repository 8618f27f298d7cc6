"""The profile of the complete-study order: what cards offer is valid, each broken order is refused for its reason."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from profiles.validity import PROFILES, by_profile
from pydantic import ValidationError

from cds_service.cards.complete_study import complete_study_order
from cds_service.model import Case, Coding, Concept, Order, Patient, Report, Study

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
WHAT = (Coding("http://loinc.org", "30679-5", "MR Lumbar spine WO contrast"), "MRI of the lumbar spine")
EXAMPLES = sorted((PROFILES / "examples" / "complete-study" / "valid").glob("*.json"))


def offered(**more: Any) -> dict[str, Any]:
    """What a card offers for a lumbar fusion, as the cards room makes it."""
    order = Order("ServiceRequest/order-1", "surgery", "draft", concept=Concept((), "Lumbar fusion L4-L5"),
                  reasons=(Concept((), "Spinal stenosis"),))  # fmt: skip
    case = Case(order, NOW, Patient("pat-1"), **more)
    return complete_study_order(case, WHAT, "Complete the study before fusion.", user="Practitioner/s", now=NOW)


def faults(order: dict[str, Any]) -> list[str]:
    """Every fault that the profile, an independent validator or the R4B models find."""
    found = [*by_profile(order), *(str(issue) for issue in fhirkit.validate(order))]
    try:
        ServiceRequest.model_validate(order)
    except ValidationError as error:
        found += [f"ServiceRequest.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return found


WITHOUT_STUDY, WITH_STUDY = (
    offered(),
    offered(study=Study("ImagingStudy/s"), report=Report("DiagnosticReport/r", "radiology", "final")),
)


@pytest.mark.parametrize("order", [WITHOUT_STUDY, WITH_STUDY], ids=["no study on file", "an earlier study"])
def test_what_is_offered_is_valid(order: dict[str, Any]) -> None:
    """An offered order claims the profile and keeps it, with and without an earlier study."""
    assert order["meta"]["profile"] == [
        "http://second-read.org/fhir/StructureDefinition/complete-study-service-request"
    ]
    assert faults(order) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_valid_example_passes(path: Any) -> None:
    """The committed example is valid."""
    assert faults(json.loads(path.read_text("utf-8"))) == []


def test_there_is_an_example() -> None:
    """The examples are found."""
    assert EXAMPLES


BREAKS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("active", lambda o: o.update(status="active"), "status"),
    ("order", lambda o: o.update(intent="order"), "intent"),
    ("stat", lambda o: o.update(priority="stat"), "second-read-not-stat"),
    ("blank note", lambda o: o.update(note=[{"text": " "}]), "second-read-note-text"),
    ("no note", lambda o: o.pop("note"), "note"),
    ("no code", lambda o: o.pop("code"), "code"),
    ("no date", lambda o: o.pop("authoredOn"), "authoredOn"),
    ("no category", lambda o: o.pop("category"), "category"),
    ("fulfils the operation", lambda o: o.update(basedOn=[{"reference": "ServiceRequest/order-1"}]), "basedOn"),
    ("ends the operation", lambda o: o.update(replaces=[{"reference": "ServiceRequest/order-1"}]), "replaces"),
    ("forbids", lambda o: o.update(doNotPerform=True), "doNotPerform"),
    ("unknown field", lambda o: o.update(urgency="high"), "urgency"),
]


@pytest.mark.parametrize(("change", "at"), [(c, at) for _, c, at in BREAKS], ids=[name for name, _, _ in BREAKS])
def test_a_broken_order_is_refused_for_its_reason(change: Callable[[dict[str, Any]], object], at: str) -> None:
    """One change makes the offered order invalid, at the place that was changed."""
    order = copy.deepcopy(WITH_STUDY)
    change(order)
    assert any(at in fault for fault in faults(order)), faults(order)
