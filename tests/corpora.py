"""Written orders signed as a live call would: a line of a corpus becomes a call, cards and reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cds_service.cards import build_cards
from cds_service.content import Content
from cds_service.model import Card, Decision
from cds_service.workbench.base_cases import read_plain, situation
from cds_service.workbench.resources import Codes
from cds_service.workbench.trying import decide_situation

TESTS = Path(__file__).parent
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
_CHANGES = (
    "reader",
    "conditions",
    "procedures",
    "staging",
    "reports",
    "on_file",
    "basket",
    "encounter",
    "born",
    "studies",
)
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"


@dataclass(frozen=True, slots=True)
class Signed:
    """One line of a corpus, and what came of it."""

    line: dict[str, Any]
    decisions: tuple[Decision, ...]
    cards: tuple[Card, ...]


def lines(corpus: str) -> list[dict[str, Any]]:
    """Every line of the corpus `quiet` or `loud`, with the file it stands in."""
    found = []
    for path in sorted((TESTS / corpus / "corpus").glob("*.yaml")):
        found += [{**line, "file": path.stem} for line in YAML(typ="safe").load(path)]
    return found


def sign(line: dict[str, Any], content: Content) -> Signed:
    """Gather, read, decide and word, without network and clock."""
    codes = Codes(read_plain(content.folder / "cards" / "cases" / "codes.yaml"), content.routing)
    built = situation(_base(line), _changes(line), codes, "")
    decisions = decide_situation(built, content)
    numbers = _numbers()
    cards = build_cards(decisions, content.rules.speech, content.words, now=NOW, new_uuid=lambda: next(numbers))
    return Signed(line, decisions, cards)


def _numbers() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"00000000-0000-4000-8000-{number:012d}"


def _base(line: dict[str, Any]) -> dict[str, Any]:
    drug = line.get("drug", False)
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest" if drug else "ServiceRequest", "id": "order", "status": "draft",
        "intent": "order", "authoredOn": "-0 h",
        "medicationCodeableConcept" if drug else "code": {"text": line["order"]},
    }  # fmt: skip
    base: dict[str, Any] = {
        "as_of": NOW.isoformat(), "order": order, "study": None, "report": None, "resources": [],
        "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1961-04-02"},
        "encounter": {"resourceType": "Encounter", "id": "e1", "status": "in-progress",
                      "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
    }  # fmt: skip
    if "study" in line:
        modality, age, words = line["study"]
        base["study"] = {
            "resourceType": "ImagingStudy", "id": "study", "status": "available", "started": f"-{age}",
            "description": words, "modality": [{"system": _DICOM, "code": modality}],
        }  # fmt: skip
        base["report"] = {
            "resourceType": "DiagnosticReport", "id": "report", "status": "final", "code": {"text": words},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
            "effectiveDateTime": f"-{age}", "issued": f"-{age}", "imagingStudy": [{"reference": "ImagingStudy/study"}],
        }  # fmt: skip
    return base


def _changes(line: dict[str, Any]) -> dict[str, Any]:
    order: dict[str, Any] = {"code": line["code"]} if "code" in line else {}
    order["text"] = line.get("text", line["order"])
    for name in ("priority", "start", "status", "note"):
        if name in line:
            order[name] = line[name]
    if "reason" in line:
        order["reasons"] = line["reason"]
    changes = {name: line[name] for name in _CHANGES if name in line}
    if "conditions" in line:  # a disease in words alone, or a code's name
        changes["conditions"] = [
            {"code": item} if isinstance(item, dict) and "code" not in item else item for item in line["conditions"]
        ]
    if "report" in line and "study" in line:
        changes["report"] = line["report"]
    return {**changes, "order": order}
