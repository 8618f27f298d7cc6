"""Order phrases and drug names: what an order's words name, and what they only talk about."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import ContentError
from cds_service.model import Member
from cds_service.terminology import ValueSets
from cds_service.terminology.phrases import load_order_phrases

GROUPS = {"spine-surgery": {"fusion"}, "radiotherapy": set()}


@pytest.mark.parametrize(
    ("text", "value_set", "group", "region"),
    [
        ("L4-5 posterior spinal fusion with instrumentation", "spine-surgery", "fusion", "spine"),
        ("TLIF L5-S1", "spine-surgery", "fusion", "spine"),
        ("ACDF C5-C7", "spine-surgery", "fusion", "spine"),
        ("Fusion, L4-L5", "spine-surgery", "fusion", "spine"),
        ("Lumbar laminectomy L3-L5", "spine-surgery", "decompression", "spine"),
        ("MICRODISCECTOMY LEFT L5/S1", "spine-surgery", "discectomy", "spine"),
        ("Robotic VATS right upper lobectomy", "high-stakes-surgery", "thoracic resection", "chest"),
        ("Left radical nephrectomy", "high-stakes-surgery", "kidney", "abdomen"),
        ("Whipple", "high-stakes-surgery", "pancreas", "abdomen"),
        ("Left simple mastectomy", "high-stakes-surgery", "breast", "breast"),
        ("Right hepatectomy", "high-stakes-surgery", "liver", "abdomen"),
        ("Robotic-assisted prostatectomy", "high-stakes-surgery", "prostate", "pelvis"),
        ("Total thyroidectomy", "high-stakes-surgery", "thyroid/parathyroid", "neck"),
        ("Total abdominal hysterectomy", "high-stakes-surgery", "gynaecological", "pelvis"),
        ("Craniotomy for resection of left frontal mass", "high-stakes-surgery", "cranial", "brain"),
        ("SBRT lung 5 fractions", "radiotherapy", "", None),
        ("Radiation therapy to prostate", "radiotherapy", "", None),
        ("mFOLFOX6, FOLFOX cycle 1", "oncology-systemic-therapy", "procedure", None),
    ],
)
def test_words_name_an_order(value_sets: ValueSets, text: str, value_set: str, group: str, region: str | None) -> None:
    """The words of an order name its value set, group and region, and say that it was words."""
    member = next(m for m in value_sets.find_text(text) if m.value_set == value_set)
    assert (member.group, member.region, member.matched_by) == (group, region, "text")


@pytest.mark.parametrize(
    "text",
    [
        "MRI lumbar spine after fusion",
        "history of lobectomy",
        "physical therapy after laminectomy",
        "methotrexate level",
        "Post-laminectomy syndrome injection",
        "MRI/US fusion prostate biopsy",
        "Basic metabolic panel",
        "CT chest abdomen pelvis",
        "Ankle fusion",
        "Consult to radiation oncology",
        "Hip replacement",
        "Chemotherapy education",
        "Tamoxifen allergy",
        "Wound check s/p mastectomy",
        "Sleeve gastrectomy",
        "",
        "   ",
        "5",
    ],
)
def test_words_about_an_order_are_none(value_sets: ValueSets, text: str) -> None:
    """An order about an operation or a drug (imaging, history, after-care, a level) is no order for it."""
    assert value_sets.find_text(text) == ()


@pytest.mark.parametrize(
    ("text", "code", "needs_cancer"),
    [
        ("cisplatin 75 mg/m2 IV day 1", "2555", False),
        ("nab-paclitaxel", "56946", False),
        ("trastuzumab-dkst 440 mg", "224905", False),
        ("METHOTREXATE 15 mg weekly", "6851", True),
        ("venetoclax 100 mg tablet", "venetoclax", False),
        ("5-FU 400 mg/m2 bolus", "5-fu", True),
    ],
)
def test_drugs_by_ingredient_name(value_sets: ValueSets, text: str, code: str, needs_cancer: bool) -> None:
    """A drug is found by its ingredient's name as a whole word, biosimilar suffix and prefix or not."""
    member = value_sets.find_text(text)[0]
    assert (member.code, member.needs_cancer, member.matched_by) == (code, needs_cancer, "ingredient")


@settings(deadline=None)
@given(st.text(max_size=600))
def test_any_text_is_answered(value_sets: ValueSets, text: str) -> None:
    """No text raises."""
    value_sets.find_text(text)


