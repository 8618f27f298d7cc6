"""A site's own order codes: found like any other, and every mistake in the CSV named by its line."""

import json
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.model import Coding
from cds_service.terminology import load_value_sets

HEAD = "system,code,display,value_set,group,region\n"
ORDERS = "urn:example:hospital:orders"


def test_the_template_works(root: Path) -> None:
    """The template as shipped loads; its invented codes are found, exactly and by prefix, as matched by a local map."""
    sets = load_value_sets(root / "fhir_profiles/valuesets", root / "fhir_profiles/local-template")
    fusion = sets.find("spine-surgery", (Coding(ORDERS, "SURG-0001"),))
    assert fusion is not None
    assert (fusion.group, fusion.region, fusion.matched_by) == ("fusion", "spine", "local-map")
    lung = sets.find("high-stakes-surgery", (Coding(ORDERS, "SURG-LUNG-17"),))
    assert lung is not None
    assert (lung.group, lung.needs_cancer) == ("thoracic resection", True)
    assert sets.find("spine-surgery", (Coding("urn:other", "SURG-0001"),)) is None


def test_a_local_code_stands_before_a_shipped_one(root: Path, tmp_path: Path) -> None:
    """A site may say otherwise of a shipped code."""
    row = "http://snomed.info/sct,50172003,Ours,spine-surgery,revision,spine\n"
    (tmp_path / "ours.csv").write_text(HEAD + row, encoding="utf-8-sig")
    sets = load_value_sets(root / "fhir_profiles/valuesets", tmp_path)
    found = sets.find("spine-surgery", (Coding("http://snomed.info/sct", "50172003"),))
    assert found is not None
    assert (found.group, found.matched_by) == ("revision", "local-map")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (HEAD + "urn:x,1,One,spine-surgery,fusion,spine\nurn:x,2,Two,nowhere,fusion,spine\n", "unknown-value-set", 3),
        (HEAD + "urn:x,1,One,spine-surgery,fuson,spine\n", "unknown-group", 2),
        (HEAD + "urn:x,1,One,radiotherapy,beam,\n", "unknown-group", 2),
        (HEAD + "urn:x,1,One,spine-surgery,fusion,back\n", "unknown-region", 2),
        (HEAD + "urn:x,,One,spine-surgery,fusion,spine\n", "empty", 2),
        (
            HEAD + "\nurn:x,1,One,spine-surgery,fusion,spine\nurn:x,1,Uno,spine-surgery,fusion,spine\n",
            "duplicate-code",
            4,
        ),
        (HEAD + "urn:x,1,One,spine-surgery,fusion\n", "cells", 2),
        (HEAD + "urn:x,1,One,spine-surgery,fusion,spine,too,many\n", "cells", 2),
        ("system,code\nurn:x,1\n", "columns", 1),
        (HEAD.strip() + ",colour\n", "columns", 1),
        (HEAD.strip() + ",match\nurn:x,1,One,spine-surgery,fusion,spine,regex\n", "unknown-match", 2),
        (HEAD.strip() + ",needs_cancer\nurn:x,1,One,spine-surgery,fusion,spine,maybe\n", "not-yes-or-no", 2),
        (HEAD + 'urn:x,1,"One,spine-surgery,fusion,spine\n', "not-csv", 2),
        ("", "columns", 1),
    ],
)
def test_mistakes_are_named_by_line(root: Path, tmp_path: Path, text: str, code: str, line: int) -> None:
    """A mistake is a ContentError with file, line and what was expected; no row is dropped in silence."""
    (tmp_path / "ours.csv").write_text(text)
    with pytest.raises(ContentError) as caught:
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)
    assert [(p.file, p.code, p.line) for p in caught.value.problems] == [("ours.csv", code, line)]


def test_an_empty_or_unreadable_folder_is_named(root: Path, tmp_path: Path) -> None:
    """A local folder without CSV, or with one that is not UTF-8, is an error: a site believes its codes are in use."""
    with pytest.raises(ContentError, match="neither a CSV"):
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)
    (tmp_path / "ours.csv").write_bytes(HEAD.encode() + b"urn:x,1,\xff,spine-surgery,fusion,spine\n")
    with pytest.raises(ContentError, match="UTF-8"):
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)


def test_a_site_may_give_value_sets(root: Path, tmp_path: Path) -> None:
    """A FHIR ValueSet of the site adds to the shipped one of its id; one that no rule could name is an error."""
    concept = [{"code": "SURG-7", "display": "Invented: cervical fusion"}]
    group = {"url": "http://second-read.org/fhir/StructureDefinition/member-group", "valueString": "fusion"}
    ours = {"resourceType": "ValueSet", "id": "spine-surgery"}
    ours["compose"] = {"include": [{"extension": [group], "system": ORDERS, "concept": concept}]}
    (tmp_path / "spine-surgery.json").write_text(json.dumps(ours))
    found = load_value_sets(root / "fhir_profiles/valuesets", tmp_path).find(
        "spine-surgery", (Coding(ORDERS, "SURG-7"),)
    )
    assert found is not None
    assert (found.group, found.matched_by) == ("fusion", "local-map")
    (tmp_path / "foot-surgery.json").write_text(json.dumps({**ours, "id": "foot-surgery"}))
    with pytest.raises(ContentError, match="no value set 'foot-surgery'"):
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)


@pytest.mark.parametrize(
    ("row", "column", "near"),
    [
        ("urn:x,1,One,spine-surgry,fusion,spine", 13, "spine-surgery"),
        ('urn:x,1,"One, of two",spine-surgery,fuson,spine', 37, "fusion"),
        ('urn:x,1,"say ""one""",spine-surgery,fusion,spin', 44, "spine"),
        ("  urn:x,   1,One,  spine-surgry,fusion,spine", 20, "spine-surgery"),
    ],
)
def test_mistakes_are_named_by_column_with_the_nearest_word(
    root: Path, tmp_path: Path, row: str, column: int, near: str
) -> None:
    """The column is where the wrong cell begins, quotes and blanks counted, and the nearest right word is offered."""
    (tmp_path / "ours.csv").write_text(HEAD + row + "\n")
    with pytest.raises(ContentError) as caught:
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, column)
    assert f"did you mean '{near}'" in problem.message


def test_a_wrong_head_is_named_by_column(root: Path, tmp_path: Path) -> None:
    """An unknown column of the head is found where it stands, with the nearest right name."""
    (tmp_path / "ours.csv").write_text("system,code,display,value_set,grup,region\n")
    with pytest.raises(ContentError, match=r"ours\.csv:1:31: .*grup; did you mean 'group'"):
        load_value_sets(root / "fhir_profiles/valuesets", tmp_path)


def test_a_department_goes_before_its_site(root: Path, tmp_path: Path) -> None:
    """Of two folders the later one decides on a code that both have, and what only one has is found too."""
    for name, rows in (
        ("site", "urn:x,1,One,spine-surgery,fusion,spine\nurn:x,2,Two,spine-surgery,fusion,spine\n"),
        ("department", "urn:x,1,One,spine-surgery,revision,spine\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ours.csv").write_text(HEAD + rows)
    sets = load_value_sets(root / "fhir_profiles/valuesets", [tmp_path / "site", tmp_path / "department"])
    found = [sets.find("spine-surgery", (Coding("urn:x", code),)) for code in ("1", "2")]
    assert [member.group for member in found if member] == ["revision", "fusion"]
