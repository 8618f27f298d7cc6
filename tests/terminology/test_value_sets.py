"""Value sets: what is shipped is what the tables say, and every code is found the way senders write it."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fhirkit
import pytest
from fhir.resources.R4B.valueset import ValueSet as R4ValueSet
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import ContentError
from cds_service.model import Coding
from cds_service.terminology import ValueSets, load_value_sets
from cds_service.terminology.valuesets import REGIONS

SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
DCM = "http://dicom.nema.org/resources/ontology/DCM"

NAMES = {
    "spine-surgery", "high-stakes-surgery", "oncology-systemic-therapy", "radiotherapy", "cancer-conditions",
    "staging-observations", "spine-disorders", "neurovascular-and-diffuse-disease", "suspicious-lesion-findings",
    "imaging-modality", "body-regions", "imaging-loinc-by-region", "second-read-request", "radiology-subspecialty",
    "report-category-and-sections", "order-context", "pathology-and-biopsy", "rads-assessments",
}  # fmt: skip

FILES = sorted((Path(__file__).resolve().parents[2] / "fhir_profiles" / "valuesets").rglob("*.json"))
TABLES = sorted((Path(__file__).resolve().parents[2] / "scripts" / "terminology_source").glob("*.csv"))


def test_every_set_is_there(value_sets: ValueSets) -> None:
    """The eighteen value sets that rules may name are loaded."""
    assert value_sets.names == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_shipped_value_sets_are_fhir(path: Path) -> None:
    """Each file is a valid R4 ValueSet by two independent implementations, and carries its licence notice."""
    resource = json.loads(path.read_text("utf-8"))
    R4ValueSet.model_validate(resource)
    assert fhirkit.validate(resource) == []
    systems = {include.get("system") for include in resource["compose"]["include"]}
    words = resource.get("copyright", "")
    for system, owner in ((SCT, "SNOMED International"), (LOINC, "Regenstrief"), (ATC, "WHO"), (RXNORM, "RxNorm")):
        assert (system in systems) <= (owner in words)
    assert (SCT in systems) == (path.parent.name == "snomed")


def test_value_sets_are_as_built(root: Path) -> None:
    """The committed value sets are what the build script makes of the source tables."""
    done = subprocess.run(
        [sys.executable, "scripts/build_valuesets.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.stem)
def test_every_code_of_the_tables_is_found(path: Path, root: Path, value_sets: ValueSets) -> None:
    """Every row of a source table is found again with its group, region and need of a cancer."""
    systems = json.loads((root / "scripts/terminology_source/sets.json").read_text("utf-8"))["systems"]
    for row in csv.DictReader(path.read_text("utf-8").splitlines()):
        member = value_sets.find(path.stem, (Coding(systems[row["system"]], row["code"]),))
        assert member is not None, row
        assert (member.group, member.display) == (row["group"], row["display"])
        assert member.needs_cancer == bool(row["needs_cancer"])
        if row["regions"]:
            assert member.region == row["regions"].split()[0]


def test_check_digits(root: Path) -> None:
    """Every SNOMED CT identifier passes the Verhoeff check and every LOINC code its mod-10 check; no CPT is shipped."""
    for path in FILES:
        for include in json.loads(path.read_text("utf-8"))["compose"]["include"]:
            assert "ama-assn" not in include.get("system", "")
            for concept in include.get("concept", ()):
                code = concept["code"]
                if include["system"] == SCT:
                    assert _verhoeff(code), code
                elif include["system"] == LOINC and not code.startswith("LP"):
                    assert _luhn(code), code
    words = "".join(p.read_text("utf-8") for p in (root / "scripts/terminology_source").iterdir())
    assert not re.search(r"\bCPT\b|ama-assn", words)


def test_no_follow_up_visit_counts_as_a_second_read(value_sets: ValueSets) -> None:
    """SNOMED CT 281036007 is a follow-up consultation, whatever some sources call it."""
    assert value_sets.find_any(tuple(value_sets.names), (Coding(SCT, "281036007"),)) == ()


@pytest.mark.parametrize(
    ("value_set", "system", "code", "found"),
    [
        ("spine-surgery", SCT, "50172003", "50172003"),
        ("spine-surgery", SCT + "/", "50172003", "50172003"),
        ("spine-surgery", "https://snomed.info/sct", "50172003", "50172003"),
        ("spine-surgery", "urn:oid:2.16.840.1.113883.6.96", "50172003", "50172003"),
        ("spine-surgery", SCT + "/731000124108", "50172003", "50172003"),
        ("spine-surgery", PCS, "0SG00AJ", "0SG0"),
        ("spine-surgery", PCS, "0sg00aj", "0SG0"),
        ("cancer-conditions", ICD, "C34.11", "C34"),
        ("cancer-conditions", ICD, "C3411", "C34"),
        ("cancer-conditions", "urn:oid:2.16.840.1.113883.6.90", "C61", "C61"),
        ("cancer-conditions", ICD, "D35.2", "D35.2"),
        ("cancer-conditions", ICD, "D35.9", None),
        ("cancer-conditions", ICD, "Z85.118", None),
        ("cancer-conditions", "http://hl7.org/fhir/sid/icd-9-cm", "C34", None),
        ("oncology-systemic-therapy", ATC, "L01FF02", "L01F"),
        ("oncology-systemic-therapy", ATC, "L01", "L01"),
        ("oncology-systemic-therapy", ATC, "L04AX03", None),
        ("oncology-systemic-therapy", RXNORM, "2555", "2555"),
        ("oncology-systemic-therapy", RXNORM, "25", None),
        ("spine-surgery", SCT, "", None),
        ("spine-surgery", "", "50172003", None),
    ],
)
def test_find(value_sets: ValueSets, value_set: str, system: str, code: str, found: str | None) -> None:
    """A code is found under the names its system goes by: exactly, else by its longest prefix, else not at all."""
    member = value_sets.find(value_set, (Coding(system, code),))
    assert (member.code if member else None) == found


def test_an_exact_code_beats_a_prefix(value_sets: ValueSets) -> None:
    """Of several codings the exact one counts, wherever it stands."""
    codings = (Coding(ATC, "L01BA01"), Coding(RXNORM, "6851"))
    member = value_sets.find("oncology-systemic-therapy", codings)
    assert member is not None
    assert (member.display, member.needs_cancer) == ("methotrexate", True)


def test_find_any_keeps_the_order_asked_for(value_sets: ValueSets) -> None:
    """One member a set at most, in the order of the sets."""
    codings = (Coding(SCT, "162572001"),)
    found = value_sets.find_any(("suspicious-lesion-findings", "spine-surgery", "cancer-conditions"), codings)
    assert [member.value_set for member in found] == ["suspicious-lesion-findings", "cancer-conditions"]
    assert value_sets.find_any(("spine-surgery",), ()) == ()


def test_regions_and_modalities(value_sets: ValueSets) -> None:
    """Body sites, body part strings and imaging codes name their regions; imaging codes their modality."""
    assert value_sets.regions((Coding(SCT, "122496007"),)) == ("spine",)
    assert value_sets.regions((Coding("", "LSPINE"),)) == ("spine",)
    assert value_sets.regions((Coding(DCM, "chestabdpelvis"),)) == ("chest", "abdomen", "pelvis")
    assert value_sets.regions((Coding(LOINC, "41806-1"),)) == ("abdomen",)
    assert value_sets.regions((Coding("urn:site", "XYZ"),)) == ()
    assert value_sets.modalities((Coding(LOINC, "41806-1"), Coding(DCM, "PT"))) == ("CT", "PT")
    assert value_sets.modalities((Coding(SCT, "122496007"),)) == ()


def test_every_region_is_one_of_ours(value_sets: ValueSets) -> None:
    """No member names a region that routing and linking do not know."""
    for name in value_sets.names:
        assert {member.region for member in value_sets.members(name)} <= REGIONS | {None}


@pytest.mark.parametrize(
    ("system", "code", "region"),
    [
        (ICD, "C34.11", "chest"),
        (ICD, "C61", "pelvis"),
        (ICD, "C50.911", "breast"),
        (ICD, "C71.9", "brain"),
        (ICD, "C80.1", None),
        (ICD, "C78.7", None),
        (ICD, "C91.0", None),
        (SCT, "254637007", "chest"),
        (SCT, "372137005", "breast"),
        (SCT, "94153001", None),
    ],
)
def test_a_cancer_points_to_its_region(value_sets: ValueSets, system: str, code: str, region: str | None) -> None:
    """A primary cancer names a region; a metastasis, a blood cancer or an unknown site names none."""
    member = value_sets.find("cancer-conditions", (Coding(system, code),))
    assert member is not None
    assert member.region == region


def test_traits(value_sets: ValueSets) -> None:
    """What a set adds on a code beyond group and region can be asked for."""
    stat = value_sets.find("order-context", (Coding("http://hl7.org/fhir/request-priority", "stat"),))
    assert stat is not None
    assert value_sets.trait(stat) == "silent"
    cisplatin = value_sets.find("oncology-systemic-therapy", (Coding(RXNORM, "2555"),))
    assert cisplatin is not None
    assert value_sets.trait(cisplatin) == "ingredient"


def test_groups(value_sets: ValueSets) -> None:
    """Whoever checks content can ask which groups a set has."""
    assert {"fusion", "decompression", "discectomy"} <= value_sets.groups("spine-surgery")
    assert value_sets.groups("radiotherapy") == frozenset()
    with pytest.raises(KeyError):
        value_sets.groups("no-such-set")


def test_without_snomed(root: Path, tmp_path: Path, value_sets: ValueSets) -> None:
    """Without a SNOMED CT licence a flag or one deleted folder leaves it out; every set keeps its name and groups."""
    shipped = root / "fhir_profiles" / "valuesets"
    by_flag = load_value_sets(shipped, snomed=False)
    copy = tmp_path / "fhir_profiles" / "valuesets"
    shutil.copytree(shipped, copy, ignore=shutil.ignore_patterns("snomed"))
    by_folder = load_value_sets(copy, cards=root / "cards")
    for sets in (by_flag, by_folder):
        assert sets.names == NAMES
        assert all(sets.groups(name) == value_sets.groups(name) for name in NAMES)
        assert sets.find("spine-surgery", (Coding(SCT, "50172003"),)) is None
        assert sets.find("spine-surgery", (Coding(PCS, "0SG00AJ"),)) is not None
        assert sets.find_text("L4-5 spinal fusion")


def test_a_broken_value_set_is_named(root: Path, tmp_path: Path) -> None:
    """Every broken file is named at once, with the line where it can be told."""
    good = {
        "resourceType": "ValueSet",
        "id": "good",
        "compose": {
            "include": [{"system": "urn:x", "extension": [_said("region", "moon")], "concept": [{"code": "a"}]}]
        },
    }
    (tmp_path / "good.json").write_text(json.dumps(good, indent=1))
    (tmp_path / "other.json").write_text(json.dumps({**good, "id": "another"}))
    (tmp_path / "torn.json").write_text('{"resourceType": ')
    with pytest.raises(ContentError) as caught:
        load_value_sets(tmp_path, cards=root / "cards")
    assert {(p.file, p.code) for p in caught.value.problems} == {
        ("good.json", "bad-include"),
        ("other.json", "wrong-id"),
        ("torn.json", "not-a-value-set"),
    }
    assert next(p for p in caught.value.problems if p.file == "good.json").line > 1
    with pytest.raises(ContentError, match="no ValueSet"):
        load_value_sets(tmp_path / "empty", cards=root / "cards")


@settings(deadline=None)
@given(st.lists(st.builds(Coding, st.text(max_size=8) | st.sampled_from([SCT, ICD, PCS]), st.text(max_size=9))))
def test_any_coding_is_answered(value_sets: ValueSets, codings: list[Coding]) -> None:
    """No coding raises, and what is found is a prefix of what was sent."""
    sets = value_sets
    for member in sets.find_any(tuple(sets.names), codings):
        key = member.code.replace(".", "").upper()
        assert any(c.code.replace(".", "").upper().startswith(key) for c in codings)
    sets.regions(codings)
    sets.modalities(codings)


def _said(name: str, value: str) -> dict[str, str]:
    return {"url": f"http://second-read.org/fhir/StructureDefinition/member-{name}", "valueCode": value}


def _verhoeff(code: str) -> bool:
    """Whether the last digit is the Verhoeff check digit (dihedral group D5)."""

    def times(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5

    turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    total = 0
    for position, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(position % 8):
            value = turn[value]
        total = times(total, value)
    return total == 0


def _luhn(code: str) -> bool:
    """Whether the digit behind the hyphen is the mod-10 check digit of those before it."""
    digits, check = code.split("-")
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value // 10 + value % 10
    return (10 - total % 10) % 10 == int(check)