@pytest.mark.parametrize(
    ("yaml", "code", "line"),
    [
        ("phrases:\n  - {id: a, value_set: spine-surgery, group: fusion, words: [fusion]}\n", "no-example", 2),
        ("phrases:\n  - {id: a, value_set: nowhere, words: [fusion], example: fusion}\n", "unknown-value-set", 2),
        ("phrases:\n  - {id: a, value_set: spine-surgery, group: x, words: [b], example: b}\n", "unknown-group", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, region: moon, words: [b], example: b}\n", "unknown-region", 2),
        ("phrases:\n  - {value_set: radiotherapy, words: [b], example: b}\n", "no-id", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, words: [b], example: c}\n", "example", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, words: [b], example: b, never: [a b]}\n", "example", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, words: [b ...], example: b}\n", "bad-phrase", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, words: ['b|'], example: b}\n", "bad-phrase", 2),
        ("phrases:\n  - {id: a, value_set: radiotherapy, words: b, example: b}\n", "not-words", 2),
        ("phrases:\n  - {id: a, sings: true}\n", "unknown-key", 2),
        ("phrases:\n  - just words\n", "not-a-mapping", 2),
        ("drugs:\n  - {names: [two words], value_set: radiotherapy, example: x}\n", "bad-name", 2),
        ("drugs:\n  - {names: [a, a], value_set: radiotherapy, example: a}\n", "duplicate-name", 2),
        ("never_before: after\n", "not-words", 1),
        ("phrases: []\nphrases: []\n", "duplicate-key", 2),
        ("phrases: [\n", "not-yaml", 2),
        ("- a\n", "not-a-mapping", 1),
    ],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, yaml: str, code: str, line: int) -> None:
    """A mistake in the file is a ContentError with its code and line, never a phrase that silently does nothing."""
    path = tmp_path / "order-phrases.yaml"
    path.write_text(yaml)
    with pytest.raises(ContentError) as caught:
        load_order_phrases(path, GROUPS, (), frozenset({"spine"}))
    assert [(p.code, p.line) for p in caught.value.problems if p.code == code] == [(code, line)]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a ContentError, not a traceback."""
    with pytest.raises(ContentError, match="cannot be read"):
        load_order_phrases(tmp_path / "order-phrases.yaml", GROUPS, (), frozenset())


def test_an_ingredient_keeps_its_code(tmp_path: Path) -> None:
    """A drug named by its words is the same member that its code would give, matched by ingredient."""
    path = tmp_path / "order-phrases.yaml"
    path.write_text("phrases: []\n")
    drug = Member("oncology-systemic-therapy", "systemic", "1", "urn:x", "Examplimab", None, True)
    found = load_order_phrases(path, GROUPS, (drug,), frozenset()).find("examplimab 100 mg")
    assert [(m.code, m.system, m.needs_cancer, m.matched_by) for m in found] == [("1", "urn:x", True, "ingredient")]


def _displays(root: Path, *tables: str) -> list[tuple[str, str]]:
    """(group, name) of every SNOMED CT and LOINC row of the source tables."""
    return [
        (row["group"], row["display"].partition(" (")[0])
        for table in tables
        for row in csv.DictReader((root / f"scripts/terminology_source/{table}.csv").read_text("utf-8").splitlines())
        if row["system"] in ("SCT", "LOINC")
    ]


def test_no_name_of_something_else_is_an_order(root: Path, value_sets: ValueSets) -> None:
    """None of 1,600 imaging studies, of the body sites, biopsies, diagnoses and consultations reads as a treatment."""
    others = (
        "imaging-loinc-by-region", "body-regions", "pathology-and-biopsy", "order-context", "second-read-request",
        "report-category-and-sections", "cancer-conditions", "spine-disorders", "suspicious-lesion-findings",
    )  # fmt: skip
    found = [(name, value_sets.find_text(name)) for _, name in _displays(root, *others) if value_sets.find_text(name)]
    assert found == []


def test_names_of_operations_are_never_taken_for_another_organ(root: Path, value_sets: ValueSets) -> None:
    """Of the operations we know by code, most are known by name too, and none of them as an operation elsewhere."""
    named = wrong = 0
    operations = [pair for pair in _displays(root, "high-stakes-surgery") if not pair[0].startswith("joint")]
    for group, name in operations:
        members = value_sets.find_text(name)
        named += bool(members)
        wrong += bool(members) and group not in {member.group for member in members}
    assert wrong == 0
    assert named / len(operations) > 0.85
