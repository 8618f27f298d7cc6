"""Labelled sentences: what must be read in them, and what must not."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cds_service.model import Finding, Reading, ReportPart
from cds_service.reading import Lexicon, read

HERE = Path(__file__).parent
FILES = ("sentences", "regression", "heldout")
CASES = [
    (f"{file}-{area}", row[0], row[1:])
    for file in FILES
    for area, rows in YAML(typ="safe").load((HERE / f"{file}.yaml").read_text("utf-8")).items()
    for row in rows
]
FIELDS = {"size": "size_mm", "prior": "prior_size_mm", "axes": "axes_mm"}
OF_STAGE = ("t", "n", "m", "group", "scheme")
NUMBERS = ("size", "prior")
LISTS = ("levels", "vertebrae", "modifiers", "axes")  # all of them, in order
MEMBERS = ("regions", "organs", "versus")  # one of several


def reading_of(text: str, lexicon: Lexicon) -> Reading:
    """The reading of one plain-text rendering."""
    return read((ReportPart("presentedForm", text.encode(), "text/plain"),), lexicon)


def _says(finding: Finding, wanted: dict[str, str]) -> bool:
    return all(_has(finding, key, value) for key, value in wanted.items())


def _has(finding: Finding, key: str, value: str) -> bool:
    if key in OF_STAGE:
        return finding.stage is not None and getattr(finding.stage, key) == value
    got = getattr(finding, FIELDS.get(key, key))
    if key in LISTS:
        return ",".join(f"{one:g}" if isinstance(one, float) else one for one in got) == value
    if key in MEMBERS:
        return value in got
    if key in NUMBERS:
        return bool(got == float(value))
    return str(got) == value


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


def wrong(text: str, labels: list[str], lexicon: Lexicon) -> list[str]:
    """The labels of a row that the reading does not bear out, with what was read instead."""
    findings = reading_of(text, lexicon).findings
    missed = []
    for label in labels:
        if label.startswith("!"):
            asserted = [f for f in findings if f.concept == label[1:] and f.assertion in ("present", "uncertain")]
            if asserted:
                missed.append(f"{label}: {asserted}")
            continue
        concept, assertion, wanted = _parse(label)
        if not any(f.concept == concept and f.assertion == assertion and _says(f, wanted) for f in findings):
            missed.append(f"{label} not in {[f for f in findings if f.concept == concept]}")
    return missed


@pytest.mark.parametrize(("area", "text", "labels"), CASES, ids=[f"{a}-{n}" for n, (a, _, _) in enumerate(CASES)])
def test_a_labelled_sentence_is_read_as_labelled(area: str, text: str, labels: list[str], lexicon: Lexicon) -> None:
    """Every label of the row is found, and nothing it forbids is asserted."""
    assert wrong(text, labels, lexicon) == []
