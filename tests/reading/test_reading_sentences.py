"""Labelled sentences: what must be read in them, and what must not."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cds_service.model import Finding, Reading, ReportPart
from cds_service.reading import Lexicon, read

ROWS = YAML(typ="safe").load((Path(__file__).parent / "sentences.yaml").read_text("utf-8"))
CASES = [(area, row[0], row[1:]) for area, rows in ROWS.items() for row in rows]
FIELDS = {"size": "size_mm", "prior": "prior_size_mm"}


def reading_of(text: str, lexicon: Lexicon) -> Reading:
    """The reading of one plain-text rendering."""
    return read((ReportPart("presentedForm", text.encode(), "text/plain"),), lexicon)


def _says(finding: Finding, wanted: dict[str, str]) -> bool:
    for key, value in wanted.items():
        got = getattr(finding, FIELDS.get(key, key))
        if key in ("levels", "regions"):
            if key == "levels" and ",".join(got) != value:
                return False
            if key == "regions" and value not in got:
                return False
        elif key in ("size", "prior"):
            if got != float(value):
                return False
        elif str(got) != value:
            return False
    return True


def _parse(label: str) -> tuple[str, str, dict[str, str]]:
    concept, assertion, *pairs = label.split(" ")
    wanted: dict[str, str] = {}
    key = ""
    for pair in pairs:
        if "=" in pair:
            key, _, value = pair.partition("=")
            wanted[key] = value
        else:
            wanted[key] += f" {pair}"
    return concept, assertion, wanted


@pytest.mark.parametrize(("area", "text", "labels"), CASES, ids=[f"{a}-{n}" for n, (a, _, _) in enumerate(CASES)])
def test_a_labelled_sentence_is_read_as_labelled(area: str, text: str, labels: list[str], lexicon: Lexicon) -> None:
    """Every label of the row is found, and nothing it forbids is asserted."""
    findings = reading_of(text, lexicon).findings
    for label in labels:
        if label.startswith("!"):
            asserted = [f for f in findings if f.concept == label[1:] and f.assertion in ("present", "uncertain")]
            assert not asserted, f"{label}: {asserted}"
            continue
        concept, assertion, wanted = _parse(label)
        hits = [f for f in findings if f.concept == concept and f.assertion == assertion and _says(f, wanted)]
        assert hits, f"{label} not in {[f for f in findings if f.concept == concept]}"
